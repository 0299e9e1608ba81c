"""YAML, edited in place: only the lines of the changed keys differ. How it is read: `yaml_read`.

Instead of writing the whole document again, as ruamel's round trip does (which re-indents and re-wraps what it was not asked
to), the places of ruamel's node tree say which characters to replace; reading the result again proves the edit.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml.nodes import CollectionNode, Node, ScalarNode

from migrate.formats import FormatError
from migrate.formats.changes import REMOVE, Path, applied, check, holds, same
from migrate.formats.yaml_read import FORMAT, compose, load, load_all, resolve

__all__ = ["REMOVE", "edit", "load", "load_all"]

_PLAIN = re.compile(r"[A-Za-z0-9/_.](?:[A-Za-z0-9/_.:%+-]*[A-Za-z0-9/_.%+-])?")
_LOOKS_LIKE_TIME = re.compile(r"[0-9:._-]+")
_STEP = "  "


def edit(text: str, changes: Mapping[Path, Any]) -> str:
    """The text of one document with these values set, or removed by REMOVE; a new key comes last in its mapping.

    Raises FormatError where the result would not be read as exactly the wanted values, and for anchors, which tie values together.
    """
    check(FORMAT, changes)
    values = load(text)
    newline = "\r\n" if "\r\n" in text and "\n" not in text.replace("\r\n", "") else "\n"
    result = text if newline == "\n" else text.replace(newline, "\n")
    for path, value in changes.items():
        if holds(values, path, value):
            continue
        values = applied(FORMAT, values, path, value)
        result = _change(result, path, value)
        if not same(load(result), values):
            raise FormatError(FORMAT, f"changing {'.'.join(path)} in place would change other values as well; edit this file by hand")
    return result if newline == "\n" else result.replace("\n", newline)


def _change(text: str, path: Path, value: Any) -> str:
    root = next(iter(compose(text)), None)
    if root is None or _is_empty(root):
        return _put(text, len(text), _block(path[0], _nest(path[1:], value), ""))
    if any(node.anchor for node in _walk(root)):
        raise FormatError(FORMAT, "holds anchors; edit this file by hand")
    mapping = root
    for position, key in enumerate(path):
        if not isinstance(mapping, CollectionNode):
            break
        entry = next((e for e in mapping.value if e[0].value == key), None)
        if entry is None:
            return _add(text, mapping, key, _nest(path[position + 1 :], value))
        if position + 1 == len(path) or _is_empty(entry[1]):
            inner = value if position + 1 == len(path) else _nest(path[position + 1 :], value)
            return _remove(text, mapping, entry) if inner is REMOVE else _replace(text, mapping, entry, inner)
        mapping = entry[1]
    raise FormatError(FORMAT, f"{'.'.join(path)} leads through a value that holds no keys")


def _walk(node: Node) -> Iterator[Node]:
    yield node
    if not isinstance(node, ScalarNode):
        for item in node.value:
            for inner in item if isinstance(item, tuple) else (item,):
                yield from _walk(inner)


def _is_empty(node: Node) -> bool:
    """Whether a node is null or an empty flow mapping, so that new keys replace it."""
    return node.value in ("", "~", "null", "Null", "NULL") and node.style is None if isinstance(node, ScalarNode) else not node.value


def _nest(path: Path, value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _end(text: str, node: Node) -> int:
    """Where a node's own text ends, without the blank lines and comments that ruamel counts to a block."""
    if isinstance(node, ScalarNode):
        start, stop = node.start_mark.index, node.end_mark.index
        return start + len(text[start:stop].rstrip()) if node.style in ("|", ">") else int(stop)
    if not isinstance(node, CollectionNode) or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _entry_end(text, last) if isinstance(last, tuple) else _end(text, last)


def _entry_end(text: str, entry: tuple[Node, Node]) -> int:
    """Where an entry's value ends; ruamel places a value that is not there at the next token."""
    key, value = entry
    if value.start_mark.index == value.end_mark.index:
        return _colon(text, key) + 1
    return _end(text, value)


