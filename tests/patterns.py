"""Every regular expression of the package, and texts made of its own parts that keep a backtracking matcher busy."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import migrate

ROOT = Path(migrate.__file__).parent
ANYWHERE = frozenset({"search", "finditer", "findall", "sub", "subn", "split"})
AT_START = frozenset({"match", "fullmatch"})
REPEATS = (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT)
KILLERS = ("", "\0", "!", "\n", '"')
LONG = 8  # a repetition of fewer is a constant


def patterns() -> dict[str, tuple[re.Pattern[Any], frozenset[str]]]:
    """Patterns by where they stand, with the ways in which they are asked: `search`, for any place of a text, `match`, `fullmatch`."""
    first: dict[int, str] = {}
    named: dict[str, tuple[re.Pattern[Any], set[str]]] = {}
    inline: dict[str, tuple[re.Pattern[Any], frozenset[str]]] = {}
    for module in sorted(info.name for info in pkgutil.walk_packages([str(ROOT)], "migrate.")):
        loaded = importlib.import_module(module)
        if not (file := getattr(loaded, "__file__", None)):
            continue
        for name, value in vars(loaded).items():
            for number, pattern in enumerate(_held(value)):
                own = first.setdefault(id(pattern), f"{module}.{name}.{number}")  # imported names are the same pattern
                named.setdefault(own, (pattern, set()))[1].update(_METHODS.get((module.rpartition(".")[2], name), ()))
        for number, (pattern, method) in enumerate(_inline(Path(file))):
            inline[f"{module}:{number}"] = (pattern, _ways({method}))
    return {name: (pattern, _ways(methods)) for name, (pattern, methods) in named.items()} | inline


def _held(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4 and isinstance(value, dict):
        for inner in (*value, *value.values()):
            yield from _held(inner, depth + 1)
    elif depth < 4 and isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from _held(inner, depth + 1)


_SOURCES = {path: path.read_text("utf-8") for path in ROOT.rglob("*.py")}
_USED = re.compile(r"\b(?:(\w+)\.)?(\w+)\.(search|finditer|findall|subn?|split|match|fullmatch)\(")
_METHODS: dict[tuple[str, str], set[str]] = {}
for _path, _text in _SOURCES.items():
    for _module, _name, _method in _USED.findall(_text):
        _METHODS.setdefault((_module or _path.stem, _name), set()).add(_method)


def _ways(methods: set[str]) -> frozenset[str]:
    return frozenset(methods) if methods and methods <= AT_START else frozenset({"search"})


def _inline(path: Path) -> Iterator[tuple[re.Pattern[Any], str]]:
    """The patterns that are written where they are used."""
    for node in ast.walk(ast.parse(_SOURCES[path])):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in (*ANYWHERE, *AT_START)
            and node.args
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, (str, bytes))
        ):
            yield re.compile(node.args[0].value), node.func.attr


def attacks(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Texts of about `size` characters: what comes before each long repetition, the repetition over and over, and an end that fails it."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    tree = parser.parse(source, pattern.flags & ~re.UNICODE & ~re.DEBUG if isinstance(pattern.pattern, bytes) else pattern.flags)
    seen: set[str] = set()
    for before, bodies in _repeats(tree, ""):
        for pump in bodies:
            if pump:
                for unit, head in ((pump, before), (pump, ""), (before + pump, ""), (before, "")):
                    if unit and (head + "\1" + unit) not in seen:
                        seen.add(head + "\1" + unit)
                        many = unit * (size // len(unit))
                        yield from (head + many + killer for killer in KILLERS)


def _repeats(tree: Any, before: str) -> Iterator[tuple[str, list[str]]]:
    at = before
    for op, given in tree:
        if op in REPEATS:
            low, high, body = given
            if high >= LONG:
                yield at, _samples(body)
            yield from _repeats(body, at)
            at += _samples(body)[0] * low
        elif op is ops.SUBPATTERN:
            yield from _repeats(given[3], at)
            at += _samples(given[3])[0]
        elif op is ops.ATOMIC_GROUP:
            yield from _repeats(given, at)
            at += _samples(given)[0]
        elif op is ops.BRANCH:
            for branch in given[1]:
                yield from _repeats(branch, at)
            at += _samples(given[1][0])[0]
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _repeats(given[1], at)
        else:
            at += _one(op, given)[0]


def _samples(tree: Any) -> list[str]:
    """A few texts that match, the first for the first alternatives."""
    found = [""]
    for op, given in tree:
        if op in REPEATS:
            more = [text * max(1, given[0]) for text in _samples(given[2])] + ([""] if given[0] == 0 else [])
        elif op is ops.SUBPATTERN:
            more = _samples(given[3])
        elif op is ops.ATOMIC_GROUP:
            more = _samples(given)
        elif op is ops.BRANCH:
            more = [text for branch in given[1] for text in _samples(branch)]
        else:
            more = _one(op, given)
        found = [a + b for a in found[:3] for b in more[:8]]
    return list(dict.fromkeys(found))[:10]


def _one(op: Any, given: Any) -> list[str]:
    if op is ops.LITERAL:
        return [chr(given)]
    if op is ops.NOT_LITERAL:
        return ["a" if given != 97 else "b", " "]
    if op is ops.ANY:
        return ['"', "a", " "]
    if op is ops.IN:
        return _members(given)
    return [""]


_CLASSES = {
    ops.CATEGORY_SPACE: " \n\t",
    ops.CATEGORY_NOT_SPACE: "a-",
    ops.CATEGORY_WORD: "a1_",
    ops.CATEGORY_NOT_WORD: " -",
    ops.CATEGORY_DIGIT: "1",
    ops.CATEGORY_NOT_DIGIT: "a ",
}


def _members(given: Any) -> list[str]:
    held, negated = "", False
    for op, value in given:
        if op is ops.NEGATE:
            negated = True
        elif op is ops.LITERAL:
            held += chr(value)
        elif op is ops.RANGE:
            held += "".join(map(chr, (range(value[0], value[1] + 1)) if negated else value))
        elif op is ops.CATEGORY:
            held += _CLASSES[value] if not negated else "".join(chr(n) for n in range(128) if re.match(_CATEGORY[value], chr(n)))
    if negated:
        return [char for char in "a 1-\"'\\/.#\n" if char not in held][:4] or ["\x7f"]
    return list(dict.fromkeys(held))[:4]


_CATEGORY = {
    ops.CATEGORY_SPACE: r"\s",
    ops.CATEGORY_NOT_SPACE: r"\S",
    ops.CATEGORY_WORD: r"\w",
    ops.CATEGORY_NOT_WORD: r"\W",
    ops.CATEGORY_DIGIT: r"\d",
    ops.CATEGORY_NOT_DIGIT: r"\D",
}
