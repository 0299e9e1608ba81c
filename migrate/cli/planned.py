"""What the commands that make a plan have in common: the plan of what was read, and how it is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from migrate import __version__
from migrate.cli.output import write
from migrate.cli.reading import ended
from migrate.cli.terminal import say, show

if TYPE_CHECKING:
    from msgspec import UnsetType

    from migrate.plan.fleet import FleetPlan
    from migrate.plan.model import NodePlan, Plan
    from migrate.rules.judge import Inspected
    from migrate.run.session import Look
    from migrate.targets import Target


def plan_of(seen: Look, target: Target, nodes: tuple[NodePlan, ...], fleet: FleetPlan | UnsetType, purpose: str = "") -> Plan:
    """The sealed plan of these nodes; `purpose` is that of Plan, empty for a plan that moves them."""
    import msgspec

    from migrate.facts.cluster import ClusterIdentity
    from migrate.plan.model import FORMAT, Plan, sealed

    made = Plan(
        format=FORMAT,
        made=int(time.time()),
        tool=__version__,
        target=target.name,
        server=seen.cluster.server if seen.cluster else "",
        cluster=seen.cluster.identity if seen.cluster else ClusterIdentity(),
        nodes=nodes,
        fleet=fleet,
        purpose=purpose or msgspec.UNSET,
    )
    return sealed(made)


def tell_plan(made: Plan, text: str, seen: Look, found: Sequence[Inspected], out: str | None, notes: Sequence[str]) -> int:
    """Write the plan where that is asked for, tell it as `text`, then `notes` on its file and what was not planned; the exit code."""
    from migrate.plan.model import dump_plan

    if out is not None:
        write(out, dump_plan(made))
    show(text)
    for note in notes if out is not None else ():
        say(note)
    for machine in found:
        if machine.error:
            say(machine.error)
    return ended(seen, [*(3 if node.refusals else 0 for node in made.nodes), *(4 for machine in found if machine.view is None)])
