"""kill -9 of the tool at each of its points on a real node, in the executor model's three scenarios: none ends mixed."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.e2e.fault_runtimes import Runtime
from tests.e2e.faults import Going, Ground, run_of, words

# What the tool does itself is seen by its events, what the node does by the node's journal.
APPLY = (
    "preflight reads the node again",
    "drain ^record",
    "drain ^cordon",
    "drain ^drain$",
    "drain ^drain:",
    "drain ^wait until volumes",
    "rejoin ^verify the cordoned node",
    "rejoin ^verification of the node",
    "rejoin ^verification of the node: smoke",
    "rejoin ^disarm",
    "rejoin ^annotate",
    "rejoin ^uncordon",
    "rejoin ^verify the workloads",
)
ROLLBACK = (
    "rollback ^record",
    "rollback ^cordon",
    "rollback ^drain",
    "rollback ^annotate",
    "rollback ^verify the cordoned node",
    "rollback ^verification of the node",
    "rollback ^uncordon",
    "rollback ^verify the workloads",
)


def of_apply(runtime: Runtime) -> tuple[str, ...]:
    """The points of `apply`."""
    return (*(f"journal {number}" for number in range(1, runtime.applied + 1)), *APPLY)


def of_rollback(runtime: Runtime) -> tuple[str, ...]:
    """The points of `rollback`."""
    first, last = runtime.rolled_back
    return (*(f"journal {number}" for number in range(first, last + 1)), *ROLLBACK)


def reached(ground: Ground, going: Going, plan: str, point: str) -> Callable[[], bool]:
    """Whether the tool is at a point.

    `journal N` is a line of the node's journal, `journal PATTERN` what is in it, `SEGMENT PATTERN` an event of the tool.
    """
    segment, _, pattern = point.partition(" ")
    if segment == "journal":
        journal = ground.journal(run_of(plan))
        if pattern.isdecimal():
            return lambda: len(journal()) >= int(pattern)
        return lambda: re.search(pattern, "\n".join(journal()), re.DOTALL) is not None
    return lambda: any(one.get("segment") == segment and re.search(pattern, one.get("text", "")) for one in going.events())


def killed_at(ground: Ground, plan: str, point: str, command: str, *argv: str) -> str:
    """Start the tool and kill it at a point, which it has to come to; a note when it had ended by then."""
    going = ground.begin(command, *argv)
    at = reached(ground, going, plan, point)
    assert not at(), f"{point} is no point of {command}: it was there before"
    come = going.until(point, at)
    running = going.process.poll() is None
    going.kill()
    said = going.end()
    assert come, f"{point} is no point of {command}: it ended without\n{words(said)}"
    return "" if running else f"it had ended by then: {said.code} {said.out.splitlines()[-1:]}"


def continued(ground: Ground, point: str) -> str:
    """apply killed, apply typed again: it ends migrated."""
    plan = ground.plan()
    note = killed_at(ground, plan, point, "apply", plan)
    ended = ground.tool("apply", plan)
    assert ended.code == 0, words(ended)
    assert re.search(rf"migrated +0 +(it runs on {ground.runtime.title} and is verified|nothing to do)", ended.out), words(ended)
    ground.assert_migrated()
    ground.roll_back()
    return note


def rolled_back(ground: Ground, point: str) -> str:
    """apply killed, rollback typed on another machine: it ends rolled back."""
    plan = ground.plan()
    note = killed_at(ground, plan, point, "apply", plan)
    ended = ground.tool("rollback", ground.name, state="elsewhere")
    assert ended.code == 0, words(ended)
    ground.assert_rolled_back()
    return note


def rolled_back_and_apply_typed(ground: Ground, point: str) -> str:
    """apply done, rollback killed, apply typed: once the undo has begun only the rollback is open; before that it ends migrated again."""
    plan = ground.plan()
    done = ground.tool("apply", plan)
    assert done.code == 0, words(done)
    written, (first, _) = len(ground.journal(run_of(plan))()), ground.runtime.rolled_back
    assert written + 1 == first, f"a plan has other steps now: the rollback begins with line {written + 1} of the journal, not {first}"
    note = killed_at(ground, plan, point, "rollback", ground.name)
    begun = "undo-begin" in "".join(ground.journal(run_of(plan))())
    ended = ground.tool("apply", plan)
    if not begun:
        assert ended.code == 0, words(ended)
        ground.assert_migrated()
        ground.roll_back()
        return "no undo had begun: migrated"
    assert ended.code in (5, 7), words(ended)
    ground.assert_rolled_back()
    if ended.code == 5:
        assert re.search("rolled back +5 +a rollback was asked for", ended.out), words(ended)
        assert "now: it runs on Docker as before and is verified" in ended.out + ended.err, words(ended)
    else:
        assert "this plan was rolled back on this node" in ended.out, words(ended)
    return note
