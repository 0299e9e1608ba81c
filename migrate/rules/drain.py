"""D2C320 to D2C324, D2C333 to D2C335: what a drain of the node would lose, cannot evict, or gets back; a smoke pod that does not run."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.cluster import SMOKE_ANNOTATION, Budget
from migrate.facts.pod import Pod
from migrate.facts.pod_volumes import Volume
from migrate.facts.redact import printable
from migrate.rules import Allow, NodeView, Seen, Severity, node_rule
from migrate.rules.pod_class import PodClass, classified
from migrate.rules.pods import by_owner, drained, owner_object


@node_rule("D2C320", "bare-pod", Severity.BLOCKER, acceptable=True, allows=Allow.FORCE)
def bare_pod(view: NodeView) -> Iterator[Seen]:
    """A pod has no controller that creates it again.

    Why: a drain deletes it permanently. The same holds for a pod whose DaemonSet was deleted.

    Remedy: Manage it by a Deployment or a Job, delete it, or accept its loss:

        kubectl -n NAMESPACE get pod POD -o yaml > pod.yaml     # to create it again elsewhere
        docker2cri plan TARGET --accept D2C320="debugging pods" NODE --out plan.json

    Sources: kubernetes/kubectl pkg/drain/filters.go (unreplicatedFilter, daemonSetFilter); kubernetes.io, Safely drain a node.
    """
    for found in drained(view):
        if found.irreplaceable:
            controller = found.pod.metadata.controller
            seen = f"the API lists no DaemonSet {controller.name}, which owns it" if controller else "it has no controller"
            yield Seen(f"Pod {found.pod.key}", seen)


@node_rule("D2C321", "emptydir-data-lost", Severity.BLOCKER, acceptable=True, allows=Allow.DELETE_EMPTYDIR_DATA)
def emptydir_data_lost(view: NodeView) -> Iterator[Seen]:
    """A pod that a drain evicts has data in an emptyDir volume.

    Why: an emptyDir is deleted with its pod. `kubectl drain` refuses such pods, those in memory too, without --delete-emptydir-data.

    Remedy: Ask the owner whether it is a cache. If it is not, save the data or move it to a PersistentVolumeClaim; if it is, accept the
    loss:

        docker2cri plan TARGET --accept D2C321="caches only" NODE --out plan.json

    Sources: kubernetes/kubectl pkg/drain/filters.go (localStorageFilter: any emptyDir, not hostPath).
    """
    yield from by_owner(view, ((found.pod, _empty_dir(volume)) for found in drained(view) for volume in found.empty_dirs))


@node_rule("D2C322", "budget-exhausted", Severity.BLOCKER, acceptable=True, transient=True)
def budget_exhausted(view: NodeView) -> Iterator[Seen]:
    """A PodDisruptionBudget allows no disruption now.

    Why: the API refuses the eviction of its pods with 429 while that holds, and the drain waits until its timeout.

    Remedy: Find the pods that are not ready, or add a replica to the workload; the owner of the budget may change it:

        kubectl -n NAMESPACE describe pdb NAME
        kubectl -n NAMESPACE scale deployment NAME --replicas=N

    Sources: kubernetes.io, API-initiated eviction; kubectl issue 172; kubernetes issue 83307.
    """
    alone = [(pod, budget) for pod, (budget, *more) in _budgeted(view) if not more]
    yield from by_owner(view, ((pod, _said(budget)) for pod, budget in alone if _exhausted(budget) and not _single(view, pod, budget)))


@node_rule("D2C323", "budgets-overlap", Severity.BLOCKER, acceptable=True)
def budgets_overlap(view: NodeView) -> Iterator[Seen]:
    """Two PodDisruptionBudgets cover one pod.

    Why: the API refuses its eviction with 500 for as long as both cover it: this is a misconfiguration, and waiting does not help.

    Remedy: Narrow the selectors so that one budget covers the pod:

        kubectl -n NAMESPACE get pdb -o wide

    Sources: kubernetes.io, API-initiated eviction (500 Internal Server Error: multiple budgets reference the same pod).
    """
    names = ((pod, sorted(budget.metadata.name for budget in budgets)) for pod, budgets in _budgeted(view))
    yield from by_owner(view, ((pod, f"covered by {', '.join(covering)}") for pod, covering in names if len(covering) > 1))


@node_rule("D2C324", "single-replica-budget", Severity.BLOCKER, acceptable=True)
def single_replica_budget(view: NodeView) -> Iterator[Seen]:
    """A workload with a PodDisruptionBudget has a single replica, and it runs on the node.

    Why: the budget says that the workload must not be interrupted, and a drain interrupts it: the pod ends before the next one starts. When
    the budget allows no disruption, the API always refuses the eviction.

    Remedy: Scale it to two replicas for the migration, or accept the interruption (the budget must allow one then):

        kubectl -n NAMESPACE scale deployment NAME --replicas=2
        docker2cri plan TARGET --accept D2C324="maintenance window" NODE --out plan.json

    Sources: kubernetes.io, Specifying a disruption budget; kubernetes issue 83307.
    """
    single = [(pod, f"1 replica; {_said(budget)}") for pod, (budget, *more) in _budgeted(view) if not more and _single(view, pod, budget)]
    yield from by_owner(view, single)


@node_rule("D2C333", "pod-comes-back", Severity.BLOCKER, acceptable=True, allows=Allow.LEAVE_RETURNING)
def pod_comes_back(view: NodeView) -> Iterator[Seen]:
    """A pod would come back to the cordoned node: its owner creates it again, and it can only run here.

    Why: a cordon does not keep out a pod that sets nodeName or tolerates node.kubernetes.io/unschedulable. Each eviction makes a new pod
    on the node, and the drain never ends.

    Remedy: Remove what binds it to the node, or scale it down for the migration:

        kubectl -n NAMESPACE scale deployment NAME --replicas=0

    Or accept that it is interrupted: it is not evicted then. It stays for the switch, as the pods of DaemonSets do, and its containers are
    created again on the new runtime. PodDisruptionBudgets do not protect it from that:

        docker2cri plan TARGET --accept D2C333="interrupted by the switch" NODE --out plan.json

    Sources: kubernetes.io, Assigning Pods to Nodes (nodeName), Taints and Tolerations; kubernetes
    pkg/scheduler/framework/plugins/nodeunschedulable.
    """
    found = classified(view.pods, view.cluster)
    yield from by_owner(view, ((one.pod, one.comeback.why) for one in found if one.comeback and one.is_a is PodClass.RETURNING))


@node_rule("D2C334", "pod-may-come-back", Severity.WARNING)
def pod_may_come_back(view: NodeView) -> Iterator[Seen]:
    """A pod may come back to the cordoned node: it tolerates the cordon, and the scheduler may choose the node again.

    Why: the node that is being drained is the emptiest one, which the scheduler prefers. A pod that comes back is left for the switch, as
    the pods of DaemonSets are, when no PodDisruptionBudget covers it. When one does, the pod is evicted once more, and the drain fails if
    it comes back again.

    Remedy: Let it not tolerate node.kubernetes.io/unschedulable: replace a toleration of everything by the taints that it needs:

        kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.tolerations}'

    Sources: kubernetes.io, Taints and Tolerations; kubernetes pkg/scheduler/framework/plugins/nodeunschedulable.
    """
    yield from by_owner(view, ((one.pod, one.comeback.why) for one in drained(view) if one.comeback is not None))


@node_rule("D2C335", "smoke-pod-never-ran", Severity.BLOCKER, acceptable=True, allows=Allow.NO_SMOKE_POD)
def smoke_pod_never_ran(view: NodeView) -> Iterator[Seen]:
    """The smoke pod of an earlier run never ran on the node, before anything was disturbed.

    Why: a smoke pod verifies the node on the new runtime, and again after a rollback. It is run first on Docker, as the control. Where it
    does not run there, it proves nothing later: the node would be verified by its own pods alone.

    Remedy: Find what keeps it from running, and remove the annotation:

        kubectl describe node NODE
        kubectl annotate node NODE docker2cri.io/smoke-test-

    Or accept it. It is tried again, and is demanded later if it runs then:

        docker2cri plan TARGET --accept D2C335="blocked by this kubelet" NODE --out plan.json

    Sources: kubernetes.io, Pod Lifecycle; kubernetes pkg/kubelet/lifecycle (a pod that the kubelet refuses to start).
    """
    text = view.node.metadata.annotation(SMOKE_ANNOTATION) if view.node else None
    if text is not None:
        yield Seen(f"Node {view.name}", f"annotation {SMOKE_ANNOTATION}: {printable(text)}")


def _budgeted(view: NodeView) -> Iterator[tuple[Pod, tuple[Budget, ...]]]:
    """Each pod that a drain evicts, with the budgets that cover it; a pending pod is always evictable."""
    for found in drained(view):
        budgets = tuple(budget for budget in (view.cluster.budgets if view.cluster else ()) if budget.covers(found.pod))
        if budgets and found.pod.status.phase != "Pending":
            yield found.pod, budgets


def _exhausted(budget: Budget) -> bool:
    return budget.status.disruptions_allowed <= 0


def _single(view: NodeView, pod: Pod, budget: Budget) -> bool:
    """By the owner's own count, else by the number of pods that the budget expects."""
    owner = owner_object(view, pod)
    if owner is not None and owner.spec.replicas is not None:
        return owner.spec.replicas == 1
    return budget.status.expected_pods == 1


def _said(budget: Budget) -> str:
    spec, status = budget.spec, budget.status
    asked = f"minAvailable {spec.min_available}" if spec.min_available is not None else f"maxUnavailable {spec.max_unavailable}"
    return (
        f"PDB {budget.metadata.namespace}/{budget.metadata.name} ({asked}) allows {status.disruptions_allowed} disruptions: "
        f"{status.current_healthy} healthy, {status.desired_healthy} needed, {status.expected_pods} expected"
    )


def _empty_dir(volume: Volume) -> str:
    medium = volume.empty_dir.medium if volume.empty_dir else ""
    return f"emptyDir {volume.name}" + (" in memory" if medium == "Memory" else f" on {medium}" if medium else "")
