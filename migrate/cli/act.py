"""The commands that change nodes, apply and rollback, and those that tell how they are afterwards, status and verify."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from migrate.cli.options import access, access_options, load_plan, style
from migrate.errors import Refused, worst

if TYPE_CHECKING:
    from migrate.run.operate import Job, Operator
    from migrate.run.work import Outcome


def run_options(command: Any) -> Any:
    """The options of commands that change nodes."""
    command = click.option("--events", metavar="FILE", help="Write every event as a line of JSON (- is standard output).")(command)
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


@click.command()
@click.argument("plan_file", metavar="PLAN")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@access_options
@run_options
@click.option("--serial", type=click.IntRange(1, 50), default=1, show_default=True, help="Nodes at once.")
@click.option(
    "--on-failure",
    type=click.Choice(["back", "stop"]),
    default="back",
    show_default=True,
    help="Restore a node that fails, or leave it parked.",
)
@click.option(
    "--guard",
    metavar="SECONDS",
    type=click.IntRange(30, 86400),
    default=600,
    show_default=True,
    help="A node within the switch puts itself back when this tool was silent for so long.",
)
def apply(
    plan_file: str, nodes: tuple[str, ...], serial: int, on_failure: str, guard: int, yes: bool, events: str | None, **options: Any
) -> int:
    """Apply a plan: exactly its steps, node after node; continue one that was interrupted. Refused when the plan no longer holds."""
    from migrate.run.operate import jobs_of
    from migrate.targets.table import titled

    plan = load_plan(plan_file)
    chosen = jobs_of(plan, nodes)
    ready = [job for job in chosen if job.node.steps]
    if not ready:
        raise Refused(seen=f"{plan_file} has no steps for {_names(chosen)}", expected="a plan without blockers", next="docker2cri plan")
    if not all(job.node.applicable for job in ready):
        raise Refused(seen=f"{plan_file} was made from redacted readings", expected="a plan of live nodes", next="docker2cri plan -o FILE")
    _confirm(_question(ready, titled(plan.target)), yes, f"docker2cri apply {plan_file} --yes")
    outcomes, stopped = _run(
        options, events, lambda operator: operator.apply(plan, ready, serial=serial, on_failure=on_failure, guard=guard)
    )
    untried = [job.node.host for job in ready[len(outcomes) :]]
    return _recap(outcomes, untried, [job.node.host for job in chosen if not job.node.steps], stopped=stopped)


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="NODE|PLAN|RUN...")
@access_options
@run_options
@click.option("--overwrite", multiple=True, metavar="PATH", help="Put this file back although it was edited since.")
def rollback(nodes: tuple[str, ...], yes: bool, events: str | None, overwrite: tuple[str, ...], **options: Any) -> int:
    """Put nodes back as they were before a plan was applied: also after success, after a failure, after a kill, from any machine."""
    _confirm(f"Put {', '.join(nodes)} back to Docker?", yes, f"docker2cri rollback {' '.join(nodes)} --yes")
    others: list[Outcome] = []

    def act(operator: Operator) -> Sequence[Outcome]:
        jobs = _jobs(operator, nodes, others)
        return operator.rollback([job for job in jobs if job.node.steps], overwrite)

    outcomes, _ = _run(options, events, act)
    return _recap([*outcomes, *others], [], [])


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE|PLAN|RUN]...")
@access_options
def status(nodes: tuple[str, ...], **options: Any) -> int:
    """Tell where nodes stand, by their own journals: all of the cluster, those named, or those of a plan."""
    operator = _operator(options)
    others: list[Outcome] = []
    codes = []
    for job in _jobs(operator, nodes, others):
        text, code = operator.status(job)
        click.echo(text)
        codes.append(code)
    for one in others:
        click.echo(f"{one.node}: {one.text}")
    return worst([*codes, *(one.exit_code for one in others)])


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE|PLAN|RUN]...")
@access_options
def verify(nodes: tuple[str, ...], **options: Any) -> int:
    """Look whether nodes and their workloads are on the runtime that their run left them on."""
    others: list[Outcome] = []
    outcomes, _ = _run(options, None, lambda operator: operator.verify(_jobs(operator, nodes, others)))
    return _recap([*outcomes, *others], [], [])


def _jobs(operator: Operator, names: Sequence[str], others: list[Outcome]) -> list[Job]:
    """The nodes meant: those of a plan or a run of this machine where the first word names one, else by each node's own run."""
    from migrate.run.operate import jobs_of
    from migrate.run.runs import RunFolder

    if names and Path(names[0]).is_file():
        return jobs_of(load_plan(names[0]), names[1:])
    if names and re.fullmatch("[0-9a-f]{12}", names[0]) and (plan := RunFolder(names[0]).plan()) is not None:
        return jobs_of(plan, names[1:])
    jobs, rest = operator.jobs_on(names)
    others += rest
    return jobs


