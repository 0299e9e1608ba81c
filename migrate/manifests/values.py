"""Node trees as plain values, with the scalars read as kubectl reads them.

sigs.k8s.io/yaml keeps go-yaml v2's rules: YAML 1.1 booleans (`yes`, `on`), `0777` is octal, `1_000` a number; no sexagesimal numbers, and
dates stay text. `null` is dropped, as Go drops it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.manifests.nodes import MAX_DEPTH, pairs

MAX_VALUES = 100_000
_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_NUMBER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|[0-9]+)")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_STRING = "tag:yaml.org,2002:str"


class TooMuch(ValueError):
    """A tree that aliases blow up to more than MAX_VALUES values, or that holds itself; `node` is where that was seen."""

    def __init__(self, node: Node) -> None:
        super().__init__(f"holds more than {MAX_VALUES} values, or itself, through its aliases")
        self.node = node


@dataclass(slots=True)
class ValueReader:
    """One pass over trees: the budget that is left, and the keys seen twice in one mapping."""

    left: int = MAX_VALUES
    twice: list[Node] = field(default_factory=list)

    def value(self, node: Node, depth: int = 0) -> Any:
        """The plain value of a tree; raises TooMuch."""
        self.left -= 1
        if self.left < 0 or depth > MAX_DEPTH:
            raise TooMuch(node)
        if isinstance(node, ScalarNode):
            return node.value if node.style else scalar(node)
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        assert isinstance(node, MappingNode)
        found: dict[str, Any] = {}
        for key, item in node.value:
            name = key.value
            if key.__class__ is not ScalarNode or (name == "<<" and not key.style):
                return self._merged(node, depth)
            if name in found:
                self.twice.append(key)
            if item.__class__ is ScalarNode:  # most are, and a call each is a third of the time
                self.left -= 1
                found[name] = item.value if item.style or item.tag == _STRING else scalar(item)
            else:
                found[name] = self.value(item, depth + 1)
        if self.left < 0:
            raise TooMuch(node)
        return {key: item for key, item in found.items() if item is not None} if None in found.values() else found

    def _merged(self, node: Node, depth: int) -> Any:
        entries = pairs(node)
        self.left -= len(entries)
        values = {name: self.value(item, depth + 1) for name, (_, item) in entries.items()}
        return {key: item for key, item in values.items() if item is not None}


def scalar(node: ScalarNode) -> Any:
    """A plain scalar's value: None, bool, int, float or text."""
    text: str = node.value
    if node.tag == _STRING:
        return text
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[0] in "+-.0123456789":
        bare = text.replace("_", "")
        if _NUMBER.fullmatch(bare):
            return _integer(bare)
        if _FLOAT.fullmatch(bare):
            return float(bare)
    return text


def _integer(text: str) -> int | float:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-").lower()
    if len(digits) > 20:  # Go's integers end at 64 bits
        return float(sign) * float(digits) if digits.isdecimal() else 0.0
    if digits[:1] == "0" and len(digits) > 1:
        base = {"x": 16, "o": 8, "b": 2}.get(digits[1])
        return sign * (
            int(digits[2:], base) if base else int(digits, 8) if digits.isdecimal() and not set(digits) & {"8", "9"} else int(digits)
        )
    return sign * int(digits)
