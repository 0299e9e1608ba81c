"""Pausing all operators of a cluster, and letting them go on: the word of a person, kept on the Lease."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from migrate.errors import Refused
from migrate.plan.lease import LEASE_NAME, LEASE_NAMESPACE, Approval, ClusterLease, Pause, stamp
from migrate.run.kube.port import ActingCluster
from migrate.run.ports import Clock

LAST = 1 << 31  # a stage after all others
ATTEMPTS = 20  # writes that meet another one


def pause(cluster: ActingCluster, clock: Clock, by: str, why: str) -> ClusterLease:
    """Hold every operator of the cluster; a pause that is there already stays as it is. The Lease as it is then.

    Raises Refused where the Lease changes again and again, and ClusterUnreachable.
    """
    made = Pause(by=by, at=stamp(clock.now()), why=why)
    return written(cluster, lambda now: None if now.paused else replace(now, paused=made))


def resume(cluster: ActingCluster) -> ClusterLease:
    """Let operators go on; no pause is no error. The Lease as it was before. Raises as `pause`."""
    before: list[ClusterLease] = []

    def judge(now: ClusterLease) -> ClusterLease | None:
        before[:] = [now]
        return replace(now, paused=None) if now.paused else None

    written(cluster, judge)
    return before[0]


def approve(cluster: ActingCluster, clock: Clock, by: str, digest: str, stage: int) -> ClusterLease:
    """Approve the stages of a plan up to number `stage`, or all (0); what was approved before of this plan is kept. Raises as `pause`."""
    made = Approval(digest=digest, by=by, at=stamp(clock.now()), stage=stage)

    def judge(now: ClusterLease) -> ClusterLease | None:
        held = now.approved is not None and now.approved.holds(digest, stage or LAST)
        return None if held else replace(now, approved=made)

    return written(cluster, judge)


def written(cluster: ActingCluster, judge: Callable[[ClusterLease], ClusterLease | None]) -> ClusterLease:
    """Read, judge and write the Lease, again when another client wrote in between; `judge` gives None when all is as wanted."""
    for _ in range(ATTEMPTS):
        now = cluster.read_lease()
        wanted = judge(now)
        if wanted is None:
            return now
        if cluster.write_lease(wanted):
            return wanted
    raise Refused(
        seen=f"other clients changed the Lease {LEASE_NAMESPACE}/{LEASE_NAME} {ATTEMPTS} times in between",
        expected="a Lease that can be written",
        next=f"kubectl -n {LEASE_NAMESPACE} get lease {LEASE_NAME} -o yaml; then the same command again",
    )


def held_words(paused: Pause) -> str:
    """For people: who has paused all operators, since when, and why."""
    return f"paused by {paused.by} since {paused.at[:19]}Z: {paused.why}" if paused.at else f"paused by {paused.by}: {paused.why}"
