"""In which order the steps of a plan are performed: the lines of the node program, and the rollback, from wherever a run stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import API, HOST, Step, acts, kind_of, reverse
from migrate.program.journal import Progress

SEPARATORS = re.compile(r"[\t\n\r\0]")


@dataclass(frozen=True, slots=True)
class HostLine:
    """A host step as a line of `steps`: its number (from 1) and its segment."""

    index: int
    segment: str
    step: Step

    @property
    def kind(self) -> str:
        """The kind's name."""
        return kind_of(self.step).name

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the node program gets."""
        return kind_of(self.step).arguments

    @property
    def way(self) -> str:
        """In which direction the node program performs it: `apply`, `rollback` or `both`."""
        return "both" if kind_of(self.step).reverse is not None else self.step.on

    @property
    def line(self) -> str:
        """The line as the interpreter reads it. Raises ValueError for an argument that cannot stand in one."""
        if any(not word or SEPARATORS.search(word) for word in self.arguments):
            raise ValueError(f"{self.kind}: an argument cannot stand in a line: {self.arguments!r}")
        return "\t".join((str(self.index), self.segment, self.way, self.kind, *self.arguments)) + "\n"


def host_lines(plan: NodePlan) -> tuple[HostLine, ...]:
    """The lines of the node program: the plan's host steps, in its order."""
    found = [planned for planned in plan.steps if kind_of(planned.step).where == HOST]
    return tuple(HostLine(index, planned.segment, planned.step) for index, planned in enumerate(found, 1))


def begun_in(lines: Iterable[HostLine], progress: Progress, *segments: str) -> bool:
    """Whether a line of one of these segments has begun on the node."""
    return any(line.segment in segments and line.index in progress.begun for line in lines)


def rollback_of(plan: NodePlan, since: Progress | None = None) -> tuple[PlannedStep, ...]:
    """The rollback of a plan: of a whole one, or of what may have happened by the journal (`since`).

    The plan is read backwards: first what `rejoin` did through the API, then everything on the node in one go, then the rest through the
    API. What has not begun is not rolled back, and what the node has undone already is not undone again.
    """
    lines = host_lines(plan)
    newest = max(since.begun, default=0) if since else len(lines)
    switched = since is None or not lines or begun_in(lines, since, "switch")  # without lines nobody knows what the node did
    begun = {"rejoin": since is None or (since.disarmed and since.direction == "forward"), "switch": switched, "drain": True}
    on_the_node = [
        PlannedStep(segment=line.segment, step=step)
        for line in reversed(lines)
        if (step := reverse(line.step)) is not None
        and line.index <= newest
        and (since is None or (line.index not in since.undone and (line.way == "rollback" or line.index in since.begun)))
        and not (since and since.rolled_back)
    ]
    return (
        *(_of_api(plan, "rejoin") if begun["rejoin"] else ()),
        *on_the_node,
        *(planned for segment in ("switch", "drain") if begun[segment] for planned in _of_api(plan, segment)),
    )


def undone_alone(plan: NodePlan, segment: str, *, rollback: bool = False) -> tuple[Step, ...]:
    """What takes one API segment back that was stopped or failed inside: the reverse of its two-way steps, newest first.

    `rollback`: the segment was performed as a part of the rollback, so its own steps are performed again in their order.
    """
    mine = ((kind_of(planned.step), planned.step) for planned in plan.steps if planned.segment == segment)
    steps = [step for kind, step in mine if kind.where == API and kind.reverse is not None]
    return tuple(steps) if rollback else tuple(found for step in reversed(steps) if (found := kind_of(step).reverse) is not None)


def _of_api(plan: NodePlan, segment: str) -> tuple[PlannedStep, ...]:
    found = [planned.step for planned in plan.steps if planned.segment == segment and kind_of(planned.step).where == API]
    turned = [step for planned in reversed(found) if acts(planned, "rollback") and (step := reverse(planned)) is not None]
    return tuple(PlannedStep(segment=segment, step=step) for step in turned)
