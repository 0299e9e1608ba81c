"""D2C320 to D2C324: what a drain of the node would lose, or could not move."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.cluster import Budget
from migrate.facts.pod import Pod
from migrate.rules import Allow, NodeView, Seen, Severity, node_rule
from migrate.rules.pods import by_owner, drained, orphaned, owner_object


@node_rule("D2C320", "bare-pod", Severity.BLOCKER, acceptable=True, allows=Allow.FORCE)
def bare_pod(view: NodeView) -> Iterator[Seen]:
    """A pod has nothing that would make it again.

    Why: a drain deletes it for good. The same holds for a pod whose DaemonSet was deleted.

    Remedy: Put it under a Deployment or a Job, delete it, or accept its loss:

        kubectl -n NAMESPACE get pod POD -o yaml > pod.yaml     # to create it again elsewhere
        docker2cri plan --to containerd --accept D2C320="debugging pods" NODE

    Sources: kubernetes/kubectl pkg/drain/filters.go (unreplicatedFilter, daemonSetFilter); kubernetes.io, Safely drain a node.
    """
    for pod in drained(view):
        if pod.metadata.controller is None:
            yield Seen(f"Pod {pod.key}", "no controller owns it")
        elif orphaned(view.cluster, pod):
            yield Seen(f"Pod {pod.key}", f"its DaemonSet {pod.metadata.controller.name} no longer exists")


@node_rule("D2C321", "emptydir-data-lost", Severity.BLOCKER, acceptable=True, allows=Allow.DELETE_EMPTYDIR_DATA)
def emptydir_data_lost(view: NodeView) -> Iterator[Seen]:
    """A pod that would be evicted keeps data in an emptyDir.

    Why: an emptyDir goes with its pod. `kubectl drain` refuses such pods, those in memory as well, unless it is told to delete the data.

    Remedy: Ask whether it is a cache. If it is not, save it or move it to a claim; if it is, accept the loss:

        docker2cri plan --to containerd --accept D2C321="caches only" NODE

    Sources: kubernetes/kubectl pkg/drain/filters.go (localStorageFilter: any emptyDir, not hostPath).
    """
    yield from by_owner(view, ((pod, detail) for pod in drained(view) for detail in _empty_dirs(pod)))


@node_rule("D2C322", "budget-exhausted", Severity.BLOCKER, acceptable=True, transient=True)
def budget_exhausted(view: NodeView) -> Iterator[Seen]:
    """A PodDisruptionBudget allows no disruption now.

    Why: the eviction of its pods is answered with 429 for as long as that holds, and the drain waits until its time is over.

    Remedy: See which of its pods are not ready, or give the workload one replica more; the budget is written by hand for its owner:

        kubectl -n NAMESPACE describe pdb NAME
        kubectl -n NAMESPACE scale deployment NAME --replicas=N

    Sources: kubernetes.io, API-initiated eviction; kubectl issue 172; kubernetes issue 83307.
    """
    full = [(pod, _said(one)) for pod, (one, *more) in _budgeted(view) if not more and _exhausted(one) and not _single(view, pod, one)]
    yield from by_owner(view, full)


@node_rule("D2C323", "budgets-overlap", Severity.BLOCKER, acceptable=True)
def budgets_overlap(view: NodeView) -> Iterator[Seen]:
    """Two PodDisruptionBudgets cover one pod.

    Why: the API answers its eviction with 500, however long one waits: this is a misconfiguration, not a matter of time.

    Remedy: Narrow the selectors so that one budget covers the pod:

        kubectl -n NAMESPACE get pdb -o wide

    Sources: kubernetes.io, API-initiated eviction (500 Internal Server Error: multiple budgets reference the same pod).
    """
    names = ((pod, sorted(one.metadata.name for one in budgets)) for pod, budgets in _budgeted(view))
    yield from by_owner(view, ((pod, f"covered by {', '.join(covering)}") for pod, covering in names if len(covering) > 1))


@node_rule("D2C324", "single-replica-budget", Severity.BLOCKER, acceptable=True)
def single_replica_budget(view: NodeView) -> Iterator[Seen]:
    """A workload with a PodDisruptionBudget has one replica, and it is here.

    Why: someone said that it must not be interrupted, and a drain interrupts it: the pod goes before the next one starts. When the
    budget allows no disruption, the eviction is refused for ever.

    Remedy: Scale it to two for the migration, or accept the interruption (then the budget must allow one):

        kubectl -n NAMESPACE scale deployment NAME --replicas=2
        docker2cri plan --to containerd --accept D2C324="maintenance window" NODE

    Sources: kubernetes.io, Specifying a disruption budget; kubernetes issue 83307.
    """
    single = [(pod, f"1 replica; {_said(one)}") for pod, (one, *more) in _budgeted(view) if not more and _single(view, pod, one)]
    yield from by_owner(view, single)


def _budgeted(view: NodeView) -> Iterator[tuple[Pod, tuple[Budget, ...]]]:
    """Each pod that a drain evicts, with the budgets that cover it; a pending pod is always evictable."""
    for pod in drained(view):
        budgets = tuple(one for one in (view.cluster.budgets if view.cluster else ()) if one.covers(pod))
        if budgets and pod.status.phase != "Pending":
            yield pod, budgets


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


def _empty_dirs(pod: Pod) -> Iterator[str]:
    for volume in pod.spec.volumes or ():
        if volume.empty_dir is not None:
            medium = (
                " in memory" if volume.empty_dir.medium == "Memory" else f" on {volume.empty_dir.medium}" if volume.empty_dir.medium else ""
            )
            yield f"emptyDir {volume.name}{medium}"
