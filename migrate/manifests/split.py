"""A stream of YAML documents cut at its separators, as bytes come: no more is held than one document, and at most LIMIT of it.

A line that begins with `---` ends a document wherever it stands, in block and quoted scalars too (YAML 1.2, 9.1.2 c-forbidden; kubectl cuts
the same way), so that each piece can be parsed by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LIMIT = 16 * 1024 * 1024
_TAIL = 5  # bytes of a line end, `---` and the character after it
_SEEN = re.compile(rb"[\r\n]---(?=[ \t\r\n])")
_ENDED = re.compile(r"[\r\n](?=---(?:[ \t\r\n]|\Z))")
_BREAK = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that begin at line `first` of a stream. `whole` is False for the head of a document that is larger than LIMIT."""

    data: bytes
    first: int
    whole: bool = True


def pieces(blocks: Iterable[bytes], limit: int = LIMIT) -> Iterator[Piece]:
    """Pieces that hold whole documents, one or several, as large as the blocks allow; of a document over `limit` the head alone."""
    rest, first, skipping = b"", 1, False
    for block in blocks:
        seen = max(0, len(rest) - _TAIL)
        data = rest + block
        if skipping:
            found = _SEEN.search(data)
            cut = found.start() + 1 if found else _kept(data)
            first += _lines(data[:cut])
            data, seen, skipping = data[cut:], 0, found is None
        if not skipping and len(data) > limit and (found := _SEEN.search(data, seen)) and found.start() >= limit:
            yield Piece(data[:limit], first, whole=False)
            first += _lines(data[: found.start() + 1])
            data, seen = data[found.start() + 1 :], 0
        if not skipping and (cut := _last(data, seen)):
            yield Piece(data[:cut], first)
            first += _lines(data[:cut])
            data = data[cut:]
        if not skipping and len(data) > limit:
            yield Piece(data[:limit], first, whole=False)
            cut = _kept(data)
            first += _lines(data[:cut])
            data, skipping = data[cut:], True
        rest = data
    if rest and not skipping:
        yield Piece(rest, first)


def documents(text: str) -> Iterator[tuple[int, int]]:
    """Where each document of a text begins and ends, its separator with it."""
    start = 0
    for at in _separators(text):
        yield start, at
        start = at
    yield start, len(text)


def _separators(text: str) -> Iterator[int]:
    if "\r" in text:
        yield from (found.end() for found in _ENDED.finditer(text))
        return
    at = 0
    while (at := text.find("\n---", at)) >= 0:
        at += 1
        if text[at + 3 : at + 4] in ("", " ", "\t", "\n"):
            yield at


def _last(data: bytes, seen: int) -> int:
    """Where the last document begins; 0 when no separator stands behind the first `seen` bytes."""
    if b"\r" in data:
        return max((found.start() + 1 for found in _SEEN.finditer(data, seen)), default=0)
    end = len(data)
    while (at := data.rfind(b"\n---", seen, end)) >= 0:
        if data[at + 4 : at + 5] in (b" ", b"\t", b"\n"):
            return at + 1
        end = at + 3
    return 0


def _kept(data: bytes) -> int:
    """Where the tail begins that may hold half a separator; a CRLF is not cut in two."""
    cut = max(0, len(data) - _TAIL)
    return cut - 1 if data[cut - 1 : cut] == b"\r" and data[cut : cut + 1] == b"\n" else cut


def _lines(data: bytes) -> int:
    return data.count(b"\n") if b"\r" not in data else len(_BREAK.findall(data))
