"""One node of one run: what apply and rollback both need."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from migrate.errors import MigrateError, NodeUnreachable, NodeUnreadable, Refused, Restored
from migrate.facts.cluster import ClusterIdentity
from migrate.facts.model import NodeFacts
from migrate.facts.node import facts_from
from migrate.plan.again import accepted_in, limits_of
from migrate.plan.build import build_plan
from migrate.plan.cleanup import also_in, cleanup_plan
from migrate.plan.events import Event
from migrate.plan.mark import Mark, mark_of
from migrate.plan.model import SEGMENTS, NodePlan
from migrate.plan.state import LOST, NodeState, Reason
from migrate.plan.steps import WaitForCri, acts, describe, reverse
from migrate.program.journal import Entry, Progress, fold
from migrate.program.order import HostLine, begun_in, host_lines
from migrate.rules import Finding, NodeView
from migrate.run import told
from migrate.run.gather import probe
from migrate.run.install import install_again
from migrate.run.interrupt import Interrupt
from migrate.run.kube.events import Event as ApiEvent
from migrate.run.kube.evidence import Asked, NodeSays
from migrate.run.kube.port import ActingCluster
from migrate.run.ports import Clock, Host
from migrate.run.remote import Remote
from migrate.run.runs import RunFolder
from migrate.sources import Source
from migrate.sources.table import SOURCES, source_named
from migrate.targets import Target
from migrate.verify.judge import Before, decode_before

CAUSES = {  # what began a rollback, by the journal's word
    "asked": "a rollback was asked for",
    "guard": "rolled back automatically: no heartbeat from the operator for {seconds} s",
    "boot": "rolled back automatically: the node was booted inside the switch",
}
COMPLETE = "verified"  # the journal's note of a run that is finished


class Stopped(Exception):
    """The user wished to stop, and it is a place where that can be."""


class Overtaken(Exception):
    """The node rolled itself back while this operator was away: its guard fired, or it was booted."""


class StepFailed(Restored):
    """A step through the API was not done; the node is rolled back for it."""


@dataclass
class Work:
    """Everything that acts on one node; `connect` opens a new connection to it. `stoppable`: the user's wish to stop is heeded;
    `overtaken` is set by the thread that holds the node; `recorded`, `planned_in` (a Job's `cluster`) and `told`
    are those of its Job. `cut_off` is why the API does not answer where the node itself was to serve it, else empty.
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
    recorded: bool = True
    planned_in: ClusterIdentity | None = None
    told: tuple[str, ...] = ()
    cut_off: str = ""

    def __post_init__(self) -> None:
        self.remote = Remote(self.plan.host, self.run, self.connect, self.clock, self._lost)
        self.lines = host_lines(self.plan)

    @property
    def node(self) -> str:
        """The Node object's name."""
        return self.plan.node

    @property
    def again(self) -> str:
        """The command that makes a new plan, with what was accepted in this one."""
        accepted = accepted_in(self.plan)
        options = "".join(f" --accept {shlex.quote(f'{code}={reason}')}" for code, reason in accepted.items())
        if self.plan.cleans:
            return f"docker2cri cleanup {self.target.asked} {self.plan.host}{options}{also_in(self.plan).asked} --out plan.json"
        sources = {f"{step.bundle.path}@sha256:{step.bundle.sha256}" if step.bundle else "packages" for step in self.plan.installs}
        options += "".join(f" --install {shlex.quote(source)}" for source in sorted(sources))
        return self._planning(options)

    @property
    def move(self) -> str:
        """The command that plans the move of a node that has all it needs."""
        return self._planning()

    def _planning(self, options: str = "") -> str:
        return f"docker2cri plan {self.target.asked} {self.plan.host}{options} --out plan.json"

    @property
    def source(self) -> Source:
        """What the node ran on before; a plan that has steps was made from one that is known."""
        return source_named(self.plan.source) or SOURCES[0]

    @property
    def source_title(self) -> str:
        """What the node ran on before, for people."""
        return self.source.engine

    def progress(self) -> Progress:
        """Where the node's own journal says that it stands."""
        return fold(self.remote.journal())

    def told_by_program(self) -> dict[str, str]:
        """What the node program says of itself (`status`), empty where it does not lie there."""
        return self.remote.verb("status").values

    def doubt(self, progress: Progress) -> str:
        """Why the journal may tell less than what happened: it is broken, or the machine shows more; empty for a whole one."""
        return self.told_by_program().get("doubt", "") or progress.doubt

    def why(self, progress: Progress) -> str:
        """Why the node was rolled back, or failed on apply, by its own journal; empty when it was neither."""
        if progress.failed is not None:
            return f"{self.named(progress.failed)}: {progress.failed.text}"
        return CAUSES.get(progress.cause, "").format(seconds=self.plan.guard)

    @staticmethod
    def cause(progress: Progress) -> str:
        """The code of why the node was rolled back: `asked`, `guard`, `boot`, or `step-failed`."""
        return "step-failed" if progress.failed is not None else progress.cause or "asked"

    def named(self, entry: Entry) -> str:
        """A journal entry's step in words."""
        line = self._line(entry)
        return describe(line.step) if line else entry.kind

    def _line(self, entry: Entry) -> HostLine | None:
        return next((line for line in self.lines if line.index == entry.index), None)

    def marked(self) -> Mark | None:
        """The mark of this run on the Node: set with its cordon, gone with it."""
        mark = mark_of(self.cluster.read_node(self.node))
        return mark if isinstance(mark, Mark) and mark.run == self.run else None

    def switching(self, progress: Progress) -> bool:
        """Whether a step of the switch has begun, or may have, where the lines are not known: only then was the node itself changed."""
        return not self.lines or begun_in(self.lines, progress, "switch")

    def past(self, segment: str, progress: Progress) -> bool:
        """Whether a step on the node of a later segment has begun."""
        names = [each.name for each in SEGMENTS]
        return begun_in(self.lines, progress, *names[names.index(segment) + 1 :])

    def before(self) -> Before:
        """What ran on this node before it was emptied, from the node's record or this machine's; nothing required when nobody kept it.

        Raises NodeUnreadable for a record that is none, where this machine has no other.
        """
        data = self.remote.kept("before.json")
        try:
            kept = decode_before(data) if data else self.folder.before(self.plan.host)
        except ValueError as wrong:
            kept = self.folder.before(self.plan.host) if data else None
            if kept is None:
                raise NodeUnreadable(
                    node=self.plan.host,
                    seen=f"{self.remote.home}/before.json cannot be used: {wrong}",
                    expected="what ran there before, as docker2cri wrote it",
                    next=f"look on the node: less {self.remote.home}/before.json",
                ) from wrong
        return replace(kept, node=self.node) if kept else Before(node=self.node, kubelet="")

    def keep_before(self, before: Before) -> None:
        """Keep it on the node, and here too."""
        self.remote.keep("before.json", msgspec.json.encode(before))
        try:
            self.folder.keep_before(self.plan.host, before)
        except MigrateError as wrong:  # a second copy, for people
            self.say("note", wrong.seen)

    def facts(self) -> NodeFacts:
        """The node, read again."""
        with self.connect() as host:
            return facts_from(probe(host))

    def plan_again(self, view: NodeView, findings: tuple[Finding, ...]) -> NodePlan:
        """What would be planned now, with the limits and from the sources of this plan."""
        if self.plan.moves:
            return build_plan(view, findings, limits_of(self.plan))
        again = also_in(self.plan)
        return cleanup_plan(view, findings, again) if self.plan.cleans else install_again(view, findings, self.plan, self.connect)

    def asked(self, prefix: str) -> NodeSays:
        """The node as verification asks it."""
        socket = next((planned.step.socket for planned in self.plan.steps if isinstance(planned.step, WaitForCri)), self.target.socket)
        there = prefix == self.target.prefix
        elsewhere = there and self.target.addressed and socket != self.target.socket
        told = f"{self.target.addressed}={shlex.quote(socket)}" if elsewhere else ""
        return Asked(self.remote.trying, prefix, told, self.source if there and self.target.keeps_source else None)

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
        """Raise Stopped where it was wished to stop and may be, and what the thread found that holds the node.

        A rollback goes on when that thread tells late that the node began it by itself.
        """
        if self.overtaken is not None and not (self.segment == "rollback" and isinstance(self.overtaken, Overtaken)):
            raise self.overtaken
        if self.interrupt.stops and self.stoppable:
            raise Stopped

    def hear(self, event: ApiEvent) -> None:
        """Tell what a step through the API tells; raises as `heed`."""
        self.say("wait", told.words(event), data=told.data(event))
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
        line = self._line(entry)
        if line is not None and entry.event == "begin":
            among = [each.index for each in self.lines if each.segment == line.segment and acts(each.step, "apply")]
            self.say("step.start", describe(line.step), step=among.index(line.index) + 1, steps=len(among))
        elif line is not None and entry.event == "undo-begin":
            undone = reverse(line.step)
            self.say("step.start", describe(undone) if undone else line.kind)
        elif entry.event in ("failed", "undo-failed"):
            self.say("note", f"{self.named(entry)}: {entry.text}", status="failed")
        elif entry.event == "note":
            self.say("note", entry.text)

    def state(self, state: str, exit_code: int, code: str, seen: str, *, now: str = "", expected: str = "", next: str = "") -> NodeState:
        """How this node stands, and why; `expected` and `next` where a person has to act."""
        reason = Reason(code=code, seen=seen, now=now, expected=expected, next=next)
        return NodeState(node=self.plan.host, run=self.run, state=state, exit_code=exit_code, reason=reason)

    def lost(self, wrong: NodeUnreachable) -> NodeState:
        """The node cannot be reached any more, inside the part that it does by itself."""
        return self.state(
            LOST,
            wrong.exit_code,
            "connection-lost",
            f"no connection to it in `{self.segment}`: {wrong.seen}",
            now="what was begun continues by itself; its guard rolls it back",
            expected="a connection to the node within 10 minutes",
            next=f"docker2cri status {self.plan.host}; then apply or rollback, which continue from where it stands",
        )

    def refuse(self, seen: str, expected: str, next_command: str) -> Refused:
        """The error of something that is not done on purpose."""
        return Refused(node=self.plan.host, seen=seen, expected=expected, next=next_command)
