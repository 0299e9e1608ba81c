"""How many may knock at one sshd at a time, and how to knock again.

sshd drops unauthenticated connections at random from the tenth on (MaxStartups 10:30:100), and since OpenSSH 9.8 bans a source that fails
often (PerSourcePenalties): so at most eight handshakes for each door, and a growing, scattered pause after a dropped one.
"""

import random
import threading
from collections.abc import Callable
from typing import TypeVar

from migrate.run.ports import Clock

_T = TypeVar("_T")
_WIDTH, _TRIES, _FIRST_PAUSE, _LONGEST_PAUSE = 8, 8, 0.25, 8.0

_DROPPED = (
    "kex_exchange_identification",
    "ssh_exchange_identification",
    "banner exchange: Connection to",
    "Connection reset",
    "MaxStartups",
    "Not allowed at this time",
)


class Dropped(Exception):
    """The far end closed a connection before it said who it is, or in the middle of the key exchange."""


def looks_dropped(said: str) -> bool:
    """Tell a dropped connection, worth another try, from a refusal, in what sshd or an ssh program printed."""
    return any(word in said for word in _DROPPED)


class Doors:
    """The doors of one run; a door is an address and port, or a bastion."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._doors: dict[str, threading.BoundedSemaphore] = {}

    def knock(self, door: str, attempt: Callable[[], _T]) -> _T:
        """Make an attempt when the door is free, again after a pause when it was Dropped; the last Dropped is raised (after some 25 s)."""
        with self._lock:
            free = self._doors.setdefault(door, threading.BoundedSemaphore(_WIDTH))
        for number in range(_TRIES):
            try:
                with free:
                    return attempt()
            except Dropped:
                if number == _TRIES - 1:
                    raise
            self._clock.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**number) * random.uniform(0.5, 1.5))
        raise AssertionError("not reached")
