"""Draining a cluster that behaves: what leaves, what is said of what does not, and that no budget is ever broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from migrate.errors import Blocked, ClusterUnreachable
from migrate.facts.live import AttachmentSource, AttachmentSpec, LiveMetadata, VolumeAttachment
from migrate.facts.pod import PodSpec
from migrate.facts.pod_scheduling import Toleration
from migrate.facts.pod_volumes import EmptyDir, Volume
from migrate.plan.steps import DrainPolicy
from migrate.run.kube.drain import Drained, DrainFailed, drain
from migrate.run.kube.events import ApiAway, BlockedBudget, DrainWaits, Event, PodAppeared, PodEvicted, PodGone
from migrate.run.kube.smoke import smoke_manifest
from migrate.run.kube.volumes import VolumesStay, wait_volumes_detached
from tests.fakes import Behaviour, FakeClock, FakeCluster


class Scene:
    """A cordoned node w1 beside w2, and what the drain told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(self.clock)
        self.events: list[Event] = []
        self.cluster.add_node("w1", cordoned=True)
        self.cluster.add_node("w2")

    def drain(self, **policy: object) -> Drained:
        return drain(self.cluster, "w1", DrainPolicy(**policy), self.clock, self.events.append, patience=30)

    def here(self) -> list[str]:
        return [pod.key for pod in self.cluster.pods_on("w1")]

    def told(self, kind: type[Event]) -> list[Event]:
        return [one for one in self.events if isinstance(one, kind)]

    def web(self, here: int, there: int, **behaviour: object) -> None:
        owner = "ReplicaSet shop/web"
        self.cluster.add_owner(owner, ["w1"] * here + ["w2"] * there, Behaviour(**behaviour))
        self.cluster.add_budget("shop/web", "web", max_unavailable=1, expected=here + there)
        self.clock.sleep(1)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def failure(call: Callable[[], object], kind: type[Exception]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)


def test_pods_leave_and_the_budget_is_never_broken(scene: Scene) -> None:
    scene.web(here=4, there=0, ready=2.0, ends=5.0)
    found = scene.drain()
    assert scene.here() == []
    assert len(found.left) == 4
    assert scene.cluster.lowest["shop/web"] == 3
    # three times the replacement of the pod before (2.1 s), then the end of the last one; steps of 5 s would take 20 s
    assert 11.29 <= found.seconds <= 11.31 + 3 * 0.25


def test_the_blocking_budget_is_told_with_pods_and_numbers(scene: Scene) -> None:
    scene.web(here=2, there=1)
    names = [pod.key for pod in scene.cluster.pods_on("w1")]
    scene.drain()
    waits = [one for event in scene.told(DrainWaits) for one in event.budgets]
    assert waits[0] == BlockedBudget("shop/web", (names[1],), allowed=0, healthy=3, desired=2, expected=3)
    assert {one.budget for one in waits} == {"shop/web"}
    shown = BlockedBudget("shop/web", ("shop/web-a", "shop/web-b"), allowed=0, healthy=2, desired=2, expected=3)
    assert str(shown) == "PDB shop/web allows 0 disruptions: 2 healthy of 3, 2 needed; it holds shop/web-a, shop/web-b"


