"""One worker to containerd and back with a Docker that keeps running: a standalone container of it lives through both, the same process.

Docker's containers run in the containerd that becomes the runtime and is restarted: what D2C151 says of that is looked at here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from migrate.facts.cluster import SMOKE_ANNOTATION
from tests.e2e.looks import Look, look, on
from tests.e2e.tool import Ran, Tool, recap
from tests.lab import cluster
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.spec import MOST_WORKERS, Node
from tests.lab.spec import nodes as members_of

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.skipif(os.environ.get("FULL") != "1", reason="a worker there and back takes two minutes: FULL=1"),
]
NODE = "lab-w3"
START = "docker run -d --name beside --network none lab/busybox:1.35 sleep 86400"
BESIDE = "docker inspect -f '{{.Id}} {{.State.StartedAt}} {{.State.Pid}} {{.State.Running}}' beside"
OF_PODS = "docker ps -q --filter label=io.kubernetes.pod.uid | wc -l"
UNITS = "systemctl is-active docker.service docker.socket; systemctl is-enabled docker.service docker.socket"
STARTED = "systemctl show -p ExecMainStartTimestamp docker.service"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was typed, how the worker was at each time, and what Docker said: the container, its daemon's start, pods that run in it."""

    planned: Ran
    moved: Ran
    verified: Ran
    back: Ran
    before: Look
    there: Look
    after: Look
    beside: tuple[str, str, str]
    daemon: tuple[str, str, str]
    units: str
    pods: str
    shim: str
    runs: str
    left: str


def worker() -> Node:
    return next(one for one in members_of(MOST_WORKERS) if one.name == NODE)


@pytest.fixture(scope="module")
def kept(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    with only_one(patience=PATIENCE):
        cluster.reset(worker())
    whole = Lab(cluster.members())
    tool = Tool(whole)
    plan = str(tmp_path_factory.mktemp("keep-docker") / "plan.json")
    reach = ("-i", str(whole.inventory), *tool.reach())
    try:
        on(whole, NODE, START)
        before, beside, daemon = look(whole, NODE), on(whole, NODE, BESIDE), on(whole, NODE, STARTED)
        planned = tool("plan", NODE, *reach, "--to", "containerd", "--keep-docker", "--out", plan)
        moved = tool("apply", plan, "--yes", *reach, seconds=900)
        there, beside_there, daemon_there = look(whole, NODE), on(whole, NODE, BESIDE), on(whole, NODE, STARTED)
        units, pods = on(whole, NODE, UNITS), on(whole, NODE, OF_PODS)
        shim = on(whole, NODE, "ctr -n moby tasks ls")
        runs = on(whole, NODE, "docker exec beside echo answers; docker run --rm --network none lab/busybox:1.35 echo runs")
        verified = tool("verify", plan, *reach)
        back = tool("rollback", plan, "--yes", *reach, seconds=600)
        after = look(whole, NODE)
        told = (beside, beside_there, on(whole, NODE, BESIDE)), (daemon, daemon_there, on(whole, NODE, STARTED))
        left = on(whole, NODE, "ls /var/lib/docker2cri")
        yield Kept(planned, moved, verified, back, before, there, after, *told, units, pods, shim, runs, left)
    finally:
        with only_one(patience=PATIENCE):
            cluster.dismiss(worker())


def test_the_plan_tells_what_the_two_share(kept: Kept) -> None:
    assert kept.planned.code == 0, kept.planned.out
    assert kept.planned.out.startswith("Plan to containerd, Docker keeps running: 1 of 1 nodes can be migrated, 0 refused\n")
    for code in ("D2C150", "D2C151", "D2C405", "D2C524"):
        assert f"{code} " in kept.planned.out
    assert "D2C113" not in kept.planned.out


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("moved", [NODE, "migrated", "0", "it runs on containerd and is verified"]),
        ("verified", [NODE, "migrated", "0", "verified on containerd"]),
        ("back", [NODE, "rolled back", "0", "it runs on Docker as before and is verified"]),
    ],
)
def test_there_and_back(kept: Kept, name: str, row: list[str]) -> None:
    ran: Ran = getattr(kept, name)
    assert (ran.code, recap(ran)) == (0, row), ran.err


def test_the_standalone_container_is_the_same_process_before_there_and_after(kept: Kept) -> None:
    assert kept.beside[0].split()[3] == "true"
    assert kept.beside == (kept.beside[0],) * 3


def test_docker_never_stopped_and_serves_others_beside_containerd(kept: Kept) -> None:
    assert kept.daemon == (kept.daemon[0],) * 3
    assert kept.units.split() == ["active", "active", "enabled", "enabled"]
    assert kept.runs.split() == ["answers", "runs"]
    assert kept.beside[0].split()[0] in kept.shim


def test_no_pod_is_left_in_docker(kept: Kept) -> None:
    assert kept.pods.strip() == "0"


def test_every_container_of_the_api_runs(kept: Kept) -> None:
    for seen, runtime in ((kept.before, "docker"), (kept.there, "containerd"), (kept.after, "docker")):
        assert (seen.runtime, seen.reported <= seen.running, seen.leaked, seen.portal[0]) == (runtime, True, (), seen.portal[1])


def test_the_rollback_leaves_all_as_it_was(kept: Kept) -> None:
    assert len(kept.before.files) > 500
    assert sorted(set(kept.before.files) ^ set(kept.after.files)) == []
    assert kept.after.units == kept.before.units
    before, after = json.loads(kept.before.node), json.loads(kept.after.node)
    after["annotations"].pop(SMOKE_ANNOTATION, None)
    assert after == before
    assert {"source-kept", "docker-stopped"} & set(kept.left.split()) == set()
