"""The page of a run: how it ended, a timeline of its nodes, each node with its steps, waits and workloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from migrate.plan.state import INSTALLED, MIGRATED, ROLLED_BACK, SKIPPED
from migrate.report.html.document import document
from migrate.report.html.parts import rows_table, search, section
from migrate.report.markup import Markup, element, join
from migrate.report.run.build import NOT_BEGUN, UNDER_WAY
from migrate.report.run.model import RunNode, RunReport, RunStep
from migrate.report.run.words import HEADER, SHOWN, after, columns, head, lasted, segments, times, waited, where, workloads
from migrate.verify.counts import WorkloadCount

TILES = {
    **dict.fromkeys((MIGRATED, INSTALLED), "ready"),
    **dict.fromkeys((ROLLED_BACK,), "needs-work"),
    **dict.fromkeys((NOT_BEGUN, UNDER_WAY, SKIPPED), "not-read"),
}  # every other state is one that a person has to look at
WIDTH, ROW, LABEL = 1000, 26, 180  # of the timeline, in its own units


def run_html(report: RunReport) -> str:
    """The whole file as text: it loads nothing and runs no script but its own."""
    parts = [section("nodes", "Nodes", _nodes(report))]
    if report.seconds and any(node.steps for node in report.nodes):
        parts.insert(0, section("timeline", "Timeline", _timeline(report)))
    tool = next((command.tool for command in reversed(report.commands) if command.tool), "")
    return document(f"docker2cri: {head(report)}", _banner(report), parts, tool)


def _banner(report: RunReport) -> Markup:
    counts = Counter(node.state for node in report.nodes)
    tiles = [
        element("li", element("b", f"{count:,}"), element("span", state), class_=f"tile {TILES.get(state, 'blocked')}")
        for state, count in counts.items()
    ]
    return element(
        "header",
        element(
            "div",
            element("p", "Report of a run", class_="kicker"),
            element("h1", head(report)),
            element("p", times(report), class_="meta"),
            element("ul", *tiles, class_="tiles"),
            *(element("p", f"Note: {note}", class_="note") for note in report.notes),
            class_="wide",
        ),
    )


def _timeline(report: RunReport) -> Markup:
    """A bar for each step, in its segment's colour, from the first event of the run to the last."""
    begun, whole = _seconds(report.began), max(report.seconds, 1.0)
    shown = [node for node in report.nodes if node.steps]
    bars = [
        join(
            element("text", node.node, x="0", y=str(index * ROW + 17)),
            *(_bar(step, index, begun, whole) for step in node.steps),
        )
        for index, node in enumerate(shown)
    ]
    words = f"{len(shown)} nodes from {report.began} to {report.ended}"
    drawn = element("svg", *bars, viewBox=f"0 0 {WIDTH} {len(shown) * ROW}", role="img", aria_label=words, class_="timeline")
    legend = [element("li", element("span", "", class_=f"swatch {name}"), name) for name in ("preflight", *SHOWN)]
    return element("figure", element("ul", *legend, class_="legend"), drawn)


def _bar(step: RunStep, index: int, begun: float, whole: float) -> Markup:
    scale = (WIDTH - LABEL) / whole
    left, width = LABEL + (_seconds(step.began) - begun) * scale, max(step.seconds * scale, 1.0)
    title = element("title", f"{step.segment}: {step.text}: {lasted(step.seconds)}")
    place = {"x": f"{left:.1f}", "y": str(index * ROW + 4), "width": f"{width:.1f}", "height": str(ROW - 8)}
    return element("rect", title, class_=f"bar {step.segment}", **place)


def _nodes(report: RunReport) -> Markup:
    states = list(dict.fromkeys(node.state for node in report.nodes))
    rows = [_row(node) for node in report.nodes]
    return join(search("nodes-table", "Find a node", states), rows_table(HEADER, rows, name="nodes", numbers=range(2, len(HEADER) - 1)))


def _row(node: RunNode) -> Markup:
    spent = segments(node)
    sorted_by = (node.seconds, *(spent.get(name, 0) for name in SHOWN), node.evicted)
    cells = [element("td", text, data_v=str(value)) for text, value in zip(columns(node), sorted_by, strict=True)]
    first = element(
        "tr", element("th", node.node, scope="row"), element("td", element("b", node.state)), *cells, element("td", workloads(node))
    )
    more = element("td", element("details", element("summary", "Details"), *_more(node)), colspan=str(len(HEADER)))
    return element("tbody", first, element("tr", more), data_s=node.state)


def _more(node: RunNode) -> Iterator[Markup]:
    if node.reason:
        yield element("p", node.reason)
    if node.steps:
        yield _table(("Segment", "Step", "Began", "Took"), [_step(step) for step in node.steps])
    for title, lines in (("Waited for", waited(node)), ("Notes", list(node.notes))):
        if lines:
            yield element("h4", title)
            yield element("ul", *(element("li", line) for line in lines))
    if node.workloads:
        yield element("h4", "Workloads")
        yield _table(("Workload", "Ready before", "Ready after", "Counted"), [_workload(count) for count in node.workloads])


def _step(step: RunStep) -> tuple[str, ...]:
    return step.segment, step.text, step.began, f"{lasted(step.seconds)}{'' if step.ended else ', not ended'}"


def _workload(count: WorkloadCount) -> tuple[str, ...]:
    return count.owner, str(count.before), after(count), where(count)


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> Markup:
    titles = element("thead", element("tr", *(element("th", title, scope="col") for title in header)))
    body = element("tbody", *(element("tr", *(element("td", cell) for cell in row)) for row in rows))
    return element("div", element("table", titles, body, class_="facts"), class_="scroll")


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
