"""What several rules ask of pods: who owns them, what a drain does to them, which host paths they reach."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from migrate.facts.cluster import Owner
from migrate.facts.pod import Pod, PodContainer
from migrate.facts.workload import Workload
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen
from migrate.rules.pod_class import ClassifiedPod, PodClass, classified


def live(view: NodeView) -> tuple[Pod, ...]:
    """The node's pods that have not run to their end, static ones too."""
    return tuple(pod for pod in view.pods if not pod.finished)


def drained(view: NodeView) -> tuple[ClassifiedPod, ...]:
    """The pods that a drain evicts and that have something to lose; finished ones have nothing."""
    return tuple(found for found in classified(view.pods, view.cluster) if found.evicted and found.is_a is not PodClass.FINISHED)


def owner_name(view: NodeView, pod: Pod) -> str:
    """The pod's topmost known owner as `Kind namespace/name`, `Pod namespace/name` for a bare or static pod."""
    if pod.mirror or view.cluster is None:
        return f"Pod {pod.key}"
    return view.cluster.owner_of(pod.metadata)


def owner_object(view: NodeView, pod: Pod) -> Owner | None:
    """The pod's topmost owner as it was listed, or None."""
    known = view.cluster.ownership if view.cluster and not pod.mirror else None
    return known.known(known.of("Pod", pod.metadata)) if known else None


def by_owner(view: NodeView, hits: Iterable[tuple[Pod, str]], remedy: str | None = None) -> Iterator[Seen]:
    """One `Seen` for each owner: what was seen of its pods, each detail once, then the names of the pods."""
    found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    for pod, detail in hits:
        details, names = found.setdefault(owner_name(view, pod), ({}, {}))
        details[detail] = None
        names[pod.metadata.name] = None
    for owner, (details, names) in found.items():
        pods = "" if owner.startswith("Pod ") else f" ({'pods' if len(names) > 1 else 'pod'} {few(names)})"
        yield Seen(owner, "; ".join(details) + pods, remedy)


_OF_WINDOWS = re.compile(r"\\\\|[A-Za-z]:")


def canonical_path(path: str) -> str:
    """The path without `.`, `..`, doubled and trailing slashes, and with /var/run as the /run that it is a link to.

    Paths of Windows get slashes and begin with one (`/C:/x`, `/pipe/docker_engine`).
    """
    path = path.replace("\\", "/") if _OF_WINDOWS.match(path) else path
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
