"""A run's report as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.report.run.model import RunNode, RunReport
from migrate.report.run.words import HEADER, after, columns, head, longest, times, waited, where, workloads
from migrate.report.style import Style


def run_text(report: RunReport, style: Style) -> str:
    """A line for each node, then what took longest on each, what was waited for, and its workloads."""
    lines = [style.paint(head(report), "bold"), times(report), *(f"note: {note}" for note in report.notes), ""]
    rows = [(node.node, node.state, *columns(node), workloads(node)) for node in report.nodes]
    lines.append(style.table([title.upper() for title in HEADER], rows))
    for node in report.nodes:
        lines += ["", style.paint(f"{node.node}: {node.state}", "bold"), *(f"  {line}" for line in _more(node))]
    return "\n".join(lines) + "\n"


def _more(node: RunNode) -> Iterator[str]:
    if node.reason:
        yield node.reason
    yield from (f"longest: {line}" for line in longest(node))
    yield from (f"waited: {line}" for line in waited(node))
    yield from (f"note: {note}" for note in node.notes)
    for count in node.workloads:
        yield f"{count.owner}: {count.before} Ready before, {after(count)} {'' if count.after is None else 'after '}({where(count)})"
