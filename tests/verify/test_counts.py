"""How many pods each workload had before and has now."""

from __future__ import annotations

from migrate.facts.api import Condition
from migrate.verify.counts import WorkloadCount, counted, uncounted
from tests.verify.test_judge import scene, taken


def counts(found: tuple[WorkloadCount, ...]) -> dict[str, tuple[int, int | None, bool]]:
    return {count.owner: (count.before, count.after, count.stays) for count in found}


def test_evicted_workloads_count_in_the_cluster_and_those_that_stay_on_the_node() -> None:
    world = scene()
    before = taken(world.read())
    assert counts(counted(before, world.read(), world.pods_on("w1"))) == {
        "ReplicaSet shop/web": (3, 3, False),
        "DaemonSet ops/agent": (1, 1, True),
        "Pod kube-system/static-w1": (1, 1, True),
    }


def test_what_is_not_ready_does_not_count() -> None:
    world = scene()
    before = taken(world.read())
    for pod in world.pods_on("w1"):
        world.change(pod, conditions=(Condition(type="Ready", status="False"),))
    assert counts(counted(before, world.read(), world.pods_on("w1"))) == {
        "ReplicaSet shop/web": (3, 1, False),
        "DaemonSet ops/agent": (1, 0, True),
        "Pod kube-system/static-w1": (1, 0, True),
    }


def test_what_was_not_verified_has_no_count() -> None:
    before = taken(scene().read())
    assert {owner: after for owner, (_, after, _) in counts(uncounted(before)).items()} == {
        "ReplicaSet shop/web": None,
        "DaemonSet ops/agent": None,
        "Pod kube-system/static-w1": None,
    }
