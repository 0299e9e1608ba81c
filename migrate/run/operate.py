"""A run over nodes: each node's work made and done one after the other, or a few at once; it stops at the first that does not end new."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass

from migrate.errors import Interrupted, MigrateError, NodeUnreachable, Refused, UsageError
from migrate.plan.events import Event
from migrate.plan.model import NodePlan, Plan, load_plan
from migrate.plan.program import GUARD_SECONDS
from migrate.run.apply import apply
from migrate.run.back import rollback
from migrate.run.clock import SystemClock
from migrate.run.hold import held
from migrate.run.kube.client import connect as connect_cluster
from migrate.run.kube.writes import acting
from migrate.run.ports import Host, HostTarget
from migrate.run.remote import Remote
from migrate.run.runs import RunFolder, run_of
from migrate.run.session import Access, targets_named
from migrate.run.ssh.connect import Connector
from migrate.run.standing import standing, verified
from migrate.run.work import DONE, Interrupt, Outcome, Work
from migrate.targets.table import target_named


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
    """What one machine does to nodes."""

    def __init__(self, access: Access, tell: Callable[[Event], None], interrupt: Interrupt) -> None:
        self._access = access
        self._tell = tell
        self._interrupt = interrupt
        self._clock = SystemClock()
        self._connector = Connector()
        self._targets: Mapping[str, HostTarget] = {}

    def jobs_on(self, names: Sequence[str]) -> tuple[list[Job], list[Outcome]]:
        """The runs that own the named nodes (all that are known, when none is named), read from the nodes themselves.

        Also an outcome for each node that no run owns or that could not be reached.
        """
        self._targets = targets_named(self._access, names)
        jobs, others = [], []
        for name, target in self._targets.items():
            remote = Remote(name, "", self._opener(target), self._clock)
            try:
                run = remote.latest()
                if not run:
                    others.append(Outcome(name, "untouched", "no run owns this node", 0))
                    continue
                remote = Remote(name, run, self._opener(target), self._clock)
                plan = load_plan((remote.kept("plan.json") or b"").decode("utf-8", "replace"))
                jobs.append(Job(plan.nodes[0], run, plan.target))
            except MigrateError as wrong:
                others.append(Outcome(name, "not read", str(wrong), wrong.exit_code))
            except ValueError as wrong:
                others.append(Outcome(name, "not read", f"the plan of run {run} on the node cannot be used: {wrong}", 4))
            finally:
                remote.close()
        return jobs, others

    def apply(
        self, plan: Plan, jobs: Sequence[Job], *, serial: int = 1, on_failure: str = "back", guard: int = GUARD_SECONDS
    ) -> tuple[Outcome, ...]:
        """Bring nodes to the target in the order given; those after the first that does not end in DONE are not attempted."""
        self._reach(jobs)
        RunFolder(run_of(plan)).keep_plan(plan)
        outcomes: list[Outcome] = []
        queue = list(jobs)
        while queue and all(one.state in DONE for one in outcomes) and not self._interrupt.wished.is_set():
            wave, queue = queue[:serial], queue[serial:]
            with ThreadPoolExecutor(len(wave)) as pool:
                outcomes += pool.map(lambda job: self._outcome(job, lambda work: apply(work, on_failure=on_failure, guard=guard)), wave)
        return tuple(outcomes)

    def rollback(self, jobs: Sequence[Job], overwrite: Iterable[str] = ()) -> tuple[Outcome, ...]:
        """Put nodes back, one after the other; a node that cannot be put back does not keep the next from it."""
        self._reach(jobs)
        allowed = frozenset(overwrite)
        return tuple(self._outcome(job, lambda work: rollback(work, allowed)) for job in jobs)

    def verify(self, jobs: Sequence[Job]) -> tuple[Outcome, ...]:
        """Look whether nodes and their workloads are on the runtime that their run left them on."""
        self._reach(jobs)
        return tuple(self._outcome(job, verified, hold=False) for job in jobs)

    def status(self, job: Job) -> tuple[str, int]:
        """Where one node stands by its own journal and the API, as text, and the exit code of that."""
        self._reach([job])
        try:
            work = self._work(job)
            try:
                return standing(work)
            finally:
                work.remote.close()
        except MigrateError as wrong:
            return str(wrong), wrong.exit_code

    def _outcome(self, job: Job, act: Callable[[Work], Outcome], *, hold: bool = True) -> Outcome:
        """One node's outcome; whatever went wrong with it is an outcome of that node, not the end of the run."""
        host = job.node.host
        try:
            work = self._work(job)
            try:
                with held(work) if hold else nullcontext():
                    outcome = act(work)
            finally:
                work.remote.close()
        except MigrateError as wrong:
            outcome = Outcome(host, _state(wrong), str(wrong), wrong.exit_code)
        except Exception as wrong:
            log = traceback.format_exc()
            text = f"{host}: unexpected {type(wrong).__name__}: {wrong}\n  expected: no defect of this program\n{log}"
            outcome = Outcome(host, "failed", f"{text}  next: docker2cri status {host}; then apply or rollback, which go on", 1)
        seen = outcome.text.splitlines()[0].removeprefix(f"{host}: ")
        self._tell(Event(at=self._clock.now().timestamp(), type="node.end", run=job.run, node=host, text=seen, status=outcome.state))
        return outcome

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


def _state(wrong: MigrateError) -> str:
    """What a node is called that was left where it stood because of this."""
    match wrong:
        case Refused():
            return "refused"
        case Interrupted():
            return "stopped"
        case NodeUnreachable():
            return "not reached"
        case _:
            return "failed"
