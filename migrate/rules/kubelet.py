"""D2C201 to D2C208: the kubelet, what it talks to, and how it is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.facts.kubelet_table import BOOLEANS, gone, refusal
from migrate.facts.redact import mask
from migrate.formats import FormatError, flags, version
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.host import DOCKER_UNITS


@node_rule("D2C201", "kubelet-not-running", Severity.BLOCKER, always=True, forbids_install=True)
def kubelet_not_running(view: NodeView) -> Iterator[Seen]:
    """The machine has no kubelet that systemd runs.

    Why: without it this is no node of a cluster, or one that something else than systemd runs (a container, a distribution's own
    program), and then its files are not where the migration would edit them.

    Remedy: Start it, or find out what runs it:

        systemctl status kubelet.service     # on the node
        pgrep -a kubelet

    Sources: kubernetes.io, Configuring each kubelet using kubeadm.
    """
    if view.facts.kubelet is None:
        yield Seen("kubelet.service", "systemd has no such unit")
    elif view.kubelet and view.kubelet.running is None:
        unit = view.facts.unit("kubelet.service")
        yield Seen("kubelet.service", f"ActiveState {unit.active if unit else 'unknown'}, it has no main process")


@node_rule("D2C202", "runtime-unknown", Severity.BLOCKER, always=True, forbids_install=True)
def runtime_unknown(view: NodeView) -> Iterator[Seen]:
    """It cannot be told which runtime the kubelet talks to.

    Why: a name proves nothing: /var/run/dockershim.sock has been served by containerd and by cri-dockerd. What is not known cannot
    be left, or returned to.

    Remedy: See who listens there, and tell the kubelet by `--container-runtime-endpoint`:

        ss -xlp | grep -e cri -e docker -e containerd     # on the node

    Sources: amazon-eks-ami files/bootstrap.sh; rancher/rke cluster/plan.go; cri-dockerd core/docker_service.go.
    """
    endpoint = view.facts.endpoint
    if not view.on_docker and not view.on_other_runtime and view.kubelet:
        yield Seen(f"endpoint {endpoint.socket or 'not given'}", endpoint.evidence)


@node_rule("D2C203", "already-off-docker", Severity.INFO, always=True)
def already_off_docker(view: NodeView) -> Iterator[Seen]:
    """The node does not run its pods on Docker.

    Why: there is nothing to migrate here. Rules of the migration were not asked about this node.

    Remedy: Nothing. When Docker is still installed, see whether something else needs it before you remove it:

        docker2cri inspect NODE
        docker ps -a     # on the node

    Sources: docker2cri docs/design, section 1.
    """
    if view.on_other_runtime:
        runtime = f", the Node reports {view.node.status.node_info.container_runtime_version}" if view.node else ""
        yield Seen(f"runtime {view.facts.endpoint.kind}", f"{view.facts.endpoint.evidence}{runtime}")


@node_rule("D2C204", "source-is-cri-dockerd", Severity.INFO)
def source_is_cri_dockerd(view: NodeView) -> Iterator[Seen]:
    """The kubelet reaches Docker through cri-dockerd.

    Why: the migration works as from dockershim. The way back needs cri-dockerd: from Kubernetes 1.24 on there is no dockershim, so
    its package stays installed until `docker2cri cleanup`.

    Remedy: Keep cri-dockerd until you are sure:

        systemctl status cri-docker.service     # on the node

    Sources: Kubernetes 1.24 release notes; Mirantis/cri-dockerd packaging/systemd.
    """
    if view.facts.endpoint.kind == "cri-dockerd":
        kubelet = f"kubelet {view.kubelet.version}; " if view.kubelet else ""
        yield Seen("cri-dockerd", f"{kubelet}{view.facts.endpoint.evidence}")


@node_rule("D2C205", "kubelet-flags-drifted", Severity.WARNING)
def kubelet_flags_drifted(view: NodeView) -> Iterator[Seen]:
    """The kubelet runs with other flags than its files say now.

    Why: the migration restarts it, and that brings the waiting change into force together with the new runtime. Whatever breaks, it
    will be hard to tell which of the two did it.

    Remedy: Bring the change into force before the migration, or take it back:

        systemctl daemon-reload && systemctl restart kubelet     # on the node

    Sources: systemd.exec(5), EnvironmentFile= (read at each start).
    """
    kubelet = view.kubelet
    if kubelet is None or kubelet.running is None:
        return
    try:
        running = _values(kubelet.running)
    except FormatError as wrong:
        yield Seen("kubelet command line", f"the running one cannot be compared: {wrong}")
        return
    files = {flag.name: (_plain(flag.value), str(flag.place)) for flag in kubelet.flags if flag.wins}
    for name in sorted(files.keys() | running.keys()):
        value, place = files.get(name, (None, "no file"))
        if value != running.get(name):
            yield Seen(f"--{name}", f"running: {_shown(name, running.get(name))}; {place}: {_shown(name, value)}")


@node_rule("D2C206", "kubelet-upgrade-pending", Severity.BLOCKER)
def kubelet_upgrade_pending(view: NodeView) -> Iterator[Seen]:
    """The kubelet on disk is of another Kubernetes minor version than the one that runs.

    Why: the migration restarts it, which would be an upgrade and a change of runtime in one step, and the way back would not lead
    to the old version. From 1.24 on there is no dockershim to return to.

    Remedy: Finish the upgrade, or put the old package back, and migrate then:

        apt-cache policy kubelet     # on the node
        systemctl restart kubelet

    Sources: kubernetes.io, Version skew policy and Upgrading kubeadm clusters; docker2cri docs/design, section 8.
    """
    reported = view.node.status.node_info.kubelet_version if view.node else ""
    runs, disk = version.known(reported), version.known(view.kubelet.version if view.kubelet else None)
    if runs and disk and runs.release != disk.release:
        yield Seen("kubelet", f"the Node reports v{runs}, the program on disk is v{disk}")


@node_rule("D2C207", "kubelet-flag-gone", Severity.BLOCKER)
def kubelet_flag_gone(view: NodeView) -> Iterator[Seen]:
    """A file gives the kubelet a flag that the kubelet on disk no longer knows, or a value of one that it refuses.

    Why: it exits at its start. The migration restarts it, and so would the rollback, which restores the file: the node would be down
    either way.

    Remedy: Take the flag out of the file that the evidence names, and see that the kubelet starts:

        systemctl restart kubelet && systemctl status kubelet     # on the node

    Sources: Kubernetes release notes 1.15 to 1.37; kubernetes/website issues 34755, 36896.
    """
    disk = version.known(view.kubelet.version if view.kubelet else None)
    if view.kubelet and disk:
        for flag in view.kubelet.flags:
            if dropped := gone(flag.name, disk.minor):
                said = f"unknown to Kubernetes 1.{dropped.gone} and later"
            elif refused := refusal(flag.name, flag.value, disk.minor):
                said = f"{_shown(flag.name, _plain(flag.value))} is refused by Kubernetes 1.{refused.since} and later"
            else:
                continue
            yield Seen(f"--{flag.name}", f"{flag.place}: {said}, the kubelet on disk is v{disk}")


@node_rule("D2C208", "kubelet-unit-requires-docker", Severity.WARNING)
def kubelet_unit_requires_docker(view: NodeView) -> Iterator[Seen]:
    """systemd ties the kubelet to Docker.

    Why: stopping Docker stops the kubelet, and while Docker is shelved the kubelet does not start.

    Remedy: Nothing by hand: the plan takes the tie out of the unit, and whoever writes that unit (configuration management) should
    learn of it:

        systemctl show kubelet.service -p Requires,BindsTo,PartOf     # on the node

    Sources: systemd.unit(5); kismatic issue 276; coreos-kubernetes issue 545.
    """
    unit = view.facts.unit("kubelet.service")
    if unit:
        relations = (("Requires", unit.requires), ("BindsTo", unit.binds_to), ("PartOf", unit.part_of))
        for word, names in relations:
            if docker := [name for name in names if name in DOCKER_UNITS]:
                yield Seen("kubelet.service", f"{word}={' '.join(docker)}; its files: {', '.join(unit.files)}")


def _values(argv: Sequence[str]) -> dict[str, str]:
    return {flag.name: _plain(flag.value) for flag in flags.parse_flags(argv[1:], BOOLEANS)}


def _plain(value: str | None) -> str:
    return "true" if value is None else value


def _shown(name: str, value: str | None) -> str:
    """A flag as it is written, what is secret masked."""
    return "not given" if value is None else mask(f"--{name}={value}")
