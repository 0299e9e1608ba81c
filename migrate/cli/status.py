"""The command that tells how nodes stand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from migrate.cli.act import jobs_meant, tell_states
from migrate.cli.acting import form_option
from migrate.cli.options import ReachOptions, reach_options
from migrate.cli.terminal import say, show
from migrate.errors import Interrupted, MigrateError, worst

if TYPE_CHECKING:
    from migrate.plan.events import Event
    from migrate.plan.lease import ClusterLease
    from migrate.plan.state import NodeState
    from migrate.report.state_json import Rollout
    from migrate.run.operate import Operator


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE|PLAN|RUN]...")
@reach_options
@form_option
@click.option(
    "-w", "--watch", "watched", is_flag=True, help="Go on telling what changes, until no node is under way any more (-o json: a line each)."
)
def status(nodes: tuple[str, ...], reach: ReachOptions, form: str, watched: bool) -> int:
    """Tell how nodes stand, by their own journals: all of the cluster, those named, or those of a plan; who runs a rollout, who paused."""
    from migrate.run.interrupt import Interrupt
    from migrate.run.operate import Operator

    operator = Operator(reach.access(), _untold, Interrupt())
    if watched:
        return _watched(operator, nodes, form)
    states = _looked(operator, nodes)
    return tell_states("status", states, form, rollout_of(operator))


def rollout_of(operator: Operator) -> Rollout:
    """Who runs a rollout and whether it is paused; where the Lease cannot be read, that."""
    lease, unread = _lease(operator)
    return _rollout(lease, unread)


def _watched(operator: Operator, nodes: tuple[str, ...], form: str) -> int:
    """Changes as they come, then how the nodes stand at the end. Ctrl-C ends the watch and nothing else."""
    from migrate.report.change import change_json, change_text
    from migrate.report.plain import messages
    from migrate.run.clock import SystemClock
    from migrate.run.watch import Sight, watch

    def tell(seen: NodeState | Rollout) -> None:
        show((change_json if form == "json" else change_text)(datetime.now(UTC), messages(seen)))

    def look() -> Sight:
        return Sight(_looked(operator, nodes), *_lease(operator))

    try:
        states = watch(look, SystemClock(), tell, lambda sight: tell(_rollout(sight.lease, sight.unread)))
    except KeyboardInterrupt:
        say("the watch ended; what is under way goes on: docker2cri status -w looks again")
        return Interrupted.exit_code
    return worst(state.exit_code for state in states) if form == "json" else tell_states("status", states, form)


def _looked(operator: Operator, nodes: tuple[str, ...]) -> tuple[NodeState, ...]:
    jobs, others = jobs_meant(operator, nodes)
    return (*operator.status(jobs), *others)


def _lease(operator: Operator) -> tuple[ClusterLease, str]:
    """The Lease, or an empty one and why it could not be read."""
    from migrate.plan.lease import ClusterLease

    try:
        return operator.lease(), ""
    except MigrateError as wrong:
        return ClusterLease(), wrong.seen


def _rollout(lease: ClusterLease, unread: str) -> Rollout:
    from migrate.report.state_json import Rollout
    from migrate.run.identity import Identity

    return Rollout(unknown=unread) if unread else Rollout.of(lease, Identity.words(lease.holder), datetime.now(UTC))


def _untold(event: Event) -> None:
    """Nothing happens to a node whose state is read."""
