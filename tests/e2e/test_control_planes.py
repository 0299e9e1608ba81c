"""Three control planes to containerd and back, one after the other, while a client writes through the load balancer: nothing is lost.

For the lab with three control planes: LAB_CONTROL_PLANES=3.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest

from tests.e2e.planes import PLANES, Members, Moved, members, while_writing
from tests.e2e.story import runtime
from tests.e2e.tool import Ran, Tool, table
from tests.lab import cluster
from tests.lab.fixtures import Lab
from tests.lab.spec import PLACE

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.skipif(
        os.environ.get("FULL") != "1" or PLACE.planes != 3,
        reason="three control planes there and back take half an hour: FULL=1 LAB_CONTROL_PLANES=3",
    ),
]
IN_FLIGHT = 4  # requests of one move that may end with the connections of its own API server
SECONDS = 2400


@dataclass(frozen=True, slots=True)
class Planes:
    """What was planned, what came of both moves, and the runtimes after each."""

    before: Members
    planned: Ran
    there: Moved
    on_containerd: list[str]
    back: Moved
    on_docker: list[str]


@pytest.fixture(scope="module")
def planes(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Planes:
    whole, folder = Lab(cluster.members()), tmp_path_factory.mktemp("planes")
    tool, plan = Tool(whole), str(folder / "plan.json")
    reach = ("-i", str(whole.inventory), *tool.reach())
    before = members(whole)
    planned = tool("plan", *PLANES, *reach, "--settle", "20", "--out", plan)
    there = while_writing(whole, folder, lambda: tool("apply", plan, "--yes", *reach, seconds=SECONDS))
    on_containerd = [runtime(whole, name) for name in PLANES]
    back = while_writing(whole, folder, lambda: tool("rollback", plan, "--yes", *reach, seconds=SECONDS))
    return Planes(before, planned, there, on_containerd, back, [runtime(whole, name) for name in PLANES])


def test_the_one_whose_etcd_leads_is_planned_last(planes: Planes) -> None:
    assert planes.planned.code == 0, planes.planned.out
    stages = [line for line in planes.planned.out.splitlines() if "a control plane" in line]
    assert len(stages) == 3
    assert planes.before.leader in stages[-1]
    assert "whose etcd leads" in stages[-1]


@pytest.mark.parametrize(("way", "state"), [("there", "migrated"), ("back", "rolled back")])
def test_there_and_back(planes: Planes, way: str, state: str) -> None:
    moved: Moved = getattr(planes, way)
    assert [row[:3] for row in table(moved.ran)[-3:]] == [[name, state, "0"] for name in PLANES], moved.ran.err


def test_each_runs_on_what_it_was_moved_to(planes: Planes) -> None:
    assert [name.partition("://")[0] for name in (*planes.on_containerd, *planes.on_docker)] == ["containerd"] * 3 + ["docker"] * 3


@pytest.mark.parametrize("way", ["there", "back"])
def test_no_acknowledged_write_is_lost_and_etcd_is_what_it_was(planes: Planes, way: str) -> None:
    moved: Moved = getattr(planes, way)
    assert moved.lost == {name: [] for name in PLANES}
    assert len(moved.written.acked) > 500
    assert len(moved.written.failed) <= IN_FLIGHT * len(PLANES), str(moved.written)
    assert (moved.after.ids, len(moved.after.hashes)) == (planes.before.ids, 1)
