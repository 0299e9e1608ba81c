"""Ten states that a run can leave a real node in: `status` names a command that leaves it, and that command does.

tests/run/test_release.py walks all of them on the node program in a scratch root.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import fault_kills
from tests.e2e.fault_cases import REFUSE, REFUSING, SOURCE_STOPPED, VERIFYING, going
from tests.e2e.fault_runtimes import CONTAINERD
from tests.e2e.faults import MARK, Ground, dismissed, fresh, run_of, until_true, words
from tests.lab.fixtures import Lab

pytestmark = pytest.mark.lab

WORKER = "lab-w5"
ACTS = "systemctl is-active docker2cri-forward.service docker2cri-rollback.service; true"
FULL = os.environ.get("FULL") == "1"
ALL_OF_IT = pytest.mark.skipif(not FULL, reason="all states take minutes: FULL=1")


@dataclass(frozen=True, slots=True)
class Stands:
    """A state: how it is made (it gives the plan's path), what `status` says of it (code, text), and the command that leaves it."""

    made: Callable[[Ground], str]
    code: int
    said: str
    command: str


def killed(point: str) -> Callable[[Ground], str]:
    """apply, killed at a point. What the node does by itself then goes on; it is waited for."""

    def make(ground: Ground) -> str:
        plan = ground.plan()
        fault_kills.killed_at(ground, plan, point, "apply", plan)
        until_true(
            "the node does nothing more", lambda: "acts" not in ground.tool("status", ground.name, "-o", "json", state="elsewhere").out
        )
        return plan

    return make


def with_run(point: str, script: str) -> Callable[[Ground], str]:
    """The same, and then something happens to the run's folder on the node."""

    def make(ground: Ground) -> str:
        plan = killed(point)(ground)
        ground.sh(f"cd /var/lib/docker2cri/{run_of(plan)} && {script}")
        return plan

    return make


def left_where_it_failed(ground: Ground) -> str:
    run, plan = going(ground, "drain ^cordon", "--on-failure", "stop")
    ground.sh(REFUSE)
    ended = run.end()
    ground.sh(f"rm -rf {REFUSING}; systemctl daemon-reload")
    assert ended.code == 6, words(ended)
    return plan


def rolled_back_at_boot(ground: Ground) -> str:
    run, plan = going(ground, SOURCE_STOPPED)
    run.kill()
    ground.reboot()
    until_true("rolled back", lambda: any(" rolled-back " in line for line in ground.journal(run_of(plan))()))
    return plan


def rollback_killed(ground: Ground) -> str:
    plan = killed(VERIFYING)(ground)
    fault_kills.killed_at(ground, plan, r"journal undo-begin \d+ file", "rollback", ground.name)
    until_true("rolled back", lambda: any(" rolled-back " in line for line in ground.journal(run_of(plan))()))
    return plan


STATES = {
    "drained": Stands(killed("drain ^wait until volumes"), 0, "cordoned by this run, the switch has not begun", "rollback"),
    "its run is lost": Stands(
        with_run("drain ^drain$", 'rm -rf "$PWD" ../current'), 6, "nothing of that run lies on the machine", "release"
    ),
    "its journal is lost": Stands(with_run(VERIFYING, "rm journal"), 6, "journal", "rollback"),
    "prepared": Stands(killed(r"journal done \d+ carry"), 0, "the switch has not begun", "apply"),
    "switched": Stands(killed(VERIFYING), 0, "not verified yet; its guard is armed", "apply"),
    "acknowledged": Stands(killed("rejoin ^annotate"), 0, "its workloads are not verified yet", "apply"),
    "left where it failed": Stands(left_where_it_failed, 6, "restart containerd.service", "rollback"),
    "rolled back at boot": Stands(rolled_back_at_boot, 6, "rolled back on the node and still cordoned by this run", "rollback"),
    "the rollback was killed": Stands(rollback_killed, 6, "rolled back on the node and still cordoned by this run", "rollback"),
    "released on the node alone": Stands(
        with_run("drain ^drain$", 'sh program.sh release "looked at it"'), 6, "still marked by this run", "release"
    ),
}
CHOSEN = ("drained", "its run is lost", "its journal is lost")


class Worker:
    """One worker for all of them: a state that was left leaves it as it was, after another it is made again."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ground: Ground | None = None

    def take(self) -> Ground:
        ground, self.ground = self.ground or fresh(self.lab, WORKER, CONTAINERD), None
        return ground


@pytest.fixture(scope="module")
def worker(lab: Lab) -> Iterator[Worker]:
    yield Worker(lab)
    dismissed(WORKER)


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in CHOSEN else (pytest.mark.full, ALL_OF_IT)) for name in STATES])
def test_status_names_the_command_that_leaves_it(name: str, worker: Worker) -> None:
    state = STATES[name]
    ground = worker.take()
    plan = state.made(ground)
    said = ground.tool("status", ground.name, state="elsewhere")
    assert (said.code, state.said in " ".join(said.out.split())) == (state.code, True), words(said)
    assert re.search(rf"next: .*docker2cri {state.command}\b", " ".join(said.out.split())), words(said)
    argv = {"apply": (plan,), "rollback": (ground.name,), "release": (ground.name, "--reason", "looked at it", "--yes")}[state.command]
    ended = ground.tool(state.command, *argv, state="state" if state.command == "apply" else "elsewhere")
    assert ended.code == 0, words(ended)
    if state.command == "apply":
        ground.assert_migrated()
        ground.roll_back()
    elif state.command == "rollback":
        ground.assert_rolled_back()
    else:
        # nothing was changed on the node yet: it stands as it was found, and is free
        node = ground.api()
        assert (MARK in node["metadata"]["annotations"], ground.cordoned()) == (False, False)
        ground.assert_rolled_back()
    after = ground.tool("status", ground.name, state="elsewhere")
    assert after.code == 0, words(after)
    worker.ground = ground