def _colon(text: str, key: Node) -> int:
    """Where the colon of a key stands; `? key` and, in a flow mapping, `key` alone have none, and no place for a value."""
    at = int(key.end_mark.index)
    while text[at : at + 1].isspace() or text.startswith("#", at):
        at = _line_end(text, at) if text[at] == "#" else at + 1
    if not text.startswith(":", at):
        raise FormatError(FORMAT, "a key without a colon is not supported; edit this file by hand", key.start_mark.line + 1)
    return at


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _put(text: str, place: int, lines: str) -> str:
    if place == len(text) and text and not text.endswith("\n"):
        return f"{text}\n{lines[:-1]}"
    return text[:place] + lines + text[place:]


def _add(text: str, mapping: CollectionNode, key: str, value: Any) -> str:
    last_key, _ = mapping.value[-1]
    place = _entry_end(text, mapping.value[-1])
    if not mapping.flow_style:
        return _put(text, _line_end(text, place), _block(key, value, " " * mapping.start_mark.column))
    lead = text[text.rfind("\n", 0, last_key.start_mark.index) + 1 : last_key.start_mark.index]
    gap = " " if lead.strip() else f"\n{lead}"
    return f"{text[:place]},{gap}{json.dumps(key, ensure_ascii=False)}: {json.dumps(value, ensure_ascii=False)}{text[place:]}"


def _remove(text: str, mapping: CollectionNode, entry: tuple[Node, Node]) -> str:
    start = text.rfind("\n", 0, entry[0].start_mark.index) + 1
    if mapping.flow_style or text[start : entry[0].start_mark.index].strip() or len(mapping.value) == 1:
        line = entry[0].start_mark.line + 1
        raise FormatError(FORMAT, f"{entry[0].value} cannot be removed by its lines alone; edit this file by hand", line)
    return text[:start] + text[_line_end(text, _entry_end(text, entry)) :]


def _replace(text: str, mapping: CollectionNode, entry: tuple[Node, Node], value: Any) -> str:
    key, old = entry
    stop = _entry_end(text, entry)
    start = min(old.start_mark.index, stop)
    if mapping.flow_style:
        return text[:start] + json.dumps(value, ensure_ascii=False) + text[stop:]
    if isinstance(old, ScalarNode) and old.style not in ("|", ">") and not _nested(value):
        written = _scalar(value, old.style)
        return text[:start] + (" " if text[start - 1] == ":" else "") + written + text[stop:]
    indent = " " * mapping.start_mark.column
    colon = _colon(text, key) + 1
    written = _block(str(key.value), value, indent)
    return text[:colon] + written[written.index(":", len(indent) + len(_scalar(str(key.value)))) + 1 : -1] + text[stop:]


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list | tuple) and bool(value)


def _block(key: str, value: Any, indent: str) -> str:
    """An entry of a block mapping, as kubeadm writes it: sequences stand at the indentation of their key."""
    head = f"{indent}{_scalar(key)}:"
    if not _nested(value):
        return f"{head} {_scalar(value)}\n"
    if isinstance(value, dict):
        return f"{head}\n" + "".join(_block(k, v, indent + _STEP) for k, v in value.items())
    return f"{head}\n" + "".join(_item(v, indent) for v in value)


def _item(value: Any, indent: str) -> str:
    if not _nested(value):
        return f"{indent}- {_scalar(value)}\n"
    if not isinstance(value, dict):
        return f"{indent}- {json.dumps(value, ensure_ascii=False)}\n"
    lines = "".join(_block(k, v, indent + _STEP) for k, v in value.items())
    return f"{indent}- {lines[len(indent) + 2 :]}"


def _scalar(value: Any, style: str | None = None) -> str:
    """A scalar or an empty collection; text is plain where every YAML reader takes it for text, else quoted, as `style` was."""
    if not isinstance(value, str):
        return json.dumps(value)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    if style is None and _PLAIN.fullmatch(value) and not _LOOKS_LIKE_TIME.fullmatch(value) and _is_text(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_text(plain: str) -> bool:
    try:
        return isinstance(resolve(plain), str)
    except FormatError:
        return False
