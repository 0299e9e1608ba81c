"""One node of one run: what going there and going back both need."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from migrate.errors import ClusterUnreachable, MigrateError, NodeUnreachable, NodeUnreadable, Refused, VerificationFailed
from migrate.facts.model import NodeFacts
from migrate.facts.node import facts_from
from migrate.plan.events import Event
from migrate.plan.journal import Entry, Progress, fold
from migrate.plan.mark import Mark, mark_of
from migrate.plan.model import NodePlan
from migrate.plan.program import host_steps
from migrate.plan.verify import Before
from migrate.run import told
from migrate.run.gather import probe
from migrate.run.kube.events import Event as ApiEvent
from migrate.run.kube.evidence import Asked, NodeSays
from migrate.run.kube.port import ActingCluster
from migrate.run.kube.verify import verify_a, verify_b
from migrate.run.ports import Clock, Host
from migrate.run.remote import Remote
from migrate.run.runs import RunFolder
from migrate.targets import Target

BY_ITSELF = {  # how the node program says that nobody asked for the way back
    "by the guard unit": "undone by its guard, which no tool had renewed in time",
    "by the boot unit": "undone at its boot, which came within the switch",
}
DONE = ("new", "installed")  # the states in which a node is done, and the next may be begun
SETTLED = "settled"  # the journal's note of a run that is finished and verified


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a node ended, and the process's exit code for it.

    `state`: `new` or `old` (verified), `installed` (what was lacking is there, nothing was moved), `parked`; else why it is none of these:
    `refused`, `stopped`, `lost`, `not reached`, `failed`.
    """

    node: str
    state: str
    text: str
    exit_code: int


class Stopped(Exception):
    """The user wished to stop, and it is a place where that can be."""


class Overtaken(Exception):
    """The node was put back behind this operator's back, by its guard or at a boot; the text says by whom."""


class Interrupt:
    """Ctrl-C as a wish: it is honoured between steps before the switch, and after the node is finished or restored inside it."""

    def __init__(self) -> None:
        self.wished = threading.Event()


