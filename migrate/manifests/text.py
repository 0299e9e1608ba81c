"""A piece of a file with its place: offsets into it become lines and columns of the file."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from migrate.facts.values import Place

_BREAK = re.compile(r"\r\n?|\n")


def _after_breaks(text: str) -> Iterable[int]:
    if "\r" in text:
        return (found.end() for found in _BREAK.finditer(text))
    return accumulate(len(line) + 1 for line in text.split("\n")[:-1])


@dataclass(slots=True)
class Text:
    """Text that begins at line `first` and `column` of the file `path`. Line ends are LF, CRLF and CR, as editors count them."""

    path: str
    text: str
    first: int = 1
    column: int = 1
    _starts: list[int] = field(default_factory=list)

    @property
    def starts(self) -> list[int]:
        """The offset of each line's first character."""
        if not self._starts:
            self._starts = [0, *_after_breaks(self.text)]
        return self._starts

    def place(self, offset: int) -> Place:
        """Line and column of an offset."""
        row = bisect_right(self.starts, offset) - 1
        return Place(self.path, self.first + row, column=offset - self.starts[row] + (1 if row else self.column))

    def lines(self) -> list[str]:
        """The lines without their ends."""
        return _BREAK.split(self.text)
