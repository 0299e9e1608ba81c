"""D2C101 to D2C104: what of the node could not be read."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import Containerd, Crio, Docker, Unreadable
from migrate.formats import FormatError, version
from migrate.rules import NodeView, Seen, Severity, node_rule

# Readings that a verdict or an edit depends on, besides those of the target; whatever else could not be read is a warning.
DECISIVE_COMMANDS = frozenset(
    {
        "cni plugins",
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
    "/etc/containers/",
    "/etc/crictl.yaml",
    "/etc/crio/",
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
    """A reading that the migration depends on failed.

    Why: what was not read cannot be judged, and a file that was not read cannot be edited or restored. An unreadable fact never counts
    as passed.

    Remedy: Fix what the evidence names (the form of a file, its permissions, a command that fails or hangs), then inspect the node again:

        docker2cri inspect NODE

    Sources: the file or command that the evidence names.
    """
    config = _runtime_config(view)
    for what, reason in _unreadable(view).items():
        if what not in config and _decisive(view, what):
            yield Seen(what, reason)
    for what, text in _versions(view):
        if not text and view.kubelet:
            yield Seen(what, f"{view.kubelet.program} does not tell its version")
            continue
        try:
            version.parse(text)
        except FormatError as wrong:
            yield Seen(what, str(wrong))
    if view.facts.filesystem(view.target.data_root) is None and "df" not in _unreadable(view):
        yield Seen(f"filesystem of {view.target.data_root}", "df lists no filesystem that holds it")


@node_rule("D2C102", "detail-unreadable", Severity.WARNING, always=True)
def detail_unreadable(view: NodeView) -> Iterator[Seen]:
    """A reading that the migration does not depend on failed.

    Why: the rule that would have judged it reports nothing, which says nothing about the node.

    Remedy: Check by hand what the evidence names, or fix it and inspect the node again:

        docker2cri inspect NODE

    Sources: the file or command that the evidence names.
    """
    config = _runtime_config(view)
    told = {view.facts.etcd.what} if isinstance(view.facts.etcd, Unreadable) else set()  # D2C170
    for what, reason in _unreadable(view).items():
        if what not in config and what not in told and not _decisive(view, what):
            yield Seen(what, reason)


@node_rule("D2C103", "runtime-config-unreadable", Severity.BLOCKER, forbids_install=True)
def runtime_config_unreadable(view: NodeView) -> Iterator[Seen]:
    """The configuration of Docker or of the target could not be read.

    Why: the plan carries settings over from Docker's configuration and edits the target's. It can do neither with a file whose meaning is
    unknown, and a target that does not load its own file starts without its CRI service or not at all.

    Remedy: Fix the file that the evidence names, and check that its daemon loads it:

        dockerd --validate --config-file /etc/docker/daemon.json     # on the node, Docker 23 and later
        journalctl -u UNIT -n 50 --no-pager     # on the node

    Sources: containerd v1.6.20 services/server/config; cri-o crio.conf(5); docs.docker.com, dockerd.
    """
    config = _runtime_config(view)
    for what, reason in _unreadable(view).items():
        if what in config:
            yield Seen(what, reason)


@node_rule("D2C104", "read-without-root", Severity.BLOCKER, always=True, forbids_install=True)
def read_without_root(view: NodeView) -> Iterator[Seen]:
    """The node was read without the permissions of root.

    Why: to another user, files below /var/lib/kubelet and the answers of Docker are not unreadable but absent, so that every other
    verdict is in doubt.

    Remedy: Log in as root, or as a user who may use sudo on the node (docker2cri inspect --help lists the options):

        docker2cri inspect NODE

    Sources: sudo(8).
    """
    if not view.facts.root:
        yield Seen("user", "the readings did not run as root (id -u is not 0)")


def _unreadable(view: NodeView) -> dict[str, str]:
    """Everything unreadable, by what it is: the list that the reading kept, and the values in the facts themselves."""
    facts = view.facts
    values: list[object] = [facts.kubelet, facts.docker, facts.containerd, facts.cni.config, facts.crictl]
    if view.kubelet:
        values.append(view.kubelet.config)
    values += [*_configs(view.docker), *_configs(view.containerd), *_configs(facts.crio)]
    return {value.what: value.reason for value in (*facts.unreadable, *values) if isinstance(value, Unreadable)}


def _runtime_config(view: NodeView) -> frozenset[str]:
    """What of it is the configuration of the source or of the target, by name; that of a third runtime is a detail."""
    values = (*_configs(view.docker), *_configs(view.target.read(view.facts)))
    return frozenset(value.what for value in values if isinstance(value, Unreadable))


def _configs(runtime: object) -> tuple[object, ...]:
    match runtime:
        case Docker():
            return (runtime.daemon_json,)
        case Containerd():
            return runtime.file, runtime.loaded
        case Crio():
            return (runtime.loaded,)
        case _:
            return ()


def _decisive(view: NodeView, what: str) -> bool:
    facts, target = view.facts, view.target
    if view.on_other_runtime:  # there is nothing to plan: what shows that decides
        return what == "id" or "kubelet" in what
    values: tuple[object, ...] = (
        facts.kubelet,
        facts.docker,
        target.read(facts),
        facts.cni.config,
        facts.crictl,
        view.kubelet and view.kubelet.config,
    )
    if any(isinstance(value, Unreadable) and value.what == what for value in values):
        return True
    others = [runtime for runtime in (view.containerd, facts.crio) if runtime is not target.read(facts)]
    if any(isinstance(value, Unreadable) and value.what == what for runtime in others for value in _configs(runtime)):
        return False
    of_target = (f"{target.program} version", f"systemctl show {target.unit}")
    return what in DECISIVE_COMMANDS or what in of_target or what.startswith(DECISIVE_FOLDERS)


def _versions(view: NodeView) -> Iterator[tuple[str, str]]:
    """Versions that verdicts compare, with their names; an absent program has none."""
    if view.kubelet:
        yield "kubelet version", view.kubelet.version
    if (installed := view.target.installed(view.facts)) is not None:
        yield f"{view.target.program} version", installed
