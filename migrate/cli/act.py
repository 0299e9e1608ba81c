"""The commands that change nodes: apply and rollback; and status, which tells where they stand."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from migrate.cli.options import access, access_options, load_plan, style
from migrate.errors import Refused, UsageError, worst

if TYPE_CHECKING:
    from migrate.plan.model import NodePlan, Plan
    from migrate.run.operate import Operator
    from migrate.run.work import Interrupt, Outcome


@click.command()
@click.argument("plan_file", metavar="PLAN")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@click.option("--serial", type=click.IntRange(1, 50), default=1, show_default=True, help="Nodes at once.")
@click.option(
    "--on-failure",
    type=click.Choice(["back", "stop"]),
    default="back",
    show_default=True,
    help="Restore a node that fails, or leave it parked.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--events", metavar="FILE", help="Write every event as a line of JSON (- is standard output).")
def apply(plan_file: str, nodes: tuple[str, ...], serial: int, on_failure: str, yes: bool, events: str | None, **options: Any) -> int:
    """Apply a plan: exactly its steps, node after node; continue one that was interrupted. Refused when the plan no longer holds."""
    from migrate.run.operate import Options

    plan = load_plan(plan_file)
    chosen = _chosen(plan, nodes)
    refused = [node for node in chosen if not node.steps]
    ready = [node for node in chosen if node.steps]
    if not ready:
        raise Refused(seen=f"{plan_file} has no steps for {_names(chosen)}", expected="a plan without blockers", next="docker2cri plan")
    if not all(node.applicable for node in ready):
        raise Refused(seen=f"{plan_file} was made from redacted readings", expected="a plan of live nodes", next="docker2cri plan -o FILE")
    _confirm(f"Move {_names(ready)} to {plan.target}?", yes, f"docker2cri apply {plan_file} --yes")
    outcomes = _run(plan, options, events, lambda operator: operator.apply(ready, Options(serial, on_failure)))
    _recap(outcomes, [node.host for node in ready[len(outcomes) :]], [node.host for node in refused])
    return worst(outcome.exit_code for outcome in outcomes)


@click.command()
@click.argument("plan_file", metavar="PLAN")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--events", metavar="FILE", help="Write every event as a line of JSON (- is standard output).")
def rollback(plan_file: str, nodes: tuple[str, ...], yes: bool, events: str | None, **options: Any) -> int:
    """Put nodes back as they were before a plan was applied: also after success, after a failure, after a kill."""
    plan = load_plan(plan_file)
    chosen = [node for node in _chosen(plan, nodes) if node.steps]
    _confirm(f"Put {_names(chosen)} back to Docker?", yes, f"docker2cri rollback {plan_file} --yes")
    outcomes = _run(plan, options, events, lambda operator: operator.rollback(chosen))
    _recap(outcomes, [], [])
    return worst(outcome.exit_code for outcome in outcomes)


@click.command()
@click.argument("plan_file", metavar="PLAN")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
def status(plan_file: str, nodes: tuple[str, ...], **options: Any) -> int:
    """Tell where each node of a plan stands, by the node's own journal."""
    plan = load_plan(plan_file)
    operator = _operator(plan, options, lambda event: None)
    codes = []
    for node in _chosen(plan, nodes):
        text, code = operator.status(node)
        click.echo(text)
        codes.append(code)
    return worst(codes)


def _operator(plan: Plan, options: dict[str, Any], tell: Any, interrupt: Interrupt | None = None) -> Operator:
    from migrate.run.operate import Operator
    from migrate.run.work import Interrupt

    return Operator(plan, access(options), tell, interrupt or Interrupt())


def _run(plan: Plan, options: dict[str, Any], events: str | None, act: Any) -> Sequence[Outcome]:
    from migrate.cli.show import Show
    from migrate.run.work import Interrupt

    interrupt = Interrupt()
    with Show(events, live=sys.stderr.isatty()) as show:
        operator = _operator(plan, options, show.tell, interrupt)

        def wish(number: int, frame: object) -> None:
            again = " (asked already)" if interrupt.wished.is_set() else ""
            interrupt.wished.set()
            click.echo(
                f"stopping{again}: before the switch after this step; inside it the node is finished or restored first. "
                f"Continue later with the same plan; run {operator.run}",
                err=True,
            )

        signal.signal(signal.SIGINT, wish)
        outcomes: Sequence[Outcome] = act(operator)
    return outcomes


def _chosen(plan: Plan, names: Sequence[str]) -> list[NodePlan]:
    known = {node.host for node in plan.nodes} | {node.node for node in plan.nodes}
    if missing := [name for name in names if name not in known]:
        raise UsageError(
            seen=f"{', '.join(missing)}: not in the plan", expected=f"nodes among {', '.join(sorted(known))}", next="docker2cri plan"
        )
    return [node for node in plan.nodes if not names or node.host in names or node.node in names]


def _confirm(question: str, yes: bool, again: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(seen="no terminal to ask on", expected="--yes, or a terminal", next=again)
    if not click.confirm(question, err=True):
        raise Refused(seen="not confirmed", expected="yes", next=again)


def _recap(outcomes: Sequence[Outcome], untried: Sequence[str], refused: Sequence[str]) -> None:
    rows = [(one.node, one.state, str(one.exit_code), one.text.splitlines()[0]) for one in outcomes]
    rows += [(name, "not attempted", "-", "a node before it did not end new") for name in untried]
    rows += [(name, "refused", "-", "the plan has blockers for it") for name in refused]
    click.echo(style("auto", None).table(("NODE", "ENDED", "CODE", "WHY"), rows))
    for one in outcomes:
        if "\n" in one.text:
            click.echo(f"{one.node}: {one.text}", err=True)


def _names(nodes: Sequence[NodePlan]) -> str:
    return ", ".join(node.host for node in nodes)
