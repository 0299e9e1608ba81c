"""How nodes stand, as text: one line a node, and the full reason of each node that needs more than a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.facts.redact import printable
from migrate.plan.state import (
    FAILED,
    INSTALLED,
    INTERRUPTED,
    LOST,
    MIGRATED,
    NEEDS_ATTENTION,
    REFUSED,
    ROLLED_BACK,
    ROLLING_BACK,
    SWITCHED,
    SWITCHING,
    UNREACHABLE,
    NodeState,
)
from migrate.report.plain import message, one_line
from migrate.report.state_json import Rollout
from migrate.report.style import Style

COLORS = {
    **dict.fromkeys((MIGRATED, INSTALLED), "green"),
    **dict.fromkeys((ROLLED_BACK, ROLLING_BACK, INTERRUPTED, SWITCHING, SWITCHED), "yellow"),
    **dict.fromkeys((NEEDS_ATTENTION, REFUSED, UNREACHABLE, LOST, FAILED), "red"),
}
HEADER = ("NODE", "STATE", "CODE", "REASON")
SHORT = ("guard", "gate", "docker", "generation")  # details that share a line


def state_table(nodes: Sequence[NodeState], style: Style) -> str:
    """A line for each node: its state, the exit code of that, and the first line of the reason. Empty without nodes."""
    if not nodes:
        return ""
    rows = [(printable(node.node), node.state, str(node.exit_code), _first_line(node)) for node in nodes]
    head, *lines = style.table(HEADER, rows).split("\n")
    column = max(len(cell) for cell in (HEADER[0], *(row[0] for row in rows))) + 2
    return "\n".join([head, *(_painted(line, column, node.state, style) for line, node in zip(lines, nodes, strict=True))]) + "\n"


def rollout_lines(rollout: Rollout) -> str:
    """Who runs a rollout, and who has paused it, each on its line; empty where nobody does."""
    lines = []
    if rollout.unknown:
        lines.append(f"whether a rollout runs or is paused is not known: {rollout.unknown}")
    if (held := rollout.paused) is not None:
        lines.append(f"paused by {held.by}{f' since {held.at[:19]}Z' if held.at else ''}: {held.why}; docker2cri resume releases it")
    if rollout.operator:
        ends = f"its Lease lasts until {rollout.until}" if rollout.live else f"its Lease expired at {rollout.until}: apply continues it"
        lines.append(f"rollout of run {rollout.run} by {rollout.operator} since {rollout.since}; {ends}")
    return "".join(f"{one_line(message(line))}\n" for line in lines)


def state_reasons(nodes: Sequence[NodeState]) -> str:
    """The full reason of each node whose reason is more than its line in the table, and what was read of its run. Empty without any."""
    return "".join(f"{line}\n" for node in nodes for line in _reason(node))


def _first_line(node: NodeState) -> str:
    return one_line(printable(node.reason.seen.partition("\n")[0]))


def _painted(line: str, column: int, state: str, style: Style) -> str:
    color = COLORS.get(state)
    end = column + len(state)
    return f"{line[:column]}{style.paint(line[column:end], color)}{line[end:]}" if color else line


def _reason(node: NodeState) -> Iterator[str]:
    reason = node.reason
    told = [(name, text) for name, text in (("now", reason.now), ("expected", reason.expected), ("next", reason.next)) if text]
    if not told and not node.details and "\n" not in reason.seen:
        return
    yield printable(f"{node.node}: {reason.seen}")
    for name, text in (*told, *_details(node)):
        yield printable(f"  {name}: {text}")


def _details(node: NodeState) -> Iterator[tuple[str, str]]:
    if short := ", ".join(f"{name} {node.details[name]}" for name in SHORT if name in node.details):
        yield f"run {node.run}" if node.run else "run", short
    yield from ((name, text) for name, text in node.details.items() if name not in SHORT and text)
