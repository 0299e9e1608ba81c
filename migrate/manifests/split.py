"""A stream of YAML documents cut at its separators, and of Lists into items, as bytes come: at most LIMIT of a document is held.

A line that begins with `---` ends a document wherever it stands, in block and quoted scalars too (YAML 1.2, 9.1.2 c-forbidden; kubectl cuts
the same way), so that each piece can be parsed by itself.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from migrate.manifests.lists import Cutter, opened

LIMIT = 16 * 1024 * 1024
LARGE = 512 * 1024
_OVER = f"a document of more than {LIMIT // 1024 // 1024} MiB; it was passed over"
_TAIL = 5  # bytes of a line end, `---` and the character after it
_SEEN = re.compile(rb"[\r\n]---(?=[ \t\r\n])")
_ENDED = re.compile(r"[\r\n](?=---(?:[ \t\r\n]|\Z))")
_BREAK = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes that begin at a line and column of a stream: whole documents, or `items` of a List with where each begins and ends.

    `lost` says why something that begins there is not read.
    """

    data: bytes
    first: int
    column: int = 1
    items: tuple[tuple[int, int], ...] = ()
    lost: str = ""


def pieces(blocks: Iterable[bytes], limit: int = LIMIT, large: int = LARGE) -> Iterator[Piece]:
    """Pieces that hold whole documents, one or several, as large as the blocks allow; a document over `limit` is lost.

    A List is cut into its items when more than `large` bytes of it came, and its end did not.
    """
    coming = iter(blocks)
    rest, first, column, skipping = b"", 1, 1, False
    while block := _more(coming, rest):
        seen = max(0, len(rest) - _TAIL)
        data = rest + block
        if skipping:
            found = _SEEN.search(data)
            cut = found.start() + 1 if found else _kept(data)
            first += _lines(data[:cut])
            data, seen, skipping = data[cut:], 0, found is None
        if not skipping and len(data) > limit and (found := _SEEN.search(data, seen)) and found.start() >= limit:
            yield Piece(b"", first, lost=_OVER)
            first += _lines(data[: found.start() + 1])
            data, seen = data[found.start() + 1 :], 0
        if not skipping and (cut := _last(data, seen)):
            yield Piece(data[:cut], first, column)
            first, column = first + _lines(data[:cut]), 1
            data = data[cut:]
        if not skipping and len(data) > large and (found_list := opened(data)):
            data, first, column, skipping = yield from _items(data, coming, (first, column), *found_list)
        if not skipping and len(data) > limit:
            yield Piece(b"", first, lost=_OVER)
            cut = _kept(data)
            first += _lines(data[:cut])
            data, skipping = data[cut:], True
        rest = data
    if rest and not skipping:
        yield Piece(rest, first, column)


def _items(
    data: bytes, blocks: Iterator[bytes], at: tuple[int, int], begin: int, cutter: Cutter
) -> Generator[Piece, None, tuple[bytes, int, int, bool]]:
    """Pieces of a List's items; gives the bytes that follow, their line and column, and whether they are of a document that is lost."""
    last = False
    at, data = _moved(at, data[:begin]), data[begin:]
    while True:
        step = cutter.cut(data, last)
        if step.items:
            begin, end = step.items[0][0], step.items[-1][1]
            yield Piece(data[begin:end], *_moved(at, data[:begin]), tuple((a - begin, b - begin) for a, b in step.items))
        if step.lost:
            yield Piece(b"", _moved(at, data[: step.at])[0], lost=step.lost)
        at, data = _moved(at, data[: step.used]), data[step.used :]
        if step.over:
            break
        block = _more(blocks, data)
        last, data = not block, data + block
    if not step.lost:
        return data, *at, False
    found = _SEEN.search(data)
    cut = found.start() + 1 if found else 0
    return data[cut:], *_moved(at, data[:cut]), found is None


def _more(blocks: Iterator[bytes], held: bytes) -> bytes:
    """The next bytes, empty at the end: at least an eighth of what is held, so that small blocks of a long document are not copied again
    and again.
    """
    taken, size = [], 0
    for block in blocks:
        taken.append(block)
        size += len(block)
        if size > len(held) // 8:
            break
    return b"".join(taken)


def documents(text: str) -> Iterator[tuple[int, int]]:
    """Where each document of a text begins and ends, its separator with it."""
    start = 0
    for at in _separators(text):
        yield start, at
        start = at
    yield start, len(text)


def characters(piece: Piece, text: str) -> tuple[tuple[int, int], ...]:
    """Where the items of a piece begin and end in its text."""
    if len(text) == len(piece.data):
        return piece.items
    found, at, byte = [], 0, 0
    for begin, end in piece.items:
        start = at + len(piece.data[byte:begin].decode("utf-8", "replace"))
        at, byte = start + len(piece.data[begin:end].decode("utf-8", "replace")), end
        found.append((start, at))
    return tuple(found)


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


def _moved(at: tuple[int, int], data: bytes) -> tuple[int, int]:
    """The line and column after bytes that begin at one."""
    begin = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    width = len(data[begin:].decode("utf-8", "replace"))
    return at[0] + _lines(data), width + (1 if begin else at[1])
