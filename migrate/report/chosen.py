"""What was chosen when a plan was made and costs something, to be told once more before it is applied."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict

from migrate.formats.listing import few
from migrate.limits import DEFAULT
from migrate.plan.again import FLAGS, accepted_in, limits_of
from migrate.plan.model import NodePlan
from migrate.plan.steps import Drain, SmokeTest, StopPods


def chosen(nodes: Iterable[NodePlan]) -> tuple[str, ...]:
    """A line for each thing that was accepted, that a drain may lose, and each limit that is not the default, with its nodes."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        for what in _of(node):
            found.setdefault(what, []).append(node.host)
    return tuple(f"{what}: {few(hosts)}" for what, hosts in found.items())


def _of(node: NodePlan) -> Iterator[str]:
    yield from (f"accepted {code} ({reason})" for code, reason in accepted_in(node).items())
    drains = [planned.step.policy for planned in node.steps if isinstance(planned.step, Drain)]
    if flags := [flag for flag in FLAGS if any(getattr(policy, flag) for policy in drains)]:
        yield f"drain with {' '.join('--' + flag.replace('_', '-') for flag in flags)}"
    if any(isinstance(planned.step, SmokeTest) and not planned.step.required for planned in node.steps):
        yield "the smoke test is not required"
    if killed := [planned.step.timeout for planned in node.steps if isinstance(planned.step, StopPods) and planned.step.kill]:
        yield f"containers that have not ended after {killed[0]} s are killed"
    usual = asdict(DEFAULT)
    for name, seconds in asdict(limits_of(node)).items():
        if seconds != usual[name]:
            yield f"{name.replace('_', ' ')} {seconds} s (default {usual[name]} s)"
