"""Terminal style: colours where wanted, wrapped text, plain tables. Nothing here decides what is said."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Style:
    """How text is put on a terminal: its width in columns and whether colours are used."""

    width: int = 80
    color: bool = False

    def paint(self, text: str, *names: str) -> str:
        """The text in the given styles, unchanged where colours are off."""
        if not self.color or not names:
            return text
        return f"\x1b[{';'.join(CODES[name] for name in names)}m{text}\x1b[0m"

    def wrap(self, text: str, indent: int = 0, hang: int | None = None) -> str:
        """The text wrapped to the width, every line of it indented, later ones by `hang`; long words (paths) are not broken."""
        first, later = " " * indent, " " * (indent if hang is None else hang)
        lines = [
            textwrap.fill(line, self.width, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False)
            for line in text.splitlines()
            if line.strip()
        ]
        return "\n".join(lines)

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], *, headers: bool = True) -> str:
        """Columns as wide as their widest cell, two spaces between; without the header line where `headers` is not wanted."""
        widths = [max(len(cell) for cell in column) for column in zip(*((header,) if headers else ()), *rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        head = "  ".join(cell.ljust(width) for cell, width in zip(header, widths, strict=True)).rstrip() if headers else ""
        return "\n".join([self.paint(head, "bold"), *lines] if headers else lines)

    def diff(self, text: str) -> str:
        """A unified diff, added lines green and removed ones red."""
        painted = []
        for line in text.splitlines():
            name = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            painted.append(self.paint(line, "bold") if line.startswith(("+++", "---")) else self.paint(line, name) if name else line)
        return "\n".join(painted)
