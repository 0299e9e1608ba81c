"""The order in which a plan takes its nodes, as text."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.formats.listing import few, plural
from migrate.plan.fleet import FleetPlan, Stage
from migrate.report.style import Style

NAMED = 20  # of one stage


def stages_text(fleet: FleetPlan, style: Style) -> str:
    """One line a stage: its nodes, how many at once and why not more, its pool and zone."""
    return "\n".join(
        [style.paint("STAGES", "bold") + " (the next one begins when all nodes of a stage are migrated)", *_lines(fleet, style)]
    )


def _lines(fleet: FleetPlan, style: Style) -> Iterator[str]:
    if fleet.before:
        yield style.wrap(f"before: {few(fleet.before, NAMED)} get what they lack", 2, 6)
    for number, stage in enumerate(fleet.stages, 1):
        yield style.wrap(f"{number:2}. {few(stage.nodes, NAMED)}{_how(stage, canary=number == 1 and len(fleet.stages) > 1)}", 2, 6)


def _how(stage: Stage, *, canary: bool) -> str:
    where = [f"{word} {value}" for word, value in (("pool", stage.pool), ("zone", stage.zone)) if value]
    said = ["the canary"] if canary else [f"{plural(len(stage.nodes), 'node')}, {stage.at_once} at once"] if len(stage.nodes) > 1 else []
    said += [stage.why] if stage.why else []
    return f" ({'; '.join([*said, *where])})" if said or where else ""
