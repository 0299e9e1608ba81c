"""Holding a node: one operator at a time, whose life keeps the node's guard from firing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from migrate.errors import MigrateError
from migrate.program.journal import fold
from migrate.run.identity import Identity
from migrate.run.remote import CLAIM, Remote
from migrate.run.work import Overtaken, Work

EVERY = 10.0  # seconds between two renewals
LEAVE = 5.0  # seconds that a renewal under way may take at the end


@contextmanager
def held(work: Work) -> Iterator[None]:
    """Hold the node: no second operator acts on it, and its guard does not fire while this one lives.

    A thread with a connection of its own renews both, and notes in `work.overtaken` when either was lost meanwhile (this process slept).
    Raises Refused when another operator holds it.
    """
    me = Identity.mine()
    holder = work.remote.claim(me)
    if holder is not None and Identity.dead(holder):
        holder = work.remote.claim(me, dead=holder)
    if holder is not None:
        raise work.refuse(
            f"another operator works on it: {Identity.words(holder)}",
            "one operator at a time",
            f"docker2cri status {work.plan.host}; the same command when that one has ended, or {CLAIM} s after it died",
        )
    stop = threading.Event()
    second = Remote(work.plan.host, work.run, work.connect, work.clock)
    thread = threading.Thread(target=_renew, args=(work, second, me, stop), name=f"renew-{work.node}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(LEAVE)
        with suppress(MigrateError):
            work.remote.release(me)


def _renew(work: Work, second: Remote, me: str, stop: threading.Event) -> None:
    while not stop.wait(EVERY):
        try:
            holder = second.claim(me)
            if holder is not None and not stop.is_set():
                seen = f"another operator took over while this one did not answer for {CLAIM} s: {Identity.words(holder)}"
                work.overtaken = work.refuse(seen, "one operator at a time", f"docker2cri status {work.plan.host}")
            elif second.verb("renew").rc != 0 and work.segment in ("switch", "rejoin") and fold(second.journal()).direction == "rollback":
                work.overtaken = Overtaken()
        except MigrateError:
            second.close()  # tried again soon: the guard is more patient
    second.close()