def test_what_stays_and_what_goes(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.add_owner("DaemonSet ops/agent", ["w1"])
    cluster.add_owner("StatefulSet shop/db", ["w1"])
    cluster.add_pod("kube-system/static-w1", "w1", annotations={"kubernetes.io/config.mirror": "x"})
    cluster.add_pod("shop/done", "w1", "Job shop/done", phase="Succeeded", ready=False)
    found = scene.drain()
    assert scene.here() == ["kube-system/static-w1", "ops/agent-x1"]
    assert sorted(found.left) == ["shop/db-0", "shop/done"]


def test_every_problem_is_told_before_the_first_eviction(scene: Scene) -> None:
    scene.web(here=1, there=1)
    scene.cluster.add_budget("shop/all", "web", max_unavailable=1, expected=2)
    scene.cluster.add_pod("shop/bare", "w1")
    cache = PodSpec(volumes=(Volume(name="cache", empty_dir=EmptyDir()),))
    scene.cluster.add_owner("ReplicaSet shop/cache", ["w1"], spec=cache)
    before = scene.here()
    assert failure(scene.drain, Blocked) == (
        "w1: 3 pods cannot be drained, and nothing has been touched:\n"
        "    shop/bare: nothing manages it: it would be gone for good\n"
        "    shop/cache-x4: data in emptyDir volumes (cache) would be lost\n"
        "    shop/web-x1: 2 PodDisruptionBudgets cover it (web, all); the API evicts no such pod\n"
        "  expected: pods that can be evicted and are made again elsewhere\n"
        "  next: fix it or accept it by the code of its finding, then: docker2cri plan w1 --accept CODE=REASON"
    )
    assert scene.here() == before
    assert scene.told(PodEvicted) == []


def test_a_second_budget_that_comes_during_the_drain_is_named(scene: Scene) -> None:
    scene.web(here=2, there=2, ready=5.0)
    scene.clock.after(1.0, lambda: scene.cluster.add_budget("shop/late", "web", max_unavailable=1, expected=4))
    said = failure(scene.drain, DrainFailed)
    assert "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support." in said
    assert "(PodDisruptionBudgets: web, late)" in said


def test_a_budget_that_never_opens_ends_at_the_timeout(scene: Scene) -> None:
    scene.web(here=2, there=0, ready=None)
    said = failure(lambda: scene.drain(timeout=60), DrainFailed)
    held = next(pod for pod in scene.here())
    assert said == (
        "w1: 1 pod still there:\n"
        f"    PDB shop/web allows 0 disruptions: 1 healthy of 2, 1 needed; it holds {held}\n"
        "  expected: an empty node within 60 s\n"
        "  next: kubectl -n shop describe pdb web"
    )
    assert scene.clock.passed == pytest.approx(61, abs=0.1)
    assert scene.cluster.lowest["shop/web"] == 1


def test_timeout_0_waits_for_ever(scene: Scene) -> None:
    scene.web(here=2, there=0, ready=3000.0)
    assert scene.drain(timeout=0).seconds > 3000


def test_a_pod_held_by_a_finalizer_is_named(scene: Scene) -> None:
    scene.cluster.add_owner("ReplicaSet shop/a", ["w1"], Behaviour(ends=None), finalizers=("example.com/wait",))
    assert failure(lambda: scene.drain(timeout=20), DrainFailed) == (
        "w1: 1 pod still there:\n"
        "    shop/a-x1: ending for 20 s, its grace period is 5 s, held by finalizers example.com/wait\n"
        "  expected: an empty node within 20 s\n"
        "  next: kubectl get pods -A -o wide --field-selector spec.nodeName=w1"
    )


def test_pods_that_end_already_are_waited_for_and_not_evicted(scene: Scene) -> None:
    (pod,) = scene.cluster.add_owner("ReplicaSet shop/a", ["w1"], Behaviour(ends=8.0))
    scene.cluster.end(pod)
    found = scene.drain()
    assert (scene.here(), found.left, scene.told(PodEvicted)) == ([], ("shop/a-x1",), [])
    assert found.seconds == pytest.approx(8, abs=0.1)


def test_a_pod_that_is_not_ready_goes_first_and_costs_no_budget(scene: Scene) -> None:
    scene.web(here=2, there=2, ready=4.0)
    broken = scene.cluster.add_pod("", "w1", "ReplicaSet shop/web", ready=False)
    scene.drain()
    assert scene.told(PodEvicted)[0].pod == broken.key
    assert scene.cluster.lowest["shop/web"] == 3


def test_a_statefulset_pod_of_the_same_name_elsewhere_counts_as_gone(scene: Scene) -> None:
    scene.cluster.add_owner("StatefulSet shop/db", ["w1"])
    assert scene.drain().left == ("shop/db-0",)
    scene.clock.sleep(1)
    assert scene.cluster.read_pod("shop", "db-0") is not None


def test_a_busy_server_and_an_ending_namespace_are_tried_again(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.add_owner("ReplicaSet shop/a", ["w1"])
    cluster.add_owner("ReplicaSet old/b", ["w1"])
    cluster.busy["shop/a-x1"] = 2
    cluster.ending_namespaces.add("old")
    scene.clock.after(6.0, lambda: cluster.remove(cluster.alive["pod-2"]))
    scene.drain()
    assert scene.here() == []
    held = {str(one) for event in scene.told(DrainWaits) for one in event.held}
    assert held == {"shop/a-x1: HTTP 429: too many requests", "old/b-x2: namespace old is being terminated"}


def test_a_pod_that_lands_during_the_drain_is_evicted_too(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.add_owner("ReplicaSet shop/slow", ["w1"], Behaviour(ends=6.0))
    cluster.add_owner("ReplicaSet shop/late", [])
    scene.clock.after(2.0, lambda: cluster.add_pod("", "w1", "ReplicaSet shop/late"))
    found = scene.drain()
    assert [one.decision.owner for one in scene.told(PodAppeared)] == ["ReplicaSet shop/late"]
    assert len(found.left) == 2
    assert scene.here() == []


def test_a_daemonset_made_during_the_drain_stays(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.add_owner("ReplicaSet shop/slow", ["w1"], Behaviour(ends=6.0))
    scene.clock.after(2.0, lambda: cluster.add_owner("DaemonSet ops/new", ["w1"]) and None)
    assert scene.drain().left == ("shop/slow-x1",)
    assert scene.here() == ["ops/new-x3"]


def test_pods_that_come_back_to_the_cordoned_node_end_the_drain(scene: Scene) -> None:
    scene.cluster.add_owner("ReplicaSet ops/sticky", ["w1"], Behaviour(tolerates=True, ends=0.5))
    assert failure(scene.drain, DrainFailed) == (
        "w1: the drain cannot end:\n"
        "    ReplicaSet ops/sticky puts its pods back on the cordoned node: "
        "2 pods were evicted, 2 came back (ops/sticky-x2, ops/sticky-x3)\n"
        "  expected: pods that respect the cordon: no nodeName, no toleration of node.kubernetes.io/unschedulable\n"
        "  next: scale ReplicaSet ops/sticky down for the migration, or docker2cri plan w1, which may leave its pods for the switch"
    )


@pytest.mark.parametrize("kind", ["ReplicaSet", "StatefulSet"])
@pytest.mark.parametrize(("pods", "grace"), [(1, 1.0), (3, 1.0), (10, 1.0), (3, 0.1), (3, 600.0)])
def test_an_owner_is_evicted_once_more_than_it_has_pods_and_no_more(scene: Scene, kind: str, pods: int, grace: float) -> None:
    scene.cluster.add_owner(f"{kind} ops/sticky", ["w1"] * pods, Behaviour(tolerates=True, ends=grace, ready=0.2))
    scene.cluster.add_owner("ReplicaSet shop/slow", ["w1"], Behaviour(ends=1000.0))
    came: list[float] = []
    tell = scene.events.append

    def timed(event: Event) -> None:
        tell(event)
        if isinstance(event, PodAppeared):
            came.append(scene.clock.passed)

    said = failure(lambda: drain(scene.cluster, "w1", DrainPolicy(timeout=0), scene.clock, timed), DrainFailed)
    assert f"{kind} ops/sticky puts its pods back on the cordoned node: {pods + 1} pods were evicted" in said
    assert len([one for one in scene.told(PodEvicted) if one.owner == f"{kind} ops/sticky"]) == pods + 1
    later = kind == "StatefulSet" and pods > 1  # its next pod comes when the one before is gone: then it is enough that the others are here
    assert len(came) == pods + (not later)
    assert scene.clock.passed - came[-1] < 1 + (grace if later else 0)


def test_a_budget_over_a_returning_owner_does_not_hold_the_end_back(scene: Scene) -> None:
    scene.web(here=3, there=0, tolerates=True, ready=0.5, ends=0.5)
    assert "3 pods were evicted" not in (said := failure(scene.drain, DrainFailed))
    assert "ReplicaSet shop/web puts its pods back on the cordoned node: 2 pods were evicted, 2 came back" in said
    assert scene.cluster.lowest["shop/web"] == 2


def test_pods_that_were_on_their_way_are_no_return(scene: Scene) -> None:
    owner = "ReplicaSet shop/late"
    scene.cluster.add_owner(owner, ["w1"], Behaviour(ends=20.0))
    late = [scene.cluster.add_pod("", "", owner, ready=False, phase="Pending") for _ in range(5)]
    for number, pod in enumerate(late):
        scene.clock.after(0.5 + number / 5, lambda pod=pod: scene.cluster.bind(pod, "w1"))
    assert len(scene.drain().left) == 6


def test_a_pod_that_may_come_back_and_does_stays_for_the_switch(scene: Scene) -> None:
    anywhere = PodSpec(tolerations=(Toleration(operator="Exists"),))
    scene.cluster.add_owner("ReplicaSet ops/operator", ["w1"], Behaviour(tolerates=True), template=anywhere, spec=anywhere)
    assert scene.drain().left == ("ops/operator-x1",)
    assert scene.here() == ["ops/operator-x2"]
    (came,) = scene.told(PodAppeared)
    assert came.decision.reason == "it came back: it tolerates node.kubernetes.io/unschedulable; 1 other node would take it too"


def test_a_pod_that_would_come_back_is_not_evicted(scene: Scene) -> None:
    pinned = PodSpec(node_name="w1")
    scene.cluster.add_owner("ReplicaSet ops/pinned", ["w1"], Behaviour(tolerates=True), template=pinned)
    assert "ops/pinned-x1: it would come back here: its template sets nodeName: w1" in failure(scene.drain, Blocked)
    assert scene.drain(leave_returning=True).left == ()
    assert (scene.here(), scene.told(PodEvicted)) == (["ops/pinned-x1"], [])


def test_an_owner_that_comes_during_the_drain_and_would_come_back_ends_it(scene: Scene) -> None:
    scene.cluster.add_owner("ReplicaSet shop/slow", ["w1"], Behaviour(ends=60.0))
    scene.clock.after(2.0, lambda: scene.cluster.add_owner("ReplicaSet ops/late", ["w1"] * 3, Behaviour(tolerates=True)) and None)
    assert "ReplicaSet ops/late puts its pods back on the cordoned node: 4 pods were evicted, 4 came" in failure(scene.drain, DrainFailed)
    assert scene.clock.passed < 4


def test_a_bare_pod_that_comes_during_the_drain_ends_it(scene: Scene) -> None:
    scene.cluster.add_owner("ReplicaSet shop/slow", ["w1"], Behaviour(ends=6.0))
    scene.clock.after(2.0, lambda: scene.cluster.add_pod("shop/bare", "w1") and None)
    said = failure(scene.drain, DrainFailed)
    assert "shop/bare came during the drain: nothing manages it: it would be gone for good" in said


def test_a_node_that_is_not_cordoned_is_not_drained(scene: Scene) -> None:
    scene.cluster.add_owner("ReplicaSet shop/a", ["w2"])
    said = failure(lambda: drain(scene.cluster, "w2", DrainPolicy(), scene.clock, scene.events.append), DrainFailed)
    assert said == (
        "w2: it is not cordoned: new pods come as others leave\n"
        "  expected: spec.unschedulable: true until the migration ends\n"
        "  next: kubectl get node w2 --show-managed-fields -o yaml, which says who uncordoned it"
    )


def test_somebody_uncordons_during_the_drain(scene: Scene) -> None:
    scene.cluster.add_owner("ReplicaSet shop/slow", ["w1"], Behaviour(ends=60.0))
    scene.clock.after(2.0, lambda: scene.cluster.schedulable("w1", True))
    assert failure(scene.drain, DrainFailed).startswith("w1: it is not cordoned any more: new pods come as others leave\n")


def test_the_api_goes_away_and_comes_back(scene: Scene) -> None:
    scene.web(here=2, there=2)
    scene.clock.after(0.5, lambda: setattr(scene.cluster, "down_until", scene.clock.passed + 15))
    assert len(scene.drain().left) == 2
    away = scene.told(ApiAway)
    assert 14 <= away[-1].seconds <= 17  # until an eviction is answered again
    assert {(one.doing, one.reason, one.bound) for one in away} == {("draining w1", "https://api: no connection", 30)}


def test_the_api_stays_away(scene: Scene) -> None:
    scene.web(here=2, there=2)
    scene.clock.after(0.5, lambda: setattr(scene.cluster, "down_until", 1e9))
    assert failure(scene.drain, ClusterUnreachable) == (
        "w1: draining w1: the API has been away for 30 s: https://api: no connection\n"
        "  expected: an API server that answers\n"
        "  next: kubectl get --raw /readyz, then the same command again: it goes on where it was"
    )


def test_what_tell_raises_ends_the_drain(scene: Scene) -> None:
    scene.web(here=2, there=2, ends=600.0)

    def tell(event: Event) -> None:
        if isinstance(event, DrainWaits) and event.seconds > 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drain(scene.cluster, "w1", DrainPolicy(), scene.clock, tell)
    assert scene.clock.passed < 6


def test_a_smoke_pod_left_by_an_earlier_run_does_not_hold_the_drain(scene: Scene) -> None:
    scene.cluster.create_pod(smoke_manifest("w1", "pause", "run-0"))
    assert scene.drain().left == ()
    assert scene.here() == []


def test_gone_pods_are_told_with_their_time(scene: Scene) -> None:
    scene.cluster.add_owner("ReplicaSet shop/a", ["w1"], Behaviour(ends=4.0))
    scene.drain()
    (gone,) = scene.told(PodGone)
    assert (gone.pod, round(gone.seconds)) == ("shop/a-x1", 4)


def attachment(name: str) -> VolumeAttachment:
    source = AttachmentSource(persistent_volume_name=name)
    return VolumeAttachment(metadata=LiveMetadata(name=f"csi-{name}"), spec=AttachmentSpec(node_name="w1", attacher="csi.x", source=source))


def test_volumes_are_waited_for(scene: Scene) -> None:
    cluster = scene.cluster
    cluster.attachments.append(attachment("pv-1"))
    node = cluster.nodes["w1"]
    cluster.nodes["w1"] = replace(node, status=replace(node.status, volumes_in_use=("kubernetes.io/csi/csi.x^pv-1", "kubernetes.io/nfs/y")))
    scene.clock.after(3.0, cluster.attachments.clear)
    scene.clock.after(5.0, lambda: cluster.nodes.update(w1=node))
    wait_volumes_detached(cluster, "w1", scene.clock, scene.events.append)
    assert scene.clock.passed == pytest.approx(5, abs=0.6)
    assert scene.events[0].volumes == ("pv-1 (csi.x)", "kubernetes.io/nfs/y")


def test_a_volume_that_stays_attached_is_named(scene: Scene) -> None:
    scene.cluster.attachments.append(attachment("pv-1"))
    assert failure(lambda: wait_volumes_detached(scene.cluster, "w1", scene.clock, scene.events.append, 30), VolumesStay) == (
        "w1: volumes are still attached after 30 s:\n"
        "    pv-1 (csi.x)\n"
        "  expected: no VolumeAttachment for the node and an empty status.volumesInUse, before its kubelet stops\n"
        "  next: kubectl get volumeattachments | grep w1"
    )
