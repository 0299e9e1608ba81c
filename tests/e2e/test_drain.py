"""Cordon, drain, uncordon and verification on a real worker, against a real API server's own words."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from migrate.errors import Blocked
from migrate.plan.drain import classify
from migrate.plan.mark import RUN_ANNOTATION, Mark
from migrate.plan.steps import DrainPolicy
from migrate.run.clock import SystemClock
from migrate.run.kube.client import connect
from migrate.run.kube.drain import DrainFailed, drain
from migrate.run.kube.events import DrainWaits, Event, PodEvicted
from migrate.run.kube.evidence import Asked
from migrate.run.kube.port import Accepted, Gone, Never, NotNow
from migrate.run.kube.smoke import Smoked, smoke
from migrate.run.kube.verify import verify_workloads
from migrate.run.kube.volumes import wait_volumes_detached
from migrate.run.kube.writes import ActingKube, acting
from migrate.run.ports import CommandResult
from migrate.verify.judge import Evidence, Passed, judge_node
from migrate.verify.snapshot import snapshot
from tests.lab.fixtures import Lab
from tests.lab.spec import BUSYBOX, PAUSE

pytestmark = pytest.mark.lab

NODE, SPACE, RUN = "lab-w1", "drain-test", "drain-test"
CLOCK = SystemClock()


@dataclass
class Inside:
    """See ports.Host: as much of it as is asked for."""

    lab: Lab
    name: str = NODE

    def run(self, script: bytes, **_: object) -> CommandResult:
        return CommandResult(0, self.lab.inside(NODE, "sh", "-c", script.decode()).encode(), b"")


def inside(lab: Lab) -> Any:
    return lambda call: call(Inside(lab))


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def cluster(lab: Lab, events: list[Event]) -> ActingKube:
    return acting(connect(kubeconfig=str(lab.kubeconfig), context=None, environ=os.environ, clock=CLOCK), events.append)


@pytest.fixture
def space(lab: Lab) -> Iterator[Callable[..., None]]:
    """Makes pods and budgets in a namespace of their own, which goes away afterwards."""
    lab.kubectl("create", "namespace", SPACE)

    def pods(name: str, *, budgets: int = 0, healthy: int = 1) -> None:
        container = {
            "name": "c",
            "image": BUSYBOX,
            "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait $!"],
        }
        meta = {"name": name, "namespace": SPACE, "labels": {"app": name}}
        spec = {"containers": [container], "nodeName": NODE, "terminationGracePeriodSeconds": 2}
        apply(lab, {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
        for number in range(budgets):
            budget = {"selector": {"matchLabels": {"app": name}}, "minAvailable": healthy}
            names = {"name": f"{name}-{number}", "namespace": SPACE}
            apply(lab, {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": names, "spec": budget})
        lab.kubectl("-n", SPACE, "wait", "--for=condition=Ready", "--timeout=60s", f"pod/{name}")

    yield pods
    lab.kubectl("delete", "namespace", SPACE, "--wait=true", "--timeout=60s")


def apply(lab: Lab, manifest: dict[str, object]) -> None:
    kubectl = [str(lab.kubeconfig.parent / "kubectl"), "--kubeconfig", str(lab.kubeconfig), "apply", "-f", "-"]
    subprocess.run(kubectl, input=json.dumps(manifest), text=True, check=True, capture_output=True)


@contextmanager
def cordoned(cluster: ActingKube) -> Iterator[None]:
    cluster.cordon(NODE, Mark(run=RUN, cordoned_before=False))
    try:
        yield
    finally:
        cluster.uncordon(NODE, RUN)


@contextmanager
def budget_watched(lab: Lab, namespace: str, name: str) -> Iterator[list[dict[str, int]]]:
    """What the API's watch says of a budget's status meanwhile; filled at the end of the block."""
    kubectl = [str(lab.kubeconfig.parent / "kubectl"), "--kubeconfig", str(lab.kubeconfig), "-n", namespace]
    seen: list[dict[str, int]] = []
    with subprocess.Popen(
        [*kubectl, "get", "pdb", name, "-w", "-o", "jsonpath={.status}{'\\n'}"], stdout=subprocess.PIPE, text=True
    ) as watch:
        try:
            yield seen
        finally:
            watch.terminate()
            assert watch.stdout is not None
            seen += [json.loads(line) for line in watch.stdout.read().splitlines() if line.strip()]


def test_a_worker_is_drained_and_comes_back_whole(lab: Lab, cluster: ActingKube, events: list[Event]) -> None:
    policy = DrainPolicy(timeout=180)
    facts = cluster.read()
    before = snapshot(facts, NODE, classify(facts.pods_on(NODE), facts, policy))
    try:
        with budget_watched(lab, "shop", "web") as seen, cordoned(cluster):
            assert cluster.read_node(NODE).metadata.annotation(RUN_ANNOTATION) == "drain-test,cordoned-before=false"
            found = drain(cluster, NODE, policy, CLOCK, events.append)
            wait_volumes_detached(cluster, NODE, CLOCK, events.append, 60)
            stays = {one.metadata.controller.kind for one in cluster.pods_on(NODE) if one.metadata.controller}
            assert stays == {"DaemonSet"}
            assert "shop/db-0" in found.left
            assert {one.pod for one in events if isinstance(one, PodEvicted)} <= set(found.left)
            node, pods = cluster.read_node(NODE), cluster.pods_on(NODE)
            assert (
                judge_node(before, node, pods, Evidence(kubelet_started=0.0), "docker://") != Passed()
            )  # the containers are those of before
            fresh = replace(before, containers=())
            assert judge_node(fresh, node, pods, Evidence(kubelet_started=0.0), "docker://") == Passed()
        assert not cluster.read_node(NODE).spec.unschedulable
        assert cluster.read_node(NODE).metadata.annotation(RUN_ANNOTATION) is None
        verify_workloads(cluster, before, "docker://", Asked(inside(lab), "docker://"), CLOCK, events.append, 120)
        db = cluster.read_pod("shop", "db-0")
        assert db is not None
        assert db.spec.node_name == NODE
        assert seen
        assert all(one["currentHealthy"] >= one["desiredHealthy"] for one in seen)
    finally:
        lab.kubectl("-n", "shop", "rollout", "restart", "deployment/web")  # over both workers again
        lab.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=120s")


def test_every_problem_is_told_and_nothing_is_touched(
    lab: Lab, cluster: ActingKube, events: list[Event], space: Callable[..., None]
) -> None:
    space("bare")
    names = {one.key for one in cluster.pods_on(NODE)}
    with cordoned(cluster), pytest.raises(Blocked) as error:
        drain(cluster, NODE, DrainPolicy(), CLOCK, events.append)
    assert str(error.value) == (
        "lab-w1: 1 pod cannot be drained, and nothing has been touched:\n"
        "    drain-test/bare: nothing manages it: it would be gone for good\n"
        "  expected: pods that can be evicted and are made again elsewhere\n"
        "  next: fix it or accept it by the code of its finding, then: docker2cri plan lab-w1 --accept CODE=REASON"
    )
    assert names <= {one.key for one in cluster.pods_on(NODE)}


def test_the_servers_answers_to_evictions(cluster: ActingKube, space: Callable[..., None]) -> None:
    space("two", budgets=2)
    space("held", budgets=1)
    space("free")
    pods = {one.metadata.name: one for one in cluster.pods_on(NODE) if one.metadata.namespace == SPACE}
    time.sleep(1)  # the disruption controller counts
    assert cluster.evict(pods["two"]) == Never(
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    )
    assert cluster.evict(pods["held"]) == NotNow("The disruption budget held-0 needs 1 healthy pods and has 1 currently", True)
    other = replace(pods["free"], metadata=replace(pods["free"].metadata, uid="00000000-0000-0000-0000-000000000000"))
    assert cluster.evict(other) == Gone()
    assert cluster.read_pod(SPACE, "free") is not None
    assert cluster.evict(pods["free"]) == Accepted()


def test_a_budget_that_does_not_open_is_named(cluster: ActingKube, events: list[Event], space: Callable[..., None]) -> None:
    space("held", budgets=1)
    kept = {one.key for one in cluster.pods_on(NODE) if one.metadata.namespace != SPACE}

    class OnlyOurs(ActingKube):
        """The drain sees and moves this test's pods only."""

        def read(self):  # type: ignore[no-untyped-def]
            facts = super(ActingKube, self).read()
            return replace(facts, pods=tuple(one for one in facts.pods if one.metadata.namespace == SPACE))

        def watch(self, node: str):  # type: ignore[no-untyped-def]
            return only_ours(cluster.watch(node))

    narrow = OnlyOurs(cluster.api, cluster.clock, cluster.door, cluster.tell)
    with cordoned(cluster), pytest.raises(DrainFailed) as error:
        drain(narrow, NODE, DrainPolicy(force=True, timeout=6), CLOCK, events.append)
    assert str(error.value) == (
        "lab-w1: 1 pod still there:\n"
        "    PDB drain-test/held-0 allows 0 disruptions: 1 healthy of 1, 1 needed; it holds drain-test/held\n"
        "  expected: an empty node within 6 s\n"
        "  next: kubectl -n drain-test describe pdb held-0"
    )
    assert next(one for one in events if isinstance(one, DrainWaits)).budgets[0].budget == "drain-test/held-0"
    assert kept <= {one.key for one in cluster.pods_on(NODE)}


