"""YAML that does not parse, parsed without the lines that stand in the way."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import pairwise

from yaml.nodes import Node

from migrate.manifests.nodes import Broken, compose
from migrate.manifests.text import Text

MAX_MENDED = 20  # lines of a document that are left out to parse the rest
_END = 1 << 62  # further than any offset
_VISIBLE = re.compile(r"[^\r\n]")


def blank(text: str) -> str:
    """A text with spaces for all but its line ends."""
    return _VISIBLE.sub(" ", text)


def trees(source: Text) -> tuple[list[Node], list[int]]:
    """The trees of a document, and the rows, from 0, that were left out so that it could be parsed; no tree where that did not help."""
    rows, lost = _rows(source), list[int]()
    found = _parsed(rows)
    while isinstance(found, Broken) and len(lost) < MAX_MENDED:
        tried = [(row, _parsed([*rows[:row], blank(rows[row]), *rows[row + 1 :]])) for row in _suspects(found, rows, source)]
        if not tried:
            break
        row, found = max(tried, key=lambda one: _reach(one[1]))
        rows[row] = blank(rows[row])
        lost.append(row)
    return ([], lost) if isinstance(found, Broken) else (found, lost)


def _rows(source: Text) -> list[str]:
    return [source.text[start:end] for start, end in pairwise([*source.starts, len(source.text)])]


def _parsed(rows: list[str]) -> list[Node] | Broken:
    try:
        return list(compose("".join(rows)))
    except Broken as wrong:
        return wrong


def _reach(found: list[Node] | Broken) -> int:
    """How far a document could be parsed."""
    return found.offset if isinstance(found, Broken) else _END


def _suspects(wrong: Broken, rows: list[str], source: Text) -> list[int]:
    """The rows that may stand in the way: where parsing stops, the line before, and where a value begins that does not end."""
    places = [wrong.offset, *([wrong.begun] if wrong.begun is not None else [])]
    found = []
    for place in places:
        row = bisect_right(source.starts, min(place, len(source.text))) - 1
        for _ in range(2):
            while row >= 0 and not rows[row].strip():
                row -= 1
            if row >= 0 and row not in found:
                found.append(row)
            row -= 1
    return found