@dataclass
class Work:
    """Everything that acts on one node; `connect` opens a new connection to it. `stoppable`: the user's wish to stop is heeded;
    `overtaken` is set by the thread that holds the node.
    """

    plan: NodePlan
    run: str
    target: Target
    connect: Callable[[], Host]
    cluster: ActingCluster
    clock: Clock
    tell: Callable[[Event], None]
    folder: RunFolder
    interrupt: Interrupt
    segment: str = ""
    stoppable: bool = False
    overtaken: Exception | None = None

    def __post_init__(self) -> None:
        self.remote = Remote(self.plan.host, self.run, self.connect, self.clock, self._lost)
        self.steps = host_steps(self.plan)

    @property
    def node(self) -> str:
        """The Node object's name."""
        return self.plan.node

    @property
    def again(self) -> str:
        """The command that makes a new plan, with what was accepted in this one."""
        accepted = {finding.code: finding.accepted for finding in self.plan.findings if finding.accepted is not None}
        options = "".join(f" --accept {shlex.quote(f'{code}={reason}')}" for code, reason in accepted.items())
        sources = {f"{one.bundle.path}@sha256:{one.bundle.sha256}" if one.bundle else "packages" for one in self.plan.installs}
        options += "".join(f" --install {shlex.quote(one)}" for one in sorted(sources))
        return self._planning(options)

    @property
    def move(self) -> str:
        """The command that plans the move of a node that has all it needs."""
        return self._planning()

    def _planning(self, options: str = "") -> str:
        return f"docker2cri plan {self.target.asked} {self.plan.host}{options} -o plan.json"

    def progress(self) -> Progress:
        """Where the node's own journal says that it stands."""
        return fold(self.remote.journal())

    def why(self) -> str:
        """Why the node went the way back, or failed on the way there, by its own journal; empty when it did neither."""
        text = ""
        for entry in self.remote.journal():
            if entry.event == "failed":
                text = f"{self.named(entry)}: {entry.text}"
            elif entry.event == "undo-begin" and entry.index is None and not text:
                text = next((said for begin, said in BY_ITSELF.items() if entry.text.startswith(begin)), "a rollback was asked for")
        return text

    def named(self, entry: Entry) -> str:
        """A journal entry's step in words."""
        return next((step.text for step in self.steps if step.index == entry.index), entry.kind)

    def marked(self) -> Mark | None:
        """The mark of this run on the Node: set with its cordon, gone with it."""
        mark = mark_of(self.cluster.read_node(self.node))
        return mark if isinstance(mark, Mark) and mark.run == self.run else None

    def switching(self, progress: Progress) -> bool:
        """Whether a step of the switch has begun: only then was the node itself changed."""
        return any(step.segment == "switch" and step.index in progress.begun for step in self.steps)

    def before(self) -> Before:
        """What ran on the node before it was emptied, from this machine's record or the node's; nothing required when nobody kept it."""
        data = self.remote.kept("before.json")
        kept = msgspec.json.decode(data, type=Before) if data else self.folder.before(self.plan.host)
        return kept or Before(node=self.node, kubelet="")

    def keep_before(self, before: Before) -> None:
        """Keep it on the node, and here too."""
        self.remote.keep("before.json", msgspec.json.encode(before))
        try:
            self.folder.keep_before(self.plan.host, before)
        except MigrateError as wrong:  # a second copy, for people
            self.say("note", wrong.seen)

    def facts(self) -> NodeFacts:
        """The node read anew."""
        with self.connect() as host:
            return facts_from(probe(host))

    def asked(self, prefix: str) -> NodeSays:
        """The node as verification asks it."""
        return Asked(self.remote.trying, prefix)

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
        names = {"run": self.run, "node": self.plan.host, "segment": self.segment}
        self.tell(Event(at=now, type=kind, **names, step=step, steps=steps, text=text, status=status, data=dict(data)))

    def step(self, text: str, step: int = 0, steps: int = 0) -> None:
        """Tell that a step through the API begins; raises as `heed`, before it does."""
        self.heed()
        self.say("step.start", text, step=step, steps=steps)

    def heed(self) -> None:
        """Raise Stopped where the user wished to stop and may, and what the thread found that holds the node."""
        if self.overtaken is not None:
            raise self.overtaken
        if self.interrupt.wished.is_set() and self.stoppable:
            raise Stopped

    def hear(self, event: ApiEvent) -> None:
        """Tell what a step through the API tells; raises as `heed`."""
        self.say("wait", told.words(event), data=told.waiting(event))
        self.heed()

    def _lost(self, reason: str, seconds: float, bound: float) -> None:
        self.say("wait", f"no connection: {reason}", data={"seconds": round(seconds, 1), "bound": bound})

    def entries(self, verb: str, seen: int) -> Iterator[Entry | None]:
        """Follow a verb on the node from journal entry `seen` on, telling each of its steps; None when nothing came for a while."""
        last: Entry | None = None
        for news in self.remote.follow(verb, seen):
            for last in news.entries:
                self._tell_entry(last)
                yield last
            if not news.entries:
                if news.carried and last is not None and (last.event, last.kind) == ("begin", "carry"):
                    self.say("wait", f"{self.named(last)}: {news.carried}")
                yield None

    def _tell_entry(self, entry: Entry) -> None:
        if entry.event in ("begin", "undo-begin") and entry.index is not None:
            segment = next((step.segment for step in self.steps if step.index == entry.index), "")
            among = [step.index for step in self.steps if step.segment == segment]
            place = among.index(entry.index) + 1 if among else 0
            self.say("step.start", ("undo: " if entry.event == "undo-begin" else "") + self.named(entry), step=place, steps=len(among))
        elif entry.event in ("failed", "undo-failed"):
            self.say("note", f"{self.named(entry)}: {entry.text}", status="failed")
        elif entry.event == "note":
            self.say("note", entry.text)

    def proved_a(self, prefix: str) -> str | None:
        """Verify the cordoned node on the runtime of `prefix`; what is wrong or cannot be seen, or None. Raises NodeUnreachable."""
        before = self.before()
        try:
            passed = verify_a(self.cluster, before, prefix, self.asked(prefix), self.plan.pause, self.run, self.clock, self.hear)
        except (VerificationFailed, NodeUnreadable, ClusterUnreachable) as wrong:
            return wrong.seen
        for note in passed.notes:
            self.say("note", note)
        return None

    def proved_b(self, prefix: str) -> str | None:
        """Verify the workloads after uncordon; what is wrong, or None. Raises ClusterUnreachable."""
        try:
            verify_b(self.cluster, self.before(), prefix, self.asked(prefix), self.clock, self.hear)
        except VerificationFailed as wrong:
            return wrong.seen
        return None

    def outcome(self, state: str, code: int, seen: str, *, expected: str, next: str) -> Outcome:
        """An outcome that somebody has to act on: what was seen, what was expected, what to type."""
        return Outcome(self.plan.host, state, f"{seen}\n  expected: {expected}\n  next: {next}", code)

    def lost(self, wrong: NodeUnreachable) -> Outcome:
        """The node cannot be reached any more, inside the part that it does by itself."""
        return self.outcome(
            "lost",
            wrong.exit_code,
            f"no connection to it in `{self.segment}`: {wrong.seen}\n  now: what was begun goes on by itself; its guard puts it back",
            expected="a connection to the node within 10 minutes",
            next=f"docker2cri status {self.plan.host}; then apply or rollback, which go on from where it stands",
        )

    def refuse(self, seen: str, expected: str, next_command: str) -> Refused:
        """The error of something that is not done on purpose."""
        return Refused(node=self.plan.host, seen=seen, expected=expected, next=next_command)
