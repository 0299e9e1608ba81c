"""In which order and how many at once nodes are taken through their plans: a canary, then stages that grow.

A stage has nodes of one pool and one zone. It is a sliding window: a free slot takes the next node; the next stage begins when all are
done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import msgspec

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.pools import pool_of, zone_of
from migrate.formats.listing import few
from migrate.plan.gates import Gates
from migrate.rules.foresight import foresee

SHARE = 10  # percent of a pool at once, unless it is set
LARGEST = 64  # nodes of a stage: more is no smaller step


class Stage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Nodes, by their inventory names, of which at most `at_once` are changed at the same time; `why` it is not more."""

    nodes: tuple[str, ...]
    at_once: int = 1
    pool: str = ""
    zone: str = ""
    why: str = ""


class FleetPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`before`: nodes that first get what they lack, which disturbs nothing; `stages` in their order. By inventory names.

    `gates` are asked between the stages, and when a node may be begun.
    """

    before: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    gates: Gates = Gates()

    def later(self, host: str) -> int:
        """The number (from 1) of the stage of a node, 0 for the first one and for a node of none."""
        return next((number for number, stage in enumerate(self.stages, 1) if number > 1 and host in stage.nodes), 0)


@dataclass(frozen=True, slots=True)
class Share:
    """How many nodes at once: a number, or a part of a pool in percent (at least one node)."""

    number: int
    percent: bool = False

    def of(self, size: int) -> int:
        """How many of a pool of this size."""
        return max(1, size * self.number // 100) if self.percent else self.number

    def __str__(self) -> str:
        return f"{self.number} %" if self.percent else str(self.number)


DEFAULT = Share(SHARE, percent=True)


def share_of(text: str) -> Share | None:
    """`2` or `10%`; None for another text."""
    digits = text.removesuffix("%")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 4 and int(digits) > 0):
        return None
    return Share(int(digits), percent=text.endswith("%"))


def staged(nodes: Iterable[tuple[str, Node]], cluster: ClusterFacts, share: Share = DEFAULT, before: Iterable[str] = ()) -> FleetPlan:
    """The stages of these nodes (inventory name, Node), in the order given but one pool and zone after the other.

    The first node is the canary. Of each later stage no more are taken at once than its pool allows, and than the pods of all of them
    would find room for on the other nodes.
    """
    given = list(nodes)
    if not given:
        return FleetPlan(before=tuple(before))
    first, *rest = given
    sizes = Counter(pool_of(node) for node in cluster.nodes if not node.control_plane)
    places = {place: at for at, place in reversed(list(enumerate(_place(node) for _, node in given)))}
    stages, size = [_stage([first], 1, "", cluster)], 2
    for (pool, _), group in groupby(sorted(rest, key=lambda one: places[_place(one[1])]), key=lambda one: _place(one[1])):
        left = list(group)
        while left:
            taken, left = left[:size], left[size:]
            most = share.of(sizes[pool])
            why = f"{share} of {sizes[pool]:,} nodes" if most < len(taken) else ""
            stages.append(_stage(taken, min(most, len(taken)), why, cluster))
            size = min(2 * size, LARGEST)
    return FleetPlan(before=tuple(before), stages=tuple(stages))


def windows(fleet: FleetPlan | None, hosts: Sequence[str], serial: int | None) -> tuple[tuple[tuple[str, ...], int], ...]:
    """The asked hosts by stage, each with how many at once; `serial` is what was asked for. Without stages all are one."""
    parts = ((fleet.before, 1), *((stage.nodes, stage.at_once) for stage in fleet.stages)) if fleet else ()
    asked = [(tuple(name for name in names if name in hosts), serial or at_once) for names, at_once in parts]
    known = {name for names, _ in asked for name in names}
    asked.append((tuple(host for host in hosts if host not in known), serial or 1))
    return tuple((names, at_once) for names, at_once in asked if names)


def _place(node: Node) -> tuple[str, str]:
    return pool_of(node), zone_of(node)


def _stage(nodes: Sequence[tuple[str, Node]], at_once: int, why: str, cluster: ClusterFacts) -> Stage:
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
    pool, zone = _place(nodes[0][1])
    return Stage(nodes=tuple(host for host, _ in nodes), at_once=at_once, pool=pool, zone=zone, why=why)


def _stuck(closed: Sequence[str] | None, pods: Sequence[str], alone: set[str]) -> str:
    if closed is not None:
        return "no other node takes their pods"
    left = [pod for pod in pods if pod not in alone]
    return f"{few(left, 3)} would stay Pending" if left else ""
