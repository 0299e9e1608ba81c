"""Text from nodes made fit for any output: no terminal escapes, no control or unseen characters, in every string of a report."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from migrate.facts.redact import mask, printable
from migrate.report.model import Report

# what printable leaves and XML 1.0 (2.2 Char) does not allow
NO_CHARACTER = re.compile("[\ufffe\uffff]")


_S = TypeVar("_S", bound=msgspec.Struct)


def plain(report: Report) -> Report:
    """The report with every text made printable; tabs and line ends stay."""
    return msgspec.convert(_walk(msgspec.to_builtins(report), _printable), Report)


def message(text: str) -> str:
    """What a node, a file or a cluster said, as it may be shown: printable, and without secrets."""
    return mask(_printable(text))


def messages(value: _S) -> _S:
    """An event or a state with every text as `message` gives it."""
    return msgspec.convert(_walk(msgspec.to_builtins(value), message), type(value))


def one_line(text: str) -> str:
    """The text on one line, runs of blanks as one."""
    return " ".join(text.split())


def _printable(text: str) -> str:
    return text if text.isascii() and text.isprintable() else NO_CHARACTER.sub("\ufffd", printable(text))


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _walk(item, change) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, change) for item in value]
    return value
