"""The node table: one line a node, its card below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from migrate.plan.steps import size
from migrate.report.causes import STATES, counts, plural
from migrate.report.html.machine import firsts, tables
from migrate.report.html.parts import rows_table, search
from migrate.report.html.stacks import picture
from migrate.report.markup import Markup, element, join
from migrate.report.model import Report, ReportedFinding, ReportedMachine, ReportedNode
from migrate.rules import Severity

HEADER = ("Node", "State", "Kubelet", "Now", "After", "OS", "B/W/I")


def nodes(report: Report) -> Markup:
    """The table with its search field."""
    on: dict[str, list[ReportedFinding]] = {}
    for finding in report.findings:
        for host in finding.nodes:
            on.setdefault(host, []).append(finding)
    changed: dict[str, list[int]] = {}
    for index, change in enumerate(report.files):
        for host in change.nodes:
            changed.setdefault(host, []).append(index)
    paths = {index: change.path for index, change in enumerate(report.files)}
    pictures = {stack.name: picture(stack) for stack in report.stacks}
    first = firsts(report.nodes)
    rows = [
        _node(
            index,
            node,
            _card(node, on.get(node.host, []), {at: paths[at] for at in changed.get(node.host, [])}, pictures),
            tables(index, node, first, report.nodes),
        )
        for index, node in enumerate(report.nodes)
    ]
    states = [state for state in STATES if any(node.state == state for node in report.nodes)]
    tools = search("nodes-table", "Find a node", states)
    return join(tools, rows_table(HEADER, rows, name="nodes", numbers=(6,)))


def _node(index: int, node: ReportedNode, card: Iterator[Markup], facts: Iterator[Markup]) -> Markup:
    machine = node.machine
    now = f"{machine.runtime} {machine.runtime_version}".strip() if machine else "-"
    then = f"{machine.next_runtime} {machine.next_version}".strip() if machine else "-"
    weight = node.blockers * 1_000_000 + node.warnings * 1000 + node.infos
    found_here = counts(node.blockers, node.warnings, node.infos) if not node.error else "-"
    cells = join(
        element("th", node.host, scope="row"),
        element("td", element("b", node.state)),
        *(element("td", text) for text in (machine.kubelet if machine else "-", now, then, machine.os if machine else "-")),
        element("td", found_here, data_v=str(weight)),
    )
    details = element("details", element("summary", "Details"), *card, *facts)
    return element(
        "tbody",
        element("tr", cells),
        element("tr", element("td", details, colspan=str(len(HEADER)))),
        id=f"n{index}",
        data_s=node.state,
    )


def _card(node: ReportedNode, found: list[ReportedFinding], files: Mapping[int, str], pictures: Mapping[str, Markup]) -> Iterator[Markup]:
    if node.error:
        yield element("pre", node.error)
    if node.machine is not None:
        yield element("p", " · ".join(fact for fact in _facts(node, node.machine) if fact))
    if found:
        # a ready node is one of many: the codes are enough
        short = node.state in ("ready", "nothing to do")
        told = [] if short else [finding for finding in found if finding.severity is not Severity.INFO]
        items = [_found(code, list(group)) for code, group in groupby(told, key=lambda finding: finding.code)]
        links = [
            join(" ", element("a", code, href=f"#{code}"))
            for code in dict.fromkeys(finding.code for finding in found if finding not in told)
        ]
        yield element("ul", *items, *([element("li", "Also:" if items else "Found:", *links)] if links else []))
    if node.stack:
        yield pictures[node.stack]
    if files:
        links = [element("li", element("a", path, href=f"#f{at}")) for at, path in files.items()]
        yield element("ul", element("li", "Files that change:"), *links)


def _found(code: str, group: list[ReportedFinding]) -> Markup:
    """What one rule found here: a blocker with what was seen, a warning by its subjects."""
    link = element("a", code, href=f"#{code}")
    if group[0].severity is Severity.BLOCKER:
        return element("li", link, "; ".join(f" {finding.subject}: {finding.evidence}" for finding in group))
    return element(
        "li", link, " ", ", ".join(finding.subject for finding in group[:2]), f" and {len(group) - 2} more" if len(group) > 2 else ""
    )


def _facts(node: ReportedNode, machine: ReportedMachine) -> Iterator[str]:
    yield f"node {node.node}" if node.node != node.host else ""
    yield ", ".join(node.roles)
    yield f"pool {node.pool}" if node.pool else ""
    yield f"zone {node.zone}" if node.zone else ""
    yield f"kernel {machine.kernel} {machine.arch}"
    yield f"cgroup {machine.cgroup}, {machine.cgroup_driver or 'driver unknown'}"
    yield machine.installer
    yield plural(machine.pods, "pod")
    yield "" if machine.images is None else f"{plural(machine.images, 'image')}, {size(machine.image_bytes or 0)}"
    yield plural(machine.standalone, "standalone container") if machine.standalone else ""
    yield f"inside {machine.inside}" if machine.inside.startswith("a") else ""
