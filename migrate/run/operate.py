"""A run over nodes, stage after stage, each to a NodeState. It ends at the first that is not migrated or installed."""

from __future__ import annotations

import os
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial

from migrate.errors import MigrateError, UsageError
from migrate.facts.cluster import Node
from migrate.plan.events import Event
from migrate.plan.fleet import FleetPlan, windows
from migrate.plan.lease import ClusterLease
from migrate.plan.model import SEGMENTS, Plan
from migrate.plan.state import CLEANED, FAILED, INSTALLED, MIGRATED, NodeState, Reason
from migrate.run.cleaned import carry_out
from migrate.run.clock import SystemClock
from migrate.run.ends import PAUSED, blocked, code_of, failure, never_planned, nothing, skipped
from migrate.run.fleet import FORKS, each, once
from migrate.run.health_gate import HealthGate
from migrate.run.hold import held
from migrate.run.hooks import RunHooks
from migrate.run.identify import ANOTHER_CA, another_ca, identify
from migrate.run.interrupt import Interrupt
from migrate.run.kube.client import connect as connect_cluster
from migrate.run.kube.lists import KubeCluster
from migrate.run.kube.port import ActingCluster
from migrate.run.kube.writes import PATIENCE, acting
from migrate.run.lease import RunLease, heed_pause
from migrate.run.owned import Job, begun_by, certain_node, job_of
from migrate.run.ports import Host, HostTarget
from migrate.run.release import release
from migrate.run.remote import Remote
from migrate.run.rollback import rollback
from migrate.run.run_gates import AGAIN, RunGates
from migrate.run.runs import RunFolder, run_of
from migrate.run.session import Access, targets_named
from migrate.run.ssh.connect import Connector
from migrate.run.standing import standing, verified
from migrate.run.window import slide
from migrate.run.work import Work
from migrate.targets.table import target_named

