"""A template as the YAML that it would be: actions blanked or taken as scalars, in the same places, for one branch of each condition.

Characters of the private use area stand for actions that put a value in: the first one tells which, so that what the default values say
goes into the tree that is parsed, and the words of the action into what is told.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.manifests.actions import Action, Actions, Branch, actions_of
from migrate.manifests.expression import UNKNOWN, written
from migrate.manifests.mending import blank
from migrate.manifests.split import documents
from migrate.manifests.text import Text

_FIRST, _LAST, _FILL = 0xE000, 0xF8FE, "\uf8ff"
_MARK = re.compile("[\ue000-\uf8fe]\uf8ff*|\uf8ff+")
_PRIVATE = re.compile("[\ue000-\uf8ff]")
MAX_GROWN = 20_000  # values that are put into one reading
_INDENT = re.compile(r"\bn?indent ([0-9]{1,2})\b")
_GLUED = ":@/="  # what stands before a condition inside of a value
_SHOWN = 40  # characters of an action that are told


@dataclass(slots=True)
class Templated:
    """One reading of a template: `text` has its length and lines. `marks` are the actions that stand in it by their first character.

    `doubtful` has the rows, from 0, of what may never be put into the text; `unknown` the offsets of actions that may put in more lines.
    """

    text: str
    marks: dict[str, Action] = field(default_factory=dict)
    doubtful: frozenset[int] = frozenset()
    unknown: tuple[int, ...] = ()
    named: tuple[tuple[int, int], ...] = ()
    _left: int = MAX_GROWN

    def sources(self, path: str, first: int = 1) -> Iterator[Text]:
        """Each document, then each named template as one."""
        main = list(self.text)
        for start, end in self.named:
            main[start:end] = blank(self.text[start:end])
        text = "".join(main)
        starts = Text("", text).starts
        for start, end in documents(text):
            yield Text(path, text[start:end], first + bisect_right(starts, start) - 1)
        for start, end in self.named:
            row = bisect_right(starts, start)
            if row < len(starts) and starts[row] < end:
                yield Text(path, self.text[starts[row] : end], first + row)

    def told(self, text: str) -> str:
        """A text with the words of the actions in the place of their marks."""
        return _MARK.sub(self._words, text)

    def _words(self, found: re.Match[str]) -> str:
        action = self.marks.get(found[0][0])
        said = " ".join(action.said.split()) if action else ""
        return f"{{{{ {said} }}}}" if said and len(said) <= _SHOWN else "{{ ... }}"

    def filled(self, node: Node, depth: int = 0) -> Node:
        """The tree with known values in the place of marks."""
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if isinstance(node, MappingNode):
            node.value = [pair for key, value in node.value for pair in self._pairs(key, value)]
        elif isinstance(node, SequenceNode):
            node.value = [found for item in node.value for found in self._items(item)]
        return node

    def _pairs(self, key: Node, value: Node) -> list[tuple[Node, Node]]:
        """An entry, or those of the known mapping that its mark stands for."""
        found = self.filled(key)
        return found.value if isinstance(found, MappingNode) and found is not key else [(found, self.filled(value))]

    def _items(self, item: Node) -> list[Node]:
        """An item, or those of the known list that its mark stands for."""
        found = self.filled(item)
        return found.value if isinstance(found, SequenceNode) and found is not item else [found]

    def _scalar(self, node: ScalarNode) -> Node:
        if not _PRIVATE.search(node.value):
            return node
        whole = _MARK.fullmatch(node.value)
        action = self.marks.get(node.value[0]) if whole else None
        if action and action.value is not UNKNOWN and action.value is not None:
            return self._grown(action.value, node)
        node.value = _MARK.sub(self._known, node.value)
        return node

    def _grown(self, value: Any, node: ScalarNode) -> Node:
        """A plain value as a tree that stands where its action does."""
        start, end = node.start_mark, node.end_mark
        self._left -= 1
        if self._left > 0 and isinstance(value, dict):
            entries = [(ScalarNode("", str(key), start, end, style='"'), self._grown(item, node)) for key, item in value.items()]
            return MappingNode("", entries, start, end)
        if self._left > 0 and isinstance(value, list):
            return SequenceNode("", [self._grown(item, node) for item in value], start, end)
        text = "" if isinstance(value, (dict, list)) else written(value)
        return ScalarNode("", text, start, end, style='"' if isinstance(value, str) and node.style else "")

    def _known(self, found: re.Match[str]) -> str:
        action = self.marks.get(found[0][0])
        known = action is not None and isinstance(action.value, (str, int, float))
        return written(action.value) if action and known else found[0]


def readings(text: str, values: Mapping[str, Any] | None = None, *, jinja: bool = False) -> Iterator[Templated]:
    """The template with one branch of each condition, then with another one where there are more."""
    text = _PRIVATE.sub("?", text)
    found = actions_of(text, values, jinja=jinja)
    chosen = _chosen(found.branches)
    yield _templated(text, found, chosen)
    if others := {branch.chain: branch for branch in found.branches if id(branch) not in chosen}:
        kept = {id(branch) for branch in found.branches if branch.chain not in others} | {id(branch) for branch in others.values()}
        yield _templated(text, found, kept)


def _chosen(branches: tuple[Branch, ...]) -> set[int]:
    """One branch of each chain: the one that is taken, else the first that may be, else the first."""
    best: dict[int, Branch] = {}
    for branch in branches:
        before = best.get(branch.chain)
        if before is None or _rank(branch.taken) < _rank(before.taken):
            best[branch.chain] = branch
    return {id(branch) for branch in best.values()}


def _rank(taken: bool | None) -> int:
    return 0 if taken else 1 if taken is None else 2


def _templated(text: str, found: Actions, kept: set[int]) -> Templated:
    bare = list(text)
    for action in found.actions:
        bare[action.start : action.end] = blank(text[action.start : action.end])
    starts = Text("", text).starts
    doubtful: set[int] = set()
    gone = bytearray(len(text))
    for branch in found.branches:
        if id(branch) not in kept:
            bare[branch.start : branch.end] = blank(text[branch.start : branch.end])
            gone[branch.start : branch.end] = b"\1" * (branch.end - branch.start)
        elif branch.taken is not True:
            doubtful.update(range(bisect_right(starts, branch.start) - 1, bisect_right(starts, max(branch.start, branch.end - 1))))
    standing = [action for action in found.actions if not gone[action.start]]
    for action in standing:
        if action.value is not UNKNOWN and not action.sure:
            doubtful.add(bisect_right(starts, action.start) - 1)
    made = _filled(text, "".join(bare), standing, starts)
    made.doubtful = frozenset(doubtful)
    made.named = tuple((branch.start, branch.end) for branch in found.branches if branch.word in ("define", "macro"))
    return made


def _filled(text: str, bare: str, actions: list[Action], starts: list[int]) -> Templated:
    out = list(bare)
    lines = _moved_left(Text("", bare).lines(), Text("", text).lines())
    marks: dict[str, Action] = {}
    unknown: list[int] = []
    taken: set[int] = set()
    alone: set[int] = set()
    for action in actions:
        row = bisect_right(starts, action.start) - 1
        line = lines[row]
        if action.control:
            if out[action.start - 1 : action.start] and out[action.start - 1] in _GLUED and line.strip():
                out[action.start : action.end] = [_FILL if char not in "\r\n" else char for char in text[action.start : action.end]]
            continue
        key_before = line.rstrip().endswith(":") and bare[starts[row] : action.start].rstrip().endswith(":")
        if not line.strip() or key_before:
            # it stands alone, or as the value of a key: a block of lines, unless lines of its own follow
            key = _room(lines, row)
            if not line.strip():
                alone.add(row)
            if key is None or key in taken:
                mark = chr(min(_FIRST + len(marks), _LAST))
                if action.value and _entered(out, action, starts[row], mark):
                    marks.setdefault(mark, action)
                elif action.value is UNKNOWN or action.value:
                    unknown.append(action.start)
                continue
            if action.value is UNKNOWN and not line.strip():
                unknown.append(action.start)
                continue
            taken.add(key)
        end = text.find("\n", action.start, action.end)
        end = action.end if end < 0 else end - (text[end - 1] == "\r")
        start = action.start if line.strip() else max(action.start, starts[row] + _deeper(lines, row))
        if start >= end:
            unknown.append(action.start)
            continue
        mark = chr(min(_FIRST + len(marks), _LAST))
        marks.setdefault(mark, action)
        out[start:end] = [mark, *_FILL * (end - start - 1)]
    moved = "".join(_moved_left(_rows("".join(out), starts), _rows(text, starts), alone))
    return Templated(_commented(moved), marks, unknown=tuple(unknown))


def _rows(text: str, starts: list[int]) -> list[str]:
    """The lines with their ends."""
    return [text[start:end] for start, end in pairwise([*starts, len(text)])]


def _moved_left(rows: list[str], given: list[str], but: Collection[int] = ()) -> list[str]:
    """The rows (`but` some stay), with what stands behind an action at the beginning of its line in that action's column.

    An action that trims what is before it (`{{-`) begins no line.
    """
    moved = []
    for number, (row, raw) in enumerate(zip(rows, given, strict=True)):
        begin, at = _indent(raw), _indent(row)
        if raw[begin : begin + 1] == "{" and raw[begin + 2 : begin + 3] != "-" and begin < at < len(row.rstrip()) and number not in but:
            body = row.rstrip("\r\n")
            row = row[:begin] + body[at:] + " " * (at - begin) + row[len(body) :]
        moved.append(row)
    return moved


def _commented(text: str) -> str:
    """The text with comments for blank lines that are longer than the next line is indented: no block scalar may begin with those."""
    lines, indent = text.split("\n"), 0
    for row in range(len(lines) - 1, -1, -1):
        line = lines[row]
        if line.strip():
            indent = _indent(line)
        elif len(line.rstrip("\r")) > indent:
            lines[row] = f"{line[:indent]}#{line[indent + 1 :]}"
    return "\n".join(lines)


def _entered(out: list[str], action: Action, start: int, mark: str) -> bool:
    """Whether a known list or mapping among others of its kind could be put in, as one item, or one key, where it would be indented to."""
    given = _INDENT.search(action.said)
    at = start + (int(given[1]) if given else action.start - start)
    entry = f"- {mark}" if isinstance(action.value, list) else f"{mark}: x" if isinstance(action.value, dict) else ""
    if not entry or at + len(entry) > action.end or "\n" in out[at : action.end]:
        return False
    out[at : at + len(entry)] = entry
    return True


def _room(lines: list[str], row: int) -> int | None:
    """The row of the key that waits for the value in a row, there or above, if no lines of that key follow."""
    above = row
    if not lines[row].strip():
        above = next((number for number in range(row - 1, max(-1, row - 20), -1) if lines[number].strip()), -1)
        if above < 0 or not lines[above].rstrip().endswith(":"):
            return None
    indent = len(lines[above]) - len(lines[above].lstrip(" \t-"))  # of the key, behind the dash of an item
    below = next((lines[number] for number in range(row + 1, min(len(lines), row + 50)) if lines[number].strip()), "")
    deeper = _indent(below) > indent or (_indent(below) == indent and below.lstrip().startswith("- "))
    return None if below and deeper and not below.lstrip().startswith("#") else above


def _deeper(lines: list[str], row: int) -> int:
    """The column where the value of the key above may begin."""
    above = next(lines[number] for number in range(row - 1, -1, -1) if lines[number].strip())
    bare = above.lstrip(" \t-")
    return len(above) - len(bare) + 1


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
