"""What commands told of each run, kept in the run's folder on this machine: `docker2cri report RUN` is made of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from migrate import __version__
from migrate.errors import MigrateError, UsageError
from migrate.plan.events import VERSION, Event
from migrate.run.runs import RunFolder
from migrate.verify.counts import After
from migrate.verify.judge import Before

K = TypeVar("K")

NAME = "events.jsonl"
HEAD = 6  # bytes that tell a file of events


class RunRecord:
    """Appends events to the record of their runs, from any thread; a disk that is full ends the record, not the run.

    Of what is waited for, only the last word is kept: a drain tells it four times a second.
    """

    def __init__(self, command: str, base: Path | None = None) -> None:
        self._command = command
        self._base = base
        self._lock = threading.Lock()
        self._begun: set[str] = set()
        self._waits: dict[tuple[str, str], Event] = {}
        self._broken: set[str] = set()

    def keep(self, event: Event) -> None:
        """Keep one event, with its texts as they are shown; one that names no run is of none."""
        if not event.run:
            return
        with self._lock:
            key = (event.run, event.node)
            held = self._waits.pop(key, None)
            if event.type == "wait":
                self._waits[key] = event
            told = [held] if held is not None and (event.type != "wait" or held.text != event.text) else []
            if event.type != "wait":
                told.append(event)
            self._write(event, told)

    def _write(self, event: Event, told: list[Event]) -> None:
        run = event.run
        if not told or run in self._broken:
            return
        if run not in self._begun:
            self._begun.add(run)
            told = [
                Event(at=told[0].at, type="version", run=run, text=VERSION, data={"tool": __version__, "command": self._command}),
                *told,
            ]
        try:
            RunFolder(run, self._base).append(NAME, b"".join(msgspec.json.encode(each) + b"\n" for each in told))
        except MigrateError:
            self._broken.add(run)


def recorded(run: str, base: Path | None = None) -> tuple[Event, ...]:
    """The events of a run that this machine kept, in their order. Raises UsageError where it kept none."""
    path = RunFolder(run, base).path / NAME
    try:
        return _events(path.read_bytes())
    except OSError as wrong:
        raise UsageError(
            seen=f"{path}: {wrong.strerror}",
            expected="a run that this machine applied or rolled back",
            next="docker2cri status, which reads the nodes themselves; or docker2cri report on the machine that ran it",
        ) from wrong


def events_in(path: Path) -> tuple[Event, ...] | None:
    """The events of a file that `--events` wrote, or of a record; None for a file of another kind. Raises UsageError."""
    try:
        with path.open("rb") as file:
            first = file.read(HEAD)
            if not first.startswith(b'{"at":'):
                return None
            return _events(first + file.read())
    except OSError as wrong:
        raise UsageError(seen=f"{path}: {wrong.strerror}", expected="a file of events", next="docker2cri report RUN") from wrong


def befores(run: str, nodes: tuple[str, ...], base: Path | None = None) -> dict[str, Before]:
    """What this machine kept of what ran on these nodes before, by node; what cannot be read is left out."""
    return _kept(nodes, RunFolder(run, base).before)


def afters(run: str, nodes: tuple[str, ...], base: Path | None = None) -> dict[str, After]:
    """What this machine kept of what was verified last on these nodes, by node; what cannot be read is left out."""
    return _kept(nodes, RunFolder(run, base).after)


def _kept(nodes: tuple[str, ...], read: Callable[[str], K | None]) -> dict[str, K]:
    found = {}
    for node in nodes:
        try:
            kept = read(node)
        except (OSError, ValueError, MigrateError):
            continue
        if kept is not None:
            found[node] = kept
    return found


def _events(data: bytes) -> tuple[Event, ...]:
    """A line that is cut off, or is none, is passed over."""
    found = []
    for line in data.splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Event))
        except msgspec.DecodeError:
            continue
    return tuple(found)
