"""JSON text as the same node trees: for the JSON that libyaml refuses (surrogate pairs, keys of more than 1,024 characters)."""

from __future__ import annotations

import json
import re

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.manifests.nodes import MAX_DEPTH, Broken

FORMAT = "JSON"
_TOKEN = re.compile(r'[ \t\r\n]*(?:([\[\]{}:,])|("[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*")|(-?[0-9][0-9.eE+-]*|true|false|null))')


def compose(text: str) -> Node:
    """The tree of one JSON text; raises Broken with the offset."""
    return _Reader(text).document()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def document(self) -> Node:
        node = self._value(0)
        if self._text[self._at :].strip(" \t\r\n"):
            raise Broken(FORMAT, "something follows the document", self._at)
        return node

    def _value(self, depth: int) -> Node:
        mark, literal, string, plain = self._next()
        if literal in ("[", "{") and depth >= MAX_DEPTH:
            raise Broken(FORMAT, f"is nested deeper than {MAX_DEPTH}", mark.index)
        if literal == "{":
            return self._mapping(mark, depth)
        if literal == "[":
            return self._sequence(mark, depth)
        if string:
            return self._string(string, mark)
        if plain:
            return ScalarNode("", plain, mark, self._mark(self._at), style="")
        raise Broken(FORMAT, f"a value was expected, not {literal!r}", mark.index)

    def _mapping(self, mark: yaml.Mark, depth: int) -> Node:
        found: list[tuple[Node, Node]] = []
        while True:
            at, literal, string, _ = self._next()
            if literal == "}" and not found:
                break
            if not string:
                raise Broken(FORMAT, "a key in double quotes was expected", at.index)
            self._literal(":")
            found.append((self._string(string, at), self._value(depth + 1)))
            if self._literal(",", "}") == "}":
                break
        return MappingNode("", found, mark, self._mark(self._at))

    def _sequence(self, mark: yaml.Mark, depth: int) -> Node:
        found: list[Node] = []
        before = self._at
        if self._next()[1] != "]":
            self._at = before
            while True:
                found.append(self._value(depth + 1))
                if self._literal(",", "]") == "]":
                    break
        return SequenceNode("", found, mark, self._mark(self._at))

    def _string(self, raw: str, mark: yaml.Mark) -> ScalarNode:
        try:
            value: str = json.loads(raw)
        except ValueError as wrong:
            raise Broken(FORMAT, "a string with an unknown escape", mark.index) from wrong
        return ScalarNode("", value, mark, self._mark(self._at), style='"')

    def _literal(self, *wanted: str) -> str:
        mark, literal, _, _ = self._next()
        if literal not in wanted:
            raise Broken(FORMAT, f"{' or '.join(map(repr, wanted))} was expected", mark.index)
        return literal

    def _next(self) -> tuple[yaml.Mark, str, str, str]:
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            blank = len(self._text) - len(self._text[self._at :].lstrip(" \t\r\n"))
            raise Broken(FORMAT, "the text ends early" if blank == len(self._text) else "no JSON value", blank)
        self._at = found.end()
        literal, string, plain = (found[number] or "" for number in (1, 2, 3))
        return self._mark(found.end() - len(literal or string or plain)), literal, string, plain

    def _mark(self, offset: int) -> yaml.Mark:
        return yaml.Mark("", offset, 0, 0, None, 0)
