"""Events of a run as lines."""

from __future__ import annotations

import msgspec

from migrate.plan.events import Event


def json_line(event: Event) -> str:
    """The event as one line of JSON."""
    return msgspec.json.encode(event).decode() + "\n"


def plain_line(event: Event, clock: str) -> str:
    """The event as one line for a log; `clock` is its time of day as text."""
    progress = f" {event.step}/{event.steps}" if event.steps else ""
    where = f" [{event.segment}{progress}]" if event.segment else ""
    status = f" {event.status}" if event.status else ""
    seconds, bound = event.data.get("seconds"), event.data.get("bound")
    waited = "" if seconds is None else f" ({seconds:.0f} of {bound:.0f} s)" if bound else f" ({seconds:.0f} s)"
    return f"{clock} {event.node or 'run'}{where} {event.text}{waited}{status}"
