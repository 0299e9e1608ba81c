"""The same work on many nodes at once; one node's failure is that node's result."""

import queue
import threading
from collections import Counter
from collections.abc import Callable, Sequence
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


def map_hosts(targets: Sequence[_N], fn: Callable[[_N], _T], *, forks: int = 20) -> dict[str, _T | MigrateError]:
    """Call `fn` for every target, `forks` at a time; name -> result or the MigrateError it raised, in the order given.

    Any other exception becomes an UnexpectedError (exit code 1) of that node. A name that is there twice is a UsageError. On Ctrl-C the
    workers are left behind (daemon threads) and KeyboardInterrupt goes up at once.
    """
    twice = [name for name, times in Counter(target.name for target in targets).items() if times > 1]
    if twice:
        raise UsageError(seen=f"{', '.join(twice)} named more than once", expected="every node once", next="take the repeated names out")
    todo: queue.SimpleQueue[tuple[int, _N]] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, _T | MigrateError]] = queue.SimpleQueue()
    for item in enumerate(targets):
        todo.put(item)

    def work() -> None:
        while True:
            try:
                index, target = todo.get_nowait()
            except queue.Empty:
                return
            done.put((index, contained(target.name, partial(fn, target))))

    for number in range(min(max(1, forks), len(targets))):
        threading.Thread(target=work, name=f"node-worker-{number}", daemon=True).start()
    results = dict(done.get() for _ in targets)
    return {target.name: results[index] for index, target in enumerate(targets)}
