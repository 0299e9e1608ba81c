"""Which pods a drain moves, decided for all of them before one is touched: what each is (migrate.rules.pod_class), under one policy."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from migrate.facts.cluster import Budget, ClusterFacts
from migrate.facts.pod import Pod
from migrate.plan.steps import DrainPolicy
from migrate.rules.pod_class import ClassifiedPod, PodClass, classified

EVICT, KEEP, REFUSE = "evict", "keep", "refuse"
KEPT = {
    PodClass.DELETING: "it is already being deleted",
    PodClass.STATIC: "a static pod: it runs again under the target",
    PodClass.DAEMON: "a pod of a DaemonSet: its containers are created again under the target",
}


class PodDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a drain does with one pod: `evict`, `keep` (it stays on the node), or `refuse` (the drain does not start), and why."""

    pod: str
    owner: str
    action: str
    reason: str
    grace: int


def classify(pods: Iterable[Pod], cluster: ClusterFacts, policy: DrainPolicy) -> tuple[PodDecision, ...]:
    """A decision for every pod, in the order given."""
    return tuple(_decide(found, cluster, policy) for found in classified(pods, cluster))


def _decide(found: ClassifiedPod, cluster: ClusterFacts, policy: DrainPolicy) -> PodDecision:
    pod, (action, reason) = found.pod, _action(found, cluster, policy)
    grace = pod.spec.termination_grace_period_seconds
    return PodDecision(pod=pod.key, owner=cluster.owner_of(pod.metadata), action=action, reason=reason, grace=grace)


def _action(found: ClassifiedPod, cluster: ClusterFacts, policy: DrainPolicy) -> tuple[str, str]:
    if found.is_a is PodClass.RETURNING and found.comeback is not None:
        action = KEEP if policy.leave_returning else REFUSE
        return action, f"it would come back here: {found.comeback.why}"
    if not found.evicted:
        return KEEP, KEPT[found.is_a]
    if found.is_a is PodClass.ORPHAN and not policy.force:
        return REFUSE, "its DaemonSet no longer exists: it would be gone for good"
    if found.empty_dirs and not policy.delete_emptydir_data:
        return REFUSE, f"data in emptyDir volumes ({', '.join(volume.name for volume in found.empty_dirs)}) would be lost"
    if found.irreplaceable and not policy.force:
        return REFUSE, "nothing manages it: it would be gone for good"
    return EVICT, _budget_note(found.pod, cluster.budgets)


def _budget_note(pod: Pod, budgets: Iterable[Budget]) -> str:
    covering = [budget for budget in budgets if budget.covers(pod)]
    if not covering:
        return "finished" if pod.finished else "no PodDisruptionBudget"
    return ", ".join(f"PDB {budget.metadata.name} allows {budget.status.disruptions_allowed} disruptions now" for budget in covering)
