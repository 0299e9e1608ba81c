"""Where a new TOML key or table belongs: the text around it decides on place and indentation. The caller proves the result."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import tomlkit

_HEADER = re.compile(r"^([ \t]*)\[[^\n]*\][ \t]*(?:#[^\n]*)?$", re.MULTILINE)
_INDENTED_KEY = re.compile(r"^([ \t]*)\[[^\n]*\n\1[ \t]+[\w\"']", re.MULTILINE)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STEP = "  "


@dataclass(frozen=True, slots=True)
class _Section:
    """A table's lines: `start` its header (the root has none), `body` what follows, `stop` after its last key, `end` the next header."""

    path: tuple[str, ...] | None
    indent: str
    start: int
    body: int
    stop: int
    end: int


def insert(text: str, path: tuple[str, ...], value: Any) -> str:
    """The text with one more key, or with a whole table where `value` is a mapping; `path` must not exist in it yet."""
    if isinstance(value, dict):
        text = text if value else _ensure_table(text, path)[0]
        for key, inner in value.items():
            text = insert(text, (*path, key), inner)
        return text
    text, section = _ensure_table(text, path[:-1])
    line = f"{_key_indent(text, section)}{key_text(path[-1])} = {tomlkit.item(value).as_string()}\n"
    return _put(text, section.stop, line)


def key_text(key: str) -> str:
    """A key as it is written: bare where it can be, else in double quotes."""
    return key if _BARE.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _ensure_table(text: str, path: tuple[str, ...]) -> tuple[str, _Section]:
    sections = _sections(text)
    if found := next((s for s in sections if s.path == path), None):
        return text, found
    header = f"{_header_indent(sections, path)}[{'.'.join(map(key_text, path))}]\n"
    blank = "\n" if len(sections) < 3 or 2 * sum(text[: s.start].endswith("\n\n") for s in sections[2:]) > len(sections) - 2 else ""
    child = next((s for s in sections if s.path and s.path[: len(path)] == path), None)
    near = _nearest(sections, path)
    if child:
        text = _put(text, _above_comment(text, child.start), header + blank)
    else:
        place = near.stop if near.path else len(text)
        text = _put(text, place, (blank if text[:place].strip() else "") + header)
    return text, next(s for s in _sections(text) if s.path == path)


def _put(text: str, place: int, lines: str) -> str:
    if place == len(text) and text and not text.endswith("\n"):
        return f"{text}\n{lines[:-1]}"
    return text[:place] + lines + text[place:]


def _sections(text: str) -> tuple[_Section, ...]:
    found: list[_Section] = []
    start, body, indent = 0, 0, ""
    path: tuple[str, ...] | None = ()
    headers = [*_HEADER.finditer(text), None]
    for header in headers:
        end = header.start() if header else len(text)
        if header and not _parses(text[start:end]):
            continue  # a line of an array or of a text, which only looks like a header
        stop = body
        for line in re.finditer(r"[^\n]*\n|[^\n]+", text[body:end]):
            if line[0].strip() and not line[0].lstrip().startswith("#"):
                stop = body + line.end()
        if stop == body == start == 0:
            stop = _above_comment(text, end)
        found.append(_Section(path, indent, start, body, stop, end))
        if header:
            start, path, indent = end, _path(header[0]), header[1]
            body = min(header.end() + 1, len(text))
    return tuple(found)


def _above_comment(text: str, end: int) -> int:
    """The end of a region without keys, less the comment that stands right above the header that follows."""
    lines = text[:end].splitlines(keepends=True)
    while end < len(text) and lines and lines[-1].lstrip().startswith("#"):
        end -= len(lines.pop())
    return end


def _parses(chunk: str) -> bool:
    try:
        tomllib.loads(chunk)
    except ValueError:
        return False
    return True


def _path(header: str) -> tuple[str, ...] | None:
    """The keys of a `[table]` header; None for `[[array of tables]]`."""
    return tuple(_chain(tomllib.loads(header))) if not header.lstrip().startswith("[[") else None


def _chain(values: dict[str, Any]) -> Iterator[str]:
    for key, inner in values.items():
        yield key
        yield from _chain(inner)


def _common(section: _Section, path: tuple[str, ...]) -> int:
    shared = 0
    for key, other in zip(section.path or (), path, strict=False):
        if key != other:
            break
        shared += 1
    return shared


def _nearest(sections: tuple[_Section, ...], path: tuple[str, ...]) -> _Section:
    """The last of the tables that have most keys in common with a new one: the new one comes after it."""
    return max(reversed(sections), key=lambda s: _common(s, path))


def _header_indent(sections: tuple[_Section, ...], path: tuple[str, ...]) -> str:
    if not any(s.indent for s in sections):
        return ""
    near = _nearest(sections, path)
    if near.path is None or not _common(near, path):
        return ""
    extra = len(path) - len(near.path)
    return near.indent + _STEP * extra if extra >= 0 else near.indent[: len(near.indent) + extra * len(_STEP)]


def _key_indent(text: str, section: _Section) -> str:
    keys = re.findall(r"^([ \t]*)[^\s#\[\]]", text[section.body : section.stop], re.MULTILINE)
    if keys:
        return str(keys[0])
    return section.indent + _STEP if section.path and _INDENTED_KEY.search(text) else section.indent
