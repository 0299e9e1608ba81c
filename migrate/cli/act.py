"""The commands that change nodes, apply and rollback, and those that tell how nodes stand, status and verify."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.options import ReachOptions, group, reach_options
from migrate.cli.output import Form, show, style
from migrate.cli.reading import load_plan
from migrate.errors import Interrupted, Refused, UsageError, worst

if TYPE_CHECKING:
    from migrate.plan.events import Event
    from migrate.plan.model import Plan
    from migrate.plan.state import NodeState
    from migrate.report.state_json import Command
    from migrate.run.operate import Job, Operator

FORM = Form("text", "json")
Act = Callable[["Operator"], Sequence["NodeState"]]

form_option = click.option(
    "-o", "--output", "form", type=FORM, metavar="FORMAT", default="text", show_default=True, help=f"{FORM.metavar}."
)


@dataclass(frozen=True, slots=True)
class Acting:
    """How a command that changes nodes asks and tells."""

    form: str
    yes: bool
    events: str | None

    def confirm(self, question: str, again: str) -> None:
        """Ask, unless --yes was given; raises Refused where nobody can be asked or the answer is no."""
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise Refused(seen="no terminal to ask on", expected="--yes, or a terminal", next=again)
        if not click.confirm(question, err=True):
            raise Refused(seen="not confirmed", expected="yes", next=again)


def _acting(form: str, yes: bool, events: str | None) -> Acting:
    if form == "json" and events == "-":
        raise UsageError(seen="--events - with -o json", expected="one of them on standard output", next="--events FILE")
    return Acting(form, yes, events)


acting_options = group(
    "acting",
    _acting,
    form_option,
    click.option("--yes", is_flag=True, help="Do not ask."),
    click.option("--events", metavar="FILE", help="Write every event as a line of JSON (- is standard output)."),
)


@click.command()
@click.argument("plan_file", metavar="PLAN")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@reach_options
@acting_options
@click.option("--serial", type=click.IntRange(1, 50), default=1, show_default=True, help="Nodes at once.")
@click.option(
    "--on-failure",
    type=click.Choice(["rollback", "stop"]),
    default="rollback",
    show_default=True,
    help="Roll a node back that fails, or leave it cordoned as it is.",
)
def apply(plan_file: str, nodes: tuple[str, ...], reach: ReachOptions, acting: Acting, serial: int, on_failure: str) -> int:
    """Apply a plan: exactly its steps, node after node; continue one that was interrupted. Refused when the plan no longer holds."""
    from migrate.run.operate import jobs_of
    from migrate.targets.table import titled

    plan = load_plan(plan_file)
    jobs = jobs_of(plan, nodes)
    ready = [job for job in jobs if job.node.steps]
    if not all(job.node.applicable for job in ready):
        raise Refused(
            seen=f"{plan_file} was made from redacted readings", expected="a plan of live nodes", next="docker2cri plan --out FILE"
        )
    if ready:
        acting.confirm(_question(ready, titled(plan.target)), f"docker2cri apply {plan_file} --yes")
    return _tell(
        "apply", _run(reach, acting.events, lambda operator: operator.apply(plan, jobs, serial=serial, on_failure=on_failure)), acting.form
    )


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="NODE|PLAN|RUN...")
@reach_options
@acting_options
@click.option("--overwrite", multiple=True, metavar="PATH", help="Put this file back although it was edited since.")
def rollback(nodes: tuple[str, ...], reach: ReachOptions, acting: Acting, overwrite: tuple[str, ...]) -> int:
    """Put nodes back as they were before a plan was applied: also after success, after a failure, after a kill, from any machine."""
    acting.confirm(f"Roll {', '.join(nodes)} back to Docker?", f"docker2cri rollback {' '.join(nodes)} --yes")

    def act(operator: Operator) -> Sequence[NodeState]:
        jobs, others = _jobs(operator, nodes)
        return (*operator.rollback(jobs, overwrite), *others)

    return _tell("rollback", _run(reach, acting.events, act), acting.form)


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE|PLAN|RUN]...")
@reach_options
@form_option
def status(nodes: tuple[str, ...], reach: ReachOptions, form: str) -> int:
    """Tell how nodes stand, by their own journals: all of the cluster, those named, or those of a plan."""
    from migrate.run.operate import Operator
    from migrate.run.work import Interrupt

    operator = Operator(reach.access(), _untold, Interrupt())
    jobs, others = _jobs(operator, nodes)
    return _tell("status", (*operator.status(jobs), *others), form)


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE|PLAN|RUN]...")
@reach_options
@form_option
def verify(nodes: tuple[str, ...], reach: ReachOptions, form: str) -> int:
    """Verify that nodes and their workloads run on the runtime that their run left them on."""

    def act(operator: Operator) -> Sequence[NodeState]:
        jobs, others = _jobs(operator, nodes)
        return (*operator.verify(jobs), *others)

    return _tell("verify", _run(reach, None, act), form)


def _jobs(operator: Operator, names: Sequence[str]) -> tuple[list[Job], tuple[NodeState, ...]]:
    """The nodes meant: those of a plan or a run of this machine where the first word names one, else by each node's own run.

    Also the states of nodes that no run owns or that could not be read.
    """
    from migrate.run.operate import jobs_of

    if names and Path(names[0]).is_file():
        return jobs_of(load_plan(names[0]), names[1:]), ()
    if names and (plan := _plan_of_run(names[0])) is not None:
        return jobs_of(plan, names[1:]), ()
    return operator.jobs_on(names)


def _plan_of_run(name: str) -> Plan | None:
    """The plan of a run that this machine has a record of, None for another word. Raises UsageError for a record that cannot be used."""
    from migrate.run.runs import RunFolder

    if not re.fullmatch("[0-9a-f]{12}", name):
        return None
    folder = RunFolder(name)
    try:
        return folder.plan()
    except (OSError, ValueError) as wrong:
        raise UsageError(
            seen=f"the record of run {name} in {folder.path} cannot be used: {wrong}",
            expected="the plan that was applied",
            next="name the nodes, or the plan file",
        ) from wrong


def _run(reach: ReachOptions, events: str | None, act: Act) -> Sequence[NodeState]:
    """What came of it. SIGINT, and SIGTERM of whoever runs this, are told to the engine, which stops where that is safe."""
    from migrate.cli.show import Show
    from migrate.run.operate import Operator
    from migrate.run.work import Interrupt

    interrupt = Interrupt()

    def wish(number: int, frame: object) -> None:
        again = "still " if interrupt.wished.is_set() else ""
        interrupt.wished.set()
        text = f"{again}stopping: before the switch after this step; a node inside it is finished or rolled back first\n"
        with suppress(OSError):
            os.write(2, text.encode())  # a stream may be in the middle of a line

    access = reach.access()
    with Show(events, live=sys.stderr.isatty()) as shown:
        before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            return act(Operator(access, shown.tell, interrupt))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _tell(command: Command, states: Sequence[NodeState], form: str) -> int:
    """Print how the nodes stand, and give the exit code of all; `status` prints the reasons with the table, the others as messages."""
    from migrate.report.state_json import state_json
    from migrate.report.state_text import state_reasons, state_table

    stopped = any(state.state == "skipped" and state.reason.code == "interrupted" for state in states)
    code = worst([*(state.exit_code for state in states), *([Interrupted.exit_code] if stopped else [])])
    if form == "json":
        show(state_json(command, code, states))
        return code
    show(state_table(states, style("auto", None)))
    if reasons := state_reasons(states):
        click.echo(f"\n{reasons}" if command == "status" else reasons, nl=False, err=command != "status")
    return code


def _untold(event: Event) -> None:
    """Nothing happens to a node whose state is read."""


def _question(jobs: Sequence[Job], target: str) -> str:
    """What is asked before anything is done."""
    moved, readied = ([job for job in jobs if job.node.moves is moves] for moves in (True, False))
    if not readied:
        return f"Move {_names(moved)} to {target}?"
    install = f"nstall on {_names(readied)} what a move to {target} needs"
    return f"Move {_names(moved)} to {target}, and i{install}?" if moved else f"I{install}?"


def _names(jobs: Sequence[Job]) -> str:
    return ", ".join(job.node.host for job in jobs)
