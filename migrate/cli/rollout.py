"""The options of `plan` about the order of nodes: how many at once, and what is waited for between the stages."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from migrate.cli.options import group
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.plan.fleet import Share
    from migrate.plan.gates import Gate, Gates, TimeWindow

WINDOW = "mon-fri 22:00-05:00 Europe/Berlin"


@dataclass(frozen=True, slots=True)
class RolloutOptions:
    """How nodes are taken, as it was typed."""

    share: Share
    gates: Gates


def _rollout(max_in_flight: str, soak: int, window: tuple[str, ...], gate: tuple[str, ...]) -> RolloutOptions:
    from migrate.plan.gates import Gates
    from migrate.run.run_gates import zones_of

    gates = Gates(soak=soak, windows=tuple(map(_window, window)), checks=tuple(map(_gate, gate)))
    zones_of(gates)
    return RolloutOptions(_share(max_in_flight), gates)


rollout_options = group(
    "rollout",
    _rollout,
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
)


def _share(text: str) -> Share:
    from migrate.plan.fleet import share_of

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


def _gate(text: str) -> Gate:
    from migrate.plan.gates import ApproveGate, CommandGate, Gates, HttpGate, gate_problem

    kind, _, value = text.partition("=")
    try:
        made: Gate | None = (
            ApproveGate()
            if text == "approve"
            else CommandGate(argv=tuple(shlex.split(value)))
            if kind == "command"
            else HttpGate(url=value)
            if kind == "http"
            else None
        )
        wrong = gate_problem(Gates(checks=(made,))) if made else "no such gate"
    except ValueError as unclosed:  # a quotation mark
        wrong = str(unclosed)
    if made is None or wrong:
        raise UsageError(seen=f"--gate {text}: {wrong}", expected="approve, command=COMMAND or http=URL", next="--gate approve")
    return made
