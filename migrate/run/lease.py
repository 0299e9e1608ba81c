"""Who runs a rollout: the Lease of the cluster, taken, renewed and given back, and the pause that lies on it, looked for all the time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from migrate.errors import ClusterUnreachable, LeaseHeld, LeaseLost, Paused, Refused
from migrate.plan.events import Event
from migrate.plan.lease import LEASE_SECONDS, ClusterLease, Pause
from migrate.run.identity import Identity
from migrate.run.interrupt import Interrupt
from migrate.run.kube.port import ActingCluster
from migrate.run.kube.refused import NotAllowed
from migrate.run.pause import held_words, written
from migrate.run.ports import Clock
from migrate.run.work import Work

LOOK = 10.0  # seconds between two looks
RENEW = 60.0  # seconds between two renewals
HOLD = 8 * 3600.0  # seconds that a run which is under way waits for `resume`
HOLD_POLL = 5.0


class RunLease:
    """The Lease for one run of `apply`; use it as a context manager.

    A run of several nodes `takes` it, and no two such runs are at work in a cluster. A run of one node heeds it: tools that split a
    rollout themselves begin several of these at once. Both heed a pause.
    """

    def __init__(
        self,
        cluster: Callable[[], ActingCluster],
        clock: Clock,
        interrupt: Interrupt,
        tell: Callable[[Event], None],
        *,
        run: str,
        takes: bool,
        take_over: bool = False,
        me: str = "",
    ) -> None:
        self._cluster, self._clock, self._interrupt, self._tell = cluster, clock, interrupt, tell
        self._run, self._takes, self._take_over = run, takes, take_over
        self._me = me or Identity.mine()
        self._mine = False
        self._renewed = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def __enter__(self) -> Self:
        """Take the Lease, or heed it. Raises Paused, LeaseHeld, and ClusterUnreachable where the Lease may not be read or written.

        An API that is away is none of that: without it no node is begun, and one that is inside its switch is finished.
        """
        try:
            self._take()
        except NotAllowed:
            raise
        except ClusterUnreachable as wrong:
            self._say("note", f"whether operators are paused is not known: {wrong.seen}")
        threading.Thread(target=self._watch, daemon=True, name="lease").start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        with self._lock:
            mine, self._mine = self._mine, False
        if mine and (kind is None or issubclass(kind, Exception)):
            try:
                written(self._cluster(), lambda now: now.released(self._clock.now()) if now.holder == self._me else None)
            except (ClusterUnreachable, Refused):
                self._say("note", f"the Lease could not be given back; it expires after {LEASE_SECONDS // 60} minutes")

    def closed(self) -> Refused | None:
        """None where the next node may begin; a pause is waited out. The error of a lost Lease, or of a pause that lasts too long."""
        self.look()
        begun = self._clock.monotonic()
        while isinstance(held := self._interrupt.held, Paused) and not self._interrupt.wished.is_set():
            waited = self._clock.monotonic() - begun
            if waited >= HOLD:
                return held
            self._say("wait", f"{held.seen}; {held.next}", seconds=round(waited, 1), bound=HOLD)
            self._clock.sleep(HOLD_POLL)
            self.look()
        return self._interrupt.held

    def look(self) -> None:
        """Read the Lease, renew it when it is time, and note in `interrupt.held` what was found. An API that is away tells nothing new."""
        with self._lock:
            if self._stop.is_set() or isinstance(self._interrupt.held, LeaseLost):
                return
            try:
                if self._takes and not self._mine:  # the API was away when it was to be taken
                    return self._take()
                now = self._cluster().read_lease()
                self._interrupt.held = paused(now.paused) if now.paused else None
                if self._mine:
                    self._keep(now)
            except (Paused, LeaseHeld) as held:
                self._interrupt.held = held
            except (ClusterUnreachable, Refused) as wrong:
                if self._mine and self._clock.monotonic() - self._renewed >= LEASE_SECONDS:
                    self._interrupt.held = _lost(f"it could not be renewed for {LEASE_SECONDS // 60} minutes: {wrong.seen}")

    def _take(self) -> None:
        written(self._cluster(), self._judge)
        self._renewed, self._mine = self._clock.monotonic(), self._takes

    def _keep(self, now: ClusterLease) -> None:
        if now.holder != self._me:
            by = f"{Identity.words(now.holder)} took over with run {now.run}" if now.holder else "another client took it away"
            self._interrupt.held = _lost(by)
            return
        due = self._clock.monotonic() - self._renewed >= RENEW
        # one that another client changed in between is read again at the next look
        if due and self._cluster().write_lease(now.taken(self._me, self._run, self._clock.now())):
            self._renewed = self._clock.monotonic()

    def _judge(self, now: ClusterLease) -> ClusterLease | None:
        if now.paused:
            raise paused(now.paused)
        other = now.holder not in ("", self._me) and now.live(self._clock.now())
        if other and not Identity.dead(now.holder) and not self._take_over:
            raise self._held(now)
        if other and self._takes:
            self._say("note", f"takes the rollout over from {Identity.words(now.holder)}, run {now.run}")
        return now.taken(self._me, self._run, self._clock.now()) if self._takes else None

    def _held(self, now: ClusterLease) -> LeaseHeld:
        ago = max(0.0, (self._clock.now() - now.expires).total_seconds() + LEASE_SECONDS)
        at = f"{now.expires:%H:%M:%S}Z"
        return LeaseHeld(
            seen=f"another operator runs a rollout: {Identity.words(now.holder)}, run {now.run}, since {now.since[:19]}Z, "
            f"renewed {ago:.0f} s ago",
            expected=f"one rollout of a cluster at a time; this one holds the Lease until {at} and renews it while it lives",
            next=f"docker2cri status -w, which follows its nodes to their end; the same command after {at}, "
            "or with --take-over when that process is known to be gone",
        )

    def _watch(self) -> None:
        while not self._stop.wait(LOOK):
            self.look()

    def _say(self, kind: str, text: str, **data: float) -> None:
        self._tell(Event(at=self._clock.now().timestamp(), type=kind, run=self._run, text=text, data=dict(data)))


def paused(pause: Pause) -> Paused:
    """The error of a pause."""
    return Paused(seen=f"all operators are {held_words(pause)}", expected="operators that may act", next="docker2cri resume releases them")


def heed_pause(work: Work) -> None:
    """While operators are paused, a rollback ends what a run holds and begins nothing else: raises Paused.

    Where the API does not tell, nobody is kept from rolling back.
    """
    try:
        pause = None if work.cut_off or work.marked() else work.cluster.read_lease().paused
    except ClusterUnreachable:
        return
    if pause:
        raise paused(pause)


def _lost(why: str) -> LeaseLost:
    return LeaseLost(
        seen=f"the Lease of this rollout was lost: {why}",
        expected="one rollout of a cluster at a time",
        next="docker2cri status -w, which follows the nodes to their end; the same command when that rollout has ended",
    )
