"""All that is asked before a node is begun: the cluster's health, the plan's windows, and, before a later stage, its gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec.structs import replace

from migrate.errors import MigrateError, UsageError
from migrate.formats.listing import few
from migrate.plan.events import Event
from migrate.plan.fleet import FleetPlan
from migrate.plan.gates import NO_GATES, ApproveGate, CommandGate, Gate, Gates, HttpGate, gate_words, opening
from migrate.plan.lease import ClusterLease
from migrate.plan.model import Plan
from migrate.plan.state import REFUSED, NodeState, Reason
from migrate.run.ask_gates import ask_gate
from migrate.run.health_gate import GATE, HealthGate
from migrate.run.interrupt import Interrupt
from migrate.run.owned import Job
from migrate.run.ports import Clock
from migrate.run.runs import run_of

AGAIN = "again"  # no reason: the Lease forbids to begin, and when it does no more, all is asked again
WINDOW, SOAK, CLOSED, NOT_APPROVED = "window", "soak", "gate-closed", "not-approved"  # codes of reasons
POLL = 5.0
SOAK_POLL = 15.0
SOAKS = 3  # beginnings of a soak that a cluster interrupts
Asker = Callable[[CommandGate | HttpGate, Mapping[str, str], Callable[[], bool]], str]


class RunGates:
    """The gates of one run; `lease` reads the Lease, `begun` says whether this run has begun a node already.

    A node that was begun is ended at any time, and behind any gate.
    """

    def __init__(
        self,
        plan: Plan,
        health: HealthGate,
        clock: Clock,
        tell: Callable[[Event], None],
        interrupt: Interrupt,
        lease: Callable[[], ClusterLease],
        begun: Callable[[Job], bool],
        ask: Asker = ask_gate,
    ) -> None:
        self._digest, self._run = plan.digest, run_of(plan)
        self._fleet = plan.stages or FleetPlan()
        self._gates = self._fleet.gates
        self._health, self._clock, self._tell, self._interrupt = health, clock, tell, interrupt
        self._lease, self._begun, self._ask = lease, begun, ask
        self._zones = zones_of(self._gates)
        self._passed: set[int] = set()
        self._taken = False
        self._reasons: dict[str, Reason] = {}

    def closed(self, under_way: Sequence[Job], job: Job) -> str:
        """Nothing where this node may begin, else the code of why not: `interrupted`, one of this module's, or AGAIN."""
        if self._gates == NO_GATES or self._begun(job):
            why = self._health.closed(under_way)
        else:
            stage = self._fleet.number(job.node.host)
            why = self._outside() or self._between(stage) or self._health.closed(under_way) or self._outside()
        self._taken = self._taken or not why
        return why

    def refused(self, job: Job, why: str) -> NodeState | None:
        """The state of a node that was not begun, None for a reason that is none of the gates'."""
        if why == GATE:
            return self._health.refused(job)
        if (reason := self._reasons.get(why)) is None:
            return None
        return NodeState(node=job.node.host, state=REFUSED, exit_code=7, reason=reason, run=job.run)

    def _outside(self) -> str:
        now = self._clock.now()
        opens = opening(self._gates.windows, now, self._zones)
        if opens == now:
            return ""
        named = ", ".join(map(str, self._gates.windows))
        zone = self._zones[self._gates.windows[0].zone]
        again = (
            f"the same command from {_moment(opens, zone)} on"
            if opens
            else "docker2cri plan with another --window: this one never opens again"
        )
        return self._shut(WINDOW, f"outside the windows of the plan ({named})", "a time at which it may be begun", again)

    def _between(self, stage: int) -> str:
        """The gates before a stage, each asked once it is its turn; the first stage of a plan has none."""
        if stage < 2 or stage in self._passed:
            return ""
        why = self._soaked(stage) if self._gates.soak and self._taken else ""
        for gate in self._gates.checks:
            why = why or self._waited(gate, stage)
        if not why:
            self._passed.add(stage)
        return why

    def _soaked(self, stage: int) -> str:
        """The cluster stays well for so long; it begins again when it does not."""
        soak = self._gates.soak
        reasons: tuple[str, ...] = ()
        for _ in range(SOAKS):
            if why := self._health.closed(()):
                return why
            begun = self._clock.monotonic()
            while True:
                if stops := self._stopped():
                    return stops
                if reasons := self._health.reasons():
                    self._say("note", f"the soak before stage {stage} begins again: {few(reasons, joint='; ')}")
                    break
                waited = self._clock.monotonic() - begun
                if waited >= soak:
                    self._say("note", f"before stage {stage}: the cluster was well for {soak} s")
                    return ""
                self._say("wait", f"soak before stage {stage}", seconds=round(waited, 1), bound=soak)
                self._clock.sleep(min(SOAK_POLL, soak - waited))
        seen = f"the cluster did not stay well for {soak} s before stage {stage}: {few(reasons, joint='; ')}"
        return self._shut(SOAK, seen, f"{soak} s in which nodes and workloads are as well as before", "the same command when they are")

    def _waited(self, gate: Gate, stage: int) -> str:
        begun = self._clock.monotonic()
        while True:
            if stops := self._stopped():
                return stops
            shut = self._approved(stage) if isinstance(gate, ApproveGate) else self._asked(gate, stage)
            if stops := self._stopped():
                return stops
            if not shut:
                if not isinstance(gate, ApproveGate):
                    self._say("note", f"before stage {stage}: {gate_words(gate)} is open")
                return ""
            waited = self._clock.monotonic() - begun
            if waited >= gate.wait:
                return self._unopened(gate, stage, shut)
            self._say("wait", f"stage {stage} waits for {gate_words(gate)}: {shut}", seconds=round(waited, 1), bound=gate.wait)
            self._clock.sleep(min(POLL, gate.wait - waited))

    def _unopened(self, gate: Gate, stage: int, shut: str) -> str:
        seen = f"stage {stage} waits for {gate_words(gate)}: {shut}"
        if isinstance(gate, ApproveGate):
            return self._shut(
                NOT_APPROVED, seen, f"an approval within {gate.wait} s", f"{self._approval(stage)}; then the same command again"
            )
        expected = "exit code 0" if isinstance(gate, CommandGate) else "a status of 2xx"
        return self._shut(CLOSED, seen, f"{expected} within {gate.wait} s", "the same command again when it is open")

    def _approved(self, stage: int) -> str:
        try:
            approved = self._lease().approved
        except MigrateError as wrong:
            return wrong.seen
        if approved is None or not approved.holds(self._digest, stage):
            return self._approval(stage)
        self._say("note", f"stage {stage} is approved by {approved.by} since {approved.at[:19]}Z")
        return ""

    def _approval(self, stage: int) -> str:
        return f"docker2cri approve {self._run}@{self._digest} --stage {stage}"

    def _asked(self, gate: CommandGate | HttpGate, stage: int) -> str:
        told = {"GATE_RUN": self._run, "GATE_DIGEST": self._digest, "GATE_STAGE": str(stage)}
        return self._ask(gate, told, lambda: self._interrupt.stops)

    def _stopped(self) -> str:
        if not self._interrupt.stops:
            return ""
        return "interrupted" if self._interrupt.wished.is_set() else AGAIN

    def _shut(self, code: str, seen: str, expected: str, again: str) -> str:
        self._reasons[code] = Reason(code=code, seen=f"not begun: {seen}", expected=expected, next=again)
        self._tell(replace(self._event("note", seen), status="closed"))
        return code

    def _say(self, kind: str, text: str, **data: float) -> None:
        self._tell(self._event(kind, text, **data))

    def _event(self, kind: str, text: str, **data: float) -> Event:
        return Event(at=self._clock.now().timestamp(), type=kind, run=self._run, text=text, data=dict(data))


def zones_of(gates: Gates) -> dict[str, tzinfo]:
    """The time zones of the windows, by name; raises UsageError for one that this machine does not know."""
    found: dict[str, tzinfo] = {}
    for window in gates.windows:
        try:
            found[window.zone] = ZoneInfo(window.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as wrong:
            raise UsageError(
                seen=f"window {window}: this machine knows no time zone {window.zone}",
                expected="a name of the IANA time zone database, such as Europe/Berlin",
                next="timedatectl list-timezones; where it has none, install the package tzdata",
            ) from wrong
    return found


def _moment(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M} {zone} ({at:%H:%M}Z)"