@contextmanager
def only_ours(watch):  # type: ignore[no-untyped-def]
    with watch as view:
        whole = view.pods
        view.pods = lambda: tuple(one for one in whole() if one.metadata.namespace == SPACE)
        yield view


def test_whose_cordon_it_is(lab: Lab, cluster: ActingKube) -> None:
    lab.kubectl("cordon", NODE)
    try:
        cluster.cordon(NODE, Mark(run=RUN, cordoned_before=True))
        assert cluster.uncordon(NODE, RUN) == "it was found cordoned"
        assert cluster.read_node(NODE).spec.unschedulable
    finally:
        lab.kubectl("uncordon", NODE)
    with cordoned(cluster):
        lab.kubectl("uncordon", NODE)
        lab.kubectl("cordon", NODE)
        said = cluster.uncordon(NODE, RUN)
        lab.kubectl("uncordon", NODE)
    assert said is not None
    assert said.endswith("cordoned it meanwhile")
    assert said.startswith("kubectl")
    node = cluster.read_node(NODE)
    assert (node.spec.unschedulable, node.metadata.annotation(RUN_ANNOTATION)) == (False, None)


def test_the_smoke_pod(lab: Lab, cluster: ActingKube, events: list[Event]) -> None:
    said = Asked(inside(lab), "docker://")
    assert smoke(cluster, NODE, PAUSE, "docker://", "cgroupfs", said, RUN, CLOCK, events.append, 60) == Smoked({})
    wrong = smoke(cluster, NODE, PAUSE, "docker://", "systemd", said, RUN, CLOCK, events.append, 60)
    assert wrong.failed["cgroup"].startswith("its cgroup is /kubepods/besteffort/pod")
    assert cluster.read_pod("kube-system", f"docker2cri-smoke-{NODE}") is None
