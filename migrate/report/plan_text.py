"""A plan on a terminal: findings, steps with why, exact diffs, what is lost, and its rollback."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from msgspec.structs import replace

from migrate.plan.cleanup import NO_ROLLBACK
from migrate.plan.drain import EVICT, KEEP, KEPT, REFUSE, PodDecision
from migrate.plan.inputs import Moved
from migrate.plan.model import SEGMENTS, NodePlan, Plan
from migrate.plan.steps import InstallRuntime, RemoveChains, RemoveData, RemovePackages, Step, describe, size
from migrate.program.order import rollback_of
from migrate.report.alike import BLOCKING, LINES, NODE, alike, images_of, names_of, own, pods_of, same_steps
from migrate.report.findings_text import findings_text
from migrate.report.stages_text import stages_text
from migrate.report.style import Style
from migrate.rules import Severity
from migrate.targets.table import titled


def plan_text(plan: Plan, style: Style, *, diffs: bool = True) -> str:
    """The whole plan as text: its stages, then one section a node; nodes with the same change share one."""
    moved = sum(node.moves for node in plan.nodes)
    readied = sum(bool(node.steps) for node in plan.nodes) - moved
    done = sum(bool(node.nothing) for node in plan.nodes)
    counts = f"{moved} of {len(plan.nodes)} nodes can be migrated{f', {readied} first get what they lack' if readied else ''}"
    refused = len(plan.nodes) - moved - readied - done
    title = f"Plan to {titled(plan.target)}"
    if plan.cleans:
        title = f"Plan to remove Docker for good, from nodes on {titled(plan.target)}"
        counts = f"{readied} of {len(plan.nodes)} nodes can be cleaned"
    head = f"{title}: {counts}, {refused} refused{f', nothing to do on {done}' if done else ''}"
    stages = [stages_text(plan.stages, style)] if plan.stages and not plan.cleans else []
    return (
        "\n\n".join(
            [style.paint(head, "bold"), *stages, *("\n\n".join(_nodes(group, style, diffs)) for group in alike(plan.nodes, _change))]
        )
        + "\n"
    )


def _change(node: NodePlan) -> str:
    """What is done to a node, without its findings, pods and images."""
    style = Style()
    steps = _steps(replace(node, steps=same_steps(node)), style)
    refused = sorted({refusal.code for refusal in node.refusals})
    return "\n".join([node.nothing, *refused, *steps, *_diffs(node, style), *_rollback(node, style)])


def _nodes(group: tuple[NodePlan, ...], style: Style, diffs: bool) -> Iterator[str]:
    node, several = group[0], len(group) > 1
    name = f"{len(group):,} nodes" if several else node.node or node.host
    yield style.paint(f"== {name} ({node.source}) ".ljust(style.width, "="), "bold")
    if several:
        yield style.wrap(names_of(group), 0, 2)
    known = {each.node or each.host: each for each in group}
    for severity in Severity:
        found = [finding for each in group for finding in each.findings if finding.severity is severity]
        if found:
            yield findings_text(found, severity, style, known)
    if node.nothing:
        yield style.paint(f"NOTHING TO DO on {name}: {node.nothing}", "bold")
        return
    if not node.steps:
        yield "\n".join(_refused(group, name, style))
        return
    if several:
        command = "cleanup" if node.cleans else "plan"
        yield style.wrap(
            f"The same change on each; {NODE} stands for its name, and docker2cri {command} NODE tells what is of one node alone.", 0
        )
    told = (lambda text: own(node, text)) if several else str
    yield told("\n".join(_steps(node, style, images_of(group) if several else None)))
    if node.cleans:
        yield style.wrap(f"What stays: {'; '.join(node.may_differ)}.", 0, 2)
        yield style.paint("ROLLBACK", "bold") + f" none: {NO_ROLLBACK} afterwards"
        return
    if not node.moves:
        yield style.wrap(f"Afterwards: {'; '.join(node.may_differ)}. Nothing else changes; the move is planned when it is there.", 0, 2)
        return
    if diffs:
        yield told("\n".join(_diffs(node, style)))
    yield "\n".join(_pods_of(group, style) if several else _pods(node, style))
    yield told("\n".join(_rollback(node, style)))
    if not node.applicable:
        yield style.paint("Made from a redacted capture: it can be read, not applied.", "yellow")


def _refused(group: tuple[NodePlan, ...], name: str, style: Style) -> Iterator[str]:
    yield style.paint(f"REFUSED: no steps for {name}", "red", "bold")
    several = len(group) > 1
    each = [(node, refusal) for node in group for refusal in node.refusals]
    reasons = dict.fromkeys(
        (own(node, f"{one.code} {one.reason}"), own(node, one.next)) if several else (f"{one.code} {one.reason}", one.next)
        for node, one in each
    )
    for at, (reason, command) in enumerate(reasons):
        if several and at == BLOCKING:
            yield style.wrap(f"and {len(reasons) - BLOCKING:,} more reasons of the same rules", 2, 4)
            break
        yield style.wrap(reason, 2, 4) + "\n" + style.wrap(f"-> {command}", 4, 7)


def _steps(node: NodePlan, style: Style, images: str | None = None) -> Iterator[str]:
    """`images` stands for the steps that copy images, where it is not None."""
    yield style.paint("STEPS", "bold")
    numbers = count(1)
    shared = node if images is None else replace(node, steps=same_steps(node))
    for segment in SEGMENTS:
        steps = shared.of(segment.name)
        if steps:
            title = "on the node, pods run on; one-way" if node.cleans else segment.title
            yield f"  {style.paint(f'{segment.name} ({title})', 'cyan')}"
        if images and segment is SEGMENTS[0]:
            yield style.wrap(f"{next(numbers):2}. {images}", 4, 8)
        for step in steps:
            number = next(numbers)
            yield style.wrap(f"{number:2}. {describe(step)}", 4, 8)
            yield style.paint(style.wrap(step.why, 8), "dim")
            yield from (style.wrap(line, 8, 10) for line in _detailed(step))


def _detailed(step: Step) -> Iterator[str]:
    """What a step consists of, a line each."""
    match step:
        case InstallRuntime():
            yield from _installed(step)
        case RemoveChains(rules=rules, chains=chains, reach=reach):
            yield from (f"{_family(one.family)} {one.table}: rule {one.rule}" for one in rules)
            yield from (f"{_family(one.family)} {one.table}: chain {one.name}" for one in chains)
            if reach:
                yield f"asked before and after: {', '.join(words.replace(' ', ' port ') for words in reach)}, and Services of the node"
        case RemovePackages(packages=packages):
            yield from (f"{one.name} {one.version} ({_size(one.size)})" for one in packages)
        case RemoveData(root=root, entries=entries):
            yield from (f"{root}/{one.name} ({_size(one.size)})" for one in entries)
        case _:
            return


def _family(family: str) -> str:
    return "IPv6" if family == "6" else "IPv4"


def _size(count: int | None) -> str:
    return "size not known" if count is None else size(count)


def _installed(step: InstallRuntime) -> Iterator[str]:
    for package in step.packages:
        yield f"{package.name} {f'{package.before} -> {package.after}' if package.before else f'{package.after} (new)'}"
    for file in step.bundle.files if step.bundle else ():
        yield f"{file.path} ({size(file.size)}, sha256 {file.sha256[:12]})"


def _diffs(node: NodePlan, style: Style) -> Iterator[str]:
    yield style.paint("FILES", "bold")
    for step in node.files:
        yield style.diff(step.diff)


def _pods(node: NodePlan, style: Style) -> Iterator[str]:
    moving = [pod for pod in node.pods if pod.action == EVICT]
    refused = [pod for pod in node.pods if pod.action == REFUSE]
    returning = [pod for pod in node.pods if pod.action == KEEP and pod.reason not in KEPT.values()]
    longest = max((pod.grace for pod in moving), default=0)
    yield style.paint("PODS", "bold")
    yield style.wrap(f"{len(moving)} of {len(node.pods)} are evicted; the longest grace period is {longest} s", 2)
    for pod in (*moving, *refused, *returning):
        yield style.wrap(f"{pod.action} {pod.pod} ({pod.owner}): {pod.reason}", 4, 6)


def _pods_of(group: tuple[NodePlan, ...], style: Style) -> Iterator[str]:
    yield style.paint("PODS", "bold")
    yield style.wrap(pods_of(group), 2)
    lines = [(node, pod) for node in group for pod in node.pods if _told(pod)]
    for node, pod in lines[:LINES]:
        yield style.wrap(f"{pod.action} {pod.pod} ({pod.owner}) on {node.node}: {pod.reason}", 4, 6)
    if len(lines) > LINES:
        yield style.wrap(f"and {len(lines) - LINES:,} more that stay or are refused", 4, 6)


def _told(pod: PodDecision) -> bool:
    """Whether a pod stays that others of its kind do not."""
    return pod.action == REFUSE or (pod.action == KEEP and pod.reason not in KEPT.values())


def _rollback(node: NodePlan, style: Style) -> Iterator[str]:
    yield style.paint("ROLLBACK", "bold") + " (docker2cri rollback; a failed step or verification starts it by itself)"
    for number, planned in enumerate(rollback_of(node), 1):
        yield style.wrap(f"{number:2}. {describe(planned.step)}", 4, 8)
    yield style.wrap("May differ afterwards: " + "; ".join(node.may_differ), 2, 4)


def moved_text(node: str, moved: tuple[Moved, ...], style: Style) -> str:
    """What is no longer as planned on one node, with diffs of files."""
    lines = [style.paint(f"{node}: the plan no longer holds, {len(moved)} things moved since", "red", "bold")]
    for item in moved:
        lines.append(style.wrap(f"{item.what}: planned {item.planned}, now {item.now}" if not item.diff else f"{item.what}:", 2, 4))
        if item.diff:
            lines.append(style.diff(item.diff))
    return "\n".join(lines)
