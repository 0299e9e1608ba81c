"""What became of each file that a scan met: read, passed over with a word, or of a kind that is not read. Counted, with examples."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field

from migrate.formats.listing import plural

EXAMPLES = 3
LISTED = 10
WITHOUT = "without an extension"
_EXTENSION = re.compile(r"\.[A-Za-z0-9_+-]{1,12}")


@dataclass(slots=True)
class Tally:
    """How many, and the first few of them."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, path: str) -> None:
        """Count one."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(path)

    def __str__(self) -> str:
        return ", ".join(self.examples) + (" ..." if self.count > len(self.examples) else "")


@dataclass(slots=True)
class Ledger:
    """Every file once: `read` and `lost` (could not be read, told by itself) are counts, `passed` is by reason, `unread` by kind."""

    read: int = 0
    lost: int = 0
    passed: dict[str, Tally] = field(default_factory=dict)
    unread: dict[str, Tally] = field(default_factory=dict)

    def take(self, path: str) -> None:
        """The file was read."""
        self.read += 1

    def lose(self, path: str) -> None:
        """The file could not be read."""
        self.lost += 1

    def put(self, path: str, *, read: bool) -> None:
        """The file was read, or could not be."""
        if read:
            self.take(path)
        else:
            self.lose(path)

    def skip(self, path: str, reason: str) -> None:
        """The file, or the folder with all that is in it, was passed over."""
        self.passed.setdefault(reason, Tally()).add(path)

    def leave(self, path: str) -> None:
        """The file is of a kind that is not read."""
        self.unread.setdefault(kind_named(path), Tally()).add(path)

    @property
    def told(self) -> list[tuple[str, str]]:
        """What was not looked at, each with its reason: the kinds with most files first, the smaller ones in one line."""
        told = [(plural(tally.count, "path"), f"{reason}: {tally}") for reason, tally in self.passed.items()]
        kinds = sorted(self.unread.items(), key=lambda item: (-item[1].count, item[0]))
        for kind, tally in kinds[:LISTED]:
            what = f"{plural(tally.count, 'file')} {kind}" if kind == WITHOUT else plural(tally.count, f"{kind} file")
            told.append((what, f"a kind that is not read: {tally}"))
        if rest := kinds[LISTED:]:
            count = sum(tally.count for _, tally in rest)
            told.append((f"{plural(count, 'file')} of {plural(len(rest), 'other kind')}", ", ".join(kind for kind, _ in rest)))
        return told


def kind_named(path: str) -> str:
    """The kind of a file that is not read: its extension; files without one are one kind."""
    extension = posixpath.splitext(posixpath.basename(path))[1].lower()
    return extension if _EXTENSION.fullmatch(extension) else WITHOUT
