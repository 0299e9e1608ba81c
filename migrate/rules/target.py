"""D2C601 to D2C608: whether the new runtime can take the node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.model import Unreadable
from migrate.formats import version
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.targets.compose import compose

INSTALL = "Have it installed beside Docker, which serves on undisturbed, or install it by hand without letting it replace Docker's packages"
UPGRADE = "Have it upgraded while Docker serves the node (its containers survive a restart of the system's containerd), or do it by hand"
CRI_IDS = frozenset({"cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"})


@node_rule("D2C601", "target-not-installed", Severity.BLOCKER)
def target_not_installed(view: NodeView) -> Iterator[Seen]:
    """The runtime to move to is not installed.

    Why: nothing else on the node could run its pods.

    Remedy: Have it installed beside Docker, which serves on undisturbed: from the node's package manager, or from the official static
    tarball. By hand: with Docker's own repository containerd.io is the package (docker-ce needs it), with Debian's and Ubuntu's docker.io
    it is containerd; CRI-O has a repository for each minor version of Kubernetes, and needs skopeo and crictl beside it:

        docker2cri plan --to containerd --install packages NODE
        apt-get install --no-remove containerd.io     # by hand, on the node

    Sources: containerd docs/getting-started.md; docker/containerd-packaging debian/control; cri-o/packaging README.
    """
    target = view.target
    found = target.read(view.facts)
    if found is None:
        yield Seen(target.title, f"no {target.program} program answered; {target.unit} {_unit_state(view)}", _install(view, INSTALL))
    elif view.facts.unit(target.unit) is None and not isinstance(found, Unreadable):
        seen = f"{target.title} {target.installed(view.facts)} is there, {target.unit} {_unit_state(view)}"
        yield Seen(target.unit, seen, _install(view, INSTALL))


@node_rule("D2C602", "target-too-old", Severity.BLOCKER)
def target_too_old(view: NodeView) -> Iterator[Seen]:
    """The runtime to move to is too old.

    Why: containerd before 1.6 has no CRI v1 and no options for Docker's port behaviour, CRI-O before 1.20 no CRI v1; neither has
    support from anyone.

    Remedy: Have it upgraded while Docker serves the node (its containers survive a restart of the system's containerd), or do it by
    hand:

        docker2cri plan --to containerd --install packages NODE
        apt-get install --no-remove containerd.io     # by hand, on the node

    Sources: containerd RELEASES.md; cri-o server at v1.19.0 and v1.20.0.
    """
    found = version.known(view.target.installed(view.facts))
    if found and found < view.target.minimum:
        yield Seen(f"{view.target.title} {found}", f"docker2cri needs {view.target.minimum} or later", _install(view, UPGRADE))


@node_rule("D2C603", "target-kubelet-mismatch", Severity.BLOCKER)
def target_kubelet_mismatch(view: NodeView) -> Iterator[Seen]:
    """This kubelet and this version of the runtime cannot work together.

    Why: the kubelet would not register the node, or no pod would start: they speak different versions of CRI, or the runtime has a
    known defect. A minor version of CRI-O is made and tested for the same minor of Kubernetes.

    Remedy: Install the version that the evidence names, then read the node again:

        apt-cache madison containerd.io containerd     # on the node
        docker2cri inspect NODE

    Sources: containerd RELEASES.md; Kubernetes release notes 1.23 PR 106501, 1.26 PR 110618; kubernetes.io, Troubleshooting CNI
    errors; cri-o README (compatibility matrix).
    """
    runtime = version.known(view.target.installed(view.facts))
    kubelet = version.known(view.kubelet.version if view.kubelet else None)
    if runtime and kubelet and (why := view.target.unsupported(kubelet, runtime)):
        versions = f"apt-cache madison {view.target.packages}     # on the node"
        remedy = f"Install the version that the evidence names, then read the node again:\n\n    {versions}\n    docker2cri inspect NODE"
        yield Seen(f"{view.target.title} {runtime}", why, remedy)


@node_rule("D2C604", "cri-plugin-disabled", Severity.WARNING)
def cri_plugin_disabled(view: NodeView) -> Iterator[Seen]:
    """containerd's CRI plugin is off or does not load.

    Why: Docker's containerd.io ships a file with disabled_plugins = ["cri"]. The kubelet would find no runtime service, while the
    unit looks healthy.

    Remedy: Nothing by hand: the plan turns it on and the switch proves it before the kubelet starts. A plugin in state `error` may
    have another cause:

        ctr plugins ls | grep cri     # on the node
        journalctl -u containerd | grep -i cri

    Sources: docker/containerd-packaging common/containerd.toml; containerd issues 4581, 8139.
    """
    found = view.containerd
    if found is None or view.target.name != "containerd":
        return
    config = found.loaded if isinstance(found.loaded, Mapping) else found.file if isinstance(found.file, Mapping) else {}
    listed = config.get("disabled_plugins")
    disabled = [one for one in listed if isinstance(one, str) and one in CRI_IDS] if isinstance(listed, list) else []
    if disabled:
        yield Seen("CRI plugin", f"{found.config_path}: disabled_plugins holds {', '.join(disabled)}")
    elif found.cri not in (None, "ok"):
        yield Seen("CRI plugin", f"ctr plugins ls: {found.cri}")


@node_rule("D2C605", "target-runs-containers", Severity.WARNING)
def target_runs_containers(view: NodeView) -> Iterator[Seen]:
    """The new runtime already runs containers for Kubernetes, while the kubelet uses Docker.

    Why: they are left from an earlier attempt, or belong to another kubelet. They hold ports, addresses and files that the node's
    pods will want, and the kubelet removes those that it does not know.

    Remedy: Look at them, and remove what is left over:

        ctr -n k8s.io tasks ls     # on the node; with CRI-O: crictl -r unix:///var/run/crio/crio.sock ps

    Sources: kubernetes pkg/kubelet/kuberuntime/kuberuntime_gc.go; rke2 issue 3387.
    """
    if view.on_docker and (count := view.target.containers(view.facts)):
        remedy = f"Look at them, and remove what is left over:\n\n    {view.target.look}     # on the node"
        yield Seen(view.target.title, f"{count} {'container runs' if count == 1 else 'containers run'} in it for Kubernetes", remedy)


@node_rule("D2C606", "file-edit-uncertain", Severity.BLOCKER)
def file_edit_uncertain(view: NodeView) -> Iterator[Seen]:
    """A file that must change cannot be edited with certainty.

    Why: docker2cri changes only what it fully understands, and proves each edit by reading its own result. It refused this one.

    Remedy: Bring the file into the form that the evidence asks for, then plan again:

        docker2cri plan --to containerd NODE

    Sources: docker2cri docs/design, section 7 (files); containerd docs/hosts.md and docs/cri/config.md.
    """
    unread = {one.what for one in view.facts.unreadable}
    for one in compose(view.target, view.facts)[1] if view.on_docker else ():
        if one.path not in unread:
            remedy = (
                f"Bring the file into the form that the evidence asks for, then plan again:\n\n    docker2cri plan {view.target.asked} NODE"
            )
            yield Seen(one.path, one.reason, remedy)


@node_rule("D2C607", "target-tool-missing", Severity.BLOCKER)
def target_tool_missing(view: NodeView) -> Iterator[Seen]:
    """A program that the move needs is not on the node.

    Why: images are copied into CRI-O's store by skopeo, and its containers are seen and stopped through crictl. Without them the move
    would fail before anything stops, or its way back could not stop what runs.

    Remedy: Have it installed, or install it by hand and read the node again:

        docker2cri plan --to crio --install packages NODE
        apt-get install --no-remove skopeo     # by hand, on the node

    Sources: skopeo-copy(1), docker-daemon: and containers-storage:; cri-tools docs/crictl.md.
    """
    unread = {one.what for one in view.facts.unreadable}
    for tool, package in view.target.tools if view.on_docker else ():
        again = "\n    docker2cri inspect NODE"
        if tool not in view.facts.tools and f"{tool} version" not in unread:
            yield Seen(tool, "this reading does not tell whether it is there", f"Read the node again:\n{again}")
        elif view.facts.tools.get(tool, "") is None:
            command = f"apt-get install --no-remove {package}     # by hand, on the node"
            first = "Have it installed, or install it by hand and read the node again"
            yield Seen(tool, f"no {tool} program answered", f"{first}:\n\n    {_planned(view)}\n    {command}")


@node_rule("D2C608", "target-own-limits", Severity.WARNING)
def target_own_limits(view: NodeView) -> Iterator[Seen]:
    """Containers get the new runtime's own defaults in place of Docker's.

    Why: this was asked for (--crio-defaults). What a workload had from Docker without asking for it, it must ask for then; what does not
    start is seen by the verification after the move, which goes back.

    Remedy: Let the workloads ask for what they need, or keep what Docker gave:

        docker2cri plan --to crio NODE

    Sources: cri-o pkg/config/config.go and crio.conf(5) at v1.23.5 to v1.30.0; moby oci/caps/defaults.go, daemon/oci_linux.go.
    """
    for setting, comes in view.target.own_defaults(view.facts) if view.on_docker else ():
        yield Seen(f"{view.target.title} {setting}", comes)


def _install(view: NodeView, first: str) -> str:
    """What to do first: docker2cri's own way, and how the runtime is installed by hand."""
    return f"{first}. {view.target.install}\n    {_planned(view)}"


def _planned(view: NodeView) -> str:
    return f"docker2cri plan {view.target.asked} --install packages NODE"


def _unit_state(view: NodeView) -> str:
    unit = view.facts.unit(view.target.unit)
    return f"is {unit.active}" if unit else "is not loaded in systemd"
