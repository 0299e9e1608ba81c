"""A pod template's node tree as a `Workload`. What does not fit Kubernetes' types is told, and passed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.facts.cluster import KEPT_ANNOTATIONS
from migrate.facts.pod import PodTemplate
from migrate.facts.values import Place, Pointer, Title
from migrate.facts.workload import Workload
from migrate.manifests.model import Problem, Template, Trouble
from migrate.manifests.nodes import entry, items
from migrate.manifests.text import Text
from migrate.manifests.values import TooMuch, ValueReader

MAX_MISFITS = 20  # that are told
MAX_MENDED = 200
_AT = " - at `$"
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_ANY = "*"
_NAMES = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}


def template(node: Node, title: Title, place: Place, source: Text, replicas: int | None = None) -> Iterator[Problem | Template]:
    """The workload of a pod template (a mapping with `metadata` and `spec`), after the problems of its text."""
    reading = ValueReader()
    subject = Workload(title[1], title[0], title[2], PodTemplate().spec).title
    try:
        value = reading.value(node)
    except TooMuch as wrong:
        yield Problem(Trouble.BROKEN, subject, str(wrong), source.place(wrong.node.start_mark.index))
        return
    for key in reading.twice[:MAX_MISFITS]:
        why = f"the key {key.value!r} stands twice in one mapping; the last one counts"
        yield Problem(Trouble.MISFIT, subject, why, source.place(key.start_mark.index))
    misfits: list[tuple[str, Node]] = []
    made = _fitted(value, node, misfits)
    for why, where in misfits[:MAX_MISFITS]:
        yield Problem(Trouble.MISFIT, subject, why, source.place(where.start_mark.index))
    if made is not None:
        meta = made.metadata
        annotations = {key: text for key, text in (meta.annotations or {}).items() if key.startswith(KEPT_ANNOTATIONS)}
        found = Workload(title[1], title[0], title[2], made.spec, meta.labels or {}, annotations, replicas, place=place)
        yield Template(found, Locator(node, source).place)


class Locator:
    """The places of what pointers lead to, from one pod template."""

    def __init__(self, root: Node, source: Text) -> None:
        self._root, self._source = root, source

    def place(self, pointer: Pointer) -> Place:
        """Where the key or the list item stands; the nearest one above it for what was not written."""
        return self._source.place(_walk(self._root, pointer)[1].start_mark.index)


def _walk(node: Node, pointer: Pointer) -> tuple[Node | None, Node]:
    """What a pointer leads to, None where it leads nowhere, and the node that shows where that stands."""
    shown: Node = node
    current: Node | None = node
    for step in pointer:
        if isinstance(step, str):
            key, current = entry(current, step)
            shown = shown if key is None else key
        else:
            current = next(iter(items(current)[step : step + 1]), None)
            shown = shown if current is None else current
        if current is None:
            break
    return current, shown


def _fitted(value: Any, node: Node, misfits: list[tuple[str, Node]]) -> PodTemplate | None:
    """The value as Kubernetes' types, mended where it does not fit; None when it cannot be. `misfits` gets what did not fit, and where."""
    for _ in range(MAX_MENDED):
        try:
            return msgspec.convert(value, PodTemplate)
        except msgspec.ValidationError as wrong:
            message, split, path = str(wrong).removesuffix("`").rpartition(_AT)
            message, path = (message, path) if split else (str(wrong), "")
            pointer = tuple(step[1] or (int(step[2]) if step[2] else _ANY) for step in _STEP.finditer(path))
            at, shown = _walk(node, tuple(step for step in pointer if step != _ANY))
            misfits.append((f"{path.lstrip('.').removesuffix('[...]') or 'the template'}: {_told(message)}", shown))
            if not _mended(value, pointer, message, at):
                return None
    return None


def _told(message: str) -> str:
    if missing := _MISSING.fullmatch(message):
        return f"{missing[1]} is required"
    if found := _EXPECTED.match(message):
        wanted = " or ".join(_NAMES.get(name, name) for name in found[1].split(" | ") if name != "null")
        return f"expected {wanted}, saw {_NAMES.get(found[2], found[2])}"
    return message


def _mended(value: Any, pointer: Pointer, message: str, at: Node | None) -> bool:
    """Whether the place that did not fit was made to: text for text, nothing for the rest. Lists keep their indexes."""
    parent = value
    for step in pointer[:-1]:
        parent = parent[step]
    if missing := _MISSING.fullmatch(message):
        target = parent[pointer[-1]] if pointer else value
        target[missing[1]] = ""
        return True
    if not pointer:
        return False
    last, wanted = pointer[-1], found[1] if (found := _EXPECTED.match(message)) else ""
    if last == _ANY:
        for key, item in parent.items():
            parent[key] = item if isinstance(item, str) else ""
    elif "str" in wanted and isinstance(at, ScalarNode):
        parent[last] = at.value
    elif "bool" in wanted and isinstance(at, ScalarNode) and at.value.lower() in ("true", "yes", "on", "1"):
        parent[last] = True
    elif isinstance(parent, list) and isinstance(last, int):
        parent[last] = dict.fromkeys(("name", "mountPath"), "") if "object" in wanted else ""
    else:
        del parent[last]
    return True


def mapping(like: Node, **entries: Node | None) -> MappingNode:
    """A mapping that was not written as such, made of nodes that were; None entries are left out."""
    value = [(ScalarNode("", key, like.start_mark, like.end_mark, style='"'), node) for key, node in entries.items() if node is not None]
    return MappingNode("", value, like.start_mark, like.end_mark)


def sequence(like: Node, nodes: list[Node]) -> SequenceNode | None:
    """A list that was not written as such; None for no nodes."""
    return SequenceNode("", nodes, like.start_mark, like.end_mark) if nodes else None


def named(node: Node, name: str) -> Node:
    """A container that may go without a name (Argo, Tekton), with one."""
    if not isinstance(node, MappingNode) or entry(node, "name")[1] is not None:
        return node
    given = ScalarNode("", name, node.start_mark, node.end_mark, style='"')
    return MappingNode("", [*node.value, (ScalarNode("", "name", node.start_mark, node.end_mark), given)], node.start_mark, node.end_mark)
