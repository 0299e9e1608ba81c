"""What several rules ask of pods: who owns them, what a drain does to them, which host paths they reach."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from migrate.facts.cluster import ClusterFacts, Owner
from migrate.facts.pod import Pod, PodContainer
from migrate.facts.workload import Workload
from migrate.rules import NodeView, Seen


def live(view: NodeView) -> tuple[Pod, ...]:
    """The node's pods that have not run to their end, static ones too."""
    return tuple(pod for pod in view.pods if not pod.finished)


def drained(view: NodeView) -> tuple[Pod, ...]:
    """The pods that a drain would evict and that have something to lose: the filters of kubectl, in its order.

    Left out are pods that are going already, pods of a DaemonSet that exists, mirror pods and finished ones (kubectl
    pkg/drain/filters.go).
    """
    return tuple(pod for pod in live(view) if not (pod.metadata.deletion_timestamp or pod.mirror or _of_daemon_set(view.cluster, pod)))


def _of_daemon_set(cluster: ClusterFacts | None, pod: Pod) -> bool:
    controller = pod.metadata.controller
    return controller is not None and controller.kind == "DaemonSet" and not orphaned(cluster, pod)


def orphaned(cluster: ClusterFacts | None, pod: Pod) -> bool:
    """Whether the pod's DaemonSet is gone, so that nothing would make the pod again."""
    controller = pod.metadata.controller
    if cluster is None or controller is None or controller.kind != "DaemonSet":
        return False
    sets = {(owner.metadata.namespace, owner.metadata.name) for owner in cluster.owners if owner.kind == "DaemonSet"}
    return (pod.metadata.namespace, controller.name) not in sets


def owner_name(view: NodeView, pod: Pod) -> str:
    """The pod's topmost known owner as `Kind namespace/name`, `Pod namespace/name` for a bare or static pod."""
    if pod.mirror or view.cluster is None:
        return f"Pod {pod.key}"
    return view.cluster.owner_of(pod.metadata)


def owner_object(view: NodeView, pod: Pod) -> Owner | None:
    """The pod's topmost owner as it was listed, or None."""
    wanted = owner_name(view, pod)
    owners = view.cluster.owners if view.cluster else ()
    return next((one for one in owners if f"{one.kind} {one.metadata.namespace}/{one.metadata.name}" == wanted), None)


def by_owner(view: NodeView, hits: Iterable[tuple[Pod, str]], remedy: str | None = None) -> Iterator[Seen]:
    """One `Seen` for each owner: what was seen of its pods, each detail once, then the names of the pods."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for pod, detail in hits:
        details, names = found.setdefault(owner_name(view, pod), ({}, {}))
        details[detail] = None
        names[pod.metadata.name] = None
    for owner, (details, names) in found.items():
        pods = "" if owner.startswith("Pod ") else f" ({'pods' if len(names) > 1 else 'pod'} {', '.join(names)})"
        yield Seen(owner, "; ".join(details) + pods, remedy)


def canonical_path(path: str) -> str:
    """The path without `.`, `..`, doubled and trailing slashes, and with /var/run as the /run that it is a link to."""
    clean = posixpath.normpath("/" + path.strip("/"))
    return "/run" + clean.removeprefix("/var/run") if clean == "/var/run" or clean.startswith("/var/run/") else clean


def within(path: str, folder: str) -> bool:
    """Whether a canonical path is the folder or lies below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def of_control_plane(workload: Workload) -> bool:
    """Whether it is a static pod of the control plane as kubeadm writes them: on a node, in the API, or as a file of its manifests."""
    return workload.kind == "Pod" and workload.namespace == "kube-system" and workload.labels.get("tier") == "control-plane"


def privileged(container: PodContainer) -> bool:
    """Whether the container runs privileged."""
    return container.security_context is not None and container.security_context.privileged is True
