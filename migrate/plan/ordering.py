"""How nodes are to be taken: what a person chose, by options or in a rollout file; migrate/plan/fleet.py makes stages of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain, repeat

from migrate.facts.cluster import Node
from migrate.facts.pools import pool_of, zone_of
from migrate.plan.gates import NO_GATES, Gates

LARGEST = 64  # nodes of a stage: more is no smaller step
ORDERS = ("inventory", "reverse_inventory", "sorted", "reverse_sorted")  # Ansible's, without the one by chance


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


DEFAULT = Share(10, percent=True)


def share_of(text: str) -> Share | None:
    """`2` or `10%`; None for another text."""
    digits = text.removesuffix("%")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 4 and int(digits) > 0):
        return None
    return Share(int(digits), percent=text.endswith("%"))


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Nodes that are taken together: those with all of these labels, in one of these pools, one of these zones, and named like one of
    these patterns (inventory or node name, as fnmatch); what is empty does not select.
    """

    name: str
    labels: tuple[tuple[str, str], ...] = ()
    pools: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    share: Share | None = None
    order: str = ""

    def holds(self, host: str, node: Node) -> bool:
        """Whether the node is one of them."""
        has = node.metadata.labels or {}
        return (
            all(has.get(key) == value for key, value in self.labels)
            and (not self.pools or pool_of(node) in self.pools)
            and (not self.zones or zone_of(node) in self.zones)
            and (not self.names or any(fnmatchcase(name, one) for name in (host, node.name) for one in self.names))
        )


@dataclass(frozen=True, slots=True)
class Ordering:
    """`share` of a pool at once, `serial` the sizes of the stages (the last one again and again; a part is one of all nodes), `order`
    one of ORDERS, `groups` in their order before all other nodes, `max_fail` the failed nodes of a stage, in percent, that stop nothing.
    """

    share: Share = DEFAULT
    serial: tuple[Share, ...] = ()
    order: str = ORDERS[0]
    groups: tuple[NodeGroup, ...] = ()
    gates: Gates = NO_GATES
    max_fail: int = 0

    def group(self, host: str, node: Node) -> NodeGroup | None:
        """The first group that holds a node."""
        return next((group for group in self.groups if group.holds(host, node)), None)

    def arranged(self, nodes: Sequence[tuple[str, Node]]) -> list[tuple[str, Node]]:
        """The nodes group after group, each in its order."""
        groups = [self.group(*one) for one in nodes]
        found: list[tuple[str, Node]] = []
        for group in (*self.groups, None):
            members = [one for one, its in zip(nodes, groups, strict=True) if its is group]
            order = (group.order if group else "") or self.order
            if "sorted" in order:
                members.sort(key=lambda one: one[0])
            found += reversed(members) if order.startswith("reverse") else members
        return found

    def sizes(self, nodes: int) -> Iterator[int]:
        """How many nodes each stage may have: one, then twice as many each time, where nothing was chosen."""
        if not self.serial:
            return chain((1 << at for at in range(LARGEST.bit_length() - 1)), repeat(LARGEST))
        return chain((share.of(nodes) for share in self.serial), repeat(self.serial[-1].of(nodes)))
