"""The engine against the real node program in a scratch root: killed at each of its boundaries, continued, put back; and what it tells."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.errors import Interrupted, Refused
from migrate.facts.api import Condition
from migrate.plan.events import Event
from migrate.plan.state import NodeState
from migrate.run.apply import apply
from migrate.run.rollback import rollback
from migrate.run.standing import standing
from migrate.run.work import Work
from tests.fakes import Behaviour, _ready
from tests.node.scratch import PODS
from tests.run.engine import NODE, Killed, World, ended

FULL = os.environ.get("FULL") == "1"
THERE = 28  # boundaries of an apply, and of a rollback after it
BACK = 12
GUARD = "rolled back automatically: no heartbeat from the operator for 600 s"
AGAIN = f"docker2cri plan --to containerd {NODE} --out plan.json"

Verb = Callable[[Work], NodeState]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state")


def some(all_of: int, chosen: tuple[int, ...]) -> list[int]:
    return list(range(1, all_of + 1)) if FULL else list(chosen)


def killed(world: World, verb: Verb, at: int) -> str:
    """Run a verb until its process is killed at a boundary; where that was."""
    with pytest.raises(Killed) as died:
        verb(world.work(at))
    return str(died.value)


def test_there_and_back(world: World) -> None:
    assert ended(apply(world.work())) == ("migrated", 0, "it runs on containerd and is verified")
    assert world.boundaries.count == THERE
    world.is_migrated()
    verified = world.work().folder.after(NODE)
    assert verified is not None
    assert (verified.prefix, {count.owner: (count.before, count.after) for count in verified.workloads}) == (
        "containerd://",
        {"ReplicaSet shop/web": (2, 2), **{f"DaemonSet ops/{pod}": (1, 1) for pod in PODS}},
    )
    assert ended(apply(world.work())) == ("migrated", 0, "nothing to do: it runs on containerd and is verified")
    assert ended(standing(world.work())) == ("migrated", 0, "runs on containerd, verified")
    assert ended(rollback(world.work())) == ("rolled back", 0, "it runs on Docker as before and is verified")
    assert world.boundaries.count == BACK
    world.is_rolled_back()
    assert ended(rollback(world.work())) == ("rolled back", 0, "nothing to do: it is rolled back")
    assert ended(standing(world.work())) == ("rolled back", 0, "rolled back (a rollback was asked for)")
    with pytest.raises(Refused) as refused:
        apply(world.work())
    assert (
        str(refused.value)
        == f"{NODE}: this plan was rolled back on this node\n  expected: a plan that was made afterwards\n  next: {AGAIN}"
    )


@pytest.mark.parametrize("at", some(THERE, (4, 10, 20, 25)))
def test_killed_and_continued(world: World, at: int) -> None:
    killed(world, apply, at)
    assert apply(world.work()).state == "migrated"
    world.is_migrated()


@pytest.mark.parametrize("at", some(THERE, (1, 9, 17, 26)))
def test_killed_and_rolled_back(world: World, at: int) -> None:
    killed(world, apply, at)
    state = rollback(world.work())
    assert (state.state, state.exit_code) == ("rolled back", 0), ended(state)[2]
    world.is_rolled_back()


@pytest.mark.parametrize("at", some(BACK, (4, 6, 8, 11)))
def test_rollback_killed_and_apply_typed(world: World, at: int) -> None:
    apply(world.work())
    killed(world, rollback, at)
    begun = world.scratch.progress().direction == "rollback"
    if not begun:
        assert apply(world.work()).state == "migrated"
        world.is_migrated()
        return
    if at == BACK:  # uncordoned already: nothing was left to do
        with pytest.raises(Refused, match="this plan was rolled back on this node"):
            apply(world.work())
    else:
        assert ended(apply(world.work())) == (
            "rolled back",
            5,
            "a rollback was asked for\n  now: it runs on Docker as before and is verified\n  expected: a node on containerd\n"
            f"  next: fix what was seen, then: {AGAIN}",
        )
    world.is_rolled_back()


@pytest.mark.full
@pytest.mark.skipif(not FULL, reason="every pair of kills takes minutes: FULL=1")
@pytest.mark.parametrize("there", range(2, THERE + 1))
def test_apply_killed_rollback_killed_and_apply_typed(tmp_path: Path, there: int) -> None:
    for back in (1, 3, 4, 6, 8, 11):
        world = World(tmp_path / f"root{back}", tmp_path / f"state{back}")
        killed(world, apply, there)
        try:
            rollback(world.work(back))
            finished = True
        except Killed:
            finished = False
        begun = world.scratch.progress().direction == "rollback"
        try:
            state = apply(world.work()).state
        except Refused:
            state = "rolled back"
        assert state == ("rolled back" if begun else "migrated"), (there, back)
        (world.is_rolled_back if begun else world.is_migrated)()
        if finished:
            break


def test_wish_to_stop_before_the_switch(world: World) -> None:
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.text == "drain" else None
    with pytest.raises(Interrupted) as stopped:
        apply(work)
    assert str(stopped.value) == (
        f"{NODE}: interrupted before the switch; it runs on Docker as before, images that were copied stay\n"
        "  expected: a run that is continued or rolled back\n"
        f"  next: docker2cri apply with the same plan, which continues; or docker2cri rollback {NODE}"
    )
    assert not world.cordoned()
    assert ended(standing(world.work()))[:2] == ("prepared", 0)
    assert apply(world.work()).state == "migrated"
    world.is_migrated()


def test_wish_to_stop_inside_the_switch_finishes_it(world: World) -> None:
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.segment == "switch" else None
    assert apply(work).state == "migrated"
    world.is_migrated()


def test_wish_to_stop_before_the_rollback(world: World) -> None:
    apply(world.work())
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.text == "cordon" else None
    with pytest.raises(Interrupted) as stopped:
        rollback(work)
    assert str(stopped.value) == (
        f"{NODE}: interrupted before the rollback began; it runs on containerd as before\n"
        f"  expected: a rollback from its beginning to its end\n  next: docker2cri rollback {NODE}"
    )
    world.is_migrated()
    assert rollback(world.work()).state == "rolled back"
    world.is_rolled_back()


def test_drain_of_a_rollback_cannot_end(world: World) -> None:
    apply(world.work())
    world.cluster.add_pod("shop/alone", NODE)
    state = rollback(world.work())
    assert (state.state, state.exit_code) == ("migrated", 5)
    assert "\n  now: the rollback was not begun; it runs on containerd as before\n" in ended(state)[2]
    world.is_migrated()


def test_blocker_that_came_while_it_was_prepared(world: World) -> None:
    killed(world, apply, 6)  # prepared
    world.cluster.add_pod("shop/alone", NODE)
    with pytest.raises(Refused) as refused:
        apply(world.work())
    assert str(refused.value) == (
        f"{NODE}: blockers that the plan does not know:\nD2C320 Pod shop/alone: it has no controller\n"
        f"  expected: the findings that were planned with\n  next: {AGAIN}"
    )
    assert not world.cordoned()
    assert rollback(world.work()).state == "rolled back"
    world.is_rolled_back()


def test_blocker_before_the_switch(world: World) -> None:
    killed(world, apply, 12)  # cordoned
    world.cluster.add_pod("shop/alone", NODE)
    state = apply(world.work())
    assert ended(state) == (
        "rolled back",
        5,
        "1 pod cannot be drained, and nothing has been touched:\n"
        "    shop/alone: nothing manages it: it would be gone for good\n"
        "  now: it never left Docker\n"
        "  expected: a node on containerd\n"
        f"  next: fix what was seen, then: {AGAIN}",
    )
    world.is_rolled_back()


def test_pod_that_cannot_be_evicted_comes_during_the_drain(world: World) -> None:
    work = world.work()

    def tell(event: Event) -> None:
        if event.text.startswith("evicted ") and world.cluster.read_pod("shop", "alone") is None:
            world.cluster.add_pod("shop/alone", NODE)

    work.tell = tell
    state = apply(work)
    assert ended(state) == (
        "rolled back",
        5,
        "the drain cannot end:\n"
        "    shop/alone came during the drain: nothing manages it: it would be gone for good\n"
        "  now: it never left Docker\n"
        "  expected: a node on containerd\n"
        f"  next: fix what was seen, then: {AGAIN}",
    )
    world.is_rolled_back()


def test_owner_that_puts_its_pods_back_ends_the_drain(world: World) -> None:
    world.cluster.add_owner("ReplicaSet ops/sticky", [NODE] * 3, Behaviour(tolerates=True, ready=0.5, ends=5.0))
    came: list[float] = []
    work = world.work()

    def tell(event: Event) -> None:
        world.told.append(event)
        if " came to the node" in event.text:
            came.append(world.clock.passed)
        if event.text == "uncordon":
            assert world.clock.passed - came[-1] < 5

    work.tell = tell
    state, code, seen = ended(apply(work))
    assert (state, code) == ("rolled back", 5)
    assert "ReplicaSet ops/sticky puts its pods back on the cordoned node: 4 pods were evicted, 4 came back (ops/sticky-x" in seen
    assert len([event for event in world.told if event.text.startswith("evicted ops/sticky")]) == 4
    assert "uncordon" in [event.text for event in world.told]
    world.is_rolled_back()


def exhausted(world: World, seconds: float | None) -> None:
    """The Deployment's budget allows no disruption, for so many seconds."""
    world.cluster.add_budget("shop/web", "web", max_unavailable=1, expected=2)
    (away,) = (pod for pod in world.cluster.pods_on("other") if pod.key.startswith("shop/web"))
    world.cluster.change(away, conditions=_ready(False))
    world.cluster._count_budgets()
    if seconds is not None:
        world.clock.after(seconds, lambda: world.cluster.change(away, conditions=_ready(True)))


