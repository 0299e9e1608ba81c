"""Emptying a node through the API before its containers are stopped, in either direction.

Each step looks first, so that a second time does nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from migrate.facts.cluster import ClusterFacts
from migrate.plan.drain import classify
from migrate.plan.mark import Mark, mark_of
from migrate.plan.network import reach_of, remembered
from migrate.plan.steps import Drain, DrainPolicy
from migrate.plan.verify import Before, snapshot
from migrate.run.kube.drain import drain
from migrate.run.kube.volumes import wait_volumes_detached
from migrate.run.work import Work
from migrate.targets.kubelet import cgroup_driver


def policy_of(work: Work) -> DrainPolicy:
    """How this plan drains."""
    return next((one.step.policy for one in work.plan.steps if isinstance(one.step, Drain)), DrainPolicy())


def cordon(work: Work) -> None:
    """Cordon the node with this run's mark, which says how it was found."""
    node = work.cluster.read_node(work.node)
    mark = mark_of(node)
    work.cluster.cordon(work.node, work.run, mark.cordoned_before if isinstance(mark, Mark) else node.spec.unschedulable)


def vacate(work: Work, *, stoppable: bool) -> None:
    """Remember what runs, cordon, drain, wait for volumes.

    What runs is remembered before the mark is set, and never after: then the node may be half empty. Raises what `drain` and
    `wait_volumes_detached` raise, and Stopped when the user wishes to stop and it is `stoppable`.
    """
    work.segment, work.stoppable = "vacate", stoppable
    try:
        work.heed()
        facts = work.cluster.read()
        if work.marked() is None:
            accepted = {finding.subject for finding in work.plan.findings if finding.accepted is not None}
            decisions = classify(facts.pods_on(work.node), facts, policy_of(work))
            work.keep_before(_with_the_nodes_own(work, facts, snapshot(facts, work.node, decisions, accepted)))
        work.step("cordon", 1, 3)
        cordon(work)
        work.step("drain", 2, 3)
        drain(work.cluster, work.node, policy_of(work), work.clock, work.hear)
        work.step("wait until volumes are detached", 3, 3)
        wait_volumes_detached(work.cluster, work.node, work.clock, work.hear)
        work.heed()
    finally:
        work.stoppable = False


def _with_the_nodes_own(work: Work, cluster: ClusterFacts, before: Before) -> Before:
    """What only the node itself can say of how it was: its kubelet's cgroup driver, and what answers on it."""
    facts = work.facts()
    looked = reach_of(facts, cluster.pods_on(work.node), cluster.node(work.node))
    reach, notes = remembered(looked, work.asked(work.target.prefix).network(looked))
    return replace(before, driver=cgroup_driver(facts) or "", reach=reach, notes=(*before.notes, *notes))
