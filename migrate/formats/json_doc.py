"""Strict JSON: one document, no key twice, bounded in size and depth."""

import json
import re
from typing import Any

from migrate.formats import FormatError

FORMAT = "JSON"
MAX_CHARACTERS = 4 * 1024 * 1024
MAX_DEPTH = 64
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def load(text: str, *, max_characters: int = MAX_CHARACTERS) -> Any:
    """The value of a JSON text.

    Raises FormatError for a duplicate key (naming it), NaN and infinities, half a surrogate pair, too much text, too deep nesting.
    """
    if len(text) > max_characters:
        raise FormatError(FORMAT, f"holds {len(text)} characters, more than {max_characters}")
    _check_depth(text)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        encoded = json.dumps(value, ensure_ascii=False)
    except json.JSONDecodeError as error:
        raise FormatError(FORMAT, f"{error.msg} (column {error.colno})", error.lineno) from error
    except FormatError:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise FormatError(FORMAT, str(error)) from error
    if _SURROGATE.search(encoded):
        raise FormatError(FORMAT, "holds half a surrogate pair")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth > MAX_DEPTH:
            raise FormatError(FORMAT, f"is nested deeper than {MAX_DEPTH}", text.count("\n", 0, token.start()) + 1)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise FormatError(FORMAT, f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def _constant(name: str) -> Any:
    raise FormatError(FORMAT, f"{name} is no JSON value")