FULL_BUDGET = "PDB shop/web (maxUnavailable 1) allows 0 disruptions: 1 healthy, 1 needed, 2 expected (pod web-x4)"


def test_budget_that_is_exhausted_for_a_moment_is_waited_for(world: World) -> None:
    exhausted(world, 20.0)
    assert apply(world.work()).state == "migrated"
    waits = [event for event in world.told if event.text == f"waits for a budget or for room: {FULL_BUDGET}"]
    assert {(event.type, event.node, event.segment, event.data["bound"]) for event in waits} == {("wait", NODE, "preflight", 60.0)}
    assert waits[-1].data["seconds"] == pytest.approx(20, abs=2.5)
    world.is_migrated()


def test_budget_that_stays_exhausted_is_refused(world: World) -> None:
    exhausted(world, None)
    begun = world.clock.passed
    with pytest.raises(Refused) as refused:
        apply(world.work())
    assert str(refused.value) == (
        f"{NODE}: blockers that the plan does not know:\n"
        f"D2C322 ReplicaSet shop/web: {FULL_BUDGET}\n"
        f"  expected: the findings that were planned with\n  next: {AGAIN}"
    )
    assert world.clock.passed - begun == pytest.approx(60, abs=2.5)
    assert not world.cordoned()


def test_another_node_that_is_cordoned_for_a_moment_is_waited_for(world: World) -> None:
    world.cluster.schedulable("other", False)
    world.clock.after(20.0, lambda: world.cluster.schedulable("other", True))
    assert apply(world.work()).state == "migrated"
    waits = [event for event in world.told if event.text == "waits for a budget or for room: none of 1 other node: other (cordoned)"]
    assert waits[-1].data["seconds"] == pytest.approx(20, abs=2.5)
    world.is_migrated()


