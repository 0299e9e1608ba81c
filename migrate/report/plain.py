"""Text from nodes made fit for any output: no terminal escapes, no control or unseen characters, in every string of a report."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from migrate.facts.redact import printable
from migrate.report.model import Report

# what printable leaves and XML 1.0 (2.2 Char) does not allow
NO_CHARACTER = re.compile("[\ufffe\uffff]")


def plain(report: Report) -> Report:
    """The report with every text made printable; tabs and line ends stay."""
    return msgspec.convert(_walk(msgspec.to_builtins(report)), Report)


def one_line(text: str) -> str:
    """The text on one line, runs of blanks as one."""
    return " ".join(text.split())


def _walk(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else NO_CHARACTER.sub("\ufffd", printable(value))
    if isinstance(value, dict):
        return {key: _walk(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item) for item in value]
    return value
