"""Which pods a drain moves: kubectl's filters."""

from __future__ import annotations

from msgspec.structs import replace

from migrate.facts.api import Metadata, OwnerReference
from migrate.facts.cluster import ClusterFacts
from migrate.facts.pod import Pod, PodSpec, PodStatus
from migrate.facts.pod_volumes import EmptyDir, Volume
from migrate.plan.drain import EVICT, KEEP, REFUSE, classify
from migrate.plan.steps import DrainPolicy
from tests.captured import cluster


def pod(
    name: str,
    owner: str | None = "ReplicaSet",
    *,
    phase: str = "Running",
    empty_dir: bool = False,
    annotations: dict[str, str] | None = None,
) -> Pod:
    owners = (OwnerReference(kind=owner, name="own", controller=True),) if owner else None
    volumes = (Volume(name="scratch", empty_dir=EmptyDir()),) if empty_dir else None
    metadata = Metadata(name=name, namespace="n", owner_references=owners, annotations=annotations)
    return Pod(metadata=metadata, spec=PodSpec(volumes=volumes), status=PodStatus(phase=phase))


def decided(*pods: Pod, policy: DrainPolicy | None = None, facts: ClusterFacts | None = None) -> list[tuple[str, str]]:
    found = classify(pods, facts or ClusterFacts(server="v1.23.17", taken=0), policy or DrainPolicy())
    return [(one.action, one.reason) for one in found]


def test_an_owned_pod_is_evicted() -> None:
    assert decided(pod("a")) == [(EVICT, "no PodDisruptionBudget")]


def test_a_bare_pod_and_local_data_refuse_until_allowed() -> None:
    assert decided(pod("bare", None), pod("data", empty_dir=True)) == [
        (REFUSE, "nothing manages it: it would be gone for good"),
        (REFUSE, "data in emptyDir volumes (scratch) would be lost"),
    ]
    allowed = DrainPolicy(force=True, delete_emptydir_data=True)
    assert decided(pod("bare", None), pod("data", empty_dir=True), policy=allowed) == [(EVICT, "no PodDisruptionBudget")] * 2


def test_finished_pods_go_whatever_they_hold() -> None:
    assert decided(pod("done", None, phase="Succeeded", empty_dir=True)) == [(EVICT, "finished")]


def test_mirror_pods_stay() -> None:
    mirror = pod("static", None, annotations={"kubernetes.io/config.mirror": "x"})
    assert decided(mirror) == [(KEEP, "a static pod: it runs again under the target")]


def test_a_daemonsets_pod_stays_and_an_orphan_of_one_refuses() -> None:
    facts = cluster()
    member = next(one for one in facts.pods if one.metadata.controller and one.metadata.controller.kind == "DaemonSet")
    assert decided(member, facts=facts) == [(KEEP, "a pod of a DaemonSet: its containers are created again under the target")]
    without = replace(facts, owners=tuple(one for one in facts.owners if one.kind != "DaemonSet"))
    assert decided(member, facts=without) == [(REFUSE, "its DaemonSet no longer exists: it would be gone for good")]


def test_every_pod_of_the_lab_is_decided_before_one_is_touched() -> None:
    facts = cluster()
    found = classify(facts.pods_on("lab-w2"), facts, DrainPolicy())
    assert {one.pod: one.action for one in found if one.action != KEEP}["shop/legacy-import"] == REFUSE
    assert len(found) == len(facts.pods_on("lab-w2"))
