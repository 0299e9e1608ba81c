"""Pieces of GitHub-flavoured Markdown in which nothing that a node says is markup, a link, or a mention of a user."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from migrate.report.plain import one_line

SPECIAL = re.compile(r"[\\`*_\[\]<>|~@&]")
TICKS = re.compile("`([^`]+)`")
HTML = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}


def table_head(header: Sequence[str]) -> Iterator[str]:
    """The first two lines of a table."""
    yield row(header)
    yield row(["---"] * len(header))


def row(cells: Iterable[str]) -> str:
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """A code span; it needs a longer fence than any run of backticks in it, and in tables no bare `|` (GFM 4.10)."""
    line = one_line(text).replace("|", "\\|") or "-"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def prose(text: str) -> str:
    """One line of text, what stands in backticks as code, every other character that Markdown or HTML could take for markup escaped."""
    words, *rest = TICKS.split(one_line(text))
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return _escaped(words) + "".join(code(inner) + _escaped(words) for inner, words in pairs)


def _escaped(text: str) -> str:
    return SPECIAL.sub(lambda found: HTML.get(found[0], f"\\{found[0]}"), text)
