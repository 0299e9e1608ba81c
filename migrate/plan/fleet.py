"""In which order and how many at once nodes are taken through their plans: a canary, then stages that grow.

A stage has nodes of one pool and one zone. It is a sliding window: a free slot takes the next node; the next stage begins when all are
done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.pools import pool_of, zone_of
from migrate.formats.listing import few
from migrate.plan.gates import NO_GATES, Gates
from migrate.plan.ordering import Ordering
from migrate.rules.foresight import foresee

DEFAULT_ORDER = Ordering()


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nodes, by their inventory names, of which at most `at_once` are changed at the same time; `why` it is not more.

    `seconds`: how long it is expected to take, at least and at most.
    """

    nodes: tuple[str, ...]
    at_once: int = 1
    pool: str = ""
    zone: str = ""
    why: str = ""
    group: str = ""
    seconds: tuple[int, int] = (0, 0)


class FleetPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`before`: nodes that first get what they lack, which disturbs nothing; `stages` in their order. By inventory names.

    `gates` are asked between the stages, and when a node may be begun; `max_fail` percent of a stage's nodes may fail, and the run goes on.
    """

    before: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    gates: Gates = NO_GATES
    max_fail: int = 0

    def number(self, host: str) -> int:
        """The number (from 1) of the stage of a node, 0 for a node of none."""
        return next((number for number, stage in enumerate(self.stages, 1) if host in stage.nodes), 0)

    def stops(self, failed: int, nodes: int) -> bool:
        """Whether so many failed nodes of so many of a stage stop the run; one alone in its stage, a canary or control plane, does."""
        return failed * 100 > self.max_fail * nodes or failed == nodes == 1


def staged(
    nodes: Iterable[tuple[str, Node]],
    cluster: ClusterFacts,
    order: Ordering = DEFAULT_ORDER,
    before: Iterable[str] = (),
    leading: Iterable[str] = (),
) -> FleetPlan:
    """The stages of these nodes (inventory name, Node), in the order given but one group, pool and zone after the other.

    The first worker is the canary. Then come the control planes, each a stage of its own so that nothing takes two at once, those whose
    etcd is `leading` last; then the other workers. Of each later stage no more are taken at once than its pool or group allows, and than
    the pods of all of them would find room for on the other nodes.
    """
    every, last = order.arranged(list(nodes)), set(leading)
    planes = sorted((one for one in every if one[1].control_plane), key=lambda one: one[0] in last)
    given = [one for one in every if not one[1].control_plane]
    workers = [node for node in cluster.nodes if not node.control_plane]
    pools = Counter(pool_of(node) for node in workers)
    groups = Counter(group.name for node in workers if (group := order.group(node.name, node)))
    places = {place: at for at, place in reversed(list(enumerate(_place(one, order) for one in given)))}
    stages: list[Stage] = []
    sizes = order.sizes(len(every))
    for (name, pool, _), members in groupby(sorted(given, key=lambda one: places[_place(one, order)]), key=lambda one: _place(one, order)):
        left = list(members)
        share = next((group.share for group in order.groups if group.name == name and group.share), None)
        whole = groups[name] if share else pools[pool]
        while left:
            size = next(sizes)
            taken, left = left[:size], left[size:]
            most = (share or order.share).of(whole)
            why = f"{share or order.share} of {whole:,} nodes" if most < len(taken) else ""
            stages.append(_stage(taken, min(most, len(taken)), why, name, cluster))
    stages[1:1] = [_plane(one, one[0] in last, order) for one in planes]
    return FleetPlan(before=tuple(before), stages=tuple(stages), gates=order.gates, max_fail=order.max_fail)


def windows(fleet: FleetPlan | None, hosts: Sequence[str], serial: int | None) -> tuple[tuple[tuple[str, ...], int], ...]:
    """The asked hosts by stage, each with how many at once; `serial` is what was asked for. Without stages all are one."""
    parts = ((fleet.before, 1), *((stage.nodes, stage.at_once) for stage in fleet.stages)) if fleet else ()
    asked = [(tuple(name for name in names if name in hosts), serial or at_once) for names, at_once in parts]
    known = {name for names, _ in asked for name in names}
    asked.append((tuple(host for host in hosts if host not in known), serial or 1))
    return tuple((names, at_once) for names, at_once in asked if names)


def _place(one: tuple[str, Node], order: Ordering) -> tuple[str, str, str]:
    group = order.group(*one)
    return group.name if group else "", pool_of(one[1]), zone_of(one[1])


def _plane(one: tuple[str, Node], leads: bool, order: Ordering) -> Stage:
    group, pool, zone = _place(one, order)
    why = "a control plane, whose etcd leads" if leads else "a control plane"
    return Stage(nodes=(one[0],), pool=pool, zone=zone, why=why, group=group)


def _stage(nodes: Sequence[tuple[str, Node]], at_once: int, why: str, group: str, cluster: ClusterFacts) -> Stage:
    """The largest number at once for which the pods of any neighbours in the order find room; one node is judged by its own findings."""
    names = [node.name for _, node in nodes]
    alone = {one.pod.key for name in names for one in foresee(cluster, (name,)).stuck} if at_once > 1 else set()
    while at_once > 1:
        windows = (names[at : at + at_once] for at in range(len(names) - at_once + 1))
        found = (foresee(cluster, window) for window in windows)
        stuck = next((bad for one in found if (bad := _stuck(one.closed, [each.pod.key for each in one.stuck], alone))), "")
        if not stuck:
            break
        why = f"with {at_once} at once {stuck}"
        at_once -= 1
    pool, zone = pool_of(nodes[0][1]), zone_of(nodes[0][1])
    return Stage(nodes=tuple(host for host, _ in nodes), at_once=at_once, pool=pool, zone=zone, why=why, group=group)


def _stuck(closed: Sequence[str] | None, pods: Sequence[str], alone: set[str]) -> str:
    if closed is not None:
        return "no other node takes their pods"
    left = [pod for pod in pods if pod not in alone]
    return f"{few(left, 3)} would stay Pending" if left else ""
