"""The stack pictures: who talks to whom, now and after, each distinct one drawn once and shown by reference."""

from __future__ import annotations

from migrate.report.causes import plural
from migrate.report.markup import Markup, element, join
from migrate.report.model import Layer, Report, Stack

WIDTH, BOX, GAP, TOP = 340, 44, 34, 28
MARKS = {"kept": "", "removed": "removed", "new": "new", "changed": "changed"}


def stacks(report: Report) -> Markup:
    """Every distinct stack with the number of its nodes."""
    shapes = [_columns(stack) for stack in report.stacks]
    figures = []
    for stack in report.stacks:
        count = sum(node.stack == stack.name for node in report.nodes)
        caption = element("figcaption", plural(count, "node"))
        figures.append(element("figure", caption, element("div", picture(stack), role="img", aria_label=_words(stack))))
    return join(element("svg", *shapes, class_="defs", aria_hidden="true", width="0", height="0"), *figures)


def picture(stack: Stack) -> Markup:
    """The two columns of one stack, by reference."""
    return element("div", _use(f"{stack.name}a", stack.before), _use(f"{stack.name}b", stack.after), class_="stack")


def _use(name: str, layers: tuple[Layer, ...]) -> Markup:
    height = TOP + len(layers) * (BOX + GAP) - GAP + 2
    return element("svg", element("use", href=f"#{name}"), viewBox=f"0 0 {WIDTH} {height}")


def _words(stack: Stack) -> str:
    return f"{' → '.join(layer.name for layer in stack.before)} becomes {' → '.join(layer.name for layer in stack.after)}"


def _columns(stack: Stack) -> Markup:
    return join(_column(f"{stack.name}a", "Now", stack.before), _column(f"{stack.name}b", "After the migration", stack.after))


def _column(name: str, title: str, layers: tuple[Layer, ...]) -> Markup:
    parts = [_layer(layer, TOP + index * (BOX + GAP), first=index == 0) for index, layer in enumerate(layers)]
    return element("g", element("text", title, x="1", y="16", class_="side"), *parts, id=name)


def _layer(layer: Layer, top: int, *, first: bool) -> Markup:
    name = f"{layer.name} {layer.version}".strip()
    mark = MARKS[layer.mark]
    link = ""
    if not first:
        arrow = element("path", d=f"M24 {top - GAP}V{top - 5}m-4 -5l4 5l4 -5", class_="arrow")
        link = join(arrow, element("text", _fit(layer.link, 48), x="36", y=str(top - GAP // 2 + 4), class_="link"))
    note = element("text", _fit(layer.note, 46), x="14", y=str(top + 36), class_="link") if layer.note else ""
    return join(
        link,
        element("rect", x="1", y=str(top), width=str(WIDTH - 2), height=str(BOX), rx="7", class_=layer.mark),
        element("text", _fit(name, 34), x="14", y=str(top + (19 if layer.note else 27)), class_=f"name {layer.mark}"),
        element("text", mark, x=str(WIDTH - 14), y=str(top + 19), class_=f"mark {layer.mark}") if mark else "",
        note,
    )


def _fit(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
