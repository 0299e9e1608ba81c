"""The cleanup command: plan the removal of Docker from nodes that have left it. `apply` carries the plan out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from migrate import __version__
from migrate.cli.options import (
    TARGET_OPTIONS,
    ReachOptions,
    accept_option,
    accepted,
    chosen_target,
    color_option,
    group,
    reach_options,
    reading_options,
)
from migrate.cli.output import Form, PlanFile, notice, style, write
from migrate.cli.reading import ended
from migrate.cli.terminal import say, show

if TYPE_CHECKING:
    from migrate.run.session import ReadingOptions
    from migrate.targets import Target

FORM = Form("text", "json")


@dataclass(frozen=True, slots=True)
class LeftFor:
    """For what runtime Docker was left, and what is accepted (reasons by code)."""

    target: Target
    accepted: Mapping[str, str]


def _left_for(target: str, accept: tuple[str, ...]) -> LeftFor:
    return LeftFor(chosen_target(target, crio_defaults=False), dict(map(accepted, accept)))


left_for_options = group("left_for", _left_for, TARGET_OPTIONS[0], accept_option)


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@reach_options
@reading_options("forks")
@left_for_options
@color_option
@click.option("-o", "--output", "form", type=FORM, metavar="FORMAT", default="text", show_default=True, help=f"{FORM.metavar}.")
@click.option("--out", type=PlanFile(), metavar="FILE", help="Write the plan that apply takes to this file (JSON).")
@click.option("--group", "with_group", is_flag=True, help="Remove the group docker too.")
@click.option("--records", is_flag=True, help="Remove the records of earlier runs of docker2cri from the nodes too.")
def cleanup(
    nodes: tuple[str, ...],
    reach: ReachOptions,
    reading: ReadingOptions,
    left_for: LeftFor,
    color: str,
    form: str,
    out: str | None,
    with_group: bool,
    records: bool,
) -> int:
    """Plan the removal of Docker from nodes that have left it: packages, data, iptables. Reads; apply removes it, for good."""
    from migrate.facts.cluster import ClusterIdentity
    from migrate.plan.build import fleet_of
    from migrate.plan.cleanup import Also, cleanup_plan
    from migrate.plan.model import CLEANUP, FORMAT, Plan, dump_plan, sealed
    from migrate.report.plan_text import plan_text
    from migrate.run.cleanup import judged, remains_of
    from migrate.run.session import look

    seen = look(reach.access(), nodes, notice, reading)
    notice("asking what Docker left on the nodes")
    found = judged(seen, left_for.target, remains_of(seen, reading.forks), left_for.accepted)
    planned = tuple(
        cleanup_plan(machine.view, machine.findings, Also(with_group, records)) for machine in found if machine.view is not None
    )
    made = sealed(
        Plan(
            format=FORMAT,
            made=int(time.time()),
            tool=__version__,
            target=left_for.target.name,
            server=seen.cluster.server if seen.cluster else "",
            cluster=seen.cluster.identity if seen.cluster else ClusterIdentity(),
            nodes=planned,
            purpose=CLEANUP,
            fleet=fleet_of(planned, seen.cluster),
        )
    )
    if out is not None:
        write(out, dump_plan(made))
    show(dump_plan(made) if form == "json" else plan_text(made, style(color, None)))
    if out is not None:
        say(f"{out} holds the plan. It removes Docker for good once it is applied: docker2cri apply {out}")
    for machine in found:
        if machine.error:
            say(machine.error)
    return ended(seen, [*(3 if node.refusals else 0 for node in made.nodes), *(4 for machine in found if machine.view is None)])
