"""The options of `plan` about the order of nodes: how many at once, and what is waited for between the stages."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.options import group
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.plan.gates import Gate, TimeWindow
    from migrate.plan.hooks import Hook
    from migrate.plan.ordering import Ordering, Share
    from migrate.plan.rollout_file import RolloutFile

WINDOW = "mon-fri 22:00-05:00 Europe/Berlin"


def _rollout(
    rollout_file: RolloutFile | None, max_in_flight: str, soak: int, window: tuple[str, ...], gate: tuple[str, ...], hook: tuple[str, ...]
) -> Ordering:
    from migrate.plan.gates import Gates
    from migrate.plan.ordering import Ordering
    from migrate.run.run_gates import zones_of

    given = rollout_file.ordering if rollout_file else Ordering()
    checks = tuple(map(_gate, gate)) or given.gates.checks
    hooks = tuple(map(_hook, hook)) or given.gates.hooks
    gates = Gates(soak=soak, windows=tuple(map(_window, window)), checks=checks, hooks=hooks)
    zones_of(gates)
    return replace(given, share=_share(max_in_flight), gates=gates)


def _from_file(context: click.Context, param: click.Parameter, path: str | None) -> RolloutFile | None:
    """The file that was named; what it sets are the defaults of the options, so whatever is typed outranks it."""
    from migrate.formats import FormatError
    from migrate.plan.rollout_file import read_rollout

    if path is None:
        return None
    try:
        found = read_rollout(Path(path).read_text("utf-8"))
    except OSError as wrong:
        raise _unusable(path, wrong.strerror or str(wrong)) from wrong
    except FormatError as wrong:
        place = f"{path}, line {wrong.line}" if wrong.line is not None else path
        raise _unusable(place, wrong.message) from wrong
    except ValueError as wrong:  # no UTF-8
        raise _unusable(path, str(wrong)) from wrong
    context.default_map = {**(context.default_map or {}), **found.options}
    return found


def _unusable(place: str, seen: str) -> UsageError:
    return UsageError(seen=f"{place}: {seen}", expected="a rollout file as docker2cri schema rollout says", next="fix the file")


rollout_options = group(
    "ordering",
    _rollout,
    click.option(
        "--rollout",
        "rollout_file",
        type=click.Path(),
        metavar="FILE",
        is_eager=True,
        callback=_from_file,
        help="How nodes are taken, in YAML: stages, groups, gates, limits, accepted codes. Options outrank it.",
    ),
    click.option(
        "--max-in-flight", metavar="N|N%", default="10%", show_default=True, help="Nodes at once, or a part of their pool (at least one)."
    ),
    click.option(
        "--soak",
        metavar="SECONDS",
        type=click.IntRange(0, 86400),
        default=0,
        show_default=True,
        help="So long the cluster must stay well between two stages.",
    ),
    click.option(
        "--window",
        metavar="WHEN",
        multiple=True,
        help=f'When a node may be begun: weekdays, hours, dates, time zone: "{WINDOW}" (again: or).',
    ),
    click.option(
        "--gate",
        metavar="approve|command=COMMAND|http=URL",
        multiple=True,
        help="What is waited for before each stage after the first: a person who types `docker2cri approve`, a command on this machine "
        "that exits with 0, a URL that answers with 2xx.",
    ),
    click.option(
        "--hook",
        metavar="before-run|before-node|after-node|after-run=COMMAND",
        multiple=True,
        help="A command on this machine around the run or each node, told in JSON on its standard input. One that fails before a node "
        "keeps it from being begun.",
    ),
)


def _share(text: str) -> Share:
    from migrate.plan.ordering import share_of

    if (found := share_of(text)) is None:
        raise UsageError(
            seen=f"--max-in-flight {text}", expected="a number of nodes, or a part of their pool in percent", next="--max-in-flight 10%"
        )
    return found


def _window(text: str) -> TimeWindow:
    from migrate.plan.gates import window_of

    try:
        return window_of(text)
    except ValueError as wrong:
        raise UsageError(
            seen=f"--window {text}: {wrong}", expected="weekdays, hours, dates and a time zone", next=f'--window "{WINDOW}"'
        ) from wrong


def _hook(text: str) -> Hook:
    from typing import get_args

    from migrate.plan.hooks import Hook, HookMoment, hook_problem

    moment, _, command = text.partition("=")
    try:
        made = Hook(moment=moment, argv=tuple(shlex.split(command))) if moment in get_args(HookMoment) else None  # type: ignore[arg-type]
        wrong = hook_problem(made) if made else "no such moment"
    except ValueError as unclosed:  # a quotation mark
        made, wrong = None, str(unclosed)
    if made is None or wrong:
        raise UsageError(
            seen=f"--hook {text}: {wrong}",
            expected=f"{'|'.join(get_args(HookMoment))}=COMMAND",
            next='--hook before-node="./silence alerts"',
        )
    return made


def _gate(text: str) -> Gate:
    from migrate.plan.gates import ApproveGate, CommandGate, Gates, HttpGate, gate_problem

    kind, _, value = text.partition("=")
    made: Gate | None = None
    try:
        if text == "approve":
            made = ApproveGate()
        elif kind == "command":
            made = CommandGate(argv=tuple(shlex.split(value)))
        elif kind == "http":
            made = HttpGate(url=value)
        wrong = gate_problem(Gates(checks=(made,))) if made else "no such gate"
    except ValueError as unclosed:  # a quotation mark
        wrong = str(unclosed)
    if made is None or wrong:
        raise UsageError(seen=f"--gate {text}: {wrong}", expected="approve, command=COMMAND or http=URL", next="--gate approve")
    return made
