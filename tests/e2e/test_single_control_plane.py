"""The only control plane to containerd and back, killed and rebooted on its way, while a client writes through its API: nothing is lost.

For the lab of its own: LAB_CONTROL_PLANES=single.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.fault_cases import BOOTED, PODS_STOPPING, RESTORED, SHUTTING_DOWN, SOURCE_STOPPED
from tests.e2e.fault_kills import killed_at, reached
from tests.e2e.fault_runtimes import CONTAINERD
from tests.e2e.faults import Ground, words
from tests.e2e.planes import Moved, while_writing
from tests.e2e.tool import Ran, recap
from tests.lab import cluster
from tests.lab.fixtures import Lab
from tests.lab.spec import PLACE

pytestmark = [
    pytest.mark.lab,
    pytest.mark.full,
    pytest.mark.skipif(
        os.environ.get("FULL") != "1" or PLACE.name != "single",
        reason="the only control plane there and back, with faults, takes a quarter of an hour: FULL=1 LAB_CONTROL_PLANES=single",
    ),
]
NAME = "single-cp1"
OPTIONS = ("--accept=D2C184=a test", "--settle", "5", "--verify-timeout", "240")
SECONDS = 240  # without an API, on two busy cores
WITHOUT_API = "rejoin ^(verify etcd and the control plane|verifies the control plane)"


@pytest.fixture(scope="module")
def ground(lab: Lab) -> Ground:
    found = Ground(Lab(cluster.members()), lab.node(NAME), CONTAINERD)
    found.ready()
    return found


@pytest.fixture
def writing(ground: Ground, tmp_path: Path) -> Callable[[Callable[[], Ran]], Moved]:
    """Do it while a client writes: no acknowledged write is lost, etcd is what it was."""

    def do(act: Callable[[], Ran]) -> Moved:
        moved = while_writing(ground.lab, tmp_path, act, (NAME,))
        print(f"\n{words(moved.ran)}\n{moved}")
        assert moved.lost == {NAME: []}
        assert len(moved.written.acked) > 50
        assert moved.after.ids == moved.before.ids
        return moved

    return do


def test_it_is_refused_where_nobody_accepts_that_the_api_is_down(ground: Ground) -> None:
    said = ground.tool("plan", "--to", "containerd", NAME)
    assert said.code == 3
    assert "D2C184" in said.out


def test_there_and_back(ground: Ground, writing: Callable[[Callable[[], Ran]], Moved]) -> None:
    plan = ground.plan(*OPTIONS)
    there = writing(lambda: ground.tool("apply", plan))
    assert recap(there.ran)[:3] == [NAME, "migrated", "0"], words(there.ran)
    assert there.written.down < SECONDS
    ground.assert_migrated()
    back = writing(lambda: ground.tool("rollback", NAME, state="elsewhere"))  # by the mark alone
    assert recap(back.ran)[:3] == [NAME, "rolled back", "0"], words(back.ran)
    assert back.written.down < SECONDS
    ground.assert_rolled_back()


@pytest.mark.parametrize("point", [PODS_STOPPING, WITHOUT_API], ids=["in the switch", "in rejoin"])
def test_killed_and_continued(ground: Ground, writing: Callable[[Callable[[], Ran]], Moved], point: str) -> None:
    plan = ground.plan(*OPTIONS)

    def killed() -> Ran:
        assert killed_at(ground, plan, point, "apply", plan) == ""
        said = ground.tool("status", NAME)
        assert said.code == 0, words(said)
        return ground.tool("apply", plan)

    moved = writing(killed)
    assert recap(moved.ran)[:3] == [NAME, "migrated", "0"], words(moved.ran)
    ground.assert_migrated()
    back = writing(lambda: ground.tool("rollback", plan, NAME))
    assert recap(back.ran)[:3] == [NAME, "rolled back", "0"], words(back.ran)
    ground.assert_rolled_back()


def test_rebooted_in_the_switch(ground: Ground, writing: Callable[[Callable[[], Ran]], Moved]) -> None:
    plan = ground.plan(*OPTIONS)

    def rebooted() -> Ran:
        run = ground.begin("apply", plan)
        assert run.until(SOURCE_STOPPED, reached(ground, run, plan, SOURCE_STOPPED), 300), words(run.end())
        ground.reboot()
        return run.end()

    moved = writing(rebooted)
    assert recap(moved.ran)[:3] == [NAME, "rolled back", "5"], words(moved.ran)
    said = moved.ran.out + moved.ran.err
    assert RESTORED in said
    assert any(word in said for word in (BOOTED, "did not end by itself", SHUTTING_DOWN)), said
    ground.assert_rolled_back()
