"""Where the scheduler may put a pod again, by nodeName, tolerations, node selectors, taints and volumes; resources are not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # ClusterFacts answers with what is built on this module
    from migrate.facts.cluster import ClusterFacts, Node, PersistentVolume, Taint
    from migrate.facts.pod import Pod, PodSpec
    from migrate.facts.pod_scheduling import NodeSelector

CORDON = ("node.kubernetes.io/unschedulable", "", "NoSchedule")  # the taint that stands for a cordon (scheduler, NodeUnschedulable)
KEEPS_OUT = ("NoSchedule", "NoExecute")
CORDONED, NOT_READY, OUTSIDE = "cordoned", "not Ready", "outside its node selector or affinity"


@dataclass(frozen=True, slots=True)
class Comeback:
    """An owner that may put a pod back on the node after its eviction, though the node is cordoned: `why`, and whether it is `certain`."""

    certain: bool
    why: str


def comeback(pod: Pod, cluster: ClusterFacts) -> Comeback | None:
    """Whether the pod's owner puts it back on the node where it is, cordoned or not; None where it does not, or nothing owns it.

    What its owner makes pods from decides; where that was not read, the pod itself without its nodeName, which the scheduler sets.
    """
    controller, here = pod.metadata.controller, cluster.node(pod.spec.node_name)
    if controller is None or here is None:
        return None
    owner = cluster.ownership.known((pod.metadata.namespace, controller.kind, controller.name))
    spec = owner.template.spec if owner is not None and owner.template is not None else None
    if spec is not None and spec.node_name:
        return Comeback(True, f"its template sets nodeName: {spec.node_name}") if spec.node_name == here.name else None
    made = spec or pod.spec
    if not _tolerates(made, *CORDON) or not _fits(made, here):
        return None
    others = [node for node in cluster.nodes if node.name != here.name]
    fitting = [node for node in others if _fits(made, node) and not bound_elsewhere(pod, node, cluster)]
    tolerates = f"it tolerates {CORDON[0]}"
    if fitting:
        return Comeback(False, f"{tolerates}; {len(fitting)} other node{'s' if len(fitting) > 1 else ''} would take it too")
    why = "its node selector, affinity, tolerations and volumes fit no other node" if others else "the cluster has no other node"
    return Comeback(True, f"{tolerates}, and {why}")


def only_here(pod: Pod, here: Node, cluster: ClusterFacts) -> bool:
    """Whether the pod can run on its node only: a volume on its disk, or a node selector or affinity that no other node meets."""
    if _local(pod, cluster):
        return True
    asks = bool(pod.spec.node_selector or _required(pod.spec)) or any(volume.spec.node_affinity for volume in _volumes(pod, cluster))
    others = (node for node in cluster.nodes if node.name != here.name)
    return asks and not any(selected(pod.spec, node) and not bound_elsewhere(pod, node, cluster) for node in others)


def bound_elsewhere(pod: Pod, node: Node, cluster: ClusterFacts) -> bool:
    """Whether a volume of the pod cannot be had on this other node."""
    if _local(pod, cluster):
        return True
    asked = (volume.spec.node_affinity.required for volume in _volumes(pod, cluster) if volume.spec.node_affinity)
    return any(required is not None and not required.matches(node.name, node.metadata.labels or {}) for required in asked)


def _volumes(pod: Pod, cluster: ClusterFacts) -> list[PersistentVolume]:
    claims = (volume.persistent_volume_claim for volume in pod.spec.volumes or ())
    found = (cluster.claimed_volume(pod.metadata.namespace, claim.claim_name) for claim in claims if claim)
    return [volume for volume in found if volume is not None]


def _local(pod: Pod, cluster: ClusterFacts) -> bool:
    return any(volume.spec.local or volume.spec.host_path for volume in _volumes(pod, cluster))


def _required(spec: PodSpec) -> NodeSelector | None:
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return affinity.required_during_scheduling_ignored_during_execution if affinity else None


def selected(spec: PodSpec, node: Node) -> bool:
    """Whether its node selector and required node affinity mean this node."""
    labels, required = node.metadata.labels or {}, _required(spec)
    if any(labels.get(key) != value for key, value in (spec.node_selector or {}).items()):
        return False
    return required is None or required.matches(node.name, labels)


def keeps_out(spec: PodSpec, node: Node) -> str:
    """Why a node takes no such pod, whatever room it has, in words after a count (`1 cordoned`); empty where it would take it."""
    if node.ready != "True":
        return NOT_READY
    if node.spec.unschedulable and not _tolerates(spec, *CORDON):
        return CORDONED
    if (taint := _untolerated(spec, node)) is not None:
        return f"with taint {taint.key}{f'={taint.value}' if taint.value else ''}:{taint.effect}"
    return "" if selected(spec, node) else OUTSIDE


def _untolerated(spec: PodSpec, node: Node) -> Taint | None:
    taints = (taint for taint in node.spec.taints or () if taint.effect in KEEPS_OUT)
    return next((taint for taint in taints if not _tolerates(spec, taint.key, taint.value, taint.effect)), None)


def _tolerates(spec: PodSpec, key: str, value: str, effect: str) -> bool:
    return any(toleration.tolerates(key, value, effect) for toleration in spec.tolerations or ())


def _fits(spec: PodSpec, node: Node) -> bool:
    return selected(spec, node) and _untolerated(spec, node) is None
