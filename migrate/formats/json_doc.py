"""JSON, bounded in size, depth and digits: strictly for what is edited, `loose` for what a program answered."""

import json
import re
from typing import Any

from migrate.formats import FormatError

FORMAT = "JSON"
MAX_CHARACTERS = 4 * 1024 * 1024
MAX_DEPTH = 64
# a text that never closes is taken to the end: what is looked for behind it would be looked for again from each quote in it
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")


def load(text: str, *, max_characters: int = MAX_CHARACTERS) -> Any:
    """The value of a JSON text.

    Raises FormatError for a duplicate key (naming it), NaN and infinities, half a surrogate pair, too much text, too deep nesting.
    """
    if len(text) > max_characters:
        raise FormatError(FORMAT, f"holds {len(text)} characters, more than {max_characters}")
    value = _read(text, object_pairs_hook=_object, parse_constant=_constant)
    if _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise FormatError(FORMAT, "holds half a surrogate pair")
    return value


def loose(text: str) -> Any:
    """The value of a JSON text of any size, the last of keys that stand twice. Raises FormatError where it is none or nested too deep."""
    return _read(text)


def text_at(body: bytes | str, key: str) -> str:
    """The text at a key of a JSON object; raises ValueError where there is none."""
    value = loose(body.decode("utf-8") if isinstance(body, bytes) else body)
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise ValueError(f"no text at {key}")
    return found


def _read(text: str, **hooks: Any) -> Any:
    _check_depth(text)
    try:
        return json.loads(text, **hooks)
    except json.JSONDecodeError as error:
        raise FormatError(FORMAT, f"{error.msg} (column {error.colno})", error.lineno) from error
    except FormatError:
        raise
    except ValueError as error:  # an integer of more digits than Python converts
        raise FormatError(FORMAT, str(error)) from error


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
