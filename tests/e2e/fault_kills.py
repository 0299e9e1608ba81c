"""kill -9 of the tool at each of its points on a real node, in the executor model's three scenarios: none ends mixed."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.e2e.fault_runtimes import Runtime
from tests.e2e.faults import Going, Ground, run_of, words

# What the tool does itself is seen by its events, what the node does by the node's journal.
THERE = (
    "preflight reads the node again",
    "vacate ^cordon",
    "vacate ^drain$",
    "vacate ^drain:",
    "vacate ^wait until volumes",
    "settle ^verify the node",
    "settle ^verify A",
    "settle ^verify A: smoke",
    "settle ^disarm",
    "settle ^annotate",
    "settle ^uncordon",
    "settle ^verify the workloads",
)
BACK = (
    "vacate ^cordon",
    "vacate ^drain",
    "back ^annotate",
    "back ^verify the node",
    "back ^verify A",
    "back ^uncordon",
    "back ^verify the workloads",
)


def there(runtime: Runtime) -> tuple[str, ...]:
    """The points of `apply`."""
    return (*(f"journal {number}" for number in range(1, runtime.there + 1)), *THERE)


def back(runtime: Runtime) -> tuple[str, ...]:
    """The points of `rollback`."""
    first, last = runtime.back
    return (*(f"journal {number}" for number in range(first, last + 1)), *BACK)


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
    """apply killed, apply typed again: it ends new."""
    plan = ground.plan()
    note = killed_at(ground, plan, point, "apply", plan)
    ended = ground.tool("apply", plan)
    assert ended.code == 0, words(ended)
    assert re.search(rf"new +0 +(runs on {ground.runtime.title}, verified|nothing to do)", ended.out), words(ended)
    ground.assert_new()
    ground.back()
    return note


def rolled_back(ground: Ground, point: str) -> str:
    """apply killed, rollback typed on another machine: it ends old."""
    plan = ground.plan()
    note = killed_at(ground, plan, point, "apply", plan)
    ended = ground.tool("rollback", ground.name, state="elsewhere")
    assert ended.code == 0, words(ended)
    ground.assert_old()
    return note


def rolled_back_and_apply_typed(ground: Ground, point: str) -> str:
    """apply done, rollback killed, apply typed: once the undo has begun only the way back is open; before that it ends new again."""
    plan = ground.plan()
    done = ground.tool("apply", plan)
    assert done.code == 0, words(done)
    written, (first, _) = len(ground.journal(run_of(plan))()), ground.runtime.back
    assert written + 1 == first, f"a plan has other steps now: the way back begins with line {written + 1} of the journal, not {first}"
    note = killed_at(ground, plan, point, "rollback", ground.name)
    begun = "undo-begin" in "".join(ground.journal(run_of(plan))())
    ended = ground.tool("apply", plan)
    if not begun:
        assert ended.code == 0, words(ended)
        ground.assert_new()
        ground.back()
        return "no undo had begun: new"
    assert ended.code in (5, 7), words(ended)
    ground.assert_old()
    if ended.code == 5:
        assert re.search("old +5 +a rollback was asked for", ended.out), words(ended)
        assert "now: back on Docker, verified" in ended.err, words(ended)
    else:
        assert "this plan was rolled back on this node" in ended.out, words(ended)
    return note
