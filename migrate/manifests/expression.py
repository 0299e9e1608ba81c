"""Expressions of Go templates, as far as values alone decide them: what default values make of a condition, and of what is put in.

Source: pkg.go.dev/text/template (pipelines, truth), helm.sh, Template function list. What is not known here is UNKNOWN, never a guess.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final


class Known(Enum):
    """The answer for what values do not decide."""

    NO = "unknown"
    ROOT = "root"


UNKNOWN: Final = Known.NO
ROOT: Final = Known.ROOT  # the `.` that a template begins with: of it only `.Values` are known
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*+(?:"|\Z)|`[^`]*(?:`|\Z)|[()|]|[^\s()|"`]+')
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_VERB = re.compile(r"%.?", re.DOTALL)
_DEEPEST = 20
_MOST = 200  # tokens of an expression


def evaluate(text: str, values: Mapping[str, Any] | None, dot: Any = ROOT, variables: Mapping[str, Any] | None = None) -> Any:
    """What an expression is with these `.Values` (None: not known), `.` and variables; UNKNOWN where they do not decide it."""
    tokens = _TOKEN.findall(text)
    if len(tokens) > _MOST:
        return UNKNOWN
    reader = _Pipelines(tokens, values, dot, variables or {})
    found = reader.pipeline(0)
    return UNKNOWN if reader.rest else found


def truth(value: Any) -> bool | None:
    """Whether a value counts as true, None where it is not known."""
    return None if value is UNKNOWN else bool(value)


def written(value: Any) -> str:
    """A plain value as a template puts it into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class _Pipelines:
    def __init__(self, tokens: list[str], values: Mapping[str, Any] | None, dot: Any, variables: Mapping[str, Any]) -> None:
        self.rest, self._values, self._dot, self._variables = tokens[::-1], values, dot, variables

    def pipeline(self, depth: int) -> Any:
        found = self._command([], depth)
        while self.rest and self.rest[-1] == "|":
            self.rest.pop()
            found = self._command([found], depth)
        return found

    def _command(self, piped: list[Any], depth: int) -> Any:
        name, given = "", list[Any]()
        first = True
        while self.rest and self.rest[-1] not in ("|", ")"):
            token = self.rest.pop()
            if first and token in _FUNCTIONS:
                name = token
            else:
                given.append(self._operand(token, depth))
            first = False
        given += piped
        if name:
            return _called(name, given)
        return given[0] if len(given) == 1 else UNKNOWN

    def _operand(self, token: str, depth: int) -> Any:
        if token == "(":
            if depth > _DEEPEST:
                return UNKNOWN
            found = self.pipeline(depth + 1)
            if self.rest and self.rest[-1] == ")":
                self.rest.pop()
                return found
            return UNKNOWN
        if token[0] == "`" and len(token) > 1:
            return token[1:-1]
        if token[0] == '"' and len(token) > 1:
            try:
                return json.loads(token)
            except ValueError:
                return UNKNOWN
        if _NUMBER.fullmatch(token):
            return float(token) if "." in token else int(token)
        if token in ("true", "false", "nil"):
            return {"true": True, "false": False, "nil": None}[token]
        return self._path(token)

    def _path(self, token: str) -> Any:
        bare = token.removeprefix("$")
        if (token.startswith("$") or self._dot is ROOT) and (bare == ".Values" or bare.startswith(".Values.")):
            found: Any = UNKNOWN if self._values is None else self._values
            keys = bare.removeprefix(".Values").split(".")[1:]
        elif token[0] == "$" and (name := token[1:].partition(".")[0]) in self._variables:
            found, keys = self._variables[name], token.split(".")[1:]
        elif token.startswith(".") and not isinstance(self._dot, Known):
            found, keys = self._dot, [key for key in token.split(".") if key]
        else:
            return UNKNOWN
        for key in keys:
            if found is UNKNOWN:
                return UNKNOWN
            found = found.get(key) if isinstance(found, Mapping) else None
        return found


def _called(name: str, given: list[Any]) -> Any:
    if name in ("and", "or"):
        return _decided(given, stop=name == "or")
    if UNKNOWN in given and name not in ("default", "coalesce", "ternary"):
        return UNKNOWN
    try:
        return _FUNCTIONS[name](*given)
    except (TypeError, ValueError, AttributeError):
        return UNKNOWN


def _decided(given: list[Any], *, stop: bool) -> Any:
    """`or` is decided by one true argument, `and` by one false one, whatever the others are."""
    for value in given:
        if value is not UNKNOWN and bool(value) is stop:
            return value
    return UNKNOWN if UNKNOWN in given or not given else given[-1]


def _default(other: Any, value: Any = None) -> Any:
    return UNKNOWN if value is UNKNOWN else value or other


def _coalesce(*given: Any) -> Any:
    return next((value for value in given if value is UNKNOWN or value), None)


def _ternary(yes: Any, no: Any, condition: Any) -> Any:
    return UNKNOWN if condition is UNKNOWN else yes if condition else no


def _tpl(text: str, _: Any = None) -> Any:
    return UNKNOWN if not isinstance(text, str) or "{{" in text else text


def _printf(form: str, *given: Any) -> Any:
    """A text with its `%s`, `%v` and `%d` filled; raises ValueError for other verbs, or another number of them."""
    parts = form.split("%%")
    verbs = [verb for part in parts for verb in _VERB.findall(part)]
    if (
        any(verb not in ("%s", "%v", "%d") for verb in verbs)
        or len(verbs) != len(given)
        or any(isinstance(one, (dict, list)) for one in given)
    ):
        raise ValueError(form)
    rest = iter(given)
    return "%".join(_VERB.sub(lambda _: written(next(rest)), part) for part in parts)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value[key] if isinstance(value, list) and isinstance(key, int) and -1 < key < len(value) else (value or {}).get(key)
    return value


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "and": all,
    "or": any,
    "not": lambda value: not value,
    "empty": lambda value: not value,
    "eq": lambda value, *others: value in others,
    "ne": lambda value, other: value != other,
    "default": _default,
    "coalesce": _coalesce,
    "ternary": _ternary,
    "required": lambda _, value: value,
    "tpl": _tpl,
    **dict.fromkeys(("quote", "squote", "toString"), written),
    **dict.fromkeys(("toYaml", "toJson", "int", "int64"), lambda value: value),
    **dict.fromkeys(("nindent", "indent"), lambda _, value: value),
    "printf": _printf,
    "index": _index,
    "get": _index,
    "hasKey": lambda value, key: key in value,
    "contains": lambda part, value: value.find(part) >= 0,
    "hasPrefix": lambda start, value: value.startswith(start),
    "hasSuffix": lambda end, value: value.endswith(end),
    "len": len,
    "gt": lambda value, other: value > other,
    "lt": lambda value, other: value < other,
    "trim": lambda value: value.strip(),
    "lower": lambda value: value.lower(),
    "upper": lambda value: value.upper(),
    "trimSuffix": lambda end, value: value.removesuffix(end),
    "trimPrefix": lambda start, value: value.removeprefix(start),
    "replace": lambda old, new, value: value.replace(old, new) if old else UNKNOWN,
}
