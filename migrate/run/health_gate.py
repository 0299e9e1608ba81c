"""What is asked before each node of a run: that the cluster is as well as it was before the first one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate.errors import MigrateError
from migrate.facts.cluster import ClusterFacts
from migrate.formats.listing import few
from migrate.plan.events import Event
from migrate.plan.state import REFUSED, NodeState, Reason
from migrate.run.interrupt import Interrupt
from migrate.run.owned import Job
from migrate.run.ports import Clock
from migrate.verify.health import ailing, unwell

GATE = "gate"
PATIENCE = 300.0  # seconds that a cluster may take to be well again: pods that moved pull images and become Ready
POLL = 5.0


class HealthGate:
    """Reads the cluster before the first node, and again before each other one; without `read` it is always open."""

    def __init__(
        self, read: Callable[[], ClusterFacts] | None, clock: Clock, tell: Callable[[Event], None], interrupt: Interrupt, run: str
    ) -> None:
        self._read = read
        self._clock = clock
        self._tell = tell
        self._interrupt = interrupt
        self._run = run
        self._before: ClusterFacts | None = None
        self._why = ""

    def closed(self, under_way: Sequence[Job]) -> str:
        """Nothing where the next node may begin, `gate` where the cluster did not become well in time, `interrupted`.

        Nothing too where the Lease forbids to begin: the caller asks it again.
        """
        if self._read is None:
            return ""
        begun = self._clock.monotonic()
        while True:
            reasons = self._reasons({job.node.node for job in under_way})
            if not reasons:
                return ""
            if self._interrupt.stops:
                return "interrupted" if self._interrupt.wished.is_set() else ""
            waited = self._clock.monotonic() - begun
            if waited >= PATIENCE:
                self._why = few(reasons, joint="; ")
                return GATE
            self._say("wait", f"waits for the cluster: {few(reasons, joint='; ')}", seconds=round(waited, 1), bound=PATIENCE)
            self._clock.sleep(POLL)

    def reasons(self) -> tuple[str, ...]:
        """What is not as well as before the first node now, while no node is under way."""
        return self._reasons(set()) if self._read is not None else ()

    def refused(self, job: Job) -> NodeState:
        """The state of a node that was not begun."""
        reason = Reason(
            code=GATE,
            seen=f"not begun: the cluster is not as well as before the run: {self._why}",
            expected=f"the nodes and workloads that were well before, within {PATIENCE:.0f} s",
            next="kubectl get nodes; kubectl get pods -A; then the same command again",
        )
        return NodeState(node=job.node.host, state=REFUSED, exit_code=7, reason=reason, run=job.run)

    def _reasons(self, away: set[str]) -> tuple[str, ...]:
        assert self._read is not None
        try:
            now = self._read()
        except MigrateError as wrong:
            return (wrong.seen,)
        if self._before is not None:
            return ailing(self._before, now, away)
        self._before = now
        if bad := unwell(now):
            self._say("note", f"not well before the run, and not demanded: {few(bad, joint='; ')}")
        return ()

    def _say(self, kind: str, text: str, **data: float) -> None:
        self._tell(Event(at=self._clock.now().timestamp(), type=kind, run=self._run, text=text, data=dict(data)))
