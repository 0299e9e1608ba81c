"""TOML: read by tomllib, edited in place by tomlkit, and each edit proved by tomllib.

tomlkit alone is no proof: it accepts some TOML 1.1 that tomllib, and the daemons, refuse.
"""

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from typing import Any

import toml
import tomlkit
from tomlkit.items import InlineTable

from migrate.formats import FormatError
from migrate.formats.changes import REMOVE, Path, applied, check, depth, holds, same
from migrate.formats.toml_insert import insert, key_text

__all__ = ["REMOVE", "edit", "load", "render"]
FORMAT = "TOML"
MAX_CHARACTERS = 1024 * 1024
MAX_DEPTH = 64
# tomllib takes time by the square of a dotted key's parts
_PART = r"""(?:[\w-]{1,200}|"[^"\n]{0,200}"|'[^'\n]{0,200}')[ \t]{0,9}\.[ \t]{0,9}"""
_LONG_KEY = re.compile(rf"(?:^|[\[{{,])[ \t]{{0,200}}(?:{_PART}){{{MAX_DEPTH}}}", re.MULTILINE)
_PLACE = re.compile(r"(.*) \(at line ([0-9]+), column [0-9]+\)", re.DOTALL)
_LIBRARY_FAILURES = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def load(text: str) -> dict[str, Any]:
    """The values of a TOML 1.0 text. Raises FormatError with the line."""
    if len(text) > MAX_CHARACTERS:
        raise FormatError(FORMAT, f"holds {len(text)} characters, more than {MAX_CHARACTERS}")
    if found := _LONG_KEY.search(text):
        raise FormatError(FORMAT, f"has a key of more than {MAX_DEPTH} parts", text.count("\n", 0, found.end()) + 1)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.fullmatch(str(error))
        raise FormatError(FORMAT, found[1] if found else str(error), int(found[2]) if found else None) from error
    except ValueError as error:  # an integer of more digits than Python converts
        raise FormatError(FORMAT, str(error)) from error
    except RecursionError as error:
        raise FormatError(FORMAT, "is nested too deep") from error
    if depth(values) > MAX_DEPTH:
        raise FormatError(FORMAT, f"is nested deeper than {MAX_DEPTH}")
    return values


def edit(text: str, changes: Mapping[Path, Any]) -> str:
    """The text with these values set, or removed by REMOVE; missing tables are made beside their parents, all else keeps its bytes.

    Raises FormatError where tomllib does not read exactly the wanted values from the result, or a path leads through no table.
    """
    check(FORMAT, changes)
    values = load(text)
    newline = "\r\n" if "\r\n" in text and "\n" not in text.replace("\r\n", "") else "\n"
    result = text if newline == "\n" else text.replace(newline, "\n")
    # in the document first: tomlkit loses its place in one with new tables
    for path, value in sorted(changes.items(), key=lambda change: _adds(values, *change)):
        if holds(values, path, value):
            continue
        new = _adds(values, path, value)
        values = applied(FORMAT, values, path, value)
        result = _edited(result, path, value, values, new=new)
    return result if newline == "\n" else result.replace("\n", newline)


def render(values: Mapping[str, Any]) -> str:
    """A small file written whole, such as containerd's hosts.toml, in the given order; proved by reading it again."""
    text = toml.dumps(dict(values))
    if not same(load(text), dict(values)):
        raise FormatError(FORMAT, f"{dict(values)!r} would not be read back as it was meant")
    return text


def _adds(values: Mapping[str, Any], path: Path, value: Any) -> bool:
    return value is not REMOVE and holds(values, path, REMOVE)


def _edited(text: str, path: Path, value: Any, expected: dict[str, Any], *, new: bool) -> str:
    """The text after one change: a new key is first tried as lines of its own, then, as every other change, inside the document."""
    for attempt in (insert, _in_place) if new else (_in_place,):
        try:
            result = attempt(text, path, value)
            if same(load(result), expected):
                return result
        except _LIBRARY_FAILURES:
            continue
    dotted = ".".join(map(key_text, path))
    raise FormatError(FORMAT, f"changing {dotted} in place would change other values as well; edit this file by hand")


def _in_place(text: str, path: Path, value: Any) -> str:
    document = tomlkit.parse(text)
    if tomlkit.dumps(document) != text:
        raise FormatError(FORMAT, "cannot be written back byte for byte")
    _apply_in_place(document, path, value)
    return tomlkit.dumps(document)


def _apply_in_place(document: MutableMapping[str, Any], path: Path, value: Any) -> None:
    node = document
    for position, key in enumerate(path[:-1]):
        if key not in node:
            node[key] = _inline(path[position + 1 :], value)
            return
        node = node[key]
    if value is REMOVE:
        del node[path[-1]]
    else:
        node[path[-1]] = value


def _inline(path: Path, value: Any) -> InlineTable:
    table = tomlkit.inline_table()
    table[path[0]] = value if len(path) == 1 else _inline(path[1:], value)
    return table
