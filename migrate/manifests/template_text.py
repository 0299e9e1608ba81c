"""Text that could not be read as what it is, a Helm template or broken YAML: its lines, without comments, for rules that look at text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.manifests.model import FileLine
from migrate.manifests.text import Text

_COMMENT = re.compile(r"\{\{-?\s{0,100}/\*")
_LETTER = re.compile(r"[^\r\n]")


def lines(source: Text, subject: str, start: int = 0) -> Iterator[FileLine]:
    """Every line from an offset on that is no comment, placed at its first character that is no blank."""
    text = _uncommented(source.text)
    row = source.place(start).line or 1
    for number, line in enumerate(Text("", text).lines(), source.first):
        if number >= row and (bare := line.strip()) and not bare.startswith("#"):
            offset = source.starts[number - source.first] + len(line) - len(line.lstrip())
            yield FileLine(subject, bare, source.place(offset))


def _uncommented(text: str) -> str:
    """The text with blanks for `{{/* */}}`; lines and columns stay."""
    parts, at = [], 0
    while (found := _COMMENT.search(text, at)) and (end := text.find("*/", found.end())) >= 0:
        parts += [text[at : found.start()], _LETTER.sub(" ", text[found.start() : end + 2])]
        at = end + 2
    return "".join([*parts, text[at:]])
