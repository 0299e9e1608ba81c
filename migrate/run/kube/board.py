"""What the followers of one watch know together, and whether the API still answers at all."""

from __future__ import annotations

import threading

from migrate.errors import ClusterUnreachable
from migrate.run.kube.lists import Api

PULSE_SECONDS = 3.0
PULSE = "/version"  # every user may read it (ClusterRole system:public-info-viewer), and it costs nothing


class Board:
    """Where the followers of one watch write and its user reads."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.closed = False
        self.fatal: Exception | None = None
        self._away: dict[str, str] = {}
        self._version = 0
        self._seen = 0

    def note(self, who: str, away: str | None = None, *, fatal: Exception | None = None) -> None:
        """Something changed, or `who` cannot follow for the moment."""
        with self.changed:
            if away is None:
                self._away.pop(who, None)
            else:
                self._away[who] = away
            self.fatal = self.fatal or fatal
            self._version += 1
            self.changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Wait, unless all is over."""
        with self.changed:
            self.changed.wait_for(lambda: self.closed, seconds)

    def away(self) -> str | None:
        """Why nothing new can come, or None."""
        with self.changed:
            return next(iter(self._away.values()), None)

    def wait(self, seconds: float) -> bool:
        """Until something is new to this caller."""
        with self.changed:
            new = self.changed.wait_for(lambda: self._version != self._seen or self.fatal is not None, max(0.0, seconds))
            self._seen = self._version
            if self.fatal is not None:
                raise self.fatal
            return new


class Pulse:
    """Asks every few seconds whether the API answers: a stream that is open and quiet does not notice that nobody is there any more."""

    def __init__(self, board: Board, api: Api) -> None:
        self._board, self._api = board, api
        self.thread = threading.Thread(target=self._run, daemon=True, name="kube-watch pulse")

    def _run(self) -> None:
        told: str | None = None
        while not self._board.closed:
            said = self._look()
            if said != told:
                told = said
                self._board.note(PULSE, said)
            self._board.rest(PULSE_SECONDS)

    def _look(self) -> str | None:
        try:
            answer = self._api.get(PULSE, {})
        except ClusterUnreachable as wrong:
            return wrong.seen
        return f"{self._api.server} answers GET {PULSE} with {answer.message}" if answer.status >= 500 else None
