"""A run's report made of what its commands told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from migrate.plan.events import Event
from migrate.plan.model import Plan
from migrate.report.run.model import RUN_FORMAT, RunCommand, RunNode, RunReport, RunSegment, RunStep, RunWait
from migrate.verify.counts import After, uncounted
from migrate.verify.judge import Before

UNDER_WAY = "under way"
NOT_BEGUN = "not begun"
Part = tuple[RunCommand, list[Event]]  # what one command told of one node
LEAST = 1.0  # seconds: what was waited for less long is not told


def run_report(run: str, events: Sequence[Event], plan: Plan | None, before: Mapping[str, Before], after: Mapping[str, After]) -> RunReport:
    """The report of a run; `before` and `after` are by node. Raises ValueError without events."""
    if not events:
        raise ValueError("no events")
    sessions = [(_command(session), session) for session in _sessions(events)]
    told = _by_node(sessions)
    planned = [node.host for node in plan.nodes if node.steps] if plan else []
    names = [*planned, *sorted(told.keys() - set(planned))]
    return RunReport(
        format=RUN_FORMAT,
        run=run,
        digest=plan.digest if plan else "",
        target=plan.target if plan else "",
        began=_stamp(events[0].at),
        ended=_stamp(events[-1].at),
        seconds=_round(events[-1].at - events[0].at),
        commands=tuple(command for command, _ in sessions),
        notes=tuple(event.text for event in events if event.type == "note" and not event.node),
        nodes=tuple(_node(name, told.get(name, []), before.get(name), after.get(name)) for name in names),
    )


def _sessions(events: Iterable[Event]) -> Iterator[list[Event]]:
    """The events of each command: its first one tells the version."""
    session: list[Event] = []
    for event in events:
        if event.type == "version" and session:
            yield session
            session = []
        session.append(event)
    yield session


def _command(session: Sequence[Event]) -> RunCommand:
    data = session[0].data if session[0].type == "version" else {}
    name, tool = (str(data.get(key, "")) for key in ("command", "tool"))
    return RunCommand(name=name, tool=tool, began=_stamp(session[0].at), ended=_stamp(session[-1].at))


def _by_node(sessions: Iterable[tuple[RunCommand, Sequence[Event]]]) -> dict[str, list[Part]]:
    """What each command told of each node, in one pass: a run may have thousands of both."""
    found: dict[str, list[Part]] = {}
    for command, session in sessions:
        for event in session:
            if event.node:
                parts = found.setdefault(event.node, [])
                if not parts or parts[-1][0] is not command:
                    parts.append((command, []))
                parts[-1][1].append(event)
    return found


def _node(name: str, parts: Sequence[Part], before: Before | None, after: After | None) -> RunNode:
    if not parts:
        return RunNode(node=name, state=NOT_BEGUN)
    mine = [events for _, events in parts]
    every = [event for session in mine for event in session]
    spent: dict[str, float] = {}
    for session in mine:
        for event, following in pairwise(session):
            if event.segment:
                spent[event.segment] = spent.get(event.segment, 0.0) + following.at - event.at
    last = every[-1]
    ended = last.type == "node.end"
    return RunNode(
        node=name,
        state=last.status if ended else UNDER_WAY,
        command=parts[-1][0].name,
        reason=last.text if ended else "",
        began=_stamp(every[0].at),
        ended=_stamp(last.at),
        seconds=_round(sum(session[-1].at - session[0].at for session in mine)),
        segments=tuple(RunSegment(name=segment, seconds=_round(seconds)) for segment, seconds in spent.items()),
        steps=tuple(step for session in mine for step in _steps(session)),
        waits=tuple(wait for session in mine for wait in _waits(session)),
        evicted=len({event.data["evicted"] for event in every if "evicted" in event.data}),
        notes=tuple(dict.fromkeys(event.text for event in every if event.type == "note")),
        runtime=after.prefix.removesuffix("://") if after else "",
        workloads=after.workloads if after else uncounted(before) if before else (),
    )


def _steps(session: Sequence[Event]) -> Iterator[RunStep]:
    begun: Event | None = None
    for event in session:
        if begun is not None and event.type in ("step.start", "node.end"):
            yield _step(begun, event.at, ended=True)
            begun = None
        if event.type == "step.start":
            begun = event
    if begun is not None:
        yield _step(begun, session[-1].at, ended=False)


def _step(begun: Event, until: float, *, ended: bool) -> RunStep:
    return RunStep(
        segment=begun.segment, text=begun.text, began=_stamp(begun.at, "milliseconds"), seconds=_round(until - begun.at), ended=ended
    )


def _waits(session: Sequence[Event]) -> Iterator[RunWait]:
    """The longest word of each wait of a step: it is told again and again as it goes on. What a step waits for twice has another bound."""
    longest: dict[float, Event] = {}
    for event in (*session, None):
        if event is None or event.type in ("step.start", "node.end"):
            yield from (_wait(each) for each in longest.values() if _number(each, "seconds") >= LEAST)
            longest = {}
        elif event.type == "wait":
            bound = _number(event, "bound")
            longest[bound] = max(longest.get(bound, event), event, key=lambda each: _number(each, "seconds"))


def _wait(event: Event) -> RunWait:
    return RunWait(segment=event.segment, text=event.text, seconds=_round(_number(event, "seconds")), bound=_number(event, "bound"))


def _number(event: Event, name: str) -> float:
    return float(event.data.get(name, 0.0))


def _round(seconds: float) -> float:
    return round(max(0.0, seconds), 1)


def _stamp(at: float, precision: str = "seconds") -> str:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