FAILED_EARLIER = "earlier-node-failed"
GLANCE = 20.0  # seconds that an API may be away where a look is all that is asked for: what the nodes say is told without it
DONE = (MIGRATED, INSTALLED, CLEANED)  # the next node may begin, where the exit code is 0 too


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
        cluster = once(lambda: self._acting(GLANCE))
        nodes = once(lambda: cluster().every_node())
        found = each(list(self._targets.items()), lambda named: self._owner(*named, cluster, nodes))
        return [one for one in found if isinstance(one, Job)], tuple(one for one in found if isinstance(one, NodeState))

    def apply(
        self, plan: Plan, jobs: Sequence[Job], *, serial: int | None = None, on_failure: str = "rollback", take_over: bool = False
    ) -> tuple[NodeState, ...]:
        """Bring nodes to the target, stage after stage as planned; `serial` at once where that is asked for.

        No node begins after one that is not done, after an interrupt, while the cluster is not as well as it was before the run, while
        operators are paused, or while another operator runs a rollout (`take_over`: that one is known to be gone).
        """
        return self._leased(plan, jobs, take_over, lambda lease, ready: self._staged(plan, ready, serial, on_failure, lease))

    def _leased(
        self,
        plan: Plan,
        jobs: Sequence[Job],
        take_over: bool,
        brought: Callable[[RunLease, Mapping[str, Job]], dict[str, NodeState]],
    ) -> tuple[NodeState, ...]:
        """What became of the nodes that have steps while the Lease is held or heeded, and how the others stand."""
        ready = {job.node.host: job for job in jobs if job.node.steps}
        states = {job.node.host: nothing(job) if job.node.nothing else blocked(job) for job in jobs if not job.node.steps}
        if ready:
            self._reach(list(ready.values()))
            several, cluster = len(ready) > 1, once(self._acting)
            lease = RunLease(cluster, self._clock, self._interrupt, self._tell, run=run_of(plan), takes=several, take_over=take_over)
            try:
                with lease:
                    states |= brought(lease, ready)
            except MigrateError as wrong:
                states |= {job.node.host: self._told(failure(job.node.host, job.run, wrong)) for job in ready.values()}
        return tuple(states[job.node.host] for job in jobs)

    def prepare(self, plan: Plan, jobs: Sequence[Job], *, at_once: int = FORKS, take_over: bool = False) -> tuple[NodeState, ...]:
        """Do on these nodes what disturbs nothing, so many at once, whatever stages, gates and windows the plan has."""
        folder = RunFolder(run_of(plan))

        def brought(lease: RunLease, ready: Mapping[str, Job]) -> dict[str, NodeState]:
            def closed(under_way: Sequence[Job], job: Job) -> str:
                return self._interrupted() or ("" if (held := lease.closed()) is None else code_of(held))

            act = partial(carry_out, keep=lambda: folder.keep_plan(plan), segments=SEGMENTS[:1])
            came, left, why = slide([([*ready.values()], at_once)], lambda job: self._ended(job, act), lambda state: "", closed)
            return {state.node: state for state in came} | {job.node.host: self._not_begun(job, why) for job in left}

        return self._leased(plan, jobs, take_over, brought)

    def _staged(self, plan: Plan, ready: Mapping[str, Job], serial: int | None, on_failure: str, lease: RunLease) -> dict[str, NodeState]:
        hooks = RunHooks(plan, self._clock, self._tell)
        if unbegun := hooks.before_run(ready):
            return unbegun
        folder, acting = RunFolder(run_of(plan)), once(self._acting)
        health, asked = self._gate(len(ready), run_of(plan)), (lambda: acting().read_lease(), lambda job: begun_by(acting, job))
        gates = RunGates(plan, health, self._clock, self._tell, self._interrupt, *asked)
        stopped: dict[str, NodeState] = {}
        act = partial(carry_out, keep=lambda: folder.keep_plan(plan), on_failure=on_failure)

        def brought(job: Job) -> NodeState:
            return hooks.around_node(job, lambda: self._ended(job, act))

        taken = windows(plan.stages, list(ready), serial)
        stages = [([ready[host] for host in hosts], at_once) for hosts, at_once in taken]
        fleet, failed = plan.stages or FleetPlan(), Counter[tuple[str, ...]]()

        def ended(state: NodeState) -> str:
            if _done(state):
                return ""
            members = next(hosts for hosts, _ in taken if state.node in hosts)
            failed[members] += 1
            return self._interrupted() or (FAILED_EARLIER if fleet.stops(failed[members], len(members)) else "")

        def again(state: NodeState) -> bool:
            """A node that a pause stopped before its switch."""
            stopped[state.node] = state
            return state.reason.code == PAUSED

        def closed(under_way: Sequence[Job], job: Job) -> str:
            while True:
                held = lease.closed()
                why = self._interrupted() or (held and code_of(held)) or gates.closed(under_way, job)
                if why != AGAIN and (why or not self._interrupt.stops):
                    return why

        def refused(job: Job, why: str) -> NodeState:
            if why in ("interrupted", FAILED_EARLIER):
                return skipped(job, why)
            if (shut := gates.refused(job, why)) is not None:
                return shut
            return stopped.get(job.node.host) or self._not_begun(job, why)

        came, left, why = slide(stages, brought, ended, closed, again)
        return hooks.after_run({state.node: state for state in came} | {job.node.host: refused(job, why) for job in left})

    def _not_begun(self, job: Job, why: str) -> NodeState:
        held = None if why == "interrupted" else self._interrupt.held
        return failure(job.node.host, job.run, held) if held else skipped(job, why)

    def _gate(self, nodes: int, run: str) -> HealthGate:
        """What is asked before each node; one node alone is judged by its own preflight."""
        read = once(lambda: self._cluster()) if nodes > 1 else None
        return HealthGate((lambda: read().read()) if read else None, self._clock, self._tell, self._interrupt, run)

    def rollback(self, jobs: Sequence[Job], overwrite: Iterable[str] = ()) -> tuple[NodeState, ...]:
        """Roll nodes back, one after the other; one that cannot be rolled back does not keep the next from it, an interrupt does."""
        if ready := [job for job in jobs if job.node.steps]:
            self._reach(ready)
        allowed = frozenset(overwrite)

        def back(work: Work) -> NodeState:
            heed_pause(work)
            return rollback(work, allowed)

        return tuple(self._unless_interrupted(job, back) if job.node.steps else never_planned(job) for job in jobs)

    def lease(self) -> ClusterLease:
        """Who runs a rollout of the cluster, and whether all operators are paused."""
        return self._acting(GLANCE).read_lease()

    def release(self, names: Sequence[str], reason: str, *, force: bool) -> tuple[NodeState, ...]:
        """Let nodes go as they stand, whatever run holds them; a plan is not needed."""
        self._targets = targets_named(self._access, names)
        return tuple(self._released(name, target, reason, force) for name, target in self._targets.items())

    def _released(self, name: str, target: HostTarget, reason: str, force: bool) -> NodeState:
        try:
            node = certain_node(name, target, (cluster := self._acting()).every_node())
            return self._told(release(node, name, cluster, lambda run: self._remote(name, run, target), reason, force=force))
        except MigrateError as wrong:
            return self._told(failure(name, "", wrong))

    def verify(self, jobs: Sequence[Job]) -> tuple[NodeState, ...]:
        """Verify that nodes and their workloads run on the runtime that their run left them on."""
        self._reach(jobs)
        return tuple(self._unless_interrupted(job, verified, hold=False) for job in jobs)

    def status(self, jobs: Sequence[Job], looking: Callable[[Work], NodeState] | None = None) -> tuple[NodeState, ...]:
        """How nodes stand by their own journals and the API, or as `looking`, which changes nothing, tells it."""
        self._reach(jobs)
        return tuple(each(jobs, lambda job: self._state(job, looking or standing, hold=False, patience=GLANCE)))

    def _owner(
        self, name: str, target: HostTarget, cluster: Callable[[], ActingCluster], nodes: Callable[[], Sequence[Node]]
    ) -> Job | NodeState:
        """The job of the run that holds a node, else the node's state."""
        try:
            return job_of(name, target, lambda run: self._remote(name, run, target), cluster, nodes)
        except MigrateError as wrong:
            return failure(name, "", wrong)

    def _cluster(self) -> KubeCluster:
        return connect_cluster(kubeconfig=self._access.kubeconfig, context=self._access.context, environ=os.environ, clock=self._clock)

    def _acting(self, patience: float = PATIENCE) -> ActingCluster:
        return acting(self._cluster(), lambda event: None, patience)

    def _interrupted(self) -> str:
        return "interrupted" if self._interrupt.wished.is_set() else ""

    def _unless_interrupted(self, job: Job, act: Callable[[Work], NodeState], *, hold: bool = True) -> NodeState:
        return skipped(job, "interrupted") if self._interrupt.wished.is_set() else self._ended(job, act, hold=hold)

    def _ended(self, job: Job, act: Callable[[Work], NodeState], *, hold: bool = True) -> NodeState:
        """One node's state after it was acted on, told as an event too."""
        return self._told(self._state(job, act, hold=hold))

    def _told(self, state: NodeState) -> NodeState:
        at, seen = self._clock.now().timestamp(), state.reason.seen.partition("\n")[0]
        self._tell(Event(at=at, type="node.end", run=state.run, node=state.node, text=seen, status=state.state))
        return state

    def _state(self, job: Job, act: Callable[[Work], NodeState], *, hold: bool, patience: float = PATIENCE) -> NodeState:
        """What `act` says of one node; whatever goes wrong with it is a state of that node, not the end of the run."""
        host = job.node.host
        try:
            work = self._work(job, patience)
            try:
                if hold:
                    identify(work)
                with held(work) if hold else nullcontext():
                    for told in (*work.told, *([ANOTHER_CA] if hold and another_ca(work) else ())):
                        work.say("note", told)
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

    def _work(self, job: Job, patience: float) -> Work:
        target = target_named(job.target)
        if target is None:
            raise UsageError(seen=f"the plan is for {job.target}", expected="a target that this version knows", next="docker2cri --version")
        work = Work(
            plan=job.node,
            run=job.run,
            target=target,
            connect=self._opener(self._targets[job.node.host]),
            cluster=acting(self._cluster(), lambda event: work.hear(event), patience),
            clock=self._clock,
            tell=self._tell,
            folder=RunFolder(job.run),
            interrupt=self._interrupt,
            recorded=job.recorded,
            planned_in=job.cluster,
            told=job.told,
        )
        return work

    def _remote(self, name: str, run: str, target: HostTarget) -> Remote:
        return Remote(name, run, self._opener(target), self._clock)

    def _opener(self, target: HostTarget) -> Callable[[], Host]:
        return lambda: self._connector.open(target)

    def _reach(self, jobs: Sequence[Job]) -> None:
        wanted = [job.node.host for job in jobs]
        if not set(wanted) <= self._targets.keys():
            self._targets = targets_named(self._access, wanted)


def _done(state: NodeState) -> bool:
    return state.state in DONE and state.exit_code == 0
