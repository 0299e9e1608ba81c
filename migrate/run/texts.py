"""Texts of files for a scan: opened, decoded, bounded in size and time; what becomes of each is put into the ledger."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from migrate.facts.model import Place
from migrate.manifests.model import Problem, Trouble
from migrate.manifests.split import LIMIT, Piece
from migrate.rules.scan import Scan
from migrate.run.below import open_below, readable
from migrate.run.ledger import Ledger
from migrate.run.limit import TooLong, limited
from migrate.run.opened import MIB, Damaged, blocks

SECONDS = 10.0  # for each MiB that a text begins: an ordinary one takes 0.1 to 1 s
STDIN_NAME = "<stdin>"
_NUL_PART = 8  # text of two bytes a character has a NUL in every other one


@dataclass(frozen=True, slots=True)
class UnreadFile:
    """What could not be read and why; `path` is the file to look at, that of the archive for a member, empty for standard input."""

    what: str
    reason: str
    path: str


@dataclass(slots=True)
class Texts:
    """What is read into a Scan.

    `ledger` has what became of each file, `unreadable` is what could not be read, `seconds` is the time for each MiB of a text.
    """

    scan: Scan
    ledger: Ledger = field(default_factory=Ledger, kw_only=True)
    unreadable: list[UnreadFile] = field(default_factory=list, kw_only=True)
    seconds: float = field(default=SECONDS, kw_only=True)
    _root: str = field(default=".", kw_only=True)
    _shown: list[tuple[str, str]] = field(default_factory=list, kw_only=True)

    def _in_time(self, name: str, first: int, text: str, judge: Callable[[], None]) -> bool:
        """Whether a text was judged in time; of one that was not, nothing is told."""
        seconds = self.seconds * (1 + len(text) // MIB)
        before = self.scan.mark
        try:
            with limited(seconds):
                judge()
        except TooLong:
            self.scan.back_to(before)
            self._unread(name, f"it takes more than {seconds:g} s to judge; nothing of it from line {first} on was judged")
            return False
        return True

    def _limited(self, name: str, file: BinaryIO, what: str) -> str | None:
        data = b""
        try:
            for block in blocks(file):
                data += block
                if len(data) > LIMIT:
                    self._unread(name, f"a {what} of more than {LIMIT // MIB} MiB; it was passed over")
                    return None
        except Damaged as wrong:
            self._unread(name, f"{wrong}; nothing of it was judged")
            return None
        return self._text(name, Piece(data, 1))

    def _text(self, name: str, piece: Piece) -> str | None:
        """The text of a piece; what is no UTF-8 is told once a piece, and read around. None for what is no text at all."""
        data = piece.data
        if data.count(b"\0") * _NUL_PART > len(data):
            self._unread(name, "it is no UTF-8 text (many NUL bytes); nothing of it was judged")
            return None
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as wrong:
            line = piece.first + data.count(b"\n", 0, wrong.start)
            column = wrong.start - data.rfind(b"\n", 0, wrong.start)
            why = f"it is no UTF-8 text (byte 0x{data[wrong.start]:02x}); the rest was read"
            self.scan.add([Problem(Trouble.BROKEN, "file", why, Place(name, line, column=column))])
            return data.decode("utf-8", "replace")

    def _readable(self, path: str) -> str:
        return readable(path, self._root, LIMIT)

    def _bounded(self, path: str) -> str | None:
        try:
            with open_below(path, self._root) as file:
                if (text := self._limited(self._name(path), file, "template")) is None:
                    self.ledger.lose(self._name(path))
                return text
        except OSError as wrong:
            self._lost(path, wrong)
            return None

    def _lost(self, path: str, wrong: OSError) -> None:
        self._refused(path, wrong.strerror or str(wrong))

    def _refused(self, path: str, reason: str) -> None:
        self.ledger.lose(self._name(path))
        self._unread(self._name(path), reason)

    def _unread(self, name: str, reason: str, line: int | None = None) -> None:
        on_disk = self._shown[0][1] if self._shown else "" if name == STDIN_NAME else name
        self.unreadable.append(UnreadFile(f"{name}:{line}" if line else name, reason, on_disk))

    def _name(self, path: str) -> str:
        """What a path is called: one inside of an unpacked archive by the archive's name."""
        for folder, name in reversed(self._shown):
            if path == folder or path.startswith(folder + os.sep):
                return name + path[len(folder) :]
        return path
