"""D2C720 to D2C725: what a drain of the node would leave without a node, and which workloads are away meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.facts.pod import Pod
from migrate.formats.listing import few, plural
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.foresight import Foreseen, foresee
from migrate.rules.pod_class import PodClass
from migrate.rules.pods import by_owner, drained

ONCE = ("Job", "CronJob")  # nobody waits at a Service for them


@node_rule("D2C720", "no-other-node", Severity.BLOCKER, acceptable=True, transient=True)
def no_other_node(view: NodeView) -> Iterator[Seen]:
    """No other node takes any of the pods that a drain evicts: each is cordoned, not Ready or tainted, or there is none.

    Why: everything that runs here stays Pending until the node is back. A PodDisruptionBudget that waits for the next pod holds the drain
    until its timeout.

    Remedy: Bring another node back before this one is drained:

        kubectl get nodes
        kubectl uncordon OTHER

    Or accept that these workloads are away until the node is back:

        docker2cri plan TARGET --accept D2C720="maintenance window" NODE --out plan.json

    Sources: kubernetes.io, Safely drain a node; kubernetes.io, Taints and Tolerations.
    """
    if _foreseen(view).closed is not None:
        nodes = _foreseen(view).closed
        yield Seen(f"Node {view.name}", f"none of {plural(len(nodes), 'other node')}: {few(nodes)}" if nodes else "there is no other node")


@node_rule("D2C721", "pod-fits-nowhere", Severity.BLOCKER, acceptable=True, transient=True)
def pod_fits_nowhere(view: NodeView) -> Iterator[Seen]:
    """A pod that a drain evicts fits on no other node: it stays Pending until the node is back.

    Why: no node that is Ready and schedulable has what the pod asks for: room, labels, tolerated taints, its volumes, the pods that it must
    be near or far from. A PodDisruptionBudget that waits for the next pod holds the drain until its timeout.

    Remedy: Make room, or change what the pod asks for:

        kubectl describe nodes | grep -A 8 'Allocated resources'
        kubectl -n NAMESPACE get pod POD -o yaml

    Or accept that it is away until the node is back:

        docker2cri plan TARGET --accept D2C721="maintenance window" NODE --out plan.json

    Sources: kubernetes.io, Assigning Pods to Nodes; kubernetes.io, Pod Topology Spread Constraints; kubernetes.io, Resource Management for
    Pods and Containers.
    """
    yield from by_owner(view, ((one.pod, one.why) for one in _foreseen(view).stuck if one.alone))


@node_rule("D2C722", "pods-do-not-fit-together", Severity.BLOCKER, acceptable=True, transient=True)
def pods_do_not_fit_together(view: NodeView) -> Iterator[Seen]:
    """The other nodes have room for some of the pods that a drain evicts, and not for all.

    Why: each of these pods would fit alone; together they do not, and those that are left stay Pending until the node is back. A
    PodDisruptionBudget that waits for the next pod holds the drain until its timeout.

    Remedy: Add a node, or scale something down for the migration:

        kubectl describe nodes | grep -A 8 'Allocated resources'
        kubectl -n NAMESPACE scale deployment NAME --replicas=N

    Or accept that they are away until the node is back:

        docker2cri plan TARGET --accept D2C722="maintenance window" NODE --out plan.json

    Sources: kubernetes.io, Resource Management for Pods and Containers; kubernetes.io, Safely drain a node.
    """
    yield from by_owner(view, ((one.pod, one.why) for one in _foreseen(view).stuck if not one.alone))


@node_rule("D2C723", "room-is-tight", Severity.WARNING)
def room_is_tight(view: NodeView) -> Iterator[Seen]:
    """The pods that a drain evicts fit on the other nodes only if they are packed well.

    Why: the scheduler places pods as they come, and prefers the emptiest node. A large pod that comes late may find no node with enough
    room, and stays Pending until the node is back.

    Remedy: Look at what is free, and scale something down for the migration if that is not enough:

        kubectl describe nodes | grep -A 8 'Allocated resources'

    Sources: kubernetes.io, Scheduler Performance Tuning; kubernetes.io, Resource Bin Packing.
    """
    yield from by_owner(view, ((one.pod, f"placed as they come, {one.why}") for one in _foreseen(view).tight))


@node_rule("D2C724", "workload-away", Severity.WARNING)
def workload_away(view: NodeView) -> Iterator[Seen]:
    """All pods of a workload run on the node, and no PodDisruptionBudget covers them.

    Why: a drain evicts them at the same moment. Until the next one is Ready elsewhere, a Service in front of them has no endpoint.

    Remedy: Let it have a pod on another node first, or expect the interruption:

        kubectl -n NAMESPACE scale deployment NAME --replicas=2
        kubectl -n NAMESPACE get pods -o wide

    Sources: kubernetes.io, Specifying a Disruption Budget for your Application; kubernetes.io, Disruptions.
    """
    bound = {pod.key for pod in _foreseen(view).bound}
    yield from by_owner(view, ((pod, said) for pod, said in _alone_here(view) if pod.key not in bound))


@node_rule("D2C725", "pod-waits-for-its-node", Severity.WARNING)
def pod_waits_for_its_node(view: NodeView) -> Iterator[Seen]:
    """A pod can run on this node only: it is away from its eviction until the node is uncordoned.

    Why: its volume is on this node's disk, or its node selector or affinity means this node alone. It stays Pending while images are
    checked, the runtime is switched and the node is verified.

    Remedy: Expect the interruption, or move it before, with its data. What binds it:

        kubectl -n NAMESPACE get pod POD -o yaml
        kubectl get persistentvolumes -o yaml

    Sources: kubernetes.io, Volumes (local); kubernetes.io, Assigning Pods to Nodes.
    """
    yield from by_owner(view, ((pod, "it can run on this node only") for pod in _foreseen(view).bound))


def _foreseen(view: NodeView) -> Foreseen:
    return foresee(view.cluster, (view.node.name,)) if view.cluster and view.node else Foreseen()


def _alone_here(view: NodeView) -> Iterable[tuple[Pod, str]]:
    cluster = view.cluster
    if cluster is None:
        return
    for found in drained(view):
        if found.is_a is not PodClass.MANAGED or any(budget.covers(found.pod) for budget in cluster.budgets):
            continue
        title = cluster.ownership.of("Pod", found.pod.metadata)
        where = cluster.nodes_of_owner.get(title)
        if title[1] not in ONCE and where is not None and set(where) == {found.pod.spec.node_name}:
            count = where.total()
            yield found.pod, "its only pod runs here" if count == 1 else f"all {count} of its pods run here"
