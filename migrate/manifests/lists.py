"""A large List cut into its items while its bytes come: of `kubectl get ... -o json` no more is held than a block and an item.

JSON is followed bracket by bracket outside of strings. In YAML, as kubectl writes it, a line `- ` at the column of the first item begins
the next one, and any other line that is not indented deeper ends the items.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from migrate.manifests.nodes import MAX_DEPTH

ITEM_LIMIT = 4 * 1024 * 1024  # etcd's objects end at 1.5 MiB; indented JSON is longer
_HEAD = 4096  # bytes before the first item, and after the last one of YAML
_BLANK = rb"[ \t\r\n]*+"
_STRING = rb'"(?:[^"\\\x00-\x1f]++|\\.)*+"'
_OTHER = rb'(?:[^"{}\[\]]++|' + _STRING + rb")"
_LEAF = rb"\{" + _OTHER + rb"*+\}"
_ENTRY = rb'(?!"items")' + _STRING + _BLANK + rb":" + _BLANK + rb'(?:[^"{}\[\],]++|' + _STRING + rb"|" + _LEAF + rb")" + _BLANK + rb","
_BEGIN = rb"(?:---[ \t]*\r?\n)?" + _BLANK + rb"\{" + _BLANK + rb"(?:" + _ENTRY + _BLANK + rb")*+"
_JSON = re.compile(_BEGIN + rb'"items"' + _BLANK + rb":" + _BLANK + rb"\[" + _BLANK + rb"(?=\{)")
_BRACKET = re.compile(rb"(?:" + _OTHER + rb"|" + _LEAF + rb"|\[" + _OTHER + rb"*+\])*+([{}\[\]])?")
_SPACE = re.compile(_BLANK)
_NEXT = re.compile(_BLANK + rb"(?:," + _BLANK + rb")?(?:(\{)|(\])|\Z)")
_YAML = re.compile(rb"(?:(?:[A-Za-z]\w*+:|[ #\r]|---)[^\n]*+\n|\n)*?items:[ \t]*\r?\n( *)(?=-[ \r\n])")
_AFTER = re.compile(rb"[A-Za-z]\w*+:|---|\.\.\.")
_SEPARATOR = re.compile(rb"\n(?=---[ \t\r\n])")
_STOPS = "a List that stops to be {}; the rest of it was not judged"
_DEEP = f"a List that is nested deeper than {MAX_DEPTH}; the rest of it was not judged"
_BREAKS = "a List that breaks off; its last item was not judged"
_LARGE = f"an item of a List of more than {ITEM_LIMIT // 1024 // 1024} MiB; it was passed over"


@dataclass(frozen=True, slots=True)
class Cut:
    """The whole items of a buffer, where they begin and end, and how many of its bytes are done with.

    `over` says that the List ended, `lost` what of it is not read and `at` where that begins.
    """

    items: tuple[tuple[int, int], ...]
    used: int
    over: bool = False
    lost: str = ""
    at: int = 0


class Cutter(Protocol):
    """Cuts one List; each buffer begins where the bytes used before end."""

    def cut(self, data: bytes, last: bool) -> Cut:
        """The next items; `last` says that no more bytes come."""


def opened(data: bytes) -> tuple[int, Cutter] | None:
    """Where the items of a List begin and what cuts them; None for bytes that do not begin as one."""
    if found := _JSON.match(data, 0, _HEAD):
        return found.end(), _Json()
    if found := _YAML.match(data, 0, _HEAD):
        return found.start(1), _Yaml(len(found[1]))
    return None


class _Json:
    """`_depth` brackets are open, `_at` is how far the bytes that are kept were looked at."""

    def __init__(self) -> None:
        self._at = self._depth = 0
        self._passed = self._after = self._ended = False

    def cut(self, data: bytes, last: bool) -> Cut:
        items: list[tuple[int, int]] = []
        begin, at = 0, self._at
        if self._ended:
            return self._end(data, (), 0, last)
        while True:
            if not self._depth:
                found = _NEXT.match(data, at)
                if found is None:
                    return Cut(tuple(items), at, over=True, lost=_STOPS.format("JSON"), at=at)
                begin, at = found.end(), found.end()
                if found.lastindex is None:
                    break
                self._depth, begin, self._after = 1, at - 1, found.lastindex == 2
            at = self._closed(data, at)
            if self._depth > MAX_DEPTH:
                return Cut(tuple(items), at, over=True, lost=_DEEP, at=begin)
            if self._depth:
                break
            if self._after:
                return self._end(data, tuple(items), at, last)
            if not self._passed:
                items.append((begin, at))
            self._passed = False
        lost = ""
        if last:
            return Cut(tuple(items), at, over=True, lost=_BREAKS, at=begin)
        if self._depth and at - begin > ITEM_LIMIT and not self._passed:
            self._passed, lost = True, _LARGE
        if len(data) - at > ITEM_LIMIT:  # a string without an end
            return Cut(tuple(items), at, over=True, lost=_STOPS.format("JSON"), at=at)
        used = at if self._passed or self._after else begin
        self._at = at - used
        return Cut(tuple(items), used, lost=lost, at=begin)

    def _closed(self, data: bytes, at: int) -> int:
        """Where the last bracket ends, at best the one that closes what is open."""
        depth = self._depth
        while 0 < depth <= MAX_DEPTH and (found := _BRACKET.match(data, at)):
            at = found.end()
            if found[1] is None:
                break
            depth += 1 if found[1] in b"{[" else -1
        self._depth = depth
        return at

    def _end(self, data: bytes, items: tuple[tuple[int, int], ...], at: int, last: bool) -> Cut:
        """What follows the List, without blanks before it."""
        found = _SPACE.match(data, at)
        used, self._ended = found.end() if found else at, True
        return Cut(items, used, over=last or used < len(data))


class _Yaml:
    """Items that begin with `- ` at a column; only lines that have come whole are looked at."""

    def __init__(self, column: int) -> None:
        self._mark = re.compile(rb"\n(?:( {%d}-(?=[ \r\n]))| {0,%d}(?=[^ \r\n#]))" % (column, column))
        self._at = 0
        self._passed = self._after = False

    def cut(self, data: bytes, last: bool) -> Cut:
        items: list[tuple[int, int]] = []
        begin, end = 0, len(data) if last else data.rfind(b"\n") + 1
        for found in () if self._after else self._mark.finditer(data, self._at, end):
            at = found.start() + 1
            if not self._passed:
                items.append((begin, at))
            begin, self._passed = at, False
            if found[1] is None:
                if not _AFTER.match(data, at):
                    return Cut(tuple(items), at, over=True, lost=_STOPS.format("YAML"), at=at)
                self._after = True
                break
        if self._after:
            return self._end(data, tuple(items), begin, last)
        if last:
            return Cut((*items, (begin, len(data))) if not self._passed else tuple(items), len(data), over=True)
        lost = ""
        if len(data) - begin > ITEM_LIMIT and not self._passed:
            self._passed, lost = True, _LARGE
        used = max(begin, end - 1) if self._passed else begin
        self._at = max(0, end - 1 - used)
        return Cut(tuple(items), used, lost=lost, at=begin)

    def _end(self, data: bytes, items: tuple[tuple[int, int], ...], begin: int, last: bool) -> Cut:
        """What follows the items: the List's kind and metadata, up to the next document."""
        if data.startswith(b"---", begin):
            return Cut(items, begin, over=True)
        if found := _SEPARATOR.search(data, begin):
            return Cut(items, found.end(), over=True)
        if len(data) - begin > _HEAD:
            return Cut(items, len(data), over=True, lost=_STOPS.format("a List"), at=begin)
        return Cut(items, len(data) if last else begin, over=last)
