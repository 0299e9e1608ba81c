"""A run's report as GitHub-flavoured Markdown, for a change ticket or $GITHUB_STEP_SUMMARY."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.report.markdown_text import code, prose, row, table_head
from migrate.report.run.model import RunNode, RunReport
from migrate.report.run.words import HEADER, after, columns, head, longest, times, waited, where, workloads

MOST = 200  # nodes and workloads in a table; a step summary holds 1 MiB


def run_markdown(report: RunReport) -> str:
    """The report as Markdown; what nodes and clusters say stands in code spans."""
    parts = [f"## docker2cri: {prose(head(report))}", prose(times(report)), *(f"> {prose(note)}" for note in report.notes)]
    parts.append("\n".join(_nodes(report)))
    parts += ["\n".join(_node(node)) for node in report.nodes[:MOST]]
    return "\n\n".join(parts) + "\n"


def _nodes(report: RunReport) -> Iterator[str]:
    yield from table_head(HEADER)
    for node in report.nodes[:MOST]:
        yield row((code(node.node), f"**{node.state}**", *columns(node), prose(workloads(node))))
    if len(report.nodes) > MOST:
        yield f"\n{len(report.nodes) - MOST:,} more nodes"


def _node(node: RunNode) -> Iterator[str]:
    yield f"<details><summary>{prose(node.node)}: {node.state}</summary>\n"
    if node.reason:
        yield f"{code(node.reason)}\n"
    yield from (f"- longest: {code(line)}" for line in longest(node))
    yield from (f"- waited: {code(line)}" for line in waited(node))
    yield from (f"- note: {code(note)}" for note in node.notes)
    if node.workloads:
        yield ""
        yield from table_head(("Workload", "Ready before", "Ready after", "Counted"))
    for count in node.workloads[:MOST]:
        yield row((code(count.owner), str(count.before), after(count), where(count)))
    yield "\n</details>"
