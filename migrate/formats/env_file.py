"""systemd `EnvironmentFile=`: not a shell file, and read here the way systemd reads it.

No `export`, no expansion; `#` and `;` start a comment only at the start of a line; quotes count only at the start of a
value; a backslash joins lines. Source: systemd src/basic/env-file.c, compared with the library of systemd 252 in the tests.
Two things changed between systemd releases, and are refused instead of guessed: a comment that ends in a backslash (it hid
the next line before 254), and a backslash inside double quotes before anything but `"`, `\\`, `` ` ``, `$` or a line end
(219 dropped the backslash).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from migrate.formats import FormatError, words

FORMAT = "environment file"
_SPACE = " \t\n\r"
_NEWLINE = "\n\r"
_COMMENT = "#;"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment as it stands: `value` is what the process gets; `start:end` spans name to value, `value_start:end` the raw value."""

    name: str
    value: str
    line: int
    start: int
    value_start: int
    end: int


def parse(text: str) -> tuple[Assignment, ...]:
    """All assignments in file order, those of a repeated name included.

    Lines that systemd ignores (no `=`, or a name such as `export A`) are left out.
    Raises FormatError for an unclosed quote, a NUL, invalid UTF-8 (surrogates), and what systemd releases read differently.
    """
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise FormatError(FORMAT, "holds a NUL or bytes that are not UTF-8; systemd does not read such a file")
    found: list[Assignment] = []
    at = 0
    while at < len(text):
        if text[at] in _SPACE:
            at += 1
        elif text[at] in _COMMENT:
            at = _after_comment(text, at)
        else:
            at = _assignment(text, at, found)
    return tuple(a for a in found if _NAME.fullmatch(a.name))


def get(text: str, name: str) -> str | None:
    """The value that a process gets for `name`: the last assignment wins; None where there is none."""
    return values(text).get(name)


def values(text: str) -> Mapping[str, str]:
    """All names with the values that a process gets."""
    return MappingProxyType({a.name: a.value for a in parse(text)})


def set_value(text: str, name: str, value: str) -> str:
    """The text with `name` worth `value`: only the winning assignment's value changes, in its own quote style where that can hold it.

    Without an assignment, a line `NAME="value"` is appended. Raises FormatError for a value with control characters.
    """
    if not _NAME.fullmatch(name):
        raise FormatError(FORMAT, f"{name!r} is no variable name")
    if _CONTROL.search(value):
        raise FormatError(FORMAT, f"the value for {name} holds a control character")
    winner = next((a for a in reversed(parse(text)) if a.name == name), None)
    if winner is None:
        eol = "\r\n" if "\r\n" in text else "\n"
        joined = text if not text or text[-1] in _NEWLINE else text + eol
        ending = eol if joined == text else ""
        result = f"{joined}{name}={_double(value)}{ending}"
    elif winner.value == value:
        return text
    else:
        result = text[: winner.value_start] + _like(text[winner.value_start : winner.end], value) + text[winner.end :]
    _prove(result, {**values(text), name: value})
    return result


def remove(text: str, name: str) -> str:
    """The text without any assignment of `name`, their whole lines gone."""
    result = text
    for found in reversed([a for a in parse(text) if a.name == name]):
        start = max(result.rfind(c, 0, found.start) for c in _NEWLINE) + 1
        result = result[:start] + result[_line_end(result, found.end) :]
    _prove(result, {k: v for k, v in values(text).items() if k != name})
    return result


def _prove(result: str, expected: Mapping[str, str]) -> None:
    if dict(values(result)) != dict(expected):
        raise FormatError(FORMAT, "the edit would change another variable; edit this file by hand")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in _NEWLINE:
        at += 1
    return at + (2 if text.startswith("\r\n", at) else 1)


def _after_comment(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] not in _NEWLINE:
        end += 1
    following = text[_line_end(text, end) :].lstrip(" \t")[:1]
    if words.ends_escaped(text[start:end]) and following not in (*_NEWLINE, *_COMMENT, ""):
        line = _line(text, start)
        raise FormatError(FORMAT, "a comment that ends in a backslash hides the next line before systemd 254; remove it", line)
    return end


def _assignment(text: str, start: int, found: list[Assignment]) -> int:
    at = start
    while at < len(text) and text[at] not in _NEWLINE and (text[at] != "=" or at == start):
        at += 1
    if at == len(text) or text[at] in _NEWLINE:
        return at
    name = text[start:at].rstrip(_SPACE)
    value, value_start, end, at = _value(text, at + 1)
    found.append(Assignment(name, value, _line(text, start), start, value_start, end))
    return at


def _value(text: str, at: int) -> tuple[str, int, int, int]:
    """The value; where its raw text starts and ends; where to read on."""
    out: list[str] = []
    while at < len(text) and text[at] in " \t":
        at += 1
    start = end = at
    while at < len(text) and text[at] not in _NEWLINE:
        char = text[at]
        if char in "'\"":
            at = end = _quoted(text, at, out)
        elif char in " \t":
            at += 1
        else:
            at, end = _unquoted(text, at, out)
            break
    return "".join(out), start, end, at


def _quoted(text: str, start: int, out: list[str]) -> int:
    quote, at = text[start], start + 1
    while at < len(text) and text[at] != quote:
        if quote == '"' and text[at] == "\\":
            at += 1
            following = text[at : at + 1]
            if following not in ('"', "\\", "`", "$", "\n"):
                raise FormatError(
                    FORMAT, f"a backslash before {following!r} in double quotes: systemd releases differ; write it twice", _line(text, at)
                )
            out.append(following if following != "\n" else "")
        else:
            out.append(text[at])
        at += 1
    if at >= len(text):
        raise FormatError(FORMAT, "the quote opened here is never closed", _line(text, start))
    return at + 1


def _unquoted(text: str, at: int, out: list[str]) -> tuple[int, int]:
    kept = len(out)
    end = at
    while at < len(text) and text[at] not in _NEWLINE:
        if text[at] == "\\":
            out.append(text[at + 1 : at + 2].strip(_NEWLINE))
            at += 2
            kept, end = len(out), min(at, len(text))
        else:
            out.append(text[at])
            at += 1
            if out[-1] not in _SPACE:
                kept, end = len(out), at
    del out[kept:]
    return at, end


def _like(raw: str, value: str) -> str:
    """`value` written in the quote style of `raw`, or in double quotes."""
    if raw.startswith("'") and "'" not in value:
        return f"'{value}'"
    if raw.startswith(("'", '"')) or value != value.strip(_SPACE):
        return _double(value)
    plain = value.replace("\\", "\\\\")
    return "\\" + plain if plain.startswith(("'", '"')) else plain


def _double(value: str) -> str:
    """As Go's %q does for printable text, which is what kubeadm writes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
