"""How a run is shown while it goes: a live table on a terminal, plain lines elsewhere, and a JSON stream beside either."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from migrate import __version__
from migrate.cli.terminal import say
from migrate.errors import UsageError
from migrate.plan.events import VERSION, Event
from migrate.report.events import json_line, plain_line
from migrate.report.plain import messages
from migrate.report.state_text import COLORS

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

    from migrate.run.record import RunRecord


class Show:
    """Takes every event of a run, from any thread. Use it as a context manager: the live table needs an end."""

    def __init__(self, events: str | None, *, live: bool, record: RunRecord | None = None) -> None:
        self._lock = threading.Lock()
        self._stream: IO[str] | None = _stream(events)
        self._latest: dict[str, Event] = {}
        self._started: dict[str, float] = {}
        self._told: dict[str, float] = {}
        self._live: Live | None = None
        self._wanted = live
        self._record = record

    def __enter__(self) -> Self:
        if self._stream is not None:
            self._stream.write(json_line(Event(at=time.time(), type="version", text=VERSION, data={"tool": __version__})))
        if self._wanted:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), get_renderable=self._table, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()
        if self._stream is not None and self._stream is not sys.stdout:
            with suppress(OSError):
                self._stream.close()

    def tell(self, told: Event) -> None:
        """Show one event: what a node said in it without its secrets, and nothing of it as markup or a terminal's order."""
        event = messages(told)
        if self._record is not None:
            self._record.keep(event)
        with self._lock:
            self._write(event)
            known = self._latest.get(event.node)
            self._latest[event.node] = event
            # what is waited for is told again when it changes, and every ten seconds
            if (
                event.type == "wait"
                and known is not None
                and (known.type, known.text) == ("wait", event.text)
                and event.at - self._told[event.node] < 10
            ):
                return
            self._told[event.node] = event.at
            self._started.setdefault(event.node, event.at)
            line = plain_line(event, time.strftime("%H:%M:%S", time.localtime(event.at)))
            with suppress(OSError):  # the reader of this stream is gone; the run does not end for that
                if self._live is None:
                    say(line)
                elif event.type in ("node.end", "note"):
                    self._live.console.print(line, markup=False, highlight=False, style=COLORS.get(event.status))

    def _write(self, event: Event) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(json_line(event))
            self._stream.flush()
        except OSError:  # a full disk, a closed pipe: the run goes on without its record
            self._stream = None

    def _table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        now = time.time()
        for node, event in sorted(self._latest.items()):
            if not node or event.type == "node.end":
                continue
            where = f"{event.segment} {event.step}/{event.steps}" if event.steps else event.segment
            elapsed = int(now - self._started[node])
            cells = (node, where, f"{elapsed // 60:02}:{elapsed % 60:02}", event.text)
            table.add_row(*map(Text, cells))  # a plain str would be read as markup
        return table


def _stream(path: str | None) -> IO[str] | None:
    if path is None:
        return None
    if path == "-":
        return sys.stdout
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        if stat.S_ISREG(os.fstat(handle).st_mode):  # a file that was there had a mode of its own
            os.fchmod(handle, 0o600)
        return os.fdopen(handle, "w", encoding="utf-8")
    except OSError as wrong:
        raise UsageError(
            seen=f"--events {path}: {wrong.strerror}", expected="a file that can be written, or -", next="name another"
        ) from wrong
