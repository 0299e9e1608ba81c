"""A watch: each change is told once, and it ends when nothing acts on a node any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.errors import ClusterUnreachable
from migrate.plan.lease import ClusterLease
from migrate.plan.state import (
    MIGRATED,
    NEEDS_ATTENTION,
    PREPARED,
    ROLLED_BACK,
    ROLLING_BACK,
    SWITCHING,
    UNREACHABLE,
    UNTOUCHED,
    NodeState,
    Reason,
)
from migrate.run.apply import apply
from migrate.run.rollback import rollback
from migrate.run.standing import standing
from migrate.run.watch import PATIENCE, POLL, Sight, watch
from tests.fakes import FakeClock
from tests.run.engine import Killed, World

FREE = ClusterLease()
AWAY = ClusterUnreachable(seen="https://api: no connection", expected="an API server", next="kubectl get nodes")
Look = Callable[[], Sight]


class Watcher:
    """A watch over looks at their times: each counts from its second on."""

    def __init__(self, *looks: tuple[float, Sight | ClusterUnreachable]) -> None:
        self.clock = FakeClock()
        self.looks = looks
        self.told: list[tuple[float, str, str]] = []

    def look(self) -> Sight:
        found = [seen for at, seen in self.looks if at <= self.clock.passed][-1]
        if isinstance(found, ClusterUnreachable):
            raise found
        return found

    def run(self, look: Look | None = None) -> tuple[NodeState, ...]:
        def node(state: NodeState) -> None:
            self.told.append((self.clock.passed, state.node, state.state))

        def lease(sight: Sight) -> None:
            self.told.append((self.clock.passed, "lease", sight.unread or sight.lease.holder))

        return watch(look or self.look, self.clock, node, lease)


def state(name: str, node: str = "w1", code: int = 0, seen: str = "", **details: str) -> NodeState:
    return NodeState(node=node, state=name, exit_code=code, reason=Reason(code="x", seen=seen or name), details=details)


def sight(*states: NodeState, lease: ClusterLease = FREE, unread: str = "") -> Sight:
    return Sight(states, lease, unread)


def test_it_follows_a_node_through_its_rollback_and_ends() -> None:
    watcher = Watcher(
        (0, sight(state(SWITCHING, operator="process 1 of a", guard="armed"))),
        (20, sight(state(SWITCHING, guard="armed"))),
        (30, sight(state(ROLLING_BACK, acts="guard"))),
        (60, sight(state(ROLLED_BACK, code=6))),
    )
    assert watcher.run() == (state(ROLLED_BACK, code=6),)
    assert watcher.told == [
        (0, "w1", SWITCHING),
        (0, "lease", ""),
        (20, "w1", SWITCHING),
        (30, "w1", ROLLING_BACK),
        (60, "w1", ROLLED_BACK),
    ]


@pytest.mark.parametrize("name", [MIGRATED, PREPARED, UNTOUCHED, ROLLING_BACK])
def test_nothing_that_acts_is_nothing_to_watch(name: str) -> None:
    """A node that was left prepared, or whose rollback nobody makes, stays so."""
    watcher = Watcher((0, sight(state(name, guard="off"))))
    assert watcher.run() == (state(name, guard="off"),)
    assert (watcher.told, watcher.clock.passed) == ([(0, "w1", name), (0, "lease", "")], 0)


def test_between_two_nodes_of_a_rollout_it_goes_on() -> None:
    held = FREE.taken("build-7 4711 99 1", "run-1", FakeClock().now())
    watcher = Watcher((0, sight(state(UNTOUCHED), lease=held)), (600, sight(state(MIGRATED))))
    assert watcher.run() == (state(MIGRATED),)
    assert watcher.told == [(0, "w1", UNTOUCHED), (0, "lease", held.holder), (600, "w1", MIGRATED), (600, "lease", "")]


def test_a_lease_of_an_operator_that_died_ends_the_watch_when_it_expires() -> None:
    held = FREE.taken("build-7 4711 99 1", "run-1", FakeClock().now())
    watcher = Watcher((0, sight(state(UNTOUCHED), lease=held)))
    watcher.run()
    assert watcher.clock.passed == 900


def test_a_node_that_cannot_be_reached_is_told_and_tried_again_for_ten_minutes() -> None:
    gone, back = state(UNREACHABLE, "w2", 4), state(MIGRATED, "w2")
    watcher = Watcher((0, sight(state(MIGRATED), gone)), (300, sight(state(MIGRATED), back)))
    assert watcher.run() == (state(MIGRATED), back)
    assert watcher.told == [(0, "w1", MIGRATED), (0, "w2", UNREACHABLE), (0, "lease", ""), (300, "w2", MIGRATED)]
    for_good = Watcher((0, sight(gone)))
    assert for_good.run() == (gone,)
    assert for_good.clock.passed == PATIENCE


def test_an_api_that_is_away_is_told_once_and_tried_again_for_ten_minutes() -> None:
    acted = sight(state(SWITCHING, guard="armed"))
    watcher = Watcher((0, acted), (10, AWAY), (100, sight(state(MIGRATED), unread="forbidden")))
    assert watcher.run() == (state(MIGRATED),)
    assert watcher.told == [
        (0, "w1", SWITCHING),
        (0, "lease", ""),
        (10, "lease", AWAY.seen),
        (100, "w1", MIGRATED),
        (100, "lease", "forbidden"),
    ]
    with pytest.raises(ClusterUnreachable):
        Watcher((0, AWAY)).run()
    for_good = Watcher((0, acted), (10, AWAY))
    with pytest.raises(ClusterUnreachable):
        for_good.run()
    assert PATIENCE <= for_good.clock.passed <= PATIENCE + 3 * POLL


def test_a_real_node_is_watched_until_its_guard_and_another_machine_have_ended_it(tmp_path: Path) -> None:
    """The operator is killed inside the switch; the guard fires; then another machine verifies and uncordons."""
    world = World(tmp_path / "root", tmp_path / "state")
    with pytest.raises(Killed):
        apply(world.work(17))
    happens = {2: lambda: world.scratch.verb("guard")}
    watcher, looks = Watcher(), [0]

    def look() -> Sight:
        looks[0] += 1
        happens.get(looks[0], lambda: None)()
        return sight(standing(world.work()))

    (end,) = watcher.run(look)
    assert (end.state, end.reason.code, looks) == (NEEDS_ATTENTION, "not-uncordoned", [2])
    assert [name for _, _, name in watcher.told] == ["switched", "", NEEDS_ATTENTION]
    rollback(world.work())
    assert watcher.run(lambda: sight(standing(world.work())))[0].state == ROLLED_BACK
