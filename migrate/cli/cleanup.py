"""The cleanup command: plan the removal of Docker from nodes that have left it. `apply` carries the plan out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

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
from migrate.cli.output import Form, PlanFile, notice, style
from migrate.cli.planned import plan_of, tell_plan

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
    from migrate.plan.build import fleet_of
    from migrate.plan.cleanup import Also, cleanup_plan
    from migrate.plan.model import CLEANUP, dump_plan
    from migrate.report.plan_text import plan_text
    from migrate.run.cleanup import judged, remains_of
    from migrate.run.session import look

    seen = look(reach.access(), nodes, notice, reading)
    notice("asking what Docker left on the nodes")
    found = judged(seen, left_for.target, remains_of(seen, reading.forks), left_for.accepted)
    planned = tuple(
        cleanup_plan(machine.view, machine.findings, Also(with_group, records)) for machine in found if machine.view is not None
    )
    made = plan_of(seen, left_for.target, planned, fleet_of(planned, seen.cluster), CLEANUP)
    text = dump_plan(made) if form == "json" else plan_text(made, style(color, None))
    note = f"{out} holds the plan. It removes Docker for good once it is applied: docker2cri apply {out}"
    return tell_plan(made, text, seen, found, out, [note])
