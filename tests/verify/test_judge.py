"""Whether a node is back: judged from what was there before and what the API and the node say now."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from migrate.facts.api import Condition, Metadata
from migrate.facts.cluster import (
    ClusterFacts,
    LocalPath,
    NodeInfo,
    OwnerSpec,
    OwnerStatus,
    PersistentVolume,
    PersistentVolumeSpec,
    VolumeClaimRef,
)
from migrate.facts.live import ContainerState, LiveContainer, LivePod, Waiting
from migrate.facts.pod import PodSpec
from migrate.facts.pod_volumes import Claim, Volume
from migrate.formats.rfc3339 import seconds
from migrate.plan.drain import classify
from migrate.plan.steps import DrainPolicy
from migrate.verify.judge import (
    Before,
    EvictedWorkload,
    Evidence,
    Expected,
    Failed,
    Passed,
    Pending,
    judge_node,
    judge_workloads,
)
from migrate.verify.snapshot import snapshot
from tests.captured import cluster as captured
from tests.fakes import FakeClock, FakeCluster

NEW = "containerd://"
OLD = "docker://"


def scene() -> FakeCluster:
    found = FakeCluster(FakeClock())
    found.add_node("w1", lab="clean")
    found.add_node("w2", lab="dirty")
    found.add_owner("DaemonSet ops/agent", ["w1", "w2"])
    found.add_pod("kube-system/static-w1", "w1", annotations={"kubernetes.io/config.mirror": "x"})
    found.add_owner("ReplicaSet shop/web", ["w1", "w1", "w2"])
    return found


def taken(facts: ClusterFacts, accepted: tuple[str, ...] = (), policy: DrainPolicy | None = None) -> Before:
    policy = policy or DrainPolicy(force=True, delete_emptydir_data=True)
    return snapshot(facts, "w1", classify(facts.pods_on("w1"), facts, policy), accepted)


def switched(found: FakeCluster, number: int = 90, runtime: str = "containerd", beat: str = "2024-05-01T12:05:00Z") -> None:
    """The node's own pods run in new containers and the node says so."""
    node = found.nodes["w1"]
    ready = Condition(type="Ready", status="True", last_heartbeat_time=beat)
    info = replace(node.status.node_info, container_runtime_version=f"{runtime}://1.6.20")
    found.nodes["w1"] = replace(node, status=replace(node.status, conditions=(ready,), node_info=info))
    for count, pod in enumerate(found.pods_on("w1")):
        container = LiveContainer(name="c", ready=True, container_id=f"{runtime}://{number + count:064x}")
        found.change(pod, container_statuses=(container,))


