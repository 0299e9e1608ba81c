"""Where the pods of nodes that are drained could go: the scheduler's filters over what was read, before the first eviction.

A pod is taken as it is, for what its owner makes is mostly the same. Not looked at: preemption, limits on attached volumes, host ports,
other schedulers, and terms that mean namespaces by their labels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.demand import demand
from migrate.facts.placement import OUTSIDE, keeps_out, only_here
from migrate.facts.pod import Pod
from migrate.facts.room import near, size_of
from migrate.rules.pod_class import PodClass, classified
from migrate.rules.trial import Trial


@dataclass(frozen=True, slots=True)
class Stuck:
    """A pod that would stay Pending, and why; `alone` says that it fits nowhere even if nothing else moves."""

    pod: Pod
    why: str
    alone: bool


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a drain of some nodes would leave without a node: `stuck` whatever the scheduler does, `tight` if it places pods as they come.

    `bound` can run on their node only, and wait for it. `closed` are the words for each other node where none takes any of the pods.
    """

    stuck: tuple[Stuck, ...] = ()
    tight: tuple[Stuck, ...] = ()
    bound: tuple[Pod, ...] = ()
    closed: tuple[str, ...] | None = None


def foresee(cluster: ClusterFacts, nodes: Iterable[str]) -> Foreseen:
    """What a drain of these nodes together would do to their pods; several rules ask it, and are told the same."""
    key = tuple(sorted(set(nodes)))
    found: Foreseen | None = cluster.room.kept.get(key)
    if found is None:
        found = cluster.room.kept[key] = _foreseen(cluster, frozenset(key))
    return found


def _foreseen(cluster: ClusterFacts, away: frozenset[str]) -> Foreseen:
    moving: list[Pod] = []
    bound: list[Pod] = []
    for name in sorted(away):
        here = cluster.node(name)
        for found in classified(cluster.pods_on(name), cluster):
            if here is None or found.is_a is not PodClass.MANAGED or found.comeback is not None:
                continue
            (bound if only_here(found.pod, here, cluster) else moving).append(found.pod)
    if not moving:
        return Foreseen(bound=tuple(bound))
    if (closed := _closed(cluster, moving, away)) is not None:
        return Foreseen(bound=tuple(bound), closed=closed)
    loose = _left(Trial(cluster, moving, away), moving)
    if not loose:
        return Foreseen(bound=tuple(bound))
    largest = {name: amount for name, amount in _largest(cluster, away).items() if amount > 0}
    by_size = sorted(moving, key=lambda pod: (bool(near(pod.spec)), -size_of(demand(pod.spec), largest)))
    packed = _left(Trial(cluster, moving, away, pack=True), by_size)
    if not packed:
        return Foreseen(bound=tuple(bound), tight=tuple(Stuck(pod, why, False) for pod, why in loose))
    stuck, trial = [], Trial(cluster, moving, away)
    for pod, why in packed:
        by_itself = trial.place(pod)
        stuck.append(Stuck(pod, by_itself or why, bool(by_itself)))
        if not by_itself:  # it took room
            trial = Trial(cluster, moving, away)
    return Foreseen(bound=tuple(bound), stuck=tuple(stuck))


def _left(trial: Trial, pods: Iterable[Pod]) -> list[tuple[Pod, str]]:
    return [(pod, why) for pod in pods if (why := trial.place(pod))]


def _closed(cluster: ClusterFacts, moving: Sequence[Pod], away: frozenset[str]) -> tuple[str, ...] | None:
    """Why each other node takes no pod at all, None where one takes some; a node selector is the pod's reason, not the node's."""
    reasons = []
    for node in cluster.nodes:
        if node.name in away:
            continue
        why = {keeps_out(pod.spec, node) for pod in moving} if _may_be_closed(node) else {""}
        if why & {"", OUTSIDE}:
            return None
        reasons.append(f"{node.name} ({min(why)})")
    return tuple(reasons)


def _may_be_closed(node: Node) -> bool:
    return node.ready != "True" or node.spec.unschedulable or bool(node.spec.taints)


def _largest(cluster: ClusterFacts, away: frozenset[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for name, free in cluster.room.free.items():
        if name not in away:
            found |= Counter(dict(free or {}))
    return found
