"""D2C601 to D2C606: whether the new runtime can take the node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from migrate.facts.model import Unreadable
from migrate.formats import FormatError, version
from migrate.formats.version import Version
from migrate.rules import NodeView, Seen, Severity, rule
from migrate.targets.compose import compose

CRI_IDS = frozenset({"cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"})


@rule("D2C601", "target-not-installed", Severity.BLOCKER)
def target_not_installed(view: NodeView) -> Iterator[Seen]:
    """The runtime to move to is not installed.

    Why: docker2cri does not install packages yet, and nothing else on the node could run its pods.

    Remedy: Install it without letting it replace Docker's packages, then read the node again. With Docker's own repository
    containerd.io is the package (docker-ce needs it), with Debian's and Ubuntu's docker.io it is containerd:

        apt-get install --no-remove containerd.io     # on the node
        docker2cri inspect NODE

    Sources: containerd docs/getting-started.md; docker/containerd-packaging debian/control.
    """
    if view.target.installed(view.facts) is None and not isinstance(view.facts.containerd, Unreadable):
        yield Seen(view.target.name, f"no {view.target.name} program answered; {view.target.unit} {_unit_state(view)}")


@rule("D2C602", "target-too-old", Severity.BLOCKER)
def target_too_old(view: NodeView) -> Iterator[Seen]:
    """The runtime to move to is too old.

    Why: containerd before 1.6 has no CRI v1, no options for Docker's port behaviour, and no support from anyone.

    Remedy: Upgrade it while Docker still serves the node (containers of Docker survive a restart of the system's containerd), then
    read it again:

        apt-get install --no-remove containerd.io     # on the node
        docker2cri inspect NODE

    Sources: containerd RELEASES.md.
    """
    found = _version(view.target.installed(view.facts))
    if found and found < view.target.minimum:
        yield Seen(f"{view.target.name} {found}", f"docker2cri needs {view.target.minimum} or later")


@rule("D2C603", "target-kubelet-mismatch", Severity.BLOCKER)
def target_kubelet_mismatch(view: NodeView) -> Iterator[Seen]:
    """This kubelet and this version of the runtime cannot work together.

    Why: the kubelet would not register the node, or no pod would start: they speak different versions of CRI, or the runtime has a
    known defect.

    Remedy: Install the version that the evidence names, then read the node again:

        apt-cache madison containerd.io containerd     # on the node
        docker2cri inspect NODE

    Sources: containerd RELEASES.md; Kubernetes release notes 1.23 PR 106501, 1.26 PR 110618; kubernetes.io, Troubleshooting CNI
    errors.
    """
    runtime = _version(view.target.installed(view.facts))
    kubelet = _version(view.kubelet.version if view.kubelet else None)
    if runtime and kubelet and (why := view.target.unsupported(kubelet, runtime)):
        yield Seen(f"{view.target.name} {runtime}", why)


@rule("D2C604", "cri-plugin-disabled", Severity.WARNING)
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


@rule("D2C605", "target-runs-containers", Severity.WARNING)
def target_runs_containers(view: NodeView) -> Iterator[Seen]:
    """containerd already runs containers for Kubernetes, while the kubelet uses Docker.

    Why: they are left from an earlier attempt, or belong to another kubelet. They hold ports, addresses and files that the node's
    pods will want, and the kubelet removes those that it does not know.

    Remedy: Look at them, and remove what is left over:

        ctr -n k8s.io tasks ls     # on the node

    Sources: kubernetes pkg/kubelet/kuberuntime/kuberuntime_gc.go; rke2 issue 3387.
    """
    if view.containerd and view.containerd.tasks and view.on_docker:
        yield Seen("namespace k8s.io", f"{view.containerd.tasks} tasks run in containerd")


@rule("D2C606", "file-edit-uncertain", Severity.BLOCKER)
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
            yield Seen(one.path, one.reason)


def _unit_state(view: NodeView) -> str:
    unit = view.facts.unit(view.target.unit)
    return f"is {unit.active}" if unit else "is not loaded in systemd"


def _version(text: str | None) -> Version | None:
    """A version, or None for none and for one that D2C101 speaks of."""
    try:
        return version.parse(text) if text else None
    except FormatError:
        return None
