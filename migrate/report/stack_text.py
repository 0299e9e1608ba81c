"""The stack of one node as text: who talks to whom, now and after the migration, and what else runs beside it."""

from __future__ import annotations

from collections.abc import Iterable

from migrate.facts.model import NodeFacts
from migrate.facts.runtime_table import DOCKER
from migrate.report.model import Layer
from migrate.report.stack import stack
from migrate.report.style import Style
from migrate.targets import Target

COLORS = {"removed": "red", "new": "green", "changed": "green"}
WORDS = {"removed": "removed", "new": "new", "changed": "changed", "kept": ""}


def stack_text(facts: NodeFacts, target: Target, style: Style) -> str:
    """Both columns below each other, from the kubelet down."""
    before, after = stack(facts, target)
    parts = [style.paint(facts.host, "bold"), f"NOW\n{column(before, style)}"]
    parts.append("AFTER\n" + (column(after, style) if after != before else "  unchanged: there is nothing to migrate"))
    known = {layer.name for layer in (*before, *after)} | {DOCKER.name}
    beside = [runtime for runtime in facts.runtimes if runtime.name not in known]
    if beside:
        lines = []
        for runtime in beside:
            name = f"{runtime.name} {runtime.version}".strip()
            links = "; ".join(f"speaks to {link.to} ({link.how})" for link in runtime.links)
            lines.append(
                style.wrap(f"{name}: {runtime.role}, used by Kubernetes: {runtime.kubernetes}{f'; {links}' if links else ''}", 2, 4)
            )
        parts.append("\n".join(["ALSO HERE", *lines]))
    return "\n\n".join(parts) + "\n"


def column(layers: Iterable[Layer], style: Style) -> str:
    """Layers below each other, topmost first, each with how the one above speaks to it."""
    lines = []
    for layer in layers:
        if layer.link:
            lines.append(style.paint(f"    | {layer.link}", "dim"))
        name = f"{layer.name} {layer.version}".strip()
        notes = ", ".join(dict.fromkeys(part for part in (layer.note, WORDS[layer.mark]) if part))
        painted = style.paint(f"  {name}", *([COLORS[layer.mark]] if layer.mark in COLORS else []))
        lines.append(f"{painted}{f'  ({notes})' if notes else ''}")
    return "\n".join(lines)
