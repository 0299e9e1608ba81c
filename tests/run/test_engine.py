"""The engine against the real node program in a scratch root: killed at each of its boundaries, continued, put back; and what it tells."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.errors import Interrupted, Refused
from migrate.plan.events import Event
from migrate.run.apply import apply
from migrate.run.back import rollback
from migrate.run.standing import standing
from migrate.run.work import Outcome, Work
from tests.fakes import _ready
from tests.run.engine import NODE, Killed, World

FULL = os.environ.get("FULL") == "1"
THERE = 24  # boundaries of an apply, and of a rollback after it
BACK = 12
AGAIN = f"docker2cri plan --to containerd {NODE} -o plan.json"

Verb = Callable[[Work], Outcome]


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
    assert apply(world.work()) == Outcome(NODE, "new", "runs on containerd, verified", 0)
    assert world.boundaries.count == THERE
    world.is_new()
    assert apply(world.work()) == Outcome(NODE, "new", "nothing to do: it runs on containerd and was verified", 0)
    assert standing(world.work())[0].splitlines()[0] == f"{NODE}: new: runs on containerd, verified"
    assert rollback(world.work()) == Outcome(NODE, "old", "back on Docker, verified", 0)
    assert world.boundaries.count == BACK
    world.is_old()
    assert rollback(world.work()) == Outcome(NODE, "old", "nothing to do: it is restored", 0)
    assert standing(world.work())[0].splitlines()[0] == f"{NODE}: old: restored (a rollback was asked for)"
    with pytest.raises(Refused) as refused:
        apply(world.work())
    assert (
        str(refused.value)
        == f"{NODE}: this plan was rolled back on this node\n  expected: a plan that was made afterwards\n  next: {AGAIN}"
    )


@pytest.mark.parametrize("at", some(THERE, (4, 10, 16, 21)))
def test_killed_and_continued(world: World, at: int) -> None:
    killed(world, apply, at)
    assert apply(world.work()).state == "new"
    world.is_new()


@pytest.mark.parametrize("at", some(THERE, (1, 7, 13, 22)))
def test_killed_and_rolled_back(world: World, at: int) -> None:
    killed(world, apply, at)
    ended = rollback(world.work())
    assert (ended.state, ended.exit_code) == ("old", 0), ended.text
    world.is_old()


@pytest.mark.parametrize("at", some(BACK, (4, 6, 8, 11)))
def test_rollback_killed_and_apply_typed(world: World, at: int) -> None:
    apply(world.work())
    killed(world, rollback, at)
    begun = world.scratch.progress().direction == "back"
    if not begun:
        assert apply(world.work()).state == "new"
        world.is_new()
        return
    if at == BACK:  # uncordoned already: nothing was left to do
        with pytest.raises(Refused, match="this plan was rolled back on this node"):
            apply(world.work())
    else:
        assert apply(world.work()) == Outcome(
            NODE,
            "old",
            "a rollback was asked for\n  now: back on Docker, verified\n  expected: a node on containerd\n"
            f"  next: mend what was seen, then: {AGAIN}",
            5,
        )
    world.is_old()


@pytest.mark.full
@pytest.mark.skipif(not FULL, reason="every pair of kills takes minutes: FULL=1")
@pytest.mark.parametrize("there", range(2, THERE + 1))
def test_apply_killed_rollback_killed_and_apply_typed(tmp_path: Path, there: int) -> None:
    for back in (1, 3, 4, 6, 8, 11):
        world = World(tmp_path / f"root{back}", tmp_path / f"state{back}")
        killed(world, apply, there)
        try:
            rollback(world.work(back))
            ended = True
        except Killed:
            ended = False
        begun = world.scratch.progress().direction == "back"
        try:
            state = apply(world.work()).state
        except Refused:
            state = "old"
        assert state == ("old" if begun else "new"), (there, back)
        (world.is_old if begun else world.is_new)()
        if ended:
            break


def test_wish_to_stop_before_the_switch(world: World) -> None:
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.text == "drain" else None
    with pytest.raises(Interrupted) as stopped:
        apply(work)
    assert str(stopped.value) == (
        f"{NODE}: interrupted before the switch; it runs on Docker as before, what was prepared (images carried over) stays\n"
        "  expected: to be continued or taken back\n"
        f"  next: docker2cri apply with the same plan, which goes on; or docker2cri rollback {NODE}"
    )
    assert not world.cordoned()
    assert standing(world.work())[0].splitlines()[0] == f"{NODE}: prepared, on Docker"
    assert apply(world.work()).state == "new"
    world.is_new()


def test_wish_to_stop_inside_the_switch_finishes_it(world: World) -> None:
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.segment == "switch" else None
    assert apply(work).state == "new"
    world.is_new()


def test_wish_to_stop_before_the_way_back(world: World) -> None:
    apply(world.work())
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.text == "cordon" else None
    with pytest.raises(Interrupted) as stopped:
        rollback(work)
    assert str(stopped.value) == (
        f"{NODE}: interrupted before the way back began; it runs on containerd as before\n"
        f"  expected: a rollback from its beginning to its end\n  next: docker2cri rollback {NODE}"
    )
    world.is_new()
    assert rollback(world.work()).state == "old"
    world.is_old()


def test_drain_of_a_rollback_cannot_end(world: World) -> None:
    apply(world.work())
    world.cluster.add_pod("shop/alone", NODE)
    ended = rollback(world.work())
    assert (ended.state, ended.exit_code) == ("new", 5)
    assert "\n  now: the way back was not begun; it runs on containerd as before\n" in ended.text
    world.is_new()


def test_blocker_before_the_switch(world: World) -> None:
    killed(world, apply, 6)  # prepared
    world.cluster.add_pod("shop/alone", NODE)
    ended = apply(world.work())
    assert ended == Outcome(
        NODE,
        "old",
        "1 pod cannot be drained, and nothing has been touched:\n"
        "    shop/alone: nothing manages it: it would be gone for good\n"
        "  now: it never left Docker, verified\n"
        "  expected: a node on containerd\n"
        f"  next: mend what was seen, then: {AGAIN}",
        5,
    )
    world.is_old()


def test_pod_that_cannot_be_evicted_comes_during_the_drain(world: World) -> None:
    work = world.work()

    def tell(event: Event) -> None:
        if event.text.startswith("evicted ") and world.cluster.read_pod("shop", "alone") is None:
            world.cluster.add_pod("shop/alone", NODE)

    work.tell = tell
    ended = apply(work)
    assert ended == Outcome(
        NODE,
        "old",
        "the drain cannot end:\n"
        "    shop/alone came during the drain: nothing manages it: it would be gone for good\n"
        "  now: it never left Docker, verified\n"
        "  expected: a node on containerd\n"
        f"  next: mend what was seen, then: {AGAIN}",
        5,
    )
    world.is_old()


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
    assert apply(world.work()).state == "new"
    waits = [event for event in world.told if event.text == f"waits for a budget: {FULL_BUDGET}"]
    assert {(event.type, event.node, event.segment, event.data["bound"]) for event in waits} == {("wait", NODE, "preflight", 60.0)}
    assert waits[-1].data["seconds"] == pytest.approx(20, abs=2.5)
    world.is_new()


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


def test_wish_to_stop_while_a_budget_is_waited_for(world: World) -> None:
    exhausted(world, None)
    work = world.work()
    work.tell = lambda event: work.interrupt.wished.set() if event.text.startswith("waits for a budget") else None
    with pytest.raises(Interrupted) as stopped:
        apply(work)
    assert str(stopped.value) == (
        f"{NODE}: interrupted before anything was done\n"
        "  expected: a PodDisruptionBudget that allows a disruption\n  next: the same command again"
    )


def test_restored_behind_the_operators_back(world: World) -> None:
    """A guard that fired leaves the cordon: `status` tells it, and the next command settles it."""
    killed(world, apply, 13)  # within verify A
    assert world.scratch.verb("guard").code == 0
    assert world.cordoned()
    text, code = standing(world.work())
    assert code == 6
    assert text.splitlines()[:2] == [
        f"{NODE}: old on the node and not settled (undone by its guard, which no tool had renewed in time): it is cordoned by this run",
        f"  next: docker2cri rollback {NODE}, which verifies and uncordons it",
    ]
    ended = rollback(world.work())
    assert ended == Outcome(NODE, "old", "undone by its guard, which no tool had renewed in time; back on Docker, verified", 0)
    world.is_old()


def test_guard_fires_while_the_operator_sleeps(world: World) -> None:
    work = world.work()
    fired: list[int] = []

    def tell(event: object) -> None:
        if getattr(event, "text", "") == "disarm the guard" and not fired:
            fired.append(world.scratch.verb("guard").code)

    work.tell = tell
    ended = apply(work)
    assert fired == [0]
    assert (ended.state, ended.exit_code) == ("old", 5)
    assert ended.text.startswith("undone by its guard, which no tool had renewed in time\n  now: back on Docker, verified\n")
    world.is_old()


def test_step_fails_on_the_node(world: World) -> None:
    (world.root / ".state/new-config-fails").touch()
    ended = apply(world.work())
    assert (ended.state, ended.exit_code) == ("old", 5)
    assert ended.text.startswith(
        "restart containerd.service: systemctl restart containerd.service exited with 1: Job for containerd.service failed"
    )
    assert ended.text.endswith(
        f"\n  now: back on Docker, verified\n  expected: a node on containerd\n  next: mend what was seen, then: {AGAIN}"
    )
    world.is_old()


def test_step_fails_and_stays(world: World) -> None:
    (world.root / ".state/new-config-fails").touch()
    ended = apply(world.work(), on_failure="stop")
    assert (ended.state, ended.exit_code) == ("parked", 6)
    assert ended.text.endswith(
        "\n  now: cordoned, left where it failed (--on-failure stop)\n  expected: a node that somebody has looked at\n"
        f"  next: docker2cri rollback {NODE}"
    )
    assert apply(world.work()).exit_code == 6
    assert standing(world.work())[1] == 6
    assert rollback(world.work()) == Outcome(NODE, "old", "back on Docker, verified", 0)
    world.is_old()


def test_disk_full_while_images_are_carried(world: World) -> None:
    (world.root / ".state/disk-full").touch()
    ended = apply(world.work())
    assert (ended.state, ended.exit_code) == ("old", 5)
    assert "\n  now: it never left Docker, verified\n" in ended.text
    assert "is full" in ended.text.splitlines()[0]
    world.is_old()


def test_connection_lost_inside_the_switch(world: World) -> None:
    work = world.work()

    cut: list[float] = []

    def tell(event: object) -> None:
        if getattr(event, "segment", "") == "switch" and not cut:
            cut.append(world.clock.passed)
            world.away[0] = 30

    work.tell = tell
    assert apply(work).state == "new"
    world.is_new()


def test_connection_never_comes_back(world: World) -> None:
    work = world.work()

    def tell(event: object) -> None:
        if getattr(event, "text", "") == "verify the node while cordoned":
            world.away[0] = 10**6

    work.tell = tell
    ended = apply(work)
    assert (ended.state, ended.exit_code) == ("lost", 4)
    assert ended.text == (
        "no connection to it in `settle`: the connection ended\n  now: what was begun goes on by itself; its guard puts it back\n"
        "  expected: a connection to the node within 10 minutes\n"
        f"  next: docker2cri status {NODE}; then apply or rollback, which go on from where it stands"
    )
    world.away[0] = 0
    assert apply(world.work()).state == "new"
    world.is_new()


def test_found_cordoned_stays_cordoned(world: World) -> None:
    world.cluster.schedulable(NODE, False)
    ended = apply(world.work())
    assert ended == Outcome(NODE, "new", "runs on containerd, verified; it stays cordoned: it was found cordoned", 0)
    assert world.cordoned()
    assert rollback(world.work()).state == "old"
    assert world.cordoned()
