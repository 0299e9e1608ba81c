"""Whose run a node is in, and what the operator goes by: a plan of this machine, else the mark on the Node, else nothing but the node.

What lies on the node is about that node: it names no other node, no step through the API, and no file of this machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from msgspec.structs import replace

from migrate.errors import ClusterUnreachable, MigrateError, Refused, UsageError
from migrate.facts.cluster import ClusterIdentity, Node
from migrate.facts.live import LiveNode
from migrate.facts.match import node_by_name
from migrate.plan.mark import Mark, mark_of, record_of
from migrate.plan.marked import by_itself, from_mark
from migrate.plan.model import NodePlan, Plan, load_plan
from migrate.plan.state import UNTOUCHED, NodeState, Reason
from migrate.plan.steps import HOST, kind_of
from migrate.run.kube.port import ActingCluster
from migrate.run.ports import HostTarget
from migrate.run.remote import Remote
from migrate.run.runs import RunFolder, run_of
from migrate.targets.table import TARGETS, target_named

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """One node's plan in one run; `target` is the runtime's name.

    `recorded` is False where neither mark nor plan says how the node was found: then only its own rollback and the uncordon are open.
    `cluster` is that of the plan, None where the plan comes from this cluster's own mark; `told` is what the user should know of where
    the plan comes from.
    """

    node: NodePlan
    run: str
    target: str
    recorded: bool = True
    cluster: ClusterIdentity | None = None
    told: tuple[str, ...] = ()


def jobs_of(plan: Plan, names: Sequence[str]) -> list[Job]:
    """The nodes of a plan that are named, by inventory or node name; all when none is. Raises UsageError for others."""
    known = {name for node in plan.nodes for name in (node.host, node.node)}
    if missing := [name for name in names if name not in known]:
        expected = f"nodes among {', '.join(sorted(known - {''}))}"
        raise UsageError(seen=f"{', '.join(missing)}: not in the plan", expected=expected, next="docker2cri plan")
    chosen = [node for node in plan.nodes if not names or node.host in names or node.node in names]
    return [Job(node, run_of(plan), plan.target, cluster=plan.cluster) for node in chosen]


def job_of(
    host: str,
    target: HostTarget,
    remote: Callable[[str], Remote],
    cluster: Callable[[], ActingCluster],
    nodes: Callable[[], Sequence[Node]],
) -> Job | NodeState:
    """The job of the run that holds a node, or that it is untouched; `remote` opens the record of a run there, `nodes` are the cluster's.

    The run that the Node's mark names holds it, whatever other runs the machine tells of. Raises what reading the node and the API raises,
    and Refused where the Node object is not known for certain.
    """
    run = _with(remote(""), Remote.latest)
    found = _recorded(host, run, remote)
    node: LiveNode | None = None
    try:
        node = cluster().read_node(found.job.node.node if found.job else certain_node(host, target, nodes()).name)
    except (ClusterUnreachable, Refused):
        if run and found.job is None:
            raise
    holder = mark_of(node) if node else None
    if isinstance(holder, Mark) and holder.run != run:
        run = holder.run
        found = _recorded(host, run, remote)
    if found.job is not None:
        return found.job
    if not run or node is None:
        return NodeState(node=host, state=UNTOUCHED, exit_code=0, reason=Reason(code="no-run", seen="no run holds this node"))
    mark = record_of(node)
    if mark is not None and mark.run == run and (marked := from_mark(host, node, mark, found.there)) is not None:
        return Job(marked, run, mark.target, told=found.told)
    return Job(by_itself(host, node, found.there), run, found.target or TARGETS[0].name, recorded=False, told=found.told)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What is recorded of a run: the job by this machine's plan, the node's own copy of the plan, and the target of that."""

    job: Job | None = None
    there: NodePlan | None = None
    target: str = ""
    told: tuple[str, ...] = ()


def _recorded(host: str, run: str, remote: Callable[[str], Remote]) -> _Recorded:
    if not run:
        return _Recorded()
    data = _with(remote(run), lambda looking: looking.kept("plan.json"))
    kept, wrong = _plan(lambda: load_plan((data or b"").decode("utf-8", "replace")))
    there = kept.nodes[0] if kept and kept.nodes else None
    told: tuple[str, ...] = (f"the plan that lies on the node cannot be used: {wrong}",) if wrong else ()
    folder = RunFolder(run)
    own, wrong = _plan(folder.plan)
    told += (f"this machine's record of run {run} cannot be used: {wrong}",) if wrong else ()
    mine = next((node for node in own.nodes if host in (node.host, node.node) and _begun_here(folder, host, node)), None) if own else None
    job = None
    if own is not None and mine is not None:
        differs = kept is not None and (there, kept.target) != (mine, own.target)
        told += ("the plan that lies on the node is another than this machine's, which is used",) if differs else ()
        job = Job(replace(mine, host=host), run, own.target, cluster=own.cluster, told=told)
    return _Recorded(job, there, kept.target if kept and target_named(kept.target) else "", told)


def _with(looking: Remote, ask: Callable[[Remote], T]) -> T:
    try:
        return ask(looking)
    finally:
        looking.close()


def _plan(read: Callable[[], Plan | None]) -> tuple[Plan | None, str]:
    """A plan, and why it cannot be used."""
    try:
        return read(), ""
    except (OSError, ValueError) as wrong:
        return None, str(wrong)


def _begun_here(folder: RunFolder, host: str, plan: NodePlan) -> bool:
    """Whether this machine drained the node in this run: a run that a node names and that was never begun here on it says nothing."""
    return folder.drained(host) or all(kind_of(planned.step).where == HOST for planned in plan.steps)


def begun_by(cluster: Callable[[], ActingCluster], job: Job) -> bool:
    """Whether the job's run has begun its node already: the Node carries its mark. An API that is away does not tell."""
    try:
        mark = mark_of(cluster().read_node(job.node.node))
    except MigrateError:
        return False
    return isinstance(mark, Mark) and mark.run == job.run


def certain_node(host: str, target: HostTarget, nodes: Sequence[Node]) -> Node:
    """The Node that a host is, as the operator knows it by name and address; raises Refused where that cannot be told."""
    found = node_by_name(host, target.address, nodes)
    if isinstance(found, Node):
        return found
    raise Refused(
        node=host,
        seen=f"which Node it is cannot be told: {found}",
        expected="a Node of this name, or of this address alone; or the plan that was applied",
        next=f"the same command with the plan file: docker2cri rollback PLAN {host}",
    )
