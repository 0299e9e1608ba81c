"""Configuration in objects: lines of ConfigMaps and values of other kinds that depend on Docker, for the rules about workloads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from msgspec.structs import replace
from yaml.nodes import MappingNode, Node, ScalarNode

from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.pod import PodSpec
from migrate.facts.texts import config_uses
from migrate.facts.values import Place, Pointer, Title
from migrate.facts.workload import Workload
from migrate.manifests.model import Template
from migrate.manifests.nodes import get, items, pairs, text
from migrate.manifests.text import Text

MAX_WALKED = 50_000
# What speaks of something, or allows it, and sets nothing
_PROSE = frozenset(
    {
        *("description", "message", "summary", "annotations", "status", "managedFields", "placeholder", "documentation", "help", "notes"),
        *("example", "examples", "allowedHostPaths"),
    }
)
_SCHEMAS = ("swagger", "openapi", "$schema")
_COMMANDS = re.compile(r"(?:\A|\.)\w*(?:ommands?|cmds?|scripts?|exec)\Z")
_ASSIGNED = re.compile(r"[A-Za-z_]\w{0,80}=")
_PATHS = re.compile(r"(?i:path|paths|include|file)\Z")
_HINTS = ("ocker", "k8s_", "container_label_", "engine_daemon_", "json")


def config_map(node: Node, title: Title, source: Text) -> Iterator[Template]:
    """One template for each line of a ConfigMap, placed there in a block scalar, at its key otherwise."""
    for key, (at, value) in pairs(get(node, "data")).items():
        if isinstance(value, ScalarNode):
            yield from _text(key, at, value, _configuration(node, title, source), source)


def config_values(node: Node, title: Title, source: Text, passed: set[int]) -> Iterator[Template]:
    """One template for each value of an object of another kind, and for each line of a text in it; trees in `passed` are left out.

    A value is judged as the line `key: value`. Calls are judged in texts of several lines and below keys of commands. What names no kind
    may be any data: there a text has to be a script to be judged as one, and a path has to stand at a key of paths.
    """
    named = get(node, "kind") is not None
    if not named and any(get(node, key) is not None for key in _SCHEMAS):
        return
    found = _configuration(node, title, source)
    left, waiting = MAX_WALKED, [("", node, node)]
    seen = set(passed)
    while waiting and left:
        left -= 1
        way, at, current = waiting.pop()
        if id(current) in seen:
            continue
        if isinstance(current, ScalarNode):
            if any(hint in current.value for hint in _HINTS) or "ocker" in way:
                uses = _text(way, at, current, found, source) if "\n" in current.value else _value(way, at, current, found, source)
                yield from (one for one in uses if one.config_use and _tells(one.config_use, way, current.value, named=named))
            continue
        seen.add(id(current))
        if isinstance(current, MappingNode):
            waiting += [(f"{way}.{name}" if way else name, *one) for name, one in reversed(_entries(current).items())]
        else:
            waiting += [(way, item, item) for item in reversed(items(current))]


def config_tree(node: Node, way: str, title: Title, source: Text, read: set[int]) -> Iterator[Template]:
    """One template for each line of the text that a configuration at `way` makes: what stands above and beside a value counts too.

    The nodes whose values were judged so are put into `read`; texts of several lines are left to `config_values`.
    """
    found = _configuration(node, title, source)
    lines: list[tuple[str, str, Node, str]] = []
    waiting: list[tuple[str, str, Node, Node]] = [(way, "", node, node)]
    seen = set(read)
    while waiting and len(lines) < MAX_WALKED:
        way, key, at, current = waiting.pop()
        if isinstance(current, ScalarNode):
            if "\n" not in current.value:
                lines.append((way, f"{key}: {current.value}", at, current.value))
                read.add(id(current))
        elif id(current) in seen:
            continue
        elif isinstance(current, MappingNode):
            seen.add(id(current))
            if at is not current:
                lines.append((way, f"{key}:", at, ""))
            below = [(f"{way}.{name}" if way else name, name, *one) for name, one in _entries(current).items()]
            if at is current and below and current is not node:  # an item of a list
                below[0] = (below[0][0], f"- {below[0][1]}", *below[0][2:])
            waiting += reversed(below)
        else:
            seen.add(id(current))
            lines.append((way, f"{key}:", at, ""))
            waiting += [(way, key, item, item) for item in reversed(items(current))]
    for use in config_uses(found.namespace, found.name, {"": "\n".join(line for _, line, _, _ in lines)}):
        way, _, at, value = lines[use.line - 1]
        told = replace(use, key=way, line=0)
        if _tells(told, way, value, named=True):
            yield Template(found, partial(_at, source.place(at.start_mark.index)), told)


def _entries(node: Node) -> dict[str, tuple[Node, Node]]:
    """Key and value of each entry that sets something; a variable that is written as a pair is one entry of its name."""
    known = pairs(node)
    if "value" in known and (name := text(known.get("name", (None, None))[1])):
        return {name: known["value"]}
    return {name: one for name, one in known.items() if name not in _PROSE}


def _tells(use: ConfigUse, way: str, value: str, *, named: bool) -> bool:
    """Whether a use in a value is meant: that of a command is one in a script, and not a word about it."""
    if use.use is ConfigUseKind.CALL and not _COMMANDS.search(way):
        return "\n" in value and (named or value.startswith("#!"))
    return named or not use.words.startswith("/") or _PATHS.search(way) is not None


def _configuration(node: Node, title: Title, source: Text) -> Workload:
    namespace, kind, name = title
    return Workload(kind, namespace, name, PodSpec(), place=source.place(node.start_mark.index), configures=True)


def _text(key: str, at: Node, value: ScalarNode, found: Workload, source: Text) -> Iterator[Template]:
    for use in config_uses(found.namespace, found.name, {key: value.value}):
        place = _line(value, max(use.line, 1), source) if value.style == "|" else source.place(at.start_mark.index)
        yield Template(found, partial(_at, place), use)


def _value(way: str, at: Node, value: ScalarNode, found: Workload, source: Text) -> Iterator[Template]:
    command = _COMMANDS.search(way) is not None
    line = value.value if command or _ASSIGNED.match(value.value) else f"{way.rpartition('.')[2]}: {value.value}"
    for use in config_uses(found.namespace, found.name, {way: line}):
        yield Template(found, partial(_at, source.place(at.start_mark.index)), replace(use, line=0))


def _at(place: Place, pointer: Pointer) -> Place:
    return place


def _line(value: ScalarNode, line: int, source: Text) -> Place:
    row = min((source.place(value.start_mark.index).line or 1) - source.first + line, len(source.starts) - 1)
    start = source.starts[row]
    while source.text[start : start + 1] in (" ", "\t"):
        start += 1
    return source.place(start)