def test_nothing_is_begun_while_every_other_node_is_not_ready(world: World) -> None:
    other = world.cluster.nodes["other"]
    status = replace(other.status, conditions=(Condition(type="Ready", status="Unknown"),))
    world.cluster.nodes["other"] = replace(other, status=status)
    with pytest.raises(Refused) as refused:
        apply(world.work())
    assert str(refused.value) == (
        f"{NODE}: blockers that the plan does not know:\n"
        f"D2C720 Node {NODE}: none of 1 other node: other (not Ready)\n"
        f"  expected: the findings that were planned with\n  next: {AGAIN}"
    )
    assert not world.cordoned()


def test_wish_to_stop_while_a_budget_is_waited_for(world: World) -> None:
    exhausted(world, None)
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.text.startswith("waits for a budget") else None
    with pytest.raises(Interrupted) as stopped:
        apply(work)
    assert str(stopped.value) == (
        f"{NODE}: interrupted before anything was done\n  expected: no blocker that passes by itself\n  next: the same command again"
    )


def test_rolled_back_behind_the_operators_back(world: World) -> None:
    """A guard that fired leaves the cordon: `status` tells it, and the next command ends it."""
    killed(world, apply, 17)  # within the verification of the node
    assert world.scratch.verb("guard").code == 0
    assert world.cordoned()
    assert ended(standing(world.work())) == (
        "needs attention",
        6,
        f"rolled back on the node and still cordoned by this run ({GUARD})\n"
        f"  next: docker2cri rollback {NODE}, which verifies and uncordons it; "
        f"or docker2cri release {NODE} --reason TEXT, when a person has looked",
    )
    state = rollback(world.work())
    assert ended(state) == ("rolled back", 0, f"{GUARD}; it runs on Docker as before and is verified")
    world.is_rolled_back()


