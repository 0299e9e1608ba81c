"""Nodes of a plan with the same change: told apart by what is done to them, not by their names, their pods and the images of these."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from migrate.formats.listing import few, plural
from migrate.plan.drain import EVICT
from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import CarryImage, PullImage, size
from migrate.rules import Finding

NODE = "NODE"  # what stands for a node's name where several are told of
NAMED = 100  # names of nodes that a group shows
LINES = 5  # of one rule, and of pods
BLOCKING = 20  # of a rule that blocks
# what differs from node to node and is no other change: the node's own address and name in flags, and the one pod that was looked at
OWN = re.compile(r"(--(?:node-ip|hostname-override|provider-id|address)[= ]\"?)[^\s\",]+")
STATIC = r"[\w.]"  # static pods are named after their node: etcd-cp1
POD = re.compile(r" \(pod [^()]*\)")


def alike(nodes: Iterable[NodePlan], told: Callable[[NodePlan], str]) -> list[tuple[NodePlan, ...]]:
    """The nodes in groups, each of those of which `told` says the same but for their names; in the order of their first nodes."""
    groups: dict[object, list[NodePlan]] = {}
    for node in nodes:
        key = (node.source, node.applicable, own(node, told(node)))
        groups.setdefault(key, []).append(node)
    return [tuple(group) for group in groups.values()]


def own(node: NodePlan, text: str, before: str = r"[\w.-]") -> str:
    """The text without what is the node's own; its name is one where no character of `before` stands before it."""
    names = sorted({name for name in (node.node, node.host) if name}, key=len, reverse=True)
    if names:
        text = re.sub(rf"(?<!{before})(?:{'|'.join(map(re.escape, names))})(?![\w-]|\.\w)", NODE, text)
    return OWN.sub(rf"\1{NODE}", text)


def same_steps(node: NodePlan) -> tuple[PlannedStep, ...]:
    """The steps that nodes with the same change share: which images a node has follows from its pods."""
    return tuple(planned for planned in node.steps if not isinstance(planned.step, CarryImage | PullImage))


def names_of(group: tuple[NodePlan, ...]) -> str:
    """The names of the nodes in one line."""
    return few((node.node or node.host for node in group), NAMED)


def images_of(group: tuple[NodePlan, ...]) -> str:
    """How many images are copied on these nodes, and how large they are; empty for none."""
    counts, sizes = [], []
    for node in group:
        found = [planned.step for planned in node.steps if isinstance(planned.step, CarryImage)]
        counts.append(len(found) + sum(isinstance(planned.step, PullImage) for planned in node.steps))
        sizes.append(sum(step.image.size for step in found))
    return f"copy {_span(counts)} images ({_span(sizes, size)} on a node)" if max(counts) else ""


def pods_of(group: tuple[NodePlan, ...]) -> str:
    """How many pods leave these nodes."""
    moving = [[pod for pod in node.pods if pod.action == EVICT] for node in group]
    longest = max((pod.grace for pods in moving for pod in pods), default=0)
    count, whole = sum(map(len, moving)), sum(len(node.pods) for node in group)
    return f"{count:,} of {whole:,} are evicted, {_span([len(pods) for pods in moving])} on a node; the longest grace period is {longest} s"


def seen_by(finding: Finding) -> str:
    """What a finding saw on its node, and why it is accepted."""
    accepted = f" [accepted: {finding.accepted}]" if finding.accepted is not None else ""
    return f"{finding.subject}: {finding.evidence}{accepted}"


def merged(findings: list[Finding], nodes: Mapping[str, NodePlan]) -> Iterator[str]:
    """Findings of one rule on several nodes, a line for each thing that was seen, and the nodes that have it; the most common first."""
    seen: dict[str, dict[str, None]] = {}
    for finding in findings:
        text = seen_by(finding)
        plan = nodes.get(finding.node)
        seen.setdefault(POD.sub("", own(plan, text, STATIC) if plan else text), {})[finding.node] = None
    ordered = sorted(seen.items(), key=lambda item: -len(item[1]))
    most = BLOCKING if any(finding.blocks for finding in findings) else LINES
    for text, names in ordered[:most]:
        yield f"{few(names, 1) if len(names) == 1 else plural(len(names), 'node')}  {text}"
    if len(ordered) > most:
        left = {name for _, names in ordered[most:] for name in names}
        yield f"{plural(len(ordered) - most, 'more finding')} of this rule on {plural(len(left), 'node')}"


def _span(numbers: list[int], written: Callable[[int], str] = "{:,}".format) -> str:
    least, most = written(min(numbers)), written(max(numbers))
    return least if least == most else f"{least} to {most}"
