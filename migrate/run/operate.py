"""A run over nodes: each node's work made and done one after the other, or a few at once; it stops at the first that does not end new."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from migrate.errors import MigrateError, UsageError
from migrate.plan.events import Event
from migrate.plan.model import NodePlan, Plan
from migrate.run.apply import apply
from migrate.run.back import go_back
from migrate.run.clock import SystemClock
from migrate.run.connect import Connector
from migrate.run.inventory import read_inventory
from migrate.run.inventory_model import InventoryHost
from migrate.run.kube import connect as connect_cluster
from migrate.run.kube_writes import acting
from migrate.run.ports import Host, HostTarget
from migrate.run.runs import RunFolder, run_of
from migrate.run.session import Access, host_of, target_of
from migrate.run.ssh_config import Answers
from migrate.run.work import Interrupt, Outcome, Work
from migrate.targets.table import target_named


@dataclass(frozen=True, slots=True)
class Options:
    """How a run goes: nodes at once, what a failure leads to."""

    serial: int = 1
    on_failure: str = "back"


class Operator:
    """One run from one machine: makes each node's `Work`, and does it."""

    def __init__(self, plan: Plan, access: Access, tell: Callable[[Event], None], interrupt: Interrupt) -> None:
        self.plan = plan
        self.run = run_of(plan)
        self.folder = RunFolder(self.run)
        self._access = access
        self._tell = tell
        self._interrupt = interrupt
        self._clock = SystemClock()
        self._connector = Connector()
        self._targets = _targets(plan, access)

    def apply(self, nodes: Sequence[NodePlan], options: Options) -> tuple[Outcome, ...]:
        """Bring nodes to the target in the order given; those after the first that does not end `new` are not attempted."""
        self.folder.keep_plan(self.plan)
        outcomes: list[Outcome] = []
        queue = list(nodes)
        while queue and all(one.state == "new" for one in outcomes) and not self._interrupt.wished.is_set():
            wave, queue = queue[: options.serial], queue[options.serial :]
            with ThreadPoolExecutor(len(wave)) as pool:
                outcomes += pool.map(lambda node: self._guarded(node, lambda work: apply(work, on_failure=options.on_failure)), wave)
        return tuple(outcomes)

    def rollback(self, nodes: Sequence[NodePlan]) -> tuple[Outcome, ...]:
        """Put nodes back, one after the other; a node that cannot be put back does not keep the next from it."""
        return tuple(self._guarded(node, _rollback) for node in nodes)

    def status(self, node: NodePlan) -> tuple[str, int]:
        """Where one node stands by its own journal, as text, and the exit code of that."""
        work = self.work(node)
        try:
            progress = work.progress()
            if progress.last is None:
                return f"{node.host}: this run never touched it", 0
            said = work.remote.verb("status")
            lines = "\n".join(f"  {line}" for line in said.stdout.decode("utf-8", "replace").splitlines())
            return f"{node.host}:\n{lines}", 6 if progress.parked is not None else 0
        except MigrateError as wrong:
            return str(wrong), wrong.exit_code
        finally:
            work.remote.close()

    def work(self, node: NodePlan) -> Work:
        """Everything to act on one node."""
        target = target_named(self.plan.target)
        assert target is not None  # the plan was loaded, and its target is known
        address = self._targets[node.host]

        def connect() -> Host:
            return self._connector.open(address)

        cluster = connect_cluster(kubeconfig=self._access.kubeconfig, context=self._access.context, environ=os.environ, clock=self._clock)
        work = Work(
            plan=node,
            run=self.run,
            target=target,
            connect=connect,
            cluster=acting(cluster, lambda event: work.hear(event)),
            clock=self._clock,
            tell=self._tell,
            folder=self.folder,
            interrupt=self._interrupt,
        )
        return work

    def _guarded(self, node: NodePlan, act: Callable[[Work], Outcome]) -> Outcome:
        """One node's outcome; what was refused or could not be reached is an outcome of that node, not the end of the run."""
        work = self.work(node)
        try:
            outcome = act(work)
        except MigrateError as wrong:
            state = {7: "refused", 130: "old"}.get(wrong.exit_code, "failed")
            outcome = Outcome(node.host, state, str(wrong), wrong.exit_code)
        finally:
            work.remote.close()
        work.segment = ""
        work.say("node.end", outcome.text, status=outcome.state)
        return outcome


def _rollback(work: Work) -> Outcome:
    progress = work.progress()
    if progress.last is None:
        return Outcome(work.plan.host, "old", "nothing to do: this run never touched it", 0)
    if progress.restored:
        return Outcome(work.plan.host, "old", "nothing to do: it is restored", 0)
    _refuse_impossible(work)
    return go_back(work, "asked for", failed=False)


def _refuse_impossible(work: Work) -> None:
    """There is no dockershim to return to once the kubelet's minor has changed."""
    version = work.cluster.read_node(work.node).status.node_info.kubelet_version
    planned = next((one.value for one in work.plan.inputs if one.what == "version of kubelet"), version)
    if version.split(".")[:2] != planned.split(".")[:2]:
        raise work.refuse(
            f"the kubelet is {version} now and was {planned} when the plan was made",
            "the same kubelet minor: the files of the plan belong to it, and dockershim is gone from 1.24 on",
            f"docker2cri inspect {work.plan.host}",
        )


def _targets(plan: Plan, access: Access) -> dict[str, HostTarget]:
    """How each node of the plan is reached, by the name that the plan gives it."""
    answers: Answers = {}
    wanted = {node.host for node in plan.nodes}
    hosts: Sequence[InventoryHost]
    if access.inventory is not None:
        hosts = read_inventory(access.inventory).hosts
    else:
        found = connect_cluster(kubeconfig=access.kubeconfig, context=access.context, environ=os.environ, clock=SystemClock()).read()
        hosts = [host_of(node) for node in found.nodes]
    targets = {host.name: target_of(host, access.ssh, answers) for host in hosts if host.name in wanted}
    if missing := sorted(wanted - targets.keys()):
        raise UsageError(
            seen=f"{', '.join(missing)}: in the plan, and neither in the cluster nor in the inventory",
            expected="the inventory that the plan was made with",
            next="repeat with the same -i",
        )
    return targets
