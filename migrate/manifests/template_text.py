"""Lines of a text that could not be read as what it is, broken YAML, without comments, for rules that look at text."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from migrate.manifests.model import FileLine
from migrate.manifests.text import Text


def lines(source: Text, subject: str, start: int = 0, only: Collection[int] | None = None) -> Iterator[FileLine]:
    """Every line from an offset on that is no comment, placed at its first character that is no blank; `only` are rows, from 0."""
    row = source.place(start).line or 1
    for number, line in enumerate(source.lines(), source.first):
        if number >= row and (bare := line.strip()) and not bare.startswith("#") and (only is None or number - source.first in only):
            offset = source.starts[number - source.first] + len(line) - len(line.lstrip())
            yield FileLine(subject, bare, source.place(offset))