STARTED = Evidence(kubelet_started=seconds("2024-05-01T12:04:59.7Z") // 1)


def a(found: FakeCluster, before: Before, evidence: Evidence = STARTED, prefix: str = NEW) -> Pending | Passed | Failed:
    return judge_node(before, found.nodes.get("w1"), found.pods_on("w1"), evidence, prefix)


def b(found: FakeCluster, before: Before, prefix: str = NEW) -> Pending | Passed | Failed:
    return judge_workloads(before, found.workloads(["shop"]), found.nodes.get("w1"), found.pods_on("w1"), prefix)


def evicted(found: FakeCluster) -> Before:
    """A snapshot, then the evicted pods away."""
    before = taken(found.read())
    for pod in found.pods_on("w1"):
        if pod.metadata.namespace == "shop":
            found.remove(pod)
    return before


def test_the_snapshot_says_what_is_required() -> None:
    found = scene()
    found.add_pod("shop/bare", "w1")
    found.add_pod("shop/broken", "w1", "ReplicaSet shop/broken", ready=False)
    found.add_pod("shop/done", "w1", "Job shop/done", phase="Succeeded", ready=False)
    before = taken(found.read())
    assert before.expected == (
        Expected(pod="kube-system/static-w1", owner="Pod kube-system/static-w1"),
        Expected(pod="ops/agent-x1", owner="DaemonSet ops/agent", controller="DaemonSet ops/agent"),
    )
    assert before.workloads == (EvictedWorkload(owner="ReplicaSet shop/web", namespace="shop", ready=3),)
    assert before.notes == (
        "1 pod was not ready before; not required: shop/broken",
        "1 pod has no owner; not required: shop/bare",
    )
    assert before.kubelet == "v1.23.17"
    assert len(before.containers) == 6


def test_pods_that_were_not_ready_are_counted_and_five_are_named() -> None:
    found = scene()
    for number in range(7):
        found.add_pod(f"shop/broken-{number}", "w1", "ReplicaSet shop/broken", ready=False)
    names = ", ".join(f"shop/broken-{number}" for number in range(5))
    assert taken(found.read()).notes == (f"7 pods were not ready before; not required: {names} and 2 more",)


def test_pods_elsewhere_of_what_is_verified_are_told_too() -> None:
    found = scene()
    for number in range(7):
        found.add_pod(f"shop/late-{number}", "w2" if number else "", "ReplicaSet shop/web", ready=False)
    found.add_pod("shop/other", "w2", "ReplicaSet shop/other", ready=False)  # nothing of it is verified
    before = taken(found.read())
    names = ", ".join(f"shop/late-{number}" for number in range(5))
    assert before.notes == (f"7 pods were not ready before on other nodes; not required: {names} and 2 more",)
    assert before.workloads == (EvictedWorkload(owner="ReplicaSet shop/web", namespace="shop", ready=3),)


@pytest.mark.parametrize("what", ["no owner", "under an accepted finding"])
def test_every_list_is_bounded(what: str) -> None:
    found = scene()
    for number in range(7):
        found.add_pod(f"shop/bare-{number}", "w1")
    accepted = tuple(f"Pod shop/bare-{number}" for number in range(7)) if what != "no owner" else ()
    names = ", ".join(f"shop/bare-{number}" for number in range(5))
    verb = "have" if what == "no owner" else "are"
    assert taken(found.read(), accepted).notes == (f"7 pods {verb} {what}; not required: {names} and 2 more",)


def test_pods_under_an_accepted_finding_are_told_and_not_required() -> None:
    found = scene()
    before = taken(found.read(), ("DaemonSet ops/agent",))
    assert [one.pod for one in before.expected] == ["kube-system/static-w1"]
    switched(found)
    agent = found.read_pod("ops", "agent-x1")
    assert agent is not None
    state = ContainerState(waiting=Waiting(reason="CrashLoopBackOff", message="back-off 10s"))
    found.change(agent, container_statuses=(LiveContainer(name="c", state=state),), conditions=())
    assert a(found, before) == Passed(
        notes=(
            "1 pod is under an accepted finding; not required: ops/agent-x1",
            "not Ready and not required: ops/agent-x1: c: CrashLoopBackOff: back-off 10s",
        )
    )


def test_a_kubelet_that_ends_again_and_again_is_the_first_reason() -> None:
    found = scene()
    before = taken(found.read())
    switched(found)
    restarted = replace(STARTED, restarts=12, ended='E1130 kubelet.go:1414] "Failed to start cAdvisor" err="too many open files"')
    assert a(found, before, restarted) == Passed(notes=before.notes)
    node = found.nodes["w1"]
    silent = Condition(type="Ready", status="Unknown", reason="NodeStatusUnknown", message="Kubelet stopped posting node status.")
    found.nodes["w1"] = replace(node, status=replace(node.status, conditions=(silent,)))
    assert a(found, before, restarted) == Pending(
        reasons=(
            "the kubelet ended and systemd started it again 12 times; its last error: "
            'E1130 kubelet.go:1414] "Failed to start cAdvisor" err="too many open files"',
            "the node's Ready is Unknown: NodeStatusUnknown: Kubelet stopped posting node status.",
        )
    )


def test_the_captured_labs_snapshot() -> None:
    facts = captured()
    before = snapshot(facts, "lab-w1", classify(facts.pods_on("lab-w1"), facts, DrainPolicy()))
    assert [one.owner for one in before.expected] == [
        "DaemonSet kube-system/kube-proxy",
        "DaemonSet ops/node-tuner",
        "DaemonSet ops/portal",
    ]
    assert EvictedWorkload(owner="StatefulSet shop/db", namespace="shop", ready=1, here=1) in before.workloads


def test_a_passes_on_new_containers() -> None:
    found = scene()
    before = evicted(found)
    switched(found)
    assert a(found, before) == Passed()


def test_a_works_in_both_directions() -> None:
    found = scene()
    found.nodes["w1"] = replace(
        found.nodes["w1"], status=replace(found.nodes["w1"].status, node_info=NodeInfo(container_runtime_version="containerd://1.6.20"))
    )
    before = evicted(found)
    assert isinstance(a(found, before, prefix=OLD), Pending)
    switched(found, runtime="docker")
    assert a(found, before, prefix=OLD) == Passed()


def test_a_stale_ready_is_not_enough() -> None:
    found = scene()
    before = evicted(found)
    assert a(found, before) == Pending(
        reasons=(
            "the node reports docker://20.10.24, not containerd://",
            "the node's Ready is older than the start of its kubelet",
            "kube-system/static-w1: no container of containerd:// yet",
            "ops/agent-x1: no container of containerd:// yet",
        )
    )


def test_back_on_docker_the_containers_of_before_do_not_count() -> None:
    found = scene()
    before = evicted(found)
    node = found.nodes["w1"]
    beat = Condition(type="Ready", status="True", last_heartbeat_time="2024-05-01T12:05:00Z")
    found.nodes["w1"] = replace(node, status=replace(node.status, conditions=(beat,)))
    assert a(found, before, prefix=OLD) == Pending(
        reasons=(
            "kube-system/static-w1: the API still shows the container of before",
            "ops/agent-x1: the API still shows the container of before",
        )
    )


def test_containers_that_never_stopped_count_when_the_node_says_that_they_run() -> None:
    found = scene()
    before = evicted(found)
    switched(found, runtime="docker")
    running = frozenset(one.container_id.removeprefix(OLD) for pod in found.pods_on("w1") for one in pod.status.container_statuses or ())
    told = replace(STARTED, running=running)
    assert a(found, replace(before, containers=tuple(OLD + one for one in running)), told, OLD) == Passed()
    (first,) = found.pods_on("w1")[0].status.container_statuses or ()
    lost = replace(told, running=running - {first.container_id.removeprefix(OLD)})
    assert a(found, before, lost, OLD) == Pending(reasons=(f"kube-system/static-w1: {first.container_id[:24]} does not run",))


def test_a_node_that_is_not_ready_says_why() -> None:
    found = scene()
    before = evicted(found)
    switched(found)
    node = found.nodes["w1"]
    broken = Condition(
        type="Ready",
        status="False",
        reason="KubeletNotReady",
        message="cni plugin not initialized",
        last_heartbeat_time="2024-05-01T12:05:00Z",
    )
    found.nodes["w1"] = replace(node, status=replace(node.status, conditions=(broken,)))
    assert a(found, before) == Pending(reasons=("the node's Ready is False: KubeletNotReady: cni plugin not initialized",))


def test_the_node_becomes_ready_and_its_pods_do_not() -> None:
    found = scene()
    before = evicted(found)
    switched(found)
    agent = found.read_pod("ops", "agent-x1")
    assert agent is not None
    state = ContainerState(waiting=Waiting(reason="CreateContainerError", message="no such device"))
    found.change(agent, container_statuses=(LiveContainer(name="c", state=state),), conditions=())
    assert a(found, before) == Pending(reasons=("ops/agent-x1: c: CreateContainerError: no such device",))
    state = ContainerState(waiting=Waiting(reason="ErrImageNeverPull"))
    found.change(agent, container_statuses=(LiveContainer(name="c", state=state),))
    assert a(found, before) == Failed(reasons=("ops/agent-x1: c: ErrImageNeverPull",))


def test_a_daemonset_pod_may_be_another_one_and_must_be_there() -> None:
    found = scene()
    before = evicted(found)
    agent = found.read_pod("ops", "agent-x1")
    assert agent is not None
    found.remove(agent)
    switched(found)
    assert a(found, before) == Pending(reasons=("ops/agent-x1 (DaemonSet ops/agent) is not on the node",))
    found.add_pod("", "w1", "DaemonSet ops/agent")
    assert a(found, before) == Passed()


def test_a_wants_a_pod_back_that_stayed_because_its_owner_would_put_it_here_again() -> None:
    found = scene()
    found.add_owner("ReplicaSet shop/pinned", ["w1"], template=PodSpec(node_name="w1"))
    before = taken(found.read(), policy=DrainPolicy(leave_returning=True))
    pinned = next(one for one in before.expected if one.owner == "ReplicaSet shop/pinned")
    for workload in before.workloads:
        for pod in found.pods_on("w1"):
            if pod.metadata.controller and pod.metadata.controller.name == workload.owner.rpartition("/")[2]:
                found.remove(pod)
    switched(found)
    assert a(found, before) == Passed()
    pod = found.read_pod("shop", pinned.pod.partition("/")[2])
    assert pod is not None
    found.remove(pod)
    assert a(found, before) == Pending(reasons=(f"{pinned.pod} (ReplicaSet shop/pinned) is not on the node",))
    found.add_pod("", "w1", "ReplicaSet shop/pinned")  # of the new runtime
    assert a(found, before) == Passed()


def test_a_node_that_is_gone_fails() -> None:
    found = scene()
    before = evicted(found)
    del found.nodes["w1"]
    assert judge_node(before, None, (), STARTED, NEW) == Failed(reasons=("the Node object w1 is gone",))
    assert judge_workloads(before, found.workloads(["shop"]), None, (), NEW) == Failed(reasons=("the Node object w1 is gone",))


def test_b_wants_the_owners_counts_back_anywhere() -> None:
    found = scene()
    before = evicted(found)
    switched(found)
    assert b(found, before) == Pending(reasons=("ReplicaSet shop/web: 1 of 3 pods Ready",))
    found.add_pod("", "w2", "ReplicaSet shop/web")
    found.add_pod("", "w2", "ReplicaSet shop/web", ready=False, phase="Pending")
    assert b(found, before) == Pending(reasons=("ReplicaSet shop/web: 2 of 3 pods Ready (web-x8 Pending on w2)",))
    found.add_pod("", "w1", "ReplicaSet shop/web")
    assert b(found, before) == Passed()


def test_b_follows_a_scaling_down_and_a_deletion() -> None:
    found = scene()
    before = evicted(found)
    switched(found)
    found.owners = [replace(one, spec=OwnerSpec(replicas=1)) if one.kind == "ReplicaSet" else one for one in found.owners]
    assert b(found, before) == Passed()
    found.owners = [one for one in found.owners if one.kind != "ReplicaSet"]
    assert b(found, before) == Passed()


def test_b_wants_pinned_pods_here() -> None:
    found = scene()
    claim = Volume(name="data", persistent_volume_claim=Claim(claim_name="data"))
    found.add_owner("StatefulSet shop/db", ["w1"], spec=PodSpec(volumes=(claim,)))
    found.add_owner("ReplicaSet shop/picky", ["w1"], spec=PodSpec(node_selector={"lab": "clean"}))
    found.add_owner("ReplicaSet shop/free", ["w1"], spec=PodSpec(node_selector={"kubernetes.io/hostname": "w2"}))
    volume = PersistentVolume(
        metadata=Metadata(name="pv"),
        spec=PersistentVolumeSpec(local=LocalPath(path="/srv"), claim_ref=VolumeClaimRef(name="data", namespace="shop")),
    )
    before = taken(replace(found.read(), volumes=(volume,)))
    assert {one.owner: one.here for one in before.workloads} == {
        "ReplicaSet shop/free": 0,
        "ReplicaSet shop/picky": 1,
        "ReplicaSet shop/web": 0,
        "StatefulSet shop/db": 1,
    }
    pod = found.read_pod("shop", "db-0")
    assert pod is not None
    found.remove(pod)
    switched(found)
    found.add_pod("shop/db-0", "w2", "StatefulSet shop/db")
    assert b(found, before) == Pending(reasons=("StatefulSet shop/db: 0 of 1 pods that can run on this node only are Ready",))


def test_b_is_content_with_a_job_that_succeeded() -> None:
    found = scene()
    found.add_owner("Job shop/import", ["w1"])
    before = evicted(found)
    switched(found)
    for _ in range(2):
        found.add_pod("", "w2", "ReplicaSet shop/web")
    assert b(found, before) == Pending(reasons=("Job shop/import: no pod runs or has succeeded",))
    found.add_pod("shop/import-2", "w2", "Job shop/import", phase="Succeeded", ready=False)
    assert b(found, before) == Passed()


@pytest.mark.parametrize("how", ["Complete", "Failed"])
def test_b_does_not_wait_for_a_job_that_ended_and_whose_last_pod_was_evicted(how: str) -> None:
    found = scene()
    found.add_owner("Job shop/import", ["w1"])
    before = evicted(found)
    switched(found)
    for _ in range(2):
        found.add_pod("", "w2", "ReplicaSet shop/web")
    ended = OwnerStatus(conditions=(Condition(type=how, status="True"),))
    found.owners = [replace(one, status=ended) if one.kind == "Job" else one for one in found.owners]
    assert b(found, before) == Passed()


def test_b_tells_a_pod_that_runs_on_the_old_runtime() -> None:
    found = scene()
    before = evicted(found)
    switched(found)
    for _ in range(2):
        found.add_pod("", "w2", "ReplicaSet shop/web")
    found.change(found.pods_on("w1")[0], container_statuses=(LiveContainer(name="c", ready=True, container_id="docker://" + "ab" * 32),))
    assert b(found, before) == Pending(reasons=("kube-system/static-w1 runs on another runtime: docker://abababababababa",))


def test_what_a_pod_says_is_masked_and_printable() -> None:
    state = ContainerState(waiting=Waiting(reason="X", message="password=hunter2secret \x1b[31m"))
    pod = FakeCluster(FakeClock())
    pod.add_node("w1")
    one: LivePod = pod.add_pod("a/b", "w1")
    said = replace(one, status=replace(one.status, container_statuses=(LiveContainer(name="c", state=state),))).trouble
    assert "hunter2secret" not in said
    assert "\x1b" not in said


def test_a_snapshot_survives_the_journal() -> None:
    before = taken(scene().read())
    assert msgspec.json.decode(msgspec.json.encode(before), type=Before) == before
