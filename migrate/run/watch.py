"""How nodes stand, looked at again and again until none of them is under way: each change is told once. Nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from migrate.errors import MigrateError
from migrate.plan.lease import ClusterLease
from migrate.plan.state import NodeState
from migrate.run.identity import Identity
from migrate.run.ports import Clock

POLL = 5.0  # seconds between two looks
PATIENCE = 600.0  # seconds that what cannot be reached is tried again
AWAY = 4  # the exit code of a node that could not be reached or read


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look saw: the nodes and the Lease; `unread` is why the Lease could not be read, then it is that of the look before."""

    states: tuple[NodeState, ...]
    lease: ClusterLease
    unread: str = ""


def watch(
    look: Callable[[], Sight], clock: Clock, tell_node: Callable[[NodeState], None], tell_lease: Callable[[Sight], None]
) -> tuple[NodeState, ...]:
    """Tell each node and what the Lease says, then each change, until no node is under way; how they stand then.

    A node is under way while an operator or its own program acts on it, while its guard is armed, and, for all of them, while a
    rollout holds the Lease. What cannot be reached is told and tried again for ten minutes. Raises what the first look raises, and what
    looks have raised for so long.
    """
    told: dict[str, tuple[object, ...]] = {}
    held: tuple[object, ...] = ()
    away: dict[str, float] = {}
    sight = look()
    while True:
        now = clock.monotonic()
        for state in sight.states:
            if _key(state) != told.get(state.node):
                told[state.node] = _key(state)
                tell_node(state)
        if _said(sight) != held:
            held = _said(sight)
            tell_lease(sight)
        away = {state.node: away.get(state.node, now) for state in sight.states if state.exit_code == AWAY}
        rollout = sight.lease.live(clock.now()) and not Identity.dead(sight.lease.holder)
        if not (rollout or any(acted_on(state) or now - away.get(state.node, now - PATIENCE) < PATIENCE for state in sight.states)):
            return sight.states
        clock.sleep(POLL)
        sight = _again(look, clock, sight, tell_lease)


def acted_on(state: NodeState) -> bool:
    """Whether something acts on the node, or will: an operator, the node's own program, its guard."""
    return bool(state.details.get("operator") or state.details.get("acts") or state.details.get("guard") == "armed")


def _again(look: Callable[[], Sight], clock: Clock, before: Sight, tell_lease: Callable[[Sight], None]) -> Sight:
    """The next look that shows anything, with the Lease that was read last."""
    begun, said = clock.monotonic(), ""
    while True:
        try:
            sight = look()
        except MigrateError as wrong:
            if clock.monotonic() - begun >= PATIENCE:
                raise
            if wrong.seen != said:
                said = wrong.seen
                tell_lease(replace(before, unread=said))
            clock.sleep(POLL)
        else:
            return replace(sight, lease=before.lease) if sight.unread else sight


def _key(state: NodeState) -> tuple[object, ...]:
    return (state.state, state.exit_code, state.reason, *(state.details.get(name) for name in ("operator", "last")))


def _said(sight: Sight) -> tuple[object, ...]:
    lease = sight.lease
    return (lease.holder, lease.run, lease.paused, sight.unread)
