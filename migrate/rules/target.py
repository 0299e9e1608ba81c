"""D2C601 to D2C608: whether the node can run on the target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.model import Unreadable
from migrate.formats import version
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.sources.table import origin_of
from migrate.targets.compose import compose

INSTALL = "Let the plan install it beside Docker, which keeps serving, or install it by hand without replacing Docker's packages"
UPGRADE = (
    "Let the plan upgrade it while Docker serves the node (its containers survive a restart of the system's containerd), or do it by hand"
)
CRI_IDS = frozenset({"cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"})


@node_rule("D2C601", "target-not-installed", Severity.BLOCKER)
def target_not_installed(view: NodeView) -> Iterator[Seen]:
    """The target is not installed.

    Why: nothing else on the node could run its pods.

    Remedy: Install it beside Docker, which keeps serving: let the plan do it, from the node's package manager or the official static
    tarball, or install it by hand without replacing Docker's packages:

        docker2cri plan TARGET --install packages NODE --out plan.json
        apt-cache madison PACKAGES     # on the node

    Sources: containerd docs/getting-started.md; docker/containerd-packaging debian/control; cri-o/packaging README.
    """
    target = view.target
    found = target.read(view.facts)
    if found is None:
        yield Seen(target.title, f"the program {target.program} does not answer; {target.unit} {_unit_state(view)}", _remedy(view, INSTALL))
    elif view.facts.unit(target.unit) is None and not isinstance(found, Unreadable):
        seen = f"{target.title} {target.installed(view.facts)} is installed, {target.unit} {_unit_state(view)}"
        yield Seen(target.unit, seen, _remedy(view, INSTALL))


@node_rule("D2C602", "target-too-old", Severity.BLOCKER)
def target_too_old(view: NodeView) -> Iterator[Seen]:
    """The target has an unsupported version.

    Why: before 1.6 containerd has no CRI v1 and no options for Docker's behaviour with ports, before 1.20 CRI-O has no CRI v1. Neither is
    maintained any more.

    Remedy: Upgrade it while Docker serves the node (its containers survive a restart of the system's containerd): let the plan do it, or do
    it by hand:

        docker2cri plan TARGET --install packages NODE --out plan.json
        apt-cache madison PACKAGES     # on the node

    Sources: containerd RELEASES.md; cri-o server at v1.19.0 and v1.20.0.
    """
    found = version.known(view.target.installed(view.facts))
    if found and found < view.target.minimum:
        yield Seen(f"{view.target.title} {found}", f"docker2cri needs {view.target.minimum} or later", _remedy(view, UPGRADE))


@node_rule("D2C603", "target-kubelet-mismatch", Severity.BLOCKER)
def target_kubelet_mismatch(view: NodeView) -> Iterator[Seen]:
    """The versions of the kubelet and of the target do not work together.

    Why: the node does not register, or no pod starts: the two use different versions of CRI, or the target has a known defect. A minor
    version of CRI-O is made and tested for the same minor version of Kubernetes.

    Remedy: Install the version that the evidence names, then inspect the node again:

        apt-cache madison PACKAGES     # on the node
        docker2cri inspect NODE

    Sources: containerd RELEASES.md; Kubernetes release notes 1.23 PR 106501, 1.26 PR 110618; kubernetes.io, Troubleshooting CNI errors;
    cri-o README (compatibility matrix).
    """
    runtime = version.known(view.target.installed(view.facts))
    kubelet = version.known(view.kubelet.version if view.kubelet else None)
    if runtime and kubelet and (why := view.target.unsupported(kubelet, runtime)):
        yield Seen(f"{view.target.title} {runtime}", why)


@node_rule("D2C604", "cri-plugin-disabled", Severity.WARNING)
def cri_plugin_disabled(view: NodeView) -> Iterator[Seen]:
    """The CRI plugin of containerd is disabled or does not load.

    Why: the package containerd.io of Docker ships a file with disabled_plugins = ["cri"]. The kubelet would find no runtime service, while
    the unit is active.

    Remedy: Nothing by hand: the plan enables it and the switch checks it before the kubelet starts. A plugin in state `error` may have
    another cause:

        ctr plugins ls | grep cri     # on the node
        journalctl -u UNIT | grep -i cri     # on the node

    Sources: docker/containerd-packaging common/containerd.toml; containerd issues 4581, 8139.
    """
    found = view.containerd
    if found is None or view.target.runtime != "containerd":
        return
    config = found.loaded if isinstance(found.loaded, Mapping) else found.file if isinstance(found.file, Mapping) else {}
    listed = config.get("disabled_plugins")
    disabled = [plugin for plugin in listed if isinstance(plugin, str) and plugin in CRI_IDS] if isinstance(listed, list) else []
    if disabled:
        yield Seen("CRI plugin", f"{found.config_path}: disabled_plugins lists {', '.join(disabled)}")
    elif found.cri not in (None, "ok"):
        yield Seen("CRI plugin", f"ctr plugins ls: {found.cri}")


@node_rule("D2C605", "target-runs-containers", Severity.WARNING)
def target_runs_containers(view: NodeView) -> Iterator[Seen]:
    """The target already runs containers for Kubernetes, while the kubelet uses Docker.

    Why: they come from an earlier attempt, or belong to another kubelet. They hold ports, addresses and files that the node's pods need,
    and the kubelet removes those that it does not know.

    Remedy: List them, and remove those that are left over:

        crictl --runtime-endpoint ENDPOINT ps     # on the node

    Sources: kubernetes pkg/kubelet/kuberuntime/kuberuntime_gc.go; rke2 issue 3387.
    """
    if view.on_docker and (count := view.target.containers(view.facts)):
        remedy = f"List them, and remove those that are left over:\n\n    {view.target.look}     # on the node"
        yield Seen(view.target.title, f"{count} {'container runs' if count == 1 else 'containers run'} in it for Kubernetes", remedy)


@node_rule("D2C606", "file-edit-uncertain", Severity.BLOCKER)
def file_edit_uncertain(view: NodeView) -> Iterator[Seen]:
    """A file that must change cannot be edited with certainty.

    Why: the plan changes only what it understands in full, and proves each edit by reading its own result. For this file that was not
    possible.

    Remedy: Change the file as the evidence asks, then plan again:

        docker2cri plan TARGET NODE --out plan.json

    Sources: containerd docs/hosts.md and docs/cri/config.md; cri-o crio.conf(5); systemd.syntax(7).
    """
    unread = {value.what for value in view.facts.unreadable}
    for refused in compose(view.target, view.facts, origin_of(view.facts))[1] if view.on_docker else ():
        if refused.path not in unread:
            yield Seen(refused.path, refused.reason)


@node_rule("D2C607", "target-tool-missing", Severity.BLOCKER)
def target_tool_missing(view: NodeView) -> Iterator[Seen]:
    """A program that the migration needs is not installed.

    Why: skopeo copies images into CRI-O's store, and crictl lists and stops its containers. Without them the migration fails before
    anything stops, or a rollback cannot stop what runs.

    Remedy: Let the plan install it, or install it by hand and inspect the node again:

        docker2cri plan TARGET --install packages NODE --out plan.json
        apt-get install --no-remove PACKAGE     # by hand, on the node

    Sources: skopeo-copy(1), docker-daemon: and containers-storage:; cri-tools docs/crictl.md.
    """
    unread = {value.what for value in view.facts.unreadable}
    for tool, package in view.target.tools if view.on_docker else ():
        if tool not in view.facts.tools and f"{tool} version" not in unread:
            yield Seen(tool, "the capture does not hold whether it is installed", "Inspect the node again:\n\n    docker2cri inspect NODE")
        elif view.facts.tools.get(tool, "") is None:
            yield Seen(tool, f"the program {tool} does not answer", values={"PACKAGE": package})


@node_rule("D2C608", "target-own-limits", Severity.WARNING)
def target_own_limits(view: NodeView) -> Iterator[Seen]:
    """Containers get the target's own defaults in place of Docker's.

    Why: --crio-defaults asks for that. A workload must request what Docker gave it without a request. The verification after the switch
    finds what does not start, and the node is rolled back.

    Remedy: Request in the workloads what they need, or plan without --crio-defaults to keep what Docker gave:

        docker2cri plan --to crio NODE --out plan.json

    Sources: cri-o pkg/config/config.go and crio.conf(5) at v1.23.5 to v1.30.0; moby oci/caps/defaults.go, daemon/oci_linux.go.
    """
    for setting, comes in view.target.own_defaults(view.facts) if view.on_docker else ():
        yield Seen(f"{view.target.title} {setting}", comes)


def _remedy(view: NodeView, first: str) -> str:
    """How the target gets onto the node: by a plan, and by hand."""
    return f"{first}. {view.target.install}\n    docker2cri plan TARGET --install packages NODE --out plan.json"


def _unit_state(view: NodeView) -> str:
    unit = view.facts.unit(view.target.unit)
    return f"is {unit.active}" if unit else "is not loaded in systemd"
