"""What every reader of a simulated installation gives back, and what they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate.facts.transaction import Change


@dataclass(frozen=True, slots=True)
class Simulation:
    """What one manager said: its changes, the held packages among them, and why it cannot be done, in its own lines."""

    changes: tuple[Change, ...] = ()
    held: tuple[str, ...] = ()
    problem: str = ""


def merged(found: Iterable[Change]) -> tuple[Change, ...]:
    """One change a package, sorted by name: what is removed in one row and installed in another was replaced."""
    changes: dict[str, Change] = {}
    for change in found:
        other = changes.get(change.name, change)
        changes[change.name] = Change(change.name, other.before or change.before, other.after or change.after)
    return tuple(changes[name] for name in sorted(changes))


def complaint(start: re.Pattern[str], lines: Sequence[str], until: str | tuple[str, ...]) -> Simulation | str:
    """The lines from the first one that `start` matches, up to one that begins with `until`, as the problem; a str where none matches."""
    at = next((number for number, line in enumerate(lines) if start.match(line)), None)
    if at is None:
        return "neither changes nor an error"
    end = next((number for number, line in enumerate(lines) if number > at and line.startswith(until)), len(lines))
    return Simulation(problem="\n".join(lines[at:end]))
