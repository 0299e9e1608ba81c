"""D2C101 to D2C104: what could not be read of the node."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Unreadable
from migrate.formats import FormatError, version
from migrate.rules import NodeView, Seen, Severity, node_rule

# Readings that a verdict or an edit rests on; whatever else could not be read is a warning.
DECISIVE_COMMANDS = frozenset(
    {
        "cni plugins",
        "containerd version",
        "df",
        "docker containers",
        "docker images",
        "docker info",
        "id",
        "kubelet version",
        "processes",
        "systemctl show containerd.service",
        "systemctl show docker.service",
        "systemctl show docker.socket",
        "systemctl show kubelet.service",
        "cmdline docker.service",
        "cmdline kubelet.service",
    }
)
DECISIVE_FOLDERS = (
    "/etc/cni/",
    "/etc/containerd/",
    "/etc/crictl.yaml",
    "/etc/default/",
    "/etc/docker/",
    "/etc/kubernetes/",
    "/etc/modules-load.d/",
    "/etc/sysconfig/",
    "/etc/sysctl.d/",
    "/etc/systemd/",
    "/lib/systemd/",
    "/usr/lib/systemd/",
    "/var/lib/kubelet/",
)


@node_rule("D2C101", "fact-unreadable", Severity.BLOCKER, always=True, forbids_install=True)
def fact_unreadable(view: NodeView) -> Iterator[Seen]:
    """Something that the migration rests on could not be read.

    Why: what was not seen cannot be judged, and a file that was not read cannot be edited or put back. An unknown is never taken
    for a pass.

    Remedy: Mend what the evidence names (a file's form, its rights, a command that fails or hangs), then read the node again:

        docker2cri inspect NODE

    Sources: docker2cri docs/design, rule 5 of the house.
    """
    config = _runtime_config(view)
    for what, reason in _unreadable(view).items():
        if what not in config and _decisive(view, what):
            yield Seen(what, reason)
    for what, text in _versions(view):
        try:
            version.parse(text)
        except FormatError as wrong:
            yield Seen(what, str(wrong))
    if view.facts.filesystem(view.target.data_root) is None and "df" not in _unreadable(view):
        yield Seen(f"filesystem of {view.target.data_root}", "df named no filesystem that holds it")


@node_rule("D2C102", "detail-unreadable", Severity.WARNING, always=True)
def detail_unreadable(view: NodeView) -> Iterator[Seen]:
    """Something that the migration does not rest on could not be read.

    Why: the rule that would have judged it is silent, which says nothing about the node.

    Remedy: Look at what the evidence names by hand, or mend it and read the node again:

        docker2cri inspect NODE

    Sources: docker2cri docs/design, rule 5 of the house.
    """
    config = _runtime_config(view)
    for what, reason in _unreadable(view).items():
        if what not in config and not _decisive(view, what):
            yield Seen(what, reason)


@node_rule("D2C103", "runtime-config-unreadable", Severity.BLOCKER, forbids_install=True)
def runtime_config_unreadable(view: NodeView) -> Iterator[Seen]:
    """The configuration of Docker or of containerd could not be read.

    Why: nothing can be carried over from, or edited in, a file whose meaning is unknown; a containerd that cannot load its file starts
    without its CRI plugin or not at all.

    Remedy: Mend the file and let the daemon that owns it read it:

        dockerd --validate --config-file /etc/docker/daemon.json     # Docker 23 and later
        containerd --config /etc/containerd/config.toml config dump

    Sources: containerd v1.6.20 services/server/config; docs.docker.com, dockerd; docker2cri docs/design on `Unreadable`.
    """
    config = _runtime_config(view)
    for what, reason in _unreadable(view).items():
        if what in config:
            yield Seen(what, reason)


@node_rule("D2C104", "read-without-root", Severity.BLOCKER, always=True, forbids_install=True)
def read_without_root(view: NodeView) -> Iterator[Seen]:
    """The node was read without root's rights.

    Why: for another user, files under /var/lib/kubelet and Docker's answers are not unreadable but look absent, so every other
    verdict is in doubt.

    Remedy: Read it as root, or as a user who may use sudo there (docker2cri inspect --help has the options for logins):

        docker2cri inspect NODE

    Sources: docker2cri docs/design, section 5.
    """
    if not view.facts.root:
        yield Seen("user", "the probe did not run as root (id -u is not 0)")


def _unreadable(view: NodeView) -> dict[str, str]:
    """Everything unreadable, by what it is: the list that the reading kept, and the values in the facts themselves."""
    facts = view.facts
    values: list[object] = [facts.kubelet, facts.docker, facts.containerd, facts.cni.config, facts.crictl]
    if view.kubelet:
        values.append(view.kubelet.config)
    if view.docker:
        values.append(view.docker.daemon_json)
    if view.containerd:
        values += [view.containerd.file, view.containerd.loaded]
    return {one.what: one.reason for one in (*facts.unreadable, *values) if isinstance(one, Unreadable)}


def _runtime_config(view: NodeView) -> frozenset[str]:
    """What of it is a runtime's own configuration, by name."""
    values: list[object] = []
    if view.docker:
        values.append(view.docker.daemon_json)
    if view.containerd:
        values += [view.containerd.file, view.containerd.loaded]
    return frozenset(one.what for one in values if isinstance(one, Unreadable))


def _decisive(view: NodeView, what: str) -> bool:
    facts = view.facts
    values: tuple[object, ...] = (
        facts.kubelet,
        facts.docker,
        facts.containerd,
        facts.cni.config,
        facts.crictl,
        view.kubelet and view.kubelet.config,
    )
    if any(isinstance(one, Unreadable) and one.what == what for one in values):
        return True
    return what in DECISIVE_COMMANDS or what.startswith(DECISIVE_FOLDERS)


def _versions(view: NodeView) -> Iterator[tuple[str, str]]:
    """Versions that verdicts compare, with their names; an absent program has none."""
    if view.kubelet:
        yield "kubelet version", view.kubelet.version
    if (installed := view.target.installed(view.facts)) is not None:
        yield f"{view.target.program} version", installed
