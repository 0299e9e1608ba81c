"""Which pods a drain moves, decided for all of them before one is touched: kubectl's filters, in its order.

Source: kubernetes/kubectl pkg/drain/filters.go (skip-deleted, DaemonSet, mirror, local storage, unmanaged).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from migrate.facts.cluster import Budget, ClusterFacts
from migrate.facts.pod import Pod
from migrate.plan.steps import DrainPolicy

EVICT, KEEP, REFUSE = "evict", "keep", "refuse"


class PodDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What a drain does with one pod: `evict`, `keep` (it stays on the node), or `refuse` (the drain does not start), and why."""

    pod: str
    owner: str
    action: str
    reason: str
    grace: int


def classify(pods: Iterable[Pod], cluster: ClusterFacts, policy: DrainPolicy) -> tuple[PodDecision, ...]:
    """A decision for every pod, in the order given."""
    daemonsets = {(one.metadata.namespace, one.metadata.name) for one in cluster.owners if one.kind == "DaemonSet"}
    return tuple(_decide(pod, cluster, policy, daemonsets) for pod in pods)


def _decide(pod: Pod, cluster: ClusterFacts, policy: DrainPolicy, daemonsets: set[tuple[str, str]]) -> PodDecision:
    action, reason = _action(pod, cluster, policy, daemonsets)
    grace = pod.spec.termination_grace_period_seconds
    return PodDecision(pod=pod.key, owner=cluster.owner_of(pod.metadata), action=action, reason=reason, grace=grace)


def _action(pod: Pod, cluster: ClusterFacts, policy: DrainPolicy, daemonsets: set[tuple[str, str]]) -> tuple[str, str]:
    controller = pod.metadata.controller
    if pod.metadata.deletion_timestamp is not None:
        return KEEP, "it is being deleted already"
    if pod.mirror:
        return KEEP, "a static pod: it runs again under the new runtime"
    if controller and controller.kind == "DaemonSet" and not pod.finished:
        if (pod.metadata.namespace, controller.name) in daemonsets:
            return KEEP, "a DaemonSet's pod: its containers are made anew under the new runtime"
        if not policy.force:
            return REFUSE, "its DaemonSet no longer exists: it would be gone for good"
    local = [volume.name for volume in pod.spec.volumes or () if volume.empty_dir is not None]
    if local and not pod.finished and not policy.delete_emptydir_data:
        return REFUSE, f"data in emptyDir volumes ({', '.join(local)}) would be lost"
    if controller is None and not pod.finished and not policy.force:
        return REFUSE, "nothing manages it: it would be gone for good"
    return EVICT, _budget_note(pod, cluster.budgets)


def _budget_note(pod: Pod, budgets: Iterable[Budget]) -> str:
    covering = [budget for budget in budgets if budget.covers(pod)]
    if not covering:
        return "finished" if pod.finished else "no PodDisruptionBudget"
    return ", ".join(f"PDB {one.metadata.name} allows {one.status.disruptions_allowed} disruptions now" for one in covering)
