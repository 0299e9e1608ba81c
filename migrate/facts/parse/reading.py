"""Access to a capture that remembers what could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from migrate.facts.api import decode
from migrate.facts.capture import NOT_FOUND, TIMED_OUT, Capture
from migrate.facts.values import Unreadable
from migrate.formats import FormatError, json_doc

T = TypeVar("T")


class Reading:
    """A capture being parsed: what turns out unreadable is noted once, in `unreadable`, and never becomes a default."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self._noted: dict[str, Unreadable] = {}

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """Everything noted so far, in order."""
        return tuple(self._noted.values())

    def note(self, what: str, reason: str) -> Unreadable:
        """Remember that `what` could not be read."""
        return self._noted.setdefault(what, Unreadable(what, reason))

    def output(self, key: str, accept: Iterable[int] = (0,)) -> str | None:
        """A command's output; None when it does not exist or was skipped, and when it failed with a code not in `accept` (then noted)."""
        reading = self.capture.commands.get(key)
        if reading is None:
            self.note(key, "the capture does not hold it")
            return None
        if reading.skipped is not None or (reading.rc == NOT_FOUND and not reading.stdout):
            return None
        if reading.truncated:
            self.note(key, "its output is longer than 4 MiB and was cut")
            return None
        if reading.rc not in accept:
            reason = "it timed out" if reading.rc == TIMED_OUT else f"exit code {reading.rc}: {_last_line(reading.stderr)}"
            self.note(key, reason)
            return None
        return reading.text

    def json(self, key: str) -> Mapping[str, Any] | None:
        """A command's output as a JSON object, None as for `output`, and when it is none (then noted)."""
        text = self.output(key)
        if text is None:
            return None
        try:
            value = json_doc.loose(text)
        except FormatError as wrong:
            self.note(key, f"not JSON: {wrong}")
            return None
        if not isinstance(value, dict):
            self.note(key, "it is no JSON object")
            return None
        return value

    def json_lines(self, key: str, kind: type[T], accept: Iterable[int] = (0,)) -> tuple[T, ...]:
        """A command's output as one JSON object of this shape a line; empty as for `output`, and where a line is none (then noted)."""
        text = self.output(key, accept)
        try:
            return tuple(decode(line.encode(), kind) for line in (text or "").splitlines())
        except msgspec.DecodeError as wrong:
            self.note(key, f"a line is not what was asked for: {wrong}")
            return ()

    def file(self, path: str) -> str | Unreadable | None:
        """A file's text; None when it is absent; Unreadable (noted) when it exists and could not be read whole."""
        reading = self.capture.paths.get(path)
        if reading is None:
            return self.note(path, "the capture does not hold it")
        if reading.kind == "absent":
            return None
        if reading.error is not None:
            return self.note(path, reading.error)
        if reading.truncated:
            return self.note(path, "it is longer than 256 KiB")
        if reading.data is None:
            return self.note(path, f"it is no regular file but a {reading.kind}")
        return reading.text

    def argv(self, unit: str) -> tuple[str, ...]:
        """The command line of a unit's main process; empty where it does not run."""
        key = f"cmdline {unit}"
        text = self.output(key) if key in self.capture.commands else None
        return tuple(text.rstrip("\0").split("\0")) if text else ()

    def exists(self, path: str) -> bool:
        """Whether something lies at the path."""
        reading = self.capture.paths.get(path)
        return reading is not None and reading.kind != "absent"


def _last_line(data: bytes) -> str:
    lines = data.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else "no message"
