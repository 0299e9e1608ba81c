"""One node of one run: what going there and going back both need."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from migrate.errors import MigrateError, NodeUnreachable, Refused, VerificationFailed
from migrate.facts.model import NodeFacts
from migrate.facts.node import facts_from
from migrate.plan.events import Event
from migrate.plan.journal import Entry, Progress, fold
from migrate.plan.model import NodePlan
from migrate.plan.program import host_steps
from migrate.plan.verify import Before, Evidence
from migrate.run import told
from migrate.run.api_events import Event as ApiEvent
from migrate.run.cluster_port import ActingCluster
from migrate.run.evidence import read_evidence
from migrate.run.gather import probe
from migrate.run.identity import Identity
from migrate.run.ports import Clock, Host
from migrate.run.remote import CLAIM, Remote
from migrate.run.runs import RunFolder
from migrate.run.verify import verify_a, verify_b
from migrate.targets import Target

RENEWED_EVERY = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a node ended: `new` (verified), `old` (verified) or `parked`, or `refused` (nothing was done); the process's exit code."""

    node: str
    state: str
    text: str
    exit_code: int


class Interrupt:
    """Ctrl-C as a wish: it is honoured between steps before the switch, and after the node is finished or restored inside it."""

    def __init__(self) -> None:
        self.wished = threading.Event()


@dataclass
class Work:
    """Everything that acts on one node; `connect` opens a new connection to it."""

    plan: NodePlan
    run: str
    target: Target
    connect: Callable[[], Host]
    cluster: ActingCluster
    clock: Clock
    tell: Callable[[Event], None]
    folder: RunFolder
    interrupt: Interrupt
    accepted: frozenset[str] = frozenset()
    segment: str = ""

    def __post_init__(self) -> None:
        self.remote = Remote(self.plan.host, self.run, self.connect, self.clock)
        self.steps = host_steps(self.plan)

    @property
    def node(self) -> str:
        """The Node object's name."""
        return self.plan.node

    def progress(self) -> Progress:
        """Where the node's own journal says that it stands."""
        return fold(self.remote.journal())

    def before(self) -> Before | None:
        """What ran on the node before it was emptied, from this machine's record or the node's; None when nobody kept it."""
        if (found := self.folder.before(self.plan.host)) is not None:
            return found
        data = self.remote.kept("before.json")
        return msgspec.json.decode(data, type=Before) if data else None

    def keep_before(self, before: Before) -> None:
        """Keep it here and on the node; what was kept first stays, for a second look would see the node empty."""
        self.folder.keep_before(self.plan.host, before)
        self.remote.keep("before.json", msgspec.json.encode(before))

    def facts(self) -> NodeFacts:
        """The node read anew."""
        with self.connect() as host:
            return facts_from(probe(host))

    def say(
        self,
        kind: str,
        text: str,
        *,
        status: str = "",
        step: int = 0,
        steps: int = 0,
        data: Mapping[str, str | int | float | bool] = MappingProxyType({}),
    ) -> None:
        """Tell one event of this node."""
        now = self.clock.now().timestamp()
        self.tell(
            Event(
                at=now,
                type=kind,
                run=self.run,
                node=self.plan.host,
                segment=self.segment,
                step=step,
                steps=steps,
                text=text,
                status=status,
                data=dict(data),
            )
        )

    def hear(self, event: ApiEvent) -> None:
        """Tell what a step through the API tells; raises KeyboardInterrupt where the user wished to stop."""
        self.say("wait", told.words(event), data=told.waiting(event))
        if self.interrupt.wished.is_set() and self.segment == "vacate":
            raise KeyboardInterrupt

    def entries(self, verb: str, seen: int) -> Iterator[Entry]:
        """Follow a verb on the node from journal entry `seen` on, telling each of its steps."""
        steps = {step.index: step for step in self.steps}
        for entry in self.remote.follow(verb, seen):
            step = steps.get(entry.index) if entry.index is not None else None
            if entry.event in ("begin", "undo-begin") and entry.index is not None:
                segment = [one.index for one in self.steps if step and one.segment == step.segment]
                text = step.text if step else entry.kind
                number = segment.index(entry.index) + 1 if step else 0
                self.say("step.start", text if entry.event == "begin" else f"undo: {text}", step=number, steps=len(segment))
            elif entry.event in ("failed", "undo-failed"):
                self.say("note", f"{entry.kind}: {entry.text}", status="failed")
            yield entry

    def proved_a(self, before: Before, prefix: str) -> str | None:
        """Verify the cordoned node on the runtime of `prefix`; what is wrong, or None."""
        try:
            verify_a(
                self.cluster,
                before,
                prefix,
                lambda: self._evidence(prefix),
                self.plan.pause,
                self.run,
                self.clock,
                self.hear,
            )
        except VerificationFailed as wrong:
            return wrong.seen
        return None

    def _evidence(self, prefix: str) -> Evidence:
        try:
            return read_evidence(self.remote.host(), prefix)
        except NodeUnreachable:  # a cut connection: once more on a new one
            self.remote.close()
            return read_evidence(self.remote.host(), prefix)

    def proved_b(self, before: Before, prefix: str) -> str | None:
        """Verify the workloads after uncordon; what is wrong, or None."""
        try:
            verify_b(self.cluster, before, prefix, self.clock, self.hear)
        except VerificationFailed as wrong:
            return wrong.seen
        return None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the node: no second operator acts on it, and its guard does not fire while this one lives.

        A thread with a connection of its own renews both. Raises Refused when somebody else holds it.
        """
        me = Identity.mine()
        holder = self.remote.claim(me)
        if holder is not None and Identity.dead(holder):
            holder = self.remote.claim(me, dead=holder)
        if holder is not None:
            raise self.refuse(
                f"another operator works on it: {holder} (host, process, start)",
                "one operator at a time",
                f"wait for it to end, or {CLAIM} s after it died, and repeat",
            )
        stop = threading.Event()
        second = Remote(self.plan.host, self.run, self.connect, self.clock)

        def renew() -> None:
            while not stop.wait(RENEWED_EVERY):
                try:
                    second.claim(me)
                    second.verb("renew")
                except MigrateError:
                    second.close()  # tried again soon; the guard gives ten minutes
            second.close()

        thread = threading.Thread(target=renew, name=f"renew-{self.node}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            with suppress(MigrateError):
                self.remote.release(me)

    def refuse(self, seen: str, expected: str, next_command: str) -> Refused:
        """The error of something that is not done on purpose."""
        return Refused(node=self.plan.host, seen=seen, expected=expected, next=next_command)


def texts(errors: Iterable[object]) -> str:
    """Several messages as one line."""
    return "; ".join(str(one) for one in errors)
