"""The order in which a plan takes its nodes, as text."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.formats.listing import duration, few, plural
from migrate.plan.estimate import whole
from migrate.plan.fleet import FleetPlan, Stage
from migrate.plan.gates import CommandGate, Gates, gate_words
from migrate.plan.hooks import WHEN, hook_words
from migrate.report.style import Style

NAMED = 20  # of one stage


def stages_text(fleet: FleetPlan, style: Style) -> str:
    """One line a stage: its nodes, how many at once and why not more, its pool and zone."""
    return "\n".join(
        [style.paint("STAGES", "bold") + " (the next one begins when all nodes of a stage are migrated)", *_lines(fleet, style)]
    )


def gate_lines(gates: Gates) -> Iterator[str]:
    """What is waited for between two stages, and when a node may be begun, a line each."""
    if gates.soak:
        yield f"before each later stage the cluster is well for {gates.soak} s"
    for gate in gates.checks:
        whose = " on the operator's machine" if isinstance(gate, CommandGate) else ""
        yield f"before each later stage: {gate_words(gate)}{whose}, waited for at most {gate.wait} s"
    for hook in gates.hooks:
        yield f"{WHEN[hook.moment]}: {hook_words(hook)} on the operator's machine, at most {hook.timeout} s"
    if gates.windows:
        yield f"a node is begun only in: {'; or '.join(map(str, gates.windows))}"


def _lines(fleet: FleetPlan, style: Style) -> Iterator[str]:
    yield from (style.wrap(line, 2, 6) for line in gate_lines(fleet.gates))
    if fleet.max_fail:
        yield style.wrap(f"{fleet.max_fail} % of the nodes of a stage may fail, and the run goes on", 2, 6)
    if fleet.before:
        yield style.wrap(f"before: {few(fleet.before, NAMED)} get what they lack", 2, 6)
    for number, stage in enumerate(fleet.stages, 1):
        yield style.wrap(f"{number:2}. {few(stage.nodes, NAMED)}{_how(stage, canary=number == 1 and len(fleet.stages) > 1)}", 2, 6)
    if any(any(stage.seconds) for stage in fleet.stages):
        soaks = ", soaks included" if fleet.gates.soak else ""
        waits = "it counts no waits for gates, windows and PodDisruptionBudgets"
        yield style.wrap(f"all stages: about {duration(*whole(fleet))}{soaks} (from image sizes and grace periods; {waits})", 2, 6)


def _how(stage: Stage, *, canary: bool) -> str:
    time = [f"about {duration(*stage.seconds)}"] if any(stage.seconds) else []
    where = [f"{word} {value}" for word, value in (("group", stage.group), ("pool", stage.pool), ("zone", stage.zone)) if value]
    said = (
        ["the canary"]
        if canary and len(stage.nodes) == 1
        else [f"{plural(len(stage.nodes), 'node')}, {stage.at_once} at once"]
        if len(stage.nodes) > 1
        else []
    )
    said += [stage.why] if stage.why else []
    return f" ({'; '.join([*said, *where, *time])})" if said or where or time else ""
