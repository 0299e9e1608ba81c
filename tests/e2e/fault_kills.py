"""kill -9 of the tool at each of its points on a real node, in the executor model's three scenarios: none ends mixed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.e2e.faults import Going, Ground, run_of, words

# What the tool does itself is seen by its events, what the node does by the node's journal.
THERE = (
    *(f"journal {number}" for number in range(1, 53)),
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
    *(f"journal {number}" for number in range(55, 98)),
    "vacate ^cordon",
    "vacate ^drain",
    "back ^annotate",
    "back ^verify the node",
    "back ^verify A",
    "back ^uncordon",
    "back ^verify the workloads",
)


@dataclass(frozen=True, slots=True)
class Killed:
    """Where it was meant to be killed, and whether it still ran then; `note` says how it had ended when not."""

    point: str
    running: bool
    note: str = ""


def reached(ground: Ground, going: Going, plan: str, point: str) -> Callable[[], bool]:
    """Whether the tool is at a point: `journal N`, a line of the node's journal; or `SEGMENT PATTERN`, an event of the tool."""
    segment, _, pattern = point.partition(" ")
    if segment == "journal":
        journal, number = ground.journal(run_of(plan)), int(pattern)
        return lambda: len(journal()) >= number
    return lambda: any(one.get("segment") == segment and re.search(pattern, one.get("text", "")) for one in going.events())


def killed_at(ground: Ground, plan: str, point: str, command: str, *argv: str) -> Killed:
    """Start the tool and kill it at a point."""
    going = ground.begin(command, *argv)
    running = going.until(point, reached(ground, going, plan, point)) and going.process.poll() is None
    going.kill()
    said = going.end()
    return Killed(point, running, "" if running else f"it had ended before: {said.code} {said.out.splitlines()[-1:]}")


def continued(ground: Ground, point: str) -> str:
    """apply killed, apply typed again: it ends new."""
    plan = ground.plan()
    killed = killed_at(ground, plan, point, "apply", plan)
    ended = ground.tool("apply", plan)
    assert ended.code == 0, words(ended)
    assert re.search(r"new +0 +(runs on containerd, verified|nothing to do)", ended.out), words(ended)
    ground.assert_new()
    ground.back()
    return killed.note


def rolled_back(ground: Ground, point: str) -> str:
    """apply killed, rollback typed on another machine: it ends old."""
    plan = ground.plan()
    killed = killed_at(ground, plan, point, "apply", plan)
    ended = ground.tool("rollback", ground.name, state="elsewhere")
    assert ended.code == 0, words(ended)
    ground.assert_old()
    return killed.note


def rolled_back_and_apply_typed(ground: Ground, point: str) -> str:
    """apply done, rollback killed, apply typed: once the undo has begun only the way back is open; before that it ends new again."""
    plan = ground.plan()
    done = ground.tool("apply", plan)
    assert done.code == 0, words(done)
    killed = killed_at(ground, plan, point, "rollback", ground.name)
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
    return killed.note
