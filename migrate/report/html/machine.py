"""Tables of a node's card: the settings of its Docker with what becomes of each, and the runtimes that were found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from migrate.report.html.parts import ticks
from migrate.report.machine_text import by_verdict, runs
from migrate.report.markup import Markup, element
from migrate.report.model import DockerSetting, ReportedNode, ReportedRuntime

MARKS = {"cannot be carried": "blocker", "changed": "warning", "carried": "info", "not needed": ""}

Firsts = Mapping[object, int]


def firsts(nodes: Sequence[ReportedNode]) -> Firsts:
    """The first node, by its index, of those that have the same settings, and of those that have the same runtimes."""
    found: dict[object, int] = {}
    for index, node in enumerate(nodes):
        found.setdefault(node.settings, index)
        found.setdefault(node.machine.runtimes if node.machine else (), index)
    return found


def tables(index: int, node: ReportedNode, first: Firsts, nodes: Sequence[ReportedNode]) -> Iterator[Markup]:
    """Both tables, folded; where another node has the same, a link to its card: a fleet's page has to stay small."""
    found = node.machine.runtimes if node.machine else ()
    elsewhere: dict[int, list[str]] = {}
    for title, value in (("Docker's settings", node.settings), ("Runtimes", found)):
        if value and first[value] != index:
            elsewhere.setdefault(first[value], []).append(title)
    if node.settings and first[node.settings] == index:
        yield _settings(node.settings)
    if found and first[found] == index:
        yield _runtimes(found)
    for at, titles in elsewhere.items():
        yield element("p", f"{', '.join(titles)}: as on ", element("a", nodes[at].host, href=f"#n{at}"))


def _settings(settings: Sequence[DockerSetting]) -> Markup:
    lost = sum(setting.verdict == "cannot be carried" for setting in settings)
    said = f"Docker's settings ({len(settings)}{f', {lost} cannot be carried' if lost else ''})"
    rows = [
        element(
            "tr",
            element("td", element("code", setting.key)),
            element("td", element("code", setting.value)),
            element("td", setting.place),
            element("td", element("span", setting.verdict, class_=f"chip {MARKS[setting.verdict]}".strip())),
            element("td", ticks(setting.note)),
        )
        for setting in by_verdict(settings)
    ]
    return _table(said, ("Key", "Value", "Given by", "Verdict", "What becomes of it"), rows)


def _runtimes(found: Sequence[ReportedRuntime]) -> Markup:
    rows = [
        element(
            "tr", *(element("td", cell) for cell in (runtime.name, runtime.version or "-", runtime.role, runtime.kubernetes, runs(runtime)))
        )
        for runtime in found
    ]
    return _table(f"Runtimes ({len(found)})", ("Name", "Version", "Role", "Used by Kubernetes", "Runs"), rows)


def _table(title: str, header: Sequence[str], rows: Sequence[Markup]) -> Markup:
    head = element("thead", element("tr", *(element("th", title, scope="col") for title in header)))
    table = element("table", head, element("tbody", *rows), class_="facts")
    return element(
        "details", element("summary", title), element("div", table, class_="scroll", tabindex="0", role="region", aria_label=title)
    )
