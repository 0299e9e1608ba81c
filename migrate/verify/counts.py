"""How many pods of each workload were Ready before a node was emptied, and how many were when it was verified: for the run's report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from migrate.facts.api import decode
from migrate.facts.cluster import ClusterFacts
from migrate.facts.live import LivePod
from migrate.facts.resolve import resolve
from migrate.verify.judge import Before, owner_of


class WorkloadCount(msgspec.Struct, frozen=True, kw_only=True):
    """Pods of one owner (`Deployment shop/web`) that were Ready, `before` and `after` (None: not verified): in the cluster, or on the node
    alone where they stay with it, as a DaemonSet's and static pods do.
    """

    owner: str
    before: int
    after: int | None = None
    stays: bool = False


class After(msgspec.Struct, frozen=True, kw_only=True):
    """What was verified last on a node: when (seconds since the epoch), on which runtime (`containerd://`), and its workloads."""

    at: float
    prefix: str
    workloads: tuple[WorkloadCount, ...] = ()


def decode_after(data: bytes) -> After:
    """A record that was kept; raises ValueError for one that is none."""
    return decode(data, After)


def counted(before: Before, facts: ClusterFacts, pods: Iterable[LivePod]) -> tuple[WorkloadCount, ...]:
    """The workloads of a node now against `before`; `facts` holds their pods in the cluster, `pods` those of the node."""
    return (*_evicted(before, facts), *_staying(before, facts, pods))


def uncounted(before: Before) -> tuple[WorkloadCount, ...]:
    """The workloads of a node that was not verified."""
    staying = Counter(expected.owner for expected in before.expected)
    return (
        *(WorkloadCount(owner=workload.owner, before=workload.ready) for workload in before.workloads),
        *(WorkloadCount(owner=owner, before=count, stays=True) for owner, count in sorted(staying.items())),
    )


def _evicted(before: Before, facts: ClusterFacts) -> Iterator[WorkloadCount]:
    now = Counter(owner_of(facts, pod) for pod in facts.pods if pod.ready and pod.metadata.deletion_timestamp is None)
    for workload in before.workloads:
        yield WorkloadCount(owner=workload.owner, before=workload.ready, after=now[workload.owner])


def _staying(before: Before, facts: ClusterFacts, pods: Iterable[LivePod]) -> Iterator[WorkloadCount]:
    now = Counter(owner_of(facts, pod) for pod in pods if pod.ready and not pod.leaving)
    for owner, count in sorted(Counter(expected.owner for expected in before.expected).items()):
        yield WorkloadCount(owner=owner, before=count, after=now[owner], stays=True)


resolve(After)
