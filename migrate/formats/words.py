"""How systemd cuts a value into words, and puts variables into them: `ExecStart=`, `Environment=`, the value of `$VAR`.

Sources: systemd src/basic/extract-word.c, src/basic/env-util.c, config_parse_exec in src/core/load-fragment.c; compared with
the library of systemd 252 in the tests. Specifiers (`%n`) are left as they stand (specifiers.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from migrate.formats import FormatError

FORMAT = "command line"
PREFIXES = "@-:+!|"
LONGEST = 2 * 1024 * 1024  # characters of all arguments; execve(2): a quarter of an 8 MiB stack
_SPACE = " \t\n\r"
CONTINUED = re.compile(r"\\\r?\n(?:[ \t]*[#;][^\n]*(?:\n|\Z))*")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'", "s": " "}
_NUMERIC = re.compile(r"x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})")
_SUBSTITUTE = re.compile(r"\$\$|\$\{([^}]*)\}|\$\{.*\Z", re.DOTALL)
_PLAIN = re.compile(r"[^\s'\"\\\x00-\x1f\x7f]+")


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its quotes and escapes resolved; `start:end` spans its raw text."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ExpandedWord:
    """One argument of the process; `origin` names the variable that it came from whole, None for a word of the line itself."""

    text: str
    origin: str | None


@dataclass(frozen=True, slots=True)
class ExecCommand:
    """An `ExecStart=` value: the program without its prefix characters, and the other words."""

    program: str
    arguments: tuple[Word, ...]


def split(value: str) -> tuple[Word, ...]:
    """The words of a unit file's value; a backslash at a line's end, with comment lines after it, is one space.

    An escape that systemd does not know stays as written. Raises FormatError for an unclosed quote.
    """
    return _split(value, unit=True)


def split_variable(value: str) -> tuple[Word, ...]:
    """The words that a variable's value becomes where `$VAR` stands alone: a backslash only protects the next character.

    Raises FormatError for an unclosed quote or a backslash at the end.
    """
    return _split(value, unit=False)


def command(value: str) -> ExecCommand:
    """An `ExecStart=` value taken apart. Raises FormatError for no program, or several commands joined by `;`."""
    words = split(value)
    if not words:
        raise FormatError(FORMAT, "names no program")
    if any(w.text == ";" and value[w.start : w.end] == ";" for w in words):
        raise FormatError(FORMAT, "joins several commands by `;`, which only a oneshot unit may")
    program = words[0].text.lstrip(PREFIXES)
    return ExecCommand(program, words[1:])


def expand(words: Sequence[Word], env: Mapping[str, str]) -> tuple[ExpandedWord, ...]:
    """The arguments after systemd's substitution: `$VAR` alone becomes words, `${VAR}` text inside its word, `$$` a dollar.

    A variable that is not set is no word at all as `$VAR`, and the empty text as `${VAR}`. Raises FormatError for more than the kernel
    starts a process with.
    """
    out: list[ExpandedWord] = []
    size = counted = 0
    split_once = cache(split_variable)
    for word in words:
        size += sum(len(one.text) + 1 for one in out[counted:])
        counted = len(out)
        _bounded(size)
        text = word.text
        if text.startswith("$") and text[1:2] not in ("{", "$"):
            name = text[1:]
            out.extend(ExpandedWord(part.text, name) for part in split_once(env.get(name, "")))
        else:
            whole = re.fullmatch(r"\$\{([^}]*)\}", text)
            out.append(ExpandedWord(_substitute(text, env), whole[1] if whole else None))
    return tuple(out)


def quote(word: str) -> str:
    """A word written so that both kinds of splitting read it back; plain where it can be. Raises FormatError for control characters."""
    if _PLAIN.fullmatch(word) and word != ";":
        return word
    if re.search(r"[\x00-\x1f\x7f]", word):
        raise FormatError(FORMAT, f"{word!r} holds a control character")
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def ends_escaped(text: str) -> bool:
    """Whether a text ends in a backslash that no other backslash escapes."""
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _bounded(size: int) -> None:
    if size > LONGEST:
        raise FormatError(FORMAT, f"becomes more than {LONGEST // 2**20} MiB with its variables; no process starts with that")


def _substitute(text: str, env: Mapping[str, str]) -> str:
    size = 0

    def value(found: re.Match[str]) -> str:
        nonlocal size
        if found[1] is not None:
            size += len(env.get(found[1], ""))
            _bounded(size)
            return env.get(found[1], "")
        return "$" if found[0] == "$$" else found[0]

    return _SUBSTITUTE.sub(value, text)


def _split(value: str, *, unit: bool) -> tuple[Word, ...]:
    words: list[Word] = []
    text: list[str] | None = None
    start = end = at = 0
    quote_at: int | None = None
    while at < len(value):
        char, size = value[at], 1
        if unit and (joined := CONTINUED.match(value, at)):
            char, size = " ", joined.end() - at
        if quote_at is None and char in _SPACE:
            if text is not None:
                words.append(Word("".join(text), start, end))
                text = None
            at += size
            continue
        if text is None:
            text, start = [], at
        if char in "'\"" and quote_at is None:
            quote_at = at
        elif quote_at is not None and char == value[quote_at]:
            quote_at = None
        elif char == "\\":
            resolved, size = _escape(value, at, unit, first=at == start)
            text.append(resolved)
        else:
            text.append(char)
        at += size
        end = at
    if quote_at is not None:
        raise FormatError(FORMAT, f"the quote at character {quote_at + 1} is never closed")
    if text is not None:
        words.append(Word("".join(text), start, end))
    return tuple(words)


def _escape(value: str, at: int, unit: bool, *, first: bool) -> tuple[str, int]:
    """What the backslash at `at` stands for, and how many characters that took."""
    following = value[at + 1 : at + 2]
    if not following:
        raise FormatError(FORMAT, "ends in a backslash")
    if not unit:
        return following, 2
    if first and following == ";" and value[at + 2 : at + 3] in ("", *_SPACE):
        return ";", 2
    if following in _SIMPLE:
        return _SIMPLE[following], 2
    if found := _NUMERIC.match(value, at + 1):
        digits = found[1] or found[2] or found[3]
        code = int(digits, 16) if digits else int(found[4], 8)
        if not 0 < code < 0x80 and (found[1] or found[4]):
            raise FormatError(FORMAT, f"the escape \\{found[0]} is no ASCII character")
        if not 0 < code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise FormatError(FORMAT, f"the escape \\{found[0]} is no character")
        return chr(code), 1 + len(found[0])
    return "\\" + following, 2
