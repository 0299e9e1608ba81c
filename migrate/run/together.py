"""Many things asked at once, and one thing asked once for all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from migrate.errors import MigrateError

T = TypeVar("T")
J = TypeVar("J")
AT_ONCE = 20  # nodes that are looked at


def each(things: Iterable[J], look: Callable[[J], T]) -> list[T]:
    """What `look` gives for each, in their order; it is called in several threads. Ctrl-C waits for none of them."""
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        return list(pool.map(look, things))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def once(make: Callable[[], T]) -> Callable[[], T]:
    """What `make` gives, or raises, asked for once: an API that is away is not waited for again for each node."""
    found: list[T | MigrateError] = []
    lock = threading.Lock()

    def given() -> T:
        with lock:
            if not found:
                try:
                    found.append(make())
                except MigrateError as wrong:
                    found.append(wrong)
        if isinstance(found[0], MigrateError):
            raise found[0]
        return found[0]

    return given