def test_guard_fires_while_the_operator_sleeps(world: World) -> None:
    work = world.work()
    fired: list[int] = []

    def tell(event: object) -> None:
        if getattr(event, "text", "") == "disarm the guard" and not fired:
            fired.append(world.scratch.verb("guard").code)

    work.tell = tell
    state = apply(work)
    assert fired == [0]
    assert (state.state, state.exit_code) == ("rolled back", 5)
    assert ended(state)[2].startswith(f"{GUARD}\n  now: it runs on Docker as before and is verified\n")
    world.is_rolled_back()


def test_step_fails_on_the_node(world: World) -> None:
    (world.root / ".state/new-config-fails").touch()
    state = apply(world.work())
    assert (state.state, state.exit_code) == ("rolled back", 5)
    assert ended(state)[2].startswith(
        "restart containerd.service: systemctl restart containerd.service exited with 1: Job for containerd.service failed"
    )
    assert ended(state)[2].endswith(
        f"\n  now: it runs on Docker as before and is verified\n  expected: a node on containerd\n  next: fix what was seen, then: {AGAIN}"
    )
    world.is_rolled_back()


def test_step_fails_and_stays(world: World) -> None:
    (world.root / ".state/new-config-fails").touch()
    state = apply(world.work(), on_failure="stop")
    assert (state.state, state.exit_code) == ("needs attention", 6)
    assert ended(state)[2].endswith(
        "\n  now: cordoned, left where the step failed (--on-failure stop)\n  expected: a node that a person has looked at\n"
        f"  next: docker2cri rollback {NODE}"
    )
    assert apply(world.work()).exit_code == 6
    assert standing(world.work()).exit_code == 6
    assert ended(rollback(world.work())) == ("rolled back", 0, "it runs on Docker as before and is verified")
    world.is_rolled_back()


def test_disk_full_while_images_are_carried(world: World) -> None:
    (world.root / ".state/disk-full").touch()
    state = apply(world.work())
    assert (state.state, state.exit_code) == ("rolled back", 5)
    assert "\n  now: it never left Docker\n" in ended(state)[2]
    assert "is full" in ended(state)[2].splitlines()[0]
    world.is_rolled_back()


def test_connection_lost_inside_the_switch(world: World) -> None:
    work = world.work()

    cut: list[float] = []

    def tell(event: object) -> None:
        if getattr(event, "segment", "") == "switch" and not cut:
            cut.append(world.clock.passed)
            world.away[0] = 30

    work.tell = tell
    assert apply(work).state == "migrated"
    world.is_migrated()


def test_connection_never_comes_back(world: World) -> None:
    work = world.work()

    def tell(event: object) -> None:
        if getattr(event, "text", "") == "verify the cordoned node on containerd":
            world.away[0] = 10**6

    work.tell = tell
    state = apply(work)
    assert (state.state, state.exit_code) == ("lost", 4)
    assert ended(state)[2] == (
        "no connection to it in `rejoin`: the connection ended\n  now: what was begun continues by itself; its guard rolls it back\n"
        "  expected: a connection to the node within 10 minutes\n"
        f"  next: docker2cri status {NODE}; then apply or rollback, which continue from where it stands"
    )
    world.away[0] = 0
    assert apply(world.work()).state == "migrated"
    world.is_migrated()


def test_found_cordoned_stays_cordoned(world: World) -> None:
    world.cluster.schedulable(NODE, False)
    state = apply(world.work())
    assert ended(state) == ("migrated", 0, "it runs on containerd and is verified; it stays cordoned: it was found cordoned")
    assert world.cordoned()
    assert rollback(world.work()).state == "rolled back"
    assert world.cordoned()
