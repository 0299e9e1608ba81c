"""systemd `EnvironmentFile=`: not a shell file, and read here the way systemd reads it.

No `export`, no expansion; `#` and `;` start a comment only at the start of a line; quotes count only at the start of a
value; a backslash joins lines. Source: systemd src/basic/env-file.c, compared with the library of systemd 252 in the tests.
Two things changed between systemd releases, and are refused instead of guessed: a comment that ends in a backslash (it hid
the next line before 254), and a backslash inside double quotes before anything but `"`, `\\`, `` ` ``, `$` or a line end
(219 dropped the backslash).
"""

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import accumulate
from types import MappingProxyType

from migrate.formats import FormatError, words

FORMAT = "environment file"
_SPACE = " \t\n\r"
_NEWLINE = "\n\r"
_COMMENT = "#;"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BLANKS = re.compile(r"[ \t]*")
_COMPARED = 250_000  # pairs of words
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Char:
    """A character of a value: the raw text `start:end` that stands for it, and the quotes that it is in, empty for none."""

    text: str
    start: int
    end: int
    quote: str


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
    ends = [at for at, letter in enumerate(text) if letter == "\n"]
    return tuple(replace(a, line=bisect_left(ends, a.start) + 1) for a in found if _NAME.fullmatch(a.name))


def get(text: str, name: str) -> str | None:
    """The value that a process gets for `name`: the last assignment wins; None where there is none."""
    return values(text).get(name)


def values(text: str) -> Mapping[str, str]:
    """All names with the values that a process gets."""
    return MappingProxyType({a.name: a.value for a in parse(text)})


def set_value(text: str, name: str, value: str) -> str:
    """The text with `name` worth `value`: of the winning assignment only the words change that differ, in its own quote style where that
    can hold them; lines that are continued stay.

    Without an assignment, a line `NAME="value"` is appended. Raises FormatError for a value with control characters that are new.
    """
    if not _NAME.fullmatch(name):
        raise FormatError(FORMAT, f"{name!r} is no variable name")
    winner = next((a for a in reversed(parse(text)) if a.name == name), None)
    expected = {**values(text), name: value}
    if winner and (spliced := _spliced(text, winner, value)) and _reads(spliced, expected):
        return spliced
    if _CONTROL.search(value):
        raise FormatError(FORMAT, f"the value for {name} holds a control character")
    if winner is None:
        eol = "\r\n" if "\r\n" in text else "\n"
        joined = text if not text or text[-1] in _NEWLINE else text + eol
        ending = eol if joined == text else ""
        result = f"{joined}{name}={_double(value)}{ending}"
    else:
        result = text[: winner.value_start] + _like(text[winner.value_start : winner.end], value) + text[winner.end :]
    _prove(result, expected)
    return result


def remove(text: str, name: str) -> str:
    """The text without any assignment of `name`, their whole lines gone."""
    result = text
    for found in reversed([a for a in parse(text) if a.name == name]):
        start = max(result.rfind(c, 0, found.start) for c in _NEWLINE) + 1
        result = result[:start] + result[_line_end(result, found.end) :]
    _prove(result, {k: v for k, v in values(text).items() if k != name})
    return result


def _spliced(text: str, found: Assignment, value: str) -> str | None:
    """The text with only those words of a value replaced that differ; None where its quotes cannot hold the new ones."""
    characters = _value(text, found.value_start)[0]
    before, after = re.findall(r"\s+|\S+", found.value), re.findall(r"\s+|\S+", value)
    at = [0, *accumulate(map(len, before))]  # of each word's first character
    result = text
    for first, last, of, until in reversed(_changed(before, after)):
        put = "".join(after[of:until])
        if not characters or _CONTROL.search(put):
            return None
        here = characters[min(at[first], len(characters) - 1)]
        start = here.start if at[first] < len(characters) else here.end
        end = characters[at[last]].start if at[last] < len(characters) else characters[-1].end
        if here.quote == "'" and "'" in put:
            return None
        result = result[:start] + _in_quotes(put, here.quote, continued="\\\n" in text[found.value_start : found.end]) + result[end:]
    return result


def _changed(before: list[str], after: list[str]) -> list[tuple[int, int, int, int]]:
    """Which words of `before` become which of `after`. Comparing takes time with their product: too many between become one change."""
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), min(len(before), len(after)))
    rest = min(len(before), len(after)) - same
    tail = next((at for at in range(rest) if before[-1 - at] != after[-1 - at]), rest)
    first, last, of, until = same, len(before) - tail, same, len(after) - tail
    if (last - first) * (until - of) > _COMPARED:
        return [(first, last, of, until)]
    found = SequenceMatcher(None, before[first:last], after[of:until], autojunk=False).get_opcodes()
    return [(first + a, first + b, of + c, of + d) for kind, a, b, c, d in found if kind != "equal"]


def _in_quotes(words_put: str, quote: str, *, continued: bool) -> str:
    """New words as they are written inside these quotes, each flag on a line of its own where the value is continued over lines."""
    if quote == "'":
        return words_put
    escaped = words_put.replace("\\", "\\\\")
    escaped = escaped.replace('"', '\\"') if quote else escaped
    return escaped.replace(" -", " \\\n-") if continued else escaped


def _reads(result: str, expected: Mapping[str, str]) -> bool:
    try:
        return dict(values(result)) == dict(expected)
    except FormatError:
        return False


def _prove(result: str, expected: Mapping[str, str]) -> None:
    if not _reads(result, expected):
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
    after = _BLANKS.match(text, _line_end(text, end))
    following = text[after.end() : after.end() + 1] if after else ""
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
    characters, value_start, end, at = _value(text, at + 1)
    value = "".join(one.text for one in characters)
    found.append(Assignment(name, value, 0, start, value_start, end))
    return at


def _value(text: str, at: int) -> tuple[list[Char], int, int, int]:
    """The value's characters; where its raw text starts and ends; where to read on."""
    out: list[Char] = []
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
    return out, start, end, at


def _quoted(text: str, start: int, out: list[Char]) -> int:
    quote, at = text[start], start + 1
    while at < len(text) and text[at] != quote:
        begun = at
        if quote == '"' and text[at] == "\\":
            at += 1
            following = text[at : at + 1]
            if following not in ('"', "\\", "`", "$", "\n"):
                raise FormatError(
                    FORMAT, f"a backslash before {following!r} in double quotes: systemd releases differ; write it twice", _line(text, at)
                )
            if following != "\n":
                out.append(Char(following, begun, at + 1, quote))
        else:
            out.append(Char(text[at], begun, at + 1, quote))
        at += 1
    if at >= len(text):
        raise FormatError(FORMAT, "the quote opened here is never closed", _line(text, start))
    return at + 1


def _unquoted(text: str, at: int, out: list[Char]) -> tuple[int, int]:
    kept = len(out)
    end = at
    while at < len(text) and text[at] not in _NEWLINE:
        if text[at] == "\\":
            if following := text[at + 1 : at + 2].strip(_NEWLINE):
                out.append(Char(following, at, at + 2, ""))
            at += 2
            kept, end = len(out), min(at, len(text))
        else:
            out.append(Char(text[at], at, at + 1, ""))
            at += 1
            if out[-1].text not in _SPACE:
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
