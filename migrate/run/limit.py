"""Limits for work in this process: timers of the operating system and of threads, and how often memory is searched for cycles."""

from __future__ import annotations

import gc
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = {signal.ITIMER_REAL: signal.SIGALRM, signal.ITIMER_VIRTUAL: signal.SIGVTALRM, signal.ITIMER_PROF: signal.SIGPROF}


class TooLong(BaseException):
    """What was begun takes longer than it may; no handler of exceptions between stops it."""


@contextmanager
def limited(seconds: float, timer: int = signal.ITIMER_REAL) -> Iterator[None]:
    """Run a block for at most so many seconds of a timer, then raise TooLong from it; outside of the main thread there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(SIGNALS[timer], late)
    signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)
        signal.signal(SIGNALS[timer], before)


@contextmanager
def deadline(seconds: float, end: Callable[[], None]) -> Iterator[threading.Event]:
    """Call `end` from another thread when a block takes longer; the event tells that this happened. For what waits for a far end."""
    late = threading.Event()

    def ring() -> None:
        late.set()
        end()

    timer = threading.Timer(seconds, ring)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Search for cycles after 100,000 new objects in place of 700: trees of nodes have none, and are freed by their counts."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
