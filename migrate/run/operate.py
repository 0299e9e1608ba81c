"""A run over nodes: one after the other or a few at once, each to a NodeState. It ends at the first that is not migrated or installed."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

from migrate.errors import (
    Blocked,
    ClusterUnreachable,
    Interrupted,
    MigrateError,
    NodeUnreachable,
    Refused,
    StalePlan,
    UsageError,
    VerificationFailed,
)
from migrate.plan.events import Event
from migrate.plan.model import NodePlan, Plan, load_plan
from migrate.plan.state import (
    FAILED,
    INSTALLED,
    INTERRUPTED,
    MIGRATED,
    REFUSED,
    SKIPPED,
    UNREACHABLE,
    UNTOUCHED,
    NodeState,
    Reason,
)
from migrate.run.apply import apply
from migrate.run.clock import SystemClock
from migrate.run.hold import held
from migrate.run.kube.client import connect as connect_cluster
from migrate.run.kube.writes import acting
from migrate.run.ports import Host, HostTarget
from migrate.run.remote import Remote
from migrate.run.rollback import rollback
from migrate.run.runs import RunFolder, run_of
from migrate.run.session import Access, targets_named
from migrate.run.ssh.connect import Connector
from migrate.run.standing import standing, verified
from migrate.run.work import Interrupt, Work
from migrate.targets.table import target_named

DONE = (MIGRATED, INSTALLED)  # the next node may begin, where the exit code is 0 too
# Why a node's work ended with an error, most special first: the error, the state, the reason's code
ENDS: tuple[tuple[type[MigrateError], str, str], ...] = (
    (StalePlan, REFUSED, "stale-plan"),
    (Refused, REFUSED, "refused"),
    (Interrupted, INTERRUPTED, "interrupted"),
    (NodeUnreachable, UNREACHABLE, "unreachable"),
    (ClusterUnreachable, FAILED, "api-unreachable"),
    (Blocked, FAILED, "blocked"),
    (VerificationFailed, FAILED, "not-verified"),
    (UsageError, FAILED, "usage"),
    (MigrateError, FAILED, "error"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """One node's plan in one run; `target` is the runtime's name."""

    node: NodePlan
    run: str
    target: str


def jobs_of(plan: Plan, names: Sequence[str]) -> list[Job]:
    """The nodes of a plan that are named, by inventory or node name; all when none is. Raises UsageError for others."""
    known = {name for node in plan.nodes for name in (node.host, node.node)}
    if missing := [name for name in names if name not in known]:
        expected = f"nodes among {', '.join(sorted(known - {''}))}"
        raise UsageError(seen=f"{', '.join(missing)}: not in the plan", expected=expected, next="docker2cri plan")
    chosen = [node for node in plan.nodes if not names or node.host in names or node.node in names]
    return [Job(node, run_of(plan), plan.target) for node in chosen]


class Operator:
    """What one machine does to nodes. Each method gives the state of every node that it was asked for, in the order asked."""

    def __init__(self, access: Access, tell: Callable[[Event], None], interrupt: Interrupt) -> None:
        self._access = access
        self._tell = tell
        self._interrupt = interrupt
        self._clock = SystemClock()
        self._connector = Connector()
        self._targets: Mapping[str, HostTarget] = {}

    def jobs_on(self, names: Sequence[str]) -> tuple[list[Job], tuple[NodeState, ...]]:
        """The runs that own the named nodes (all that are known, when none is named), read from the nodes themselves.

        Also the state of each node that no run owns or that could not be read.
        """
        self._targets = targets_named(self._access, names)
        jobs, others = [], []
        for name, target in self._targets.items():
            found = self._owner(name, target)
            if isinstance(found, Job):
                jobs.append(found)
            else:
                others.append(found)
        return jobs, tuple(others)

    def apply(self, plan: Plan, jobs: Sequence[Job], *, serial: int = 1, on_failure: str = "rollback") -> tuple[NodeState, ...]:
        """Bring nodes to the target, `serial` at a time; no node begins after one that is not done, or after an interrupt."""
        ready = [job for job in jobs if job.node.steps]
        states = {job.node.host: _blocked(job) for job in jobs if not job.node.steps}
        if ready:
            self._reach(ready)
            RunFolder(run_of(plan)).keep_plan(plan)
        why = ""
        for begin in range(0, len(ready), serial):
            wave = ready[begin : begin + serial]
            why = why or self._interrupted()
            if why:
                states |= {job.node.host: _skipped(job, why) for job in wave}
                continue
            with ThreadPoolExecutor(len(wave)) as pool:
                ended = pool.map(lambda job: self._ended(job, lambda work: apply(work, on_failure=on_failure)), wave)
                states |= {state.node: state for state in ended}
            if not all(_done(states[job.node.host]) for job in wave):
                why = self._interrupted() or "earlier-node-failed"
        return tuple(states[job.node.host] for job in jobs)

    def rollback(self, jobs: Sequence[Job], overwrite: Iterable[str] = ()) -> tuple[NodeState, ...]:
        """Roll nodes back, one after the other; one that cannot be rolled back does not keep the next from it, an interrupt does."""
        if ready := [job for job in jobs if job.node.steps]:
            self._reach(ready)
        allowed = frozenset(overwrite)
        return tuple(
            self._unless_interrupted(job, lambda work: rollback(work, allowed)) if job.node.steps else _never_planned(job) for job in jobs
        )

    def verify(self, jobs: Sequence[Job]) -> tuple[NodeState, ...]:
        """Verify that nodes and their workloads run on the runtime that their run left them on."""
        self._reach(jobs)
        return tuple(self._unless_interrupted(job, verified, hold=False) for job in jobs)

    def status(self, jobs: Sequence[Job]) -> tuple[NodeState, ...]:
        """How nodes stand by their own journals and the API."""
        self._reach(jobs)
        return tuple(self._state(job, standing, hold=False) for job in jobs)

    def _owner(self, name: str, target: HostTarget) -> Job | NodeState:
        """The job of the run that owns a node, else the node's state."""
        run = ""
        remote = Remote(name, run, self._opener(target), self._clock)
        try:
            run = remote.latest()
            if not run:
                return NodeState(node=name, state=UNTOUCHED, exit_code=0, reason=Reason(code="no-run", seen="no run owns this node"))
            remote.close()
            remote = Remote(name, run, self._opener(target), self._clock)
            plan = load_plan((remote.kept("plan.json") or b"").decode("utf-8", "replace"))
            return Job(plan.nodes[0], run, plan.target)
        except MigrateError as wrong:
            return failure(name, run, wrong)
        except ValueError as wrong:
            reason = Reason(
                code="plan-unreadable",
                seen=f"the plan of run {run} on the node cannot be used: {wrong}",
                expected="the plan as docker2cri wrote it",
                next="docker2cri status PLAN, with the plan file that was applied",
            )
            return NodeState(node=name, state=FAILED, exit_code=4, reason=reason, run=run)
        finally:
            remote.close()

    def _interrupted(self) -> str:
        return "interrupted" if self._interrupt.wished.is_set() else ""

    def _unless_interrupted(self, job: Job, act: Callable[[Work], NodeState], *, hold: bool = True) -> NodeState:
        return _skipped(job, "interrupted") if self._interrupt.wished.is_set() else self._ended(job, act, hold=hold)

    def _ended(self, job: Job, act: Callable[[Work], NodeState], *, hold: bool = True) -> NodeState:
        """One node's state after it was acted on, told as an event too."""
        state = self._state(job, act, hold=hold)
        seen = state.reason.seen.partition("\n")[0]
        at = self._clock.now().timestamp()
        self._tell(Event(at=at, type="node.end", run=job.run, node=state.node, text=seen, status=state.state))
        return state

    def _state(self, job: Job, act: Callable[[Work], NodeState], *, hold: bool) -> NodeState:
        """What `act` says of one node; whatever goes wrong with it is a state of that node, not the end of the run."""
        host = job.node.host
        try:
            work = self._work(job)
            try:
                with held(work) if hold else nullcontext():
                    return act(work)
            finally:
                work.remote.close()
        except MigrateError as wrong:
            return failure(host, job.run, wrong)
        except Exception as wrong:
            reason = Reason(
                code="unexpected",
                seen=f"unexpected {type(wrong).__name__}: {wrong}\n{traceback.format_exc().rstrip()}",
                expected="no defect of this program",
                next=f"docker2cri status {host}; then apply or rollback, which continue from there",
            )
            return NodeState(node=host, state=FAILED, exit_code=1, reason=reason, run=job.run)

    def _work(self, job: Job) -> Work:
        target = target_named(job.target)
        if target is None:
            raise UsageError(seen=f"the plan is for {job.target}", expected="a target that this version knows", next="docker2cri --version")
        cluster = connect_cluster(kubeconfig=self._access.kubeconfig, context=self._access.context, environ=os.environ, clock=self._clock)
        work = Work(
            plan=job.node,
            run=job.run,
            target=target,
            connect=self._opener(self._targets[job.node.host]),
            cluster=acting(cluster, lambda event: work.hear(event)),
            clock=self._clock,
            tell=self._tell,
            folder=RunFolder(job.run),
            interrupt=self._interrupt,
        )
        return work

    def _opener(self, target: HostTarget) -> Callable[[], Host]:
        return lambda: self._connector.open(target)

    def _reach(self, jobs: Sequence[Job]) -> None:
        wanted = [job.node.host for job in jobs]
        if not set(wanted) <= self._targets.keys():
            self._targets = targets_named(self._access, wanted)


