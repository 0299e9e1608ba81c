"""D2C320 to D2C324: what a drain of the node would lose, or cannot evict."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.cluster import Budget
from migrate.facts.pod import Pod
from migrate.facts.pod_volumes import Volume
from migrate.rules import Allow, NodeView, Seen, Severity, node_rule
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
