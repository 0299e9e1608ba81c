"""apt-get -s: a line for each action, and their sum."""

from __future__ import annotations

import re

from migrate.facts.parse.transaction.answer import Simulation, complaint, merged
from migrate.facts.transaction import Change

_ACTION = re.compile(r"(Inst|Conf|Remv|Purg) (\S+)(?: \[([^]\s]+)\])?(?: \((\S+) )?")
_COUNT = "([0-9]{1,9})"
_SUM = re.compile(
    rf"{_COUNT} upgraded, {_COUNT} newly installed, (?:{_COUNT} reinstalled, )?(?:{_COUNT} downgraded, )?{_COUNT} to remove"
    r" and [0-9]{1,9} not upgraded\."
)
_HELD = re.compile(r"^The following held packages will be changed:\n((?:  .*\n)+)", re.M)
_ERROR = re.compile(r"The following packages have unmet dependencies:|E: ")


def read_apt(text: str, rc: int) -> Simulation | str:
    """The answer, or what of it is not understood.

    A package of a foreign architecture keeps it, as apt itself writes its name and takes it (`libc6:i386`). One that would be configured
    without being installed was left half-way by something earlier: its scripts would run now, so it is a change (from a version to itself).
    """
    lines = text.splitlines()
    if rc:
        return complaint(_ERROR, lines, "W: ")
    total = next((found for line in lines if (found := _SUM.fullmatch(line))), None)
    if total is None:
        return "no sum of the changes"
    new, gone, half = [], [], []
    for action, name, before, after in (found.groups() for line in lines if (found := _ACTION.match(line))):
        if action == "Inst" and after:
            new.append(Change(name, before, after))
        elif action in ("Remv", "Purg") and before:
            gone.append(Change(name, before, None))
        elif action == "Conf" and after:
            half.append(Change(name, after, after))
        else:
            return f"{action} {name} without a version"
    *ins, removed = (int(number or 0) for number in total.groups())
    if (len(new), len(gone)) != (sum(ins), removed):
        return f"{len(new)} packages installed and {len(gone)} removed, its sum is another: {total[0]}"
    held = _HELD.search(text)
    known = {change.name for change in new}
    changes = merged((*new, *gone, *(change for change in half if change.name not in known)))
    return Simulation(changes, tuple(sorted(held[1].split())) if held else ())
