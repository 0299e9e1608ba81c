"""A plan on a terminal: findings, steps with why, exact diffs, what is lost, how the way back would go."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.plan.describe import describe, size
from migrate.plan.drain import EVICT, REFUSE
from migrate.plan.inputs import Moved
from migrate.plan.model import SEGMENTS, NodePlan, Plan
from migrate.plan.steps import CarryImages, InstallRuntime, WriteFile, acts, undo
from migrate.report.findings_text import findings_text
from migrate.report.style import Style
from migrate.rules import Severity
from migrate.targets.table import titled

TITLES = {
    "prepare": "prepare (on the node, nothing is disturbed)",
    "vacate": "vacate (through the API)",
    "switch": "switch (on the node, as one program)",
    "settle": "settle (through the API)",
}


def plan_text(plan: Plan, style: Style, *, diffs: bool = True) -> str:
    """The whole plan as text, one section a node."""
    moved = sum(node.moves for node in plan.nodes)
    readied = sum(bool(node.steps) for node in plan.nodes) - moved
    counts = f"{moved} of {len(plan.nodes)} nodes can be migrated{f', {readied} first get what they lack' if readied else ''}"
    head = f"Plan to {titled(plan.target)}: {counts}, {len(plan.nodes) - moved - readied} refused"
    return "\n\n".join([style.paint(head, "bold"), *("\n\n".join(_node(node, style, diffs)) for node in plan.nodes)]) + "\n"


def _node(node: NodePlan, style: Style, diffs: bool) -> Iterator[str]:
    title = f"== {node.node or node.host} ({node.source}) "
    yield style.paint(title.ljust(style.width, "="), "bold")
    for severity in Severity:
        found = [finding for finding in node.findings if finding.severity is severity]
        if found:
            yield findings_text(found, severity, style)
    if not node.steps:
        yield "\n".join(
            [
                style.paint(f"REFUSED: no steps for {node.node or node.host}", "red", "bold"),
                *(style.wrap(f"{one.code} {one.reason}", 2, 4) + "\n" + style.wrap(f"-> {one.next}", 4, 7) for one in node.refusals),
            ]
        )
        return
    yield "\n".join(_steps(node, style))
    if not node.moves:
        yield style.wrap(f"Afterwards: {'; '.join(node.may_differ)}. Nothing else changes; the move is planned when it is there.", 0, 2)
        return
    if diffs:
        yield "\n".join(_diffs(node, style))
    yield "\n".join(_pods(node, style))
    yield "\n".join(_back(node, style))
    if not node.applicable:
        yield style.paint("Made from a redacted capture: it can be read, not applied.", "yellow")


def _steps(node: NodePlan, style: Style) -> Iterator[str]:
    yield style.paint("STEPS", "bold")
    number = 0
    for segment in SEGMENTS:
        if node.of(segment):
            yield f"  {style.paint(TITLES[segment], 'cyan')}"
        for step in node.of(segment):
            if not acts(step):
                continue
            number += 1
            yield style.wrap(f"{number:2}. {describe(step)}", 4, 8)
            yield style.paint(style.wrap(step.why, 8), "dim")
            if isinstance(step, InstallRuntime):
                yield from (style.wrap(line, 8, 10) for line in _installed(step))
            if isinstance(step, CarryImages):
                for image in step.images:
                    yield style.wrap(f"{image.reference} ({size(image.size)}): {image.why}", 8, 10)


def _installed(step: InstallRuntime) -> Iterator[str]:
    for package in step.packages:
        yield f"{package.name} {f'{package.before} -> {package.after}' if package.before else f'{package.after} (new)'}"
    for file in step.bundle.files if step.bundle else ():
        yield f"{file.path} ({size(file.size)}, sha256 {file.sha256[:12]})"


def _diffs(node: NodePlan, style: Style) -> Iterator[str]:
    yield style.paint("FILES", "bold")
    for planned in node.steps:
        if isinstance(planned.step, WriteFile):
            yield style.diff(planned.step.diff)


def _pods(node: NodePlan, style: Style) -> Iterator[str]:
    moving = [one for one in node.pods if one.action == EVICT]
    refused = [one for one in node.pods if one.action == REFUSE]
    longest = max((one.grace for one in moving), default=0)
    yield style.paint("PODS", "bold")
    yield style.wrap(f"{len(moving)} of {len(node.pods)} are evicted; the longest grace period is {longest} s", 2)
    for one in (*moving, *refused):
        yield style.wrap(f"{one.action} {one.pod} ({one.owner}): {one.reason}", 4, 6)


def _back(node: NodePlan, style: Style) -> Iterator[str]:
    yield style.paint("THE WAY BACK", "bold") + " (docker2cri rollback; a failed step or verification starts it by itself)"
    number = 0
    for planned in reversed(node.steps):
        step = undo(planned.step)
        if not acts(step) or isinstance(step, CarryImages):
            continue
        number += 1
        yield style.wrap(f"{number:2}. {describe(step, back=True)}", 4, 8)
    yield style.wrap("May differ afterwards: " + "; ".join(node.may_differ), 2, 4)


def moved_text(node: str, moved: tuple[Moved, ...], style: Style) -> str:
    """What is no longer as planned on one node, with diffs of files."""
    lines = [style.paint(f"{node}: the plan no longer holds, {len(moved)} things moved since", "red", "bold")]
    for one in moved:
        lines.append(style.wrap(f"{one.what}: planned {one.planned}, now {one.now}" if not one.diff else f"{one.what}:", 2, 4))
        if one.diff:
            lines.append(style.diff(one.diff))
    return "\n".join(lines)
