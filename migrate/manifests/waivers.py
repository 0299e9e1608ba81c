"""Waivers inside files: a comment `docker2cri: ignore D2C301 reason (until 2027-01-31)` beside, or above, what it is about.

At the end of a line it is about that line; alone on its line about the next one and all that is indented below that; before anything else
in a document about the whole of it. A reason is required.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from migrate.manifests.model import Problem, Trouble
from migrate.manifests.text import Text

LONGEST = 1000  # characters of a line
_WORD = "docker2cri:"
_WAIVER = re.compile(
    r"(?:#|//)\s*docker2cri:\s*ignore\b[ \t]*(?P<codes>D2C[0-9]{3}(?:\s*,\s*D2C[0-9]{3})*)?[ \t]*"
    r"(?P<reason>.*?)[ \t]*(?:\(until\s+(?P<until>[^)]*)\))?[ \t]*\Z"
)
_SAID = "a comment `docker2cri: ignore CODE reason (until YYYY-MM-DD)`"


@dataclass(frozen=True, slots=True)
class Waiver:
    """Findings of `codes` at lines `first` to `last` of a file are waived up to and with the day `until`; None is for no end."""

    codes: tuple[str, ...]
    reason: str
    until: date | None
    path: str
    line: int
    first: int
    last: int


def waivers(source: Text, start: int = 0, end: int | None = None) -> Iterator[Waiver | Problem]:
    """The waivers of a document that spans `start:end` of a text, and those that are not written as they must be."""
    if source.text.find(_WORD, start, end) < 0:
        return
    rows = Text("", source.text[start:end]).lines()
    offset = (source.place(start).line or 1) - source.first
    for row, line in enumerate(rows):
        if _WORD in line and (found := _WAIVER.search(line[:LONGEST].rstrip())):
            place = source.place(source.starts[offset + row] + found.start())
            until, real = _day(found["until"])
            lacks = (
                "names no code"
                if not found["codes"]
                else "gives no reason"
                if not found["reason"].strip(" :-")
                else "has no day"
                if not real
                else ""
            )
            if lacks:
                yield Problem(Trouble.WAIVER, "waiver", f"it {lacks}; expected {_SAID}", place)
                continue
            codes = tuple(code.strip() for code in found["codes"].split(","))
            first, last = _reach(rows, row, line[: found.start()])
            at = source.first + offset
            yield Waiver(codes, found["reason"].strip(" :-"), until, source.path, at + row, at + first, at + last)


def _day(text: str | None) -> tuple[date | None, bool]:
    """The day that a text names, and whether it names one or nothing at all."""
    if text is None:
        return None, True
    try:
        return date.fromisoformat(text.strip()), True
    except ValueError:
        return None, False


def _reach(rows: list[str], row: int, before: str) -> tuple[int, int]:
    """The rows that the waiver in a row is about."""
    if before.strip(" \t"):
        return row, row
    if not any(_content(line) for line in rows[:row]):
        return 0, len(rows) - 1
    following = next((number for number in range(row + 1, len(rows)) if _content(rows[number])), row)
    indent = _indent(rows[following])
    last = following
    for number in range(following + 1, len(rows)):
        if _content(rows[number]):
            if _indent(rows[number]) <= indent:
                break
            last = number
    return following, last


def _content(line: str) -> bool:
    bare = line.strip()
    return bool(bare) and not bare.startswith(("#", "//", "---", "%"))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