def failure(node: str, run: str, wrong: MigrateError) -> NodeState:
    """The state of a node whose work ended with an error."""
    state, code = next((state, code) for kind, state, code in ENDS if isinstance(wrong, kind))
    reason = Reason(code=code, seen=wrong.seen, expected=wrong.expected, next=wrong.next)
    return NodeState(node=node, state=state, exit_code=wrong.exit_code, reason=reason, run=run)


def _done(state: NodeState) -> bool:
    return state.state in DONE and state.exit_code == 0


def _blocked(job: Job) -> NodeState:
    codes = ", ".join(dict.fromkeys(refusal.code for refusal in job.node.refusals))
    reason = Reason(
        code="blockers",
        seen=f"the plan has blockers for it{f': {codes}' if codes else ''}",
        expected="a plan without blockers",
        next=f"docker2cri inspect {job.node.host}, which tells what each asks for; then a new plan",
    )
    return NodeState(node=job.node.host, state=REFUSED, exit_code=3, reason=reason, run=job.run)


def _never_planned(job: Job) -> NodeState:
    reason = Reason(code="no-steps", seen="the plan has no steps for it, so there is nothing to roll back")
    return NodeState(node=job.node.host, state=UNTOUCHED, exit_code=0, reason=reason, run=job.run)


def _skipped(job: Job, code: str) -> NodeState:
    seen = "skipped: the run was interrupted" if code == "interrupted" else "skipped: an earlier node failed"
    return NodeState(node=job.node.host, state=SKIPPED, exit_code=0, reason=Reason(code=code, seen=seen), run=job.run)
