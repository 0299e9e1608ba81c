"""The same work on many nodes at once; one node's failure is that node's result."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Protocol, TypeVar

from migrate.errors import MigrateError, UsageError, contained


class HasName(Protocol):
    """Anything with a node's name: a HostTarget, an InventoryHost."""

    @property
    def name(self) -> str:
        """The node's name."""


_N = TypeVar("_N", bound=HasName)
_T = TypeVar("_T")
_J = TypeVar("_J")
FORKS = 20


def map_hosts(targets: Sequence[_N], fn: Callable[[_N], _T], *, forks: int = FORKS) -> dict[str, _T | MigrateError]:
    """Call `fn` for every target, `forks` at a time; name -> result or the MigrateError it raised, in the order given.

    Any other exception becomes an UnexpectedError (exit code 1) of that node. A name that is there twice is a UsageError. On Ctrl-C the
    workers are left behind (daemon threads) and KeyboardInterrupt goes up at once.
    """
    twice = [name for name, times in Counter(target.name for target in targets).items() if times > 1]
    if twice:
        raise UsageError(seen=f"{', '.join(twice)} named more than once", expected="every node once", next="take the repeated names out")
    results = each(targets, lambda target: contained(target.name, partial(fn, target)), forks=forks)
    return dict(zip([target.name for target in targets], results, strict=True))


def each(things: Sequence[_J], look: Callable[[_J], _T], *, forks: int = FORKS) -> list[_T]:
    """What `look` gives for each, `forks` at a time, in their order; raises what the first of them in this order raised.

    Whoever is interrupted waits for none of them: the workers are daemon threads, and nothing that waits is begun.
    """
    found = [Future[_T]() for _ in things]
    todo = deque(zip(things, found, strict=True))

    def work() -> None:
        while True:
            try:
                thing, future = todo.popleft()
            except IndexError:
                return
            try:
                future.set_result(look(thing))
            except BaseException as wrong:
                future.set_exception(wrong)

    for number in range(min(max(1, forks), len(things))):
        threading.Thread(target=work, name=f"node-worker-{number}", daemon=True).start()
    try:
        return [future.result() for future in found]
    finally:
        todo.clear()


def once(make: Callable[[], _T]) -> Callable[[], _T]:
    """What `make` gives, or raises, asked for once: an API that is away is not waited for again for each node."""
    found: list[_T | MigrateError] = []
    lock = threading.Lock()

    def given() -> _T:
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
