"""What a pod is to a drain: the one classification that rules report and the plan maps to evictions, in the order of kubectl's filters.

Source: kubernetes/kubectl pkg/drain/filters.go (skip-deleted, DaemonSet, mirror, local storage, unmanaged).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from migrate.facts.cluster import ClusterFacts
from migrate.facts.placement import Comeback, comeback
from migrate.facts.pod import Pod
from migrate.facts.pod_volumes import Volume


class PodClass(StrEnum):
    """What a pod is; the first that applies."""

    DELETING = "is being deleted"
    STATIC = "mirrors a static pod"
    FINISHED = "ran to its end"
    DAEMON = "belongs to a DaemonSet"
    ORPHAN = "belonged to a DaemonSet that was deleted"
    UNMANAGED = "has no controller"
    RETURNING = "has a controller that puts it back on its node"
    MANAGED = "has a controller"


@dataclass(frozen=True, slots=True)
class ClassifiedPod:
    """A pod and what a drain has to know of it; `empty_dirs` are the volumes whose data an eviction deletes, `comeback` how its owner
    may put it back on the cordoned node.
    """

    pod: Pod
    is_a: PodClass
    empty_dirs: tuple[Volume, ...]
    comeback: Comeback | None = None

    @property
    def evicted(self) -> bool:
        """Whether a drain evicts it where its policy allows all."""
        return self.is_a not in (PodClass.DELETING, PodClass.STATIC, PodClass.DAEMON, PodClass.RETURNING)

    @property
    def irreplaceable(self) -> bool:
        """Whether nothing creates it again, so that a drain needs --force."""
        return self.is_a in (PodClass.ORPHAN, PodClass.UNMANAGED)


def classified(pods: Iterable[Pod], cluster: ClusterFacts | None) -> tuple[ClassifiedPod, ...]:
    """Every pod classified, in the order given; without a cluster every DaemonSet is taken to exist."""
    known = cluster.daemon_sets if cluster else None
    return tuple(_classified(pod, known, cluster) for pod in pods)


def _classified(pod: Pod, daemon_sets: frozenset[tuple[str, str]] | None, cluster: ClusterFacts | None) -> ClassifiedPod:
    is_a = _class(pod, daemon_sets)
    back = comeback(pod, cluster) if cluster is not None and is_a is PodClass.MANAGED else None
    if back is not None and back.certain:
        is_a = PodClass.RETURNING
    loses = is_a in (PodClass.ORPHAN, PodClass.UNMANAGED, PodClass.MANAGED)
    return ClassifiedPod(pod, is_a, tuple(volume for volume in pod.spec.volumes or () if loses and volume.empty_dir is not None), back)


def _class(pod: Pod, daemon_sets: frozenset[tuple[str, str]] | None) -> PodClass:
    controller = pod.metadata.controller
    if pod.metadata.deletion_timestamp is not None:
        return PodClass.DELETING
    if pod.mirror:
        return PodClass.STATIC
    if pod.finished:
        return PodClass.FINISHED
    if controller is None:
        return PodClass.UNMANAGED
    if controller.kind != "DaemonSet":
        return PodClass.MANAGED
    exists = daemon_sets is None or (pod.metadata.namespace, controller.name) in daemon_sets
    return PodClass.DAEMON if exists else PodClass.ORPHAN
