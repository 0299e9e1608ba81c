"""The commands that act on nodes or verify them: apply, rollback, release, verify."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.acting import Acting, acting_options, check_option, form_option
from migrate.cli.options import ReachOptions, reach_options
from migrate.cli.output import style
from migrate.cli.reading import load_plan
from migrate.cli.terminal import say, show
from migrate.errors import Interrupted, Refused, UsageError, worst

if TYPE_CHECKING:
    from migrate.plan.events import Event
    from migrate.plan.model import Plan
    from migrate.plan.state import NodeState
    from migrate.report.state_json import Command, Rollout
    from migrate.run.operate import Operator
    from migrate.run.owned import Job

Act = Callable[["Operator"], Sequence["NodeState"]]


@click.command()
@click.argument("plan_file", metavar="PLAN")
@click.argument("nodes", nargs=-1, metavar="[NODE]...")
@reach_options
@acting_options
@check_option
@click.option(
    "--prepare",
    "only_prepare",
    is_flag=True,
    help="Do only what disturbs nothing: copy images, check the files. apply without it drains and switches, whenever you like.",
)
@click.option("--digest", metavar="sha256:HEX", help="The digest of the plan that was approved: another plan is refused.")
@click.option(
    "--take-over", is_flag=True, help="Take the rollout over from an operator that is known to be gone, before its Lease expires."
)
@click.option(
    "--limit", metavar="NODE,...|@FILE", help="Of the plan these nodes alone, or those of a file, such as PLAN.retry of a run that failed."
)
@click.option("--serial", type=click.IntRange(1, 50), help="Nodes at once (default: as the plan says).")
@click.option(
    "--on-failure",
    type=click.Choice(["rollback", "stop"]),
    default="rollback",
    show_default=True,
    help="Roll a node back that fails, or leave it cordoned as it is.",
)
def apply(
    plan_file: str,
    nodes: tuple[str, ...],
    reach: ReachOptions,
    acting: Acting,
    check: bool,
    only_prepare: bool,
    digest: str | None,
    take_over: bool,
    limit: str | None,
    serial: int | None,
    on_failure: str,
) -> int:
    """Apply a plan: exactly its steps, node after node; continue one that was interrupted. Refused when the plan no longer holds."""
    from migrate.cli.question import prepare_question, question
    from migrate.cli.retry import keep_retry, limited
    from migrate.plan.gates import NO_GATES, commands
    from migrate.run.owned import jobs_of
    from migrate.targets.table import titled

    plan = load_plan(plan_file)
    if digest is not None and digest != plan.digest:
        raise Refused(
            seen=f"{plan_file} holds the plan {plan.digest}",
            expected=f"the plan that was approved: {digest}",
            next=f"docker2cri apply with the file of that plan; or approve this one, then --digest {plan.digest}",
        )
    jobs = jobs_of(plan, (*nodes, *limited(limit)))
    ready = [job for job in jobs if job.node.steps]
    if not all(job.node.applicable for job in ready):
        raise Refused(
            seen=f"{plan_file} was made from redacted readings", expected="a plan of live nodes", next="docker2cri plan --out FILE"
        )
    if only_prepare and plan.cleans:
        raise UsageError(
            seen=f"--prepare with {plan_file}, which removes Docker",
            expected="a plan of which something disturbs nothing",
            next=f"docker2cri apply {plan_file}",
        )
    if check:
        if only_prepare:
            raise UsageError(seen="--check with --prepare", expected="one of them", next="--check, which looks at the same")
        from migrate.run.foresee import foreseen, would_apply

        states = _run(reach, None, lambda operator: foreseen(operator.status, jobs, would_apply, lambda rest: operator.apply(plan, rest)))
        return tell_states("apply", states, acting.form)
    gates = plan.stages.gates if plan.stages else NO_GATES
    if (here := commands(gates)) and acting.yes and digest is None and not only_prepare:
        raise Refused(
            seen=f"{plan_file} has what runs on this machine: {', '.join(here)}",
            expected="a person who is asked, or the digest of the plan that was read",
            next=f"docker2cri apply {plan_file} --yes --digest {plan.digest}, when this is the plan that you made",
        )
    if ready:
        again = f"docker2cri apply {plan_file}{' --prepare' if only_prepare else ''} --yes"
        acting.confirm(prepare_question(ready) if only_prepare else question(ready, titled(plan.target), gates), again)

    def act(operator: Operator) -> Sequence[NodeState]:
        if only_prepare:
            return operator.prepare(plan, jobs, take_over=take_over, **({} if serial is None else {"at_once": serial}))
        return operator.apply(plan, jobs, serial=serial, on_failure=on_failure, take_over=take_over)

    states = _run(reach, acting.events, act, "apply")
    code = tell_states("apply", states, acting.form)
    if not only_prepare:
        keep_retry(plan_file, states)
    return code


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="NODE|PLAN|RUN...")
@reach_options
@acting_options
@check_option
@click.option("--overwrite", multiple=True, metavar="PATH", help="Put this file back although it was edited since.")
def rollback(nodes: tuple[str, ...], reach: ReachOptions, acting: Acting, check: bool, overwrite: tuple[str, ...]) -> int:
    """Put nodes back as they were before a plan was applied: also after success, after a failure, after a kill, from any machine."""
    if not check:
        acting.confirm(f"Roll {', '.join(nodes)} back to Docker?", f"docker2cri rollback {' '.join(nodes)} --yes")

    def act(operator: Operator) -> Sequence[NodeState]:
        jobs, others = jobs_meant(operator, nodes)
        if check:
            from migrate.run.foresee import foreseen, would_rollback

            return (*foreseen(operator.status, jobs, lambda work: would_rollback(work, frozenset(overwrite)), operator.rollback), *others)
        return (*operator.rollback(jobs, overwrite), *others)

    return tell_states("rollback", _run(reach, acting.events, act, "" if check else "rollback"), acting.form)


@click.command()
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@reach_options
@acting_options
@click.option("--reason", required=True, metavar="TEXT", help="Why, for the journal.")
@click.option("--force", is_flag=True, help="Also where a node cannot be reached: the API alone is changed.")
def release(nodes: tuple[str, ...], reach: ReachOptions, acting: Acting, reason: str, force: bool) -> int:
    """Let nodes go as they stand, after a person has looked: nothing of a run acts on them any more, and they are uncordoned."""
    if not reason.strip() or not reason.isprintable():
        raise UsageError(seen=f"--reason {reason!r}", expected="a reason in one line", next='--reason "looked at it, it is well"')
    acting.confirm(
        f"Let {', '.join(nodes)} go as they stand?", f"docker2cri release {' '.join(nodes)} --reason {shlex.quote(reason)} --yes"
    )
    states = _run(reach, acting.events, lambda operator: operator.release(nodes, reason, force=force), "release")
    return tell_states("release", states, acting.form)


@click.command()
@click.argument("nodes", nargs=-1, metavar="[NODE|PLAN|RUN]...")
@reach_options
@form_option
def verify(nodes: tuple[str, ...], reach: ReachOptions, form: str) -> int:
    """Verify that nodes and their workloads run on the runtime that their run left them on."""

    def act(operator: Operator) -> Sequence[NodeState]:
        jobs, others = jobs_meant(operator, nodes)
        return (*operator.verify(jobs), *others)

    return tell_states("verify", _run(reach, None, act), form)


def jobs_meant(operator: Operator, names: Sequence[str]) -> tuple[list[Job], tuple[NodeState, ...]]:
    """The nodes meant: those of a plan or a run of this machine where the first word names one, else by each node's own run.

    Also the states of nodes that no run owns or that could not be read.
    """
    from migrate.run.owned import jobs_of

    if names and Path(names[0]).is_file():
        return jobs_of(load_plan(names[0]), names[1:]), ()
    if names and (plan := _plan_of_run(names[0])) is not None:
        return jobs_of(plan, names[1:]), ()
    return operator.jobs_on(names)


def _plan_of_run(name: str) -> Plan | None:
    """The plan of a run that this machine has a record of, None for another word. Raises UsageError for a record that cannot be used."""
    from migrate.run.runs import RunFolder, is_run

    if not is_run(name):
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


def _run(reach: ReachOptions, events: str | None, act: Act, command: str = "") -> Sequence[NodeState]:
    """What came of it, and what was changed; what a `command` that changes nodes tells is recorded.

    SIGINT, and SIGTERM of whoever runs this, are told to the engine, which stops where it may.
    """
    from msgspec.structs import replace

    from migrate.cli.show import Show
    from migrate.run.interrupt import Interrupt
    from migrate.run.operate import Operator
    from migrate.run.record import RunRecord

    interrupt = Interrupt()
    changed: set[str] = set()

    def wish(number: int, frame: object) -> None:
        again = "still " if interrupt.wished.is_set() else ""
        interrupt.wished.set()
        text = f"{again}stopping: before the switch after this step; a node inside it is finished or rolled back first\n"
        with suppress(OSError):
            os.write(2, text.encode())  # a stream may be in the middle of a line

    access = reach.access()
    record = RunRecord(command) if command else None
    with Show(events, live=sys.stderr.isatty(), record=record) as shown:

        def tell(event: Event) -> None:
            changed.update([event.node] if event.changes else [])
            shown.tell(event)

        before = {number: signal.signal(number, wish) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            states = act(Operator(access, tell, interrupt))
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return [replace(state, changed=state.changed or state.node in changed) for state in states]


def tell_states(command: Command, states: Sequence[NodeState], form: str, rollout: Rollout | None = None) -> int:
    """Print how the nodes stand, and give the exit code of all; `status` prints the reasons with the table, the others as messages."""
    from migrate.report.plain import messages
    from migrate.report.state_json import state_json
    from migrate.report.state_text import rollout_lines, state_reasons, state_table

    states = [messages(state) for state in states]
    stopped = any(state.state == "skipped" and state.reason.code == "interrupted" for state in states)
    code = worst([*(state.exit_code for state in states), *([Interrupted.exit_code] if stopped else [])])
    if form == "json":
        show(state_json(command, code, states, rollout))
        return code
    show(rollout_lines(rollout) if rollout else "")
    show(state_table(states, style("auto", None)))
    if reasons := state_reasons(states):
        say(f"\n{reasons}" if command == "status" else reasons, nl=False, err=command != "status")
    return code
