"""D2C201 to D2C208, D2C211 and D2C212: the kubelet, the runtime that it uses, and how it is started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.facts.kubelet_table import BOOLEANS, gone, refusal
from migrate.facts.redact import mask
from migrate.formats import FormatError, flags, version
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.host import DOCKER_UNITS


@node_rule("D2C201", "kubelet-not-running", Severity.BLOCKER, always=True, forbids_install=True)
def kubelet_not_running(view: NodeView) -> Iterator[Seen]:
    """No kubelet runs as a systemd unit on the machine.

    Why: without it the machine is no node of a cluster, or something other than systemd runs the kubelet (a container, a program of the
    distribution), and its files are not where the migration edits them.

    Remedy: Start it, or find out what runs it:

        systemctl status kubelet.service     # on the node
        pgrep -a kubelet     # on the node

    Sources: kubernetes.io, Configuring each kubelet using kubeadm.
    """
    if view.facts.kubelet is None:
        yield Seen("kubelet.service", "it is not loaded in systemd")
    elif view.kubelet and view.kubelet.running is None:
        unit = view.facts.unit("kubelet.service")
        yield Seen("kubelet.service", f"ActiveState {unit.active if unit else 'unknown'}, it has no main process")


@node_rule("D2C202", "runtime-unknown", Severity.BLOCKER, always=True, forbids_install=True)
def runtime_unknown(view: NodeView) -> Iterator[Seen]:
    """The runtime that the kubelet uses is unknown.

    Why: the name of a socket proves nothing: both containerd and cri-dockerd have served /var/run/dockershim.sock. A rollback needs a
    runtime that is known.

    Remedy: Find the process that serves the socket, and set `--container-runtime-endpoint` of the kubelet:

        ss -xlp | grep -e cri -e docker -e containerd     # on the node

    Sources: amazon-eks-ami files/bootstrap.sh; rancher/rke cluster/plan.go; cri-dockerd core/docker_service.go.
    """
    endpoint = view.facts.endpoint
    if not view.on_docker and not view.on_other_runtime and view.kubelet and view.kubelet.version:
        yield Seen(f"endpoint {endpoint.socket or 'not given'}", endpoint.evidence)


@node_rule("D2C203", "already-off-docker", Severity.INFO, always=True)
def already_off_docker(view: NodeView) -> Iterator[Seen]:
    """The node runs its pods on another runtime than Docker.

    Why: there is nothing to migrate. Rules about the migration do not judge this node.

    Remedy: Nothing for the migration. Before you remove Docker, check whether something else uses it:

        docker ps -a     # on the node

    Sources: kubernetes.io, Container runtimes.
    """
    if view.on_other_runtime:
        runtime = f", the Node reports {view.node.status.node_info.container_runtime_version}" if view.node else ""
        yield Seen(f"runtime {view.facts.endpoint.kind}", f"{view.facts.endpoint.evidence}{runtime}")


@node_rule("D2C204", "source-is-cri-dockerd", Severity.INFO)
def source_is_cri_dockerd(view: NodeView) -> Iterator[Seen]:
    """The kubelet uses Docker through cri-dockerd.

    Why: a rollback needs cri-dockerd, because the kubelet has no dockershim from Kubernetes 1.24 on. The migration stops it and leaves it
    installed.

    Remedy: Keep the package of cri-dockerd until no rollback is needed any more:

        systemctl status cri-docker.service     # on the node

    Sources: Kubernetes 1.24 release notes; Mirantis/cri-dockerd packaging/systemd.
    """
    if view.facts.endpoint.kind == "cri-dockerd":
        kubelet = f"kubelet {view.kubelet.version}; " if view.kubelet else ""
        yield Seen("cri-dockerd", f"{kubelet}{view.facts.endpoint.evidence}")


@node_rule("D2C211", "source-unread", Severity.BLOCKER)
def source_unread(view: NodeView) -> Iterator[Seen]:
    """The settings of the source are unknown.

    Why: with cri-dockerd, its own flags set pause image, CNI directories and network plugin, and the kubelet's flags of that name have no
    effect. A plan from the kubelet's flags would configure another pause image or another network than the node has.

    Remedy: Leave the node on Docker, and compare the flags of cri-dockerd with those of the kubelet:

        systemctl cat cri-docker.service     # on the node

    Sources: Mirantis/cri-dockerd cmd/cri/options and packaging/systemd.
    """
    if reason := view.source_unread:
        yield Seen(view.facts.endpoint.kind, reason)


@node_rule("D2C212", "kubelet-not-asked", Severity.WARNING, always=True)
def kubelet_not_asked(view: NodeView) -> Iterator[Seen]:
    """The version of the kubelet is what the Node reports, and not what the kubelet on disk says.

    Why: this capture asked only a kubelet in PATH, and the unit starts another one. The kubelet on disk may be newer than the one that
    runs, and the migration restarts it.

    Remedy: Inspect the node again; its kubelet is then asked where it lies:

        docker2cri inspect NODE

    Sources: systemd.service(5), ExecStart=; kubernetes.io, Version skew policy.
    """
    if view.kubelet and view.kubelet.reported:
        yield Seen("kubelet", f"the Node reports {view.kubelet.version}; {view.kubelet.program} was not asked")


@node_rule("D2C205", "kubelet-flags-drifted", Severity.WARNING)
def kubelet_flags_drifted(view: NodeView) -> Iterator[Seen]:
    """The kubelet runs with other flags than its files set.

    Why: the migration restarts it, and the pending change takes effect together with the change of runtime. When something breaks then,
    either may be the cause.

    Remedy: Apply the change before the migration, or revert it:

        systemctl daemon-reload && systemctl restart kubelet     # on the node

    Sources: systemd.exec(5), EnvironmentFile= (read at each start).
    """
    kubelet = view.kubelet
    if kubelet is None or kubelet.running is None:
        return
    try:
        running = _values(kubelet.running)
    except FormatError as wrong:
        yield Seen("kubelet command line", f"that of the running kubelet cannot be compared: {wrong}")
        return
    files = {flag.name: (_plain(flag.value), str(flag.place)) for flag in kubelet.flags if flag.wins}
    for name in sorted(files.keys() | running.keys()):
        value, place = files.get(name, (None, "no file"))
        if value != running.get(name):
            yield Seen(f"--{name}", f"running: {_shown(name, running.get(name))}; {place}: {_shown(name, value)}")


@node_rule("D2C206", "kubelet-upgrade-pending", Severity.BLOCKER)
def kubelet_upgrade_pending(view: NodeView) -> Iterator[Seen]:
    """The kubelet on disk has another minor version than the one that runs.

    Why: the migration restarts it, which would upgrade it and change its runtime in one step, and a rollback would not restore the old
    version. From 1.24 on there is no dockershim to return to.

    Remedy: Finish the upgrade, or install the old package, before the migration:

        apt-cache policy kubelet     # on the node
        systemctl restart kubelet     # on the node

    Sources: kubernetes.io, Version skew policy and Upgrading kubeadm clusters.
    """
    reported = view.node.status.node_info.kubelet_version if view.node else ""
    runs, disk = version.known(reported), version.known(view.kubelet.version if view.kubelet else None)
    if runs and disk and runs.release != disk.release:
        yield Seen("kubelet", f"the Node reports v{runs}, the kubelet on disk is v{disk}")


@node_rule("D2C207", "kubelet-flag-gone", Severity.BLOCKER)
def kubelet_flag_gone(view: NodeView) -> Iterator[Seen]:
    """A file sets a flag of the kubelet, or a value, that the kubelet on disk does not accept.

    Why: the kubelet exits at its start. The migration restarts it, and so does a rollback, which restores the file: the node would be down
    in either case.

    Remedy: Remove the flag from the file that the evidence names, and check that the kubelet starts:

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
    """The unit of the kubelet depends on Docker.

    Why: the kubelet stops with Docker, and does not start while Docker is stopped.

    Remedy: Nothing by hand: the plan removes the dependency from the unit. Change it as well where the unit comes from (configuration
    management):

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