def _operator(options: dict[str, Any]) -> Operator:
    from migrate.run.operate import Operator
    from migrate.run.work import Interrupt

    return Operator(access(options), lambda event: None, Interrupt())


def _run(options: dict[str, Any], events: str | None, act: Callable[[Operator], Sequence[Outcome]]) -> tuple[Sequence[Outcome], bool]:
    """What came of it, and whether the user wished to stop meanwhile (SIGINT, or SIGTERM of whoever runs this)."""
    from migrate.cli.show import Show
    from migrate.run.operate import Operator
    from migrate.run.work import Interrupt

    interrupt = Interrupt()

    def wish(number: int, frame: object) -> None:
        again = "still " if interrupt.wished.is_set() else ""
        interrupt.wished.set()
        text = f"{again}stopping: before the switch after this step; inside it the node is finished or restored first\n"
        with suppress(OSError):
            os.write(2, text.encode())  # a stream may be in the middle of a line

    given = access(options)
    with Show(events, live=sys.stderr.isatty()) as show:
        before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return act(Operator(given, show.tell, interrupt)), interrupt.wished.is_set()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _confirm(question: str, yes: bool, again: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(seen="no terminal to ask on", expected="--yes, or a terminal", next=again)
    if not click.confirm(question, err=True):
        raise Refused(seen="not confirmed", expected="yes", next=again)


def _recap(outcomes: Sequence[Outcome], untried: Sequence[str], refused: Sequence[str], *, stopped: bool = False) -> int:
    """One line a node, then the whole text of those that need one; the exit code of all."""
    rows = [(one.node, one.state, str(one.exit_code), one.text.splitlines()[0].removeprefix(f"{one.node}: ")) for one in outcomes]
    why = "interrupted" if stopped and all(one.exit_code == 0 for one in outcomes) else "a node before it did not end new"
    rows += [(name, "not attempted", "-", why) for name in untried]
    rows += [(name, "refused", "-", "the plan has blockers for it") for name in refused]
    if rows:
        click.echo(style("auto", None).table(("NODE", "ENDED", "CODE", "WHY"), rows))
    for one in outcomes:
        if "\n" in one.text:
            click.echo(f"{one.node}: {one.text.removeprefix(f'{one.node}: ')}", err=True)
    return worst([*(one.exit_code for one in outcomes), *([130] if stopped and untried else []), *([3] if refused else [])])


def _question(jobs: Sequence[Job], target: str) -> str:
    """What is asked before anything is done."""
    moved, readied = ([job for job in jobs if job.node.moves is moves] for moves in (True, False))
    if not readied:
        return f"Move {_names(moved)} to {target}?"
    install = f"nstall on {_names(readied)} what a move to {target} needs"
    return f"Move {_names(moved)} to {target}, and i{install}?" if moved else f"I{install}?"


def _names(jobs: Sequence[Job]) -> str:
    return ", ".join(job.node.host for job in jobs)
