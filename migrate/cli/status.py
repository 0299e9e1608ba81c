"""The command that tells how nodes stand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from migrate.cli.act import form_option, jobs_meant, tell_states
from migrate.cli.options import ReachOptions, reach_options
from migrate.errors import MigrateError

if TYPE_CHECKING:
    from migrate.plan.events import Event
    from migrate.report.state_json import Rollout
    from migrate.run.operate import Operator


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE|PLAN|RUN]...")
@reach_options
@form_option
def status(nodes: tuple[str, ...], reach: ReachOptions, form: str) -> int:
    """Tell how nodes stand, by their own journals: all of the cluster, those named, or those of a plan; who runs a rollout, who paused."""
    from migrate.run.interrupt import Interrupt
    from migrate.run.operate import Operator

    operator = Operator(reach.access(), _untold, Interrupt())
    jobs, others = jobs_meant(operator, nodes)
    states = (*operator.status(jobs), *others)
    return tell_states("status", states, form, rollout_of(operator))


def rollout_of(operator: Operator) -> Rollout:
    """Who runs a rollout and whether it is paused; where the Lease cannot be read, that."""
    from migrate.report.state_json import Rollout
    from migrate.run.identity import Identity

    try:
        lease = operator.lease()
    except MigrateError as wrong:
        return Rollout(unknown=wrong.seen)
    return Rollout.of(lease, Identity.words(lease.holder), datetime.now(UTC))


def _untold(event: Event) -> None:
    """Nothing happens to a node whose state is read."""
