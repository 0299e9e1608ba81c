"""How long a stage is expected to take: from what the plans of its nodes copy, and from the grace periods of the pods that end.

An estimate, not a limit. It knows nothing of budgets that make pods leave one after the other, and nothing of the load of a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from migrate.plan.again import limits_of
from migrate.plan.drain import EVICT, KEEP
from migrate.plan.fleet import FleetPlan
from migrate.plan.model import NodePlan
from migrate.plan.steps import CarryImage

COPIED = (100_000_000, 20_000_000)  # bytes a second, on a quiet node with fast disks and on a slow one: assumed
STEPS = (20, 90)  # seconds of all other steps with both verifications: the lab's nodes took 20 when quiet, 90 when busy

Range = tuple[int, int]


def estimated(fleet: FleetPlan, nodes: Iterable[NodePlan]) -> FleetPlan:
    """The stages with the seconds that each is expected to take."""
    known = {node.host: node_takes(node) for node in nodes}
    return replace(fleet, stages=tuple(replace(stage, seconds=stage_takes(stage.nodes, stage.at_once, known)) for stage in fleet.stages))


def node_takes(node: NodePlan) -> Range:
    """Seconds of one node, at least and at most: pods may end at once, or use their grace period, as far as the plan waits for it."""
    images = sum(planned.step.image.size for planned in node.steps if isinstance(planned.step, CarryImage))
    limits = limits_of(node)
    drained = min(max((pod.grace for pod in node.pods if pod.action == EVICT), default=0), limits.drain)
    stopped = min(max((pod.grace for pod in node.pods if pod.action == KEEP), default=0), limits.stop)
    return images // COPIED[0] + STEPS[0], images // COPIED[1] + STEPS[1] + drained + stopped


def stage_takes(nodes: Sequence[str], at_once: int, known: Mapping[str, Range]) -> Range:
    """Seconds of nodes of which a free slot takes the next one."""
    least, most = ([known[node][side] for node in nodes if node in known] for side in (0, 1))
    return _window(least, at_once), _window(most, at_once)


def whole(fleet: FleetPlan) -> Range:
    """Seconds of all stages with the soaks between them."""
    soaks = fleet.gates.soak * max(0, len(fleet.stages) - 1)
    return sum(stage.seconds[0] for stage in fleet.stages) + soaks, sum(stage.seconds[1] for stage in fleet.stages) + soaks


def _window(times: Iterable[int], at_once: int) -> int:
    slots = [0] * max(1, at_once)
    for time in times:
        free = slots.index(min(slots))
        slots[free] += time
    return max(slots)
