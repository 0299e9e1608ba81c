"""Waivers inside files: a comment `docker2cri: ignore D2C301 reason (until 2027-01-31)` beside, or above, what it is about.

At the end of a line it is about that line; alone on its line about the next one and all that is indented below that; before anything else
in a document about the whole of it. A reason is required.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice, takewhile

from migrate.manifests.model import Problem, Trouble
from migrate.manifests.text import Text

LONGEST = 1000  # characters of a line
_WORD = "docker2cri:"
_WAIVER = re.compile(
    r"(?:\{\{-?\s{0,20}/\*|\{#-?|#|//)\s{0,80}docker2cri:\s{0,80}ignore\b[ \t]*"
    r"(?P<codes>D2C[0-9]{3}(?:\s{0,80},\s{0,80}D2C[0-9]{3})*)?(?P<rest>.*)"
)
_CLOSED = ("*/}}", "*/ -}}", "*/-}}", "-#}", "#}")  # ends of comments of templates
_UNTIL = "(until "
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
    reach = _Reach(rows)
    offset = (source.place(start).line or 1) - source.first
    for row, line in enumerate(rows):
        if _WORD in line and (found := _WAIVER.search(line[:LONGEST].rstrip())):
            place = source.place(source.starts[offset + row] + found.start())
            reason, until, real = _until(_opened(found["rest"].strip()))
            if lacks := "names no code" if not found["codes"] else "gives no reason" if not reason else "" if real else "has no day":
                yield Problem(Trouble.WAIVER, "waiver", f"it {lacks}; expected {_SAID}", place)
                continue
            codes = tuple(code.strip() for code in found["codes"].split(","))
            first, last = reach.of(row, line[: found.start()])
            at = source.first + offset
            yield Waiver(codes, reason, until, source.path, at + row, at + first, at + last)


def _opened(rest: str) -> str:
    """What a comment says, without the end of a template's."""
    return next((rest.removesuffix(end) for end in _CLOSED if rest.endswith(end)), rest).strip()


def _until(rest: str) -> tuple[str, date | None, bool]:
    """The reason, the day after it, and whether that is one; none is one too."""
    reason, opened, day = rest.rpartition(_UNTIL) if rest.endswith(")") else (rest, "", "")
    if not opened:
        return rest.strip(" :-"), None, True
    try:
        return reason.strip(" :-\t"), date.fromisoformat(day[:-1].strip()), True
    except ValueError:
        return reason.strip(" :-\t"), None, False


class _Reach:
    """Which rows the waiver in a row is about; each row is looked at once, however many waivers there are."""

    def __init__(self, rows: list[str]) -> None:
        self._rows = rows
        self._content = [number for number, line in enumerate(rows) if _content(line)]
        self._ends: dict[int, int] = {}

    def of(self, row: int, before: str) -> tuple[int, int]:
        """The first and the last row."""
        if before.strip(" \t"):
            return row, row
        at = bisect_right(self._content, row)
        if not at:
            return 0, len(self._rows) - 1
        if at == len(self._content):
            return row, row
        return self._content[at], self._end(at)

    def _end(self, at: int) -> int:
        if at not in self._ends:
            indent = _indent(self._rows[self._content[at]])
            below = takewhile(lambda row: _indent(self._rows[row]) > indent, islice(self._content, at + 1, None))
            self._ends[at] = max(below, default=self._content[at])
        return self._ends[at]


def _content(line: str) -> bool:
    bare = line.strip()
    return bool(bare) and not bare.startswith(("#", "//", "---", "%", "{#", "{{/*", "{{- /*"))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
