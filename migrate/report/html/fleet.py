"""The fleet map: a square a node, grouped by pool, zone or role, its state as colour and letter."""

from __future__ import annotations

from collections.abc import Callable

from migrate.report.causes import STATES, plural
from migrate.report.markup import Markup, element
from migrate.report.model import Report, ReportedNode

LETTERS = {"ready": "R", "needs work": "W", "blocked": "B", "not read": "?", "nothing to do": "-"}


def fleet(report: Report) -> Markup:
    """The legend and one group of squares for each pool, else zone, else role."""
    of = _grouping(report.nodes)
    groups: dict[str, list[tuple[int, ReportedNode]]] = {}
    for index, node in enumerate(report.nodes):
        groups.setdefault(of(node), []).append((index, node))
    states = {node.state for node in report.nodes}
    legend = [element("li", _square(state), state) for state in reversed(STATES) if state in states]
    maps = [_group(name, groups[name]) for name in sorted(groups)]
    return element("div", element("ul", *legend, class_="legend"), *maps, class_="fleet")


def _grouping(nodes: tuple[ReportedNode, ...]) -> Callable[[ReportedNode], str]:
    """What tells the most: pools where there are several, else zones, else roles."""
    if len({node.pool for node in nodes}) > 1:
        return lambda node: f"pool {node.pool}" if node.pool else "no pool"
    if len({node.zone for node in nodes}) > 1:
        return lambda node: f"zone {node.zone}" if node.zone else "no zone"
    return _role


def _role(node: ReportedNode) -> str:
    if {"control-plane", "master"} & set(node.roles):
        return "control plane"
    return "not read" if node.state == "not read" and not node.roles else "workers"


def _group(name: str, members: list[tuple[int, ReportedNode]]) -> Markup:
    squares = [
        element("a", LETTERS[node.state], class_=f"q {css(node.state)}", href=f"#n{index}", title=f"{node.host}: {node.state}")
        for index, node in members
    ]
    return element("div", element("h3", name, element("small", plural(len(members), "node"))), element("div", *squares, class_="map"))


def _square(state: str) -> Markup:
    return element("span", LETTERS[state], class_=f"q {css(state)}")


def css(state: str) -> str:
    """The class of a state."""
    return state.replace(" ", "-")
