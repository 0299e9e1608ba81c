"""The plan by which a node is rolled back where the plan that was applied is not at hand: the mark says what goes through the API.

What lies on the node itself is never read as a step through the API: whoever is root there wrote it (docs/security.md).
"""

from __future__ import annotations

from msgspec.structs import replace

from migrate.facts.live import LiveNode
from migrate.limits import DEFAULT
from migrate.plan.api_steps import Passage, Plane
from migrate.plan.mark import Mark
from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import HOST, ApiStep, Cordon, kind_of
from migrate.sources.table import source_named
from migrate.targets.table import target_named


def from_mark(host: str, node: LiveNode, mark: Mark, kept: NodePlan | None) -> NodePlan | None:
    """The plan of a node as its mark records it; of the node's own copy (`kept`) only what the node does by itself.

    None where the mark does not tell enough: it is one of an earlier version, or names runtimes that this version does not know.
    """
    source, target = source_named(mark.source), target_named(mark.target)
    if source is None or target is None:
        return None
    plane = Plane(alone=mark.alone, etcd=not mark.etcd_elsewhere) if node.control_plane else None
    passage = Passage(source, target, mark.cordoned_before, mark.cri_socket, mark.drain, mark.image, DEFAULT, plane=plane)
    plan = _of_node(host, node, source.name, kept)
    through_api: dict[str, tuple[ApiStep, ...]] = {"drain": passage.drain, "switch": passage.switch, "rejoin": passage.rejoin}
    return replace(plan, steps=(*plan.steps, *(_in(segment, step) for segment, steps in through_api.items() for step in steps)))


def by_itself(host: str, node: LiveNode, kept: NodePlan | None) -> NodePlan:
    """The plan of a node of which neither mark nor plan is known: its own rollback, and the uncordon."""
    plan = _of_node(host, node, kept.source if kept else "", kept)
    return replace(plan, steps=(*plan.steps, _in("drain", Cordon(found=False, why="as it was found"))))


def _of_node(host: str, node: LiveNode, source: str, kept: NodePlan | None) -> NodePlan:
    """What the node does by itself, under the name that the operator knows it by."""
    return NodePlan(
        node=node.name,
        host=host,
        source=source,
        applicable=True,
        findings=(),
        refusals=(),
        steps=tuple(planned for planned in (kept.steps if kept else ()) if kind_of(planned.step).where == HOST),
        inputs=kept.inputs if kept else (),
        pods=(),
        may_differ=(),
        uid=node.metadata.uid,
        machine_id=node.status.node_info.machine_id,
    )


def _in(segment: str, step: ApiStep) -> PlannedStep:
    return PlannedStep(segment=segment, step=step)
