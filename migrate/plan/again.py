"""Whether a plan is what would be planned now: a digest is no signature, and whoever can write a plan file can seal it again.

Steps are compared with those of a plan made from fresh readings, but for what changes all the time and is judged at its own place:
images that are carried, IDs of standalone containers, whether the node is cordoned, what texts tell.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from migrate.facts.model import Docker, NodeFacts
from migrate.formats.image_ref import stored_as
from migrate.limits import DEFAULT, Limits
from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import (
    ArmGuard,
    CarryImage,
    Cordon,
    Drain,
    DrainPolicy,
    KeepSource,
    PinImages,
    PullImage,
    ReleaseAddresses,
    RemoveChains,
    RemoveData,
    RemovePackages,
    RemoveRecords,
    SettleControlPlane,
    SmokeTest,
    Step,
    StopPods,
    StopStandalone,
    Uncordon,
    VerifyNode,
    VerifyWorkloads,
    WaitForCri,
    WriteFile,
    describe,
    kind_of,
)
from migrate.rules import Allow
from migrate.rules.table import RULES
from migrate.sources.table import source_of

FLAGS = {"delete_emptydir_data": Allow.DELETE_EMPTYDIR_DATA, "force": Allow.FORCE, "leave_returning": Allow.LEAVE_RETURNING}
REACH = re.compile(r"[0-9a-f.:]{2,39} [1-9][0-9]{0,4}")
EXCUSED = (CarryImage, PullImage, StopStandalone)  # judged one by one


def accepted_in(plan: NodePlan) -> dict[str, str]:
    """The codes that were accepted when the plan was made, with their reasons."""
    return {finding.code: finding.accepted for finding in plan.findings if finding.accepted is not None}


def limits_of(plan: NodePlan) -> Limits:
    """The limits that a plan was made with, as its steps have them."""
    found: dict[str, int] = {}
    for planned in plan.steps:
        match planned.step:
            case ArmGuard(seconds=seconds):
                found["guard"] = seconds
            case Drain(policy=policy):
                found["drain"] = policy.timeout
            case VerifyNode(timeout=timeout):
                found["verify_node"] = timeout
            case VerifyWorkloads(timeout=timeout):
                found["verify_workloads"] = timeout
            case WaitForCri(timeout=timeout):
                found["cri"] = timeout
            case StopPods(timeout=timeout):
                found["stop"] = timeout
            case SettleControlPlane(seconds=seconds):
                found["planes_well"] = seconds
    return dataclasses.replace(DEFAULT, **found)


def strays(plan: NodePlan, fresh: NodePlan, facts: NodeFacts) -> tuple[str, ...]:
    """What of a plan would not be planned now, a line each; `fresh` is made of `facts`, the limits and the accepted codes of the plan."""
    if (plan.node, plan.source) != (fresh.node, fresh.source):
        return (f"it is for node {plan.node} on {plan.source}, this is {fresh.node} on {fresh.source}",)
    planned, now = _bare(plan.steps), _bare(fresh.steps)
    extra, missing = [one for one in planned if one not in now], [one for one in now if one not in planned]
    lines = [*_unlike(extra, missing)]
    if not lines and planned != now:
        lines = ["its steps stand in another order, or more than once"]
    return (*lines, *_losses(plan), *_reached(plan), *_images(plan, fresh, facts), *_containers(plan, fresh, facts))


def _bare(steps: Sequence[PlannedStep]) -> list[PlannedStep]:
    return [replace(one, step=_plain(one.step)) for one in steps if not isinstance(one.step, EXCUSED)]


def _plain(step: Step) -> Step:
    """A step without what may differ."""
    match step:
        case WriteFile():
            return replace(step, why="", diff="")
        case ReleaseAddresses():
            return replace(step, why="", networks=())
        case Cordon() | Uncordon():
            return replace(step, why="", found=False)
        case Drain(policy=policy):
            return replace(step, why="", policy=DrainPolicy(timeout=policy.timeout))
        case PinImages():
            return replace(step, why="", names=())
        case SmokeTest():
            return replace(step, why="", image="", required=True)
        case VerifyNode():
            return replace(step, why="", image="")
        case StopPods():
            return replace(step, why="", kill=False)
        case RemoveChains():  # pods come and go
            return replace(step, why="", reach=())
        case RemovePackages(packages=packages):
            return replace(step, why="", packages=tuple(dataclasses.replace(one, size=None) for one in packages))
        case RemoveData(entries=entries):
            return replace(step, why="", entries=tuple(dataclasses.replace(one, size=None) for one in entries))
        case RemoveRecords():
            return replace(step, why="", size=0)
        case _:
            return replace(step, why="")


def _unlike(extra: list[PlannedStep], missing: list[PlannedStep]) -> Iterator[str]:
    rest = list(missing)
    for one in extra:
        like = next((other for other in rest if _place(other) == _place(one)), None)
        if like is None:
            yield f"{one.segment}: `{describe(one.step)}` would not be planned"
            continue
        rest.remove(like)
        ours, theirs = dict(_flat(msgspec.to_builtins(one.step))), dict(_flat(msgspec.to_builtins(like.step)))
        fields = [f"{name} {ours.get(name)}, not {theirs.get(name)}" for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        yield f"{one.segment}: `{describe(one.step)}` has {'; '.join(fields)}"
    yield from (f"{one.segment}: `{describe(one.step)}` would be planned too" for one in rest)


def _place(planned: PlannedStep) -> tuple[object, ...]:
    step = planned.step
    return planned.segment, kind_of(step).name, step.on, step.path if isinstance(step, WriteFile) else ""


def _flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _losses(plan: NodePlan) -> Iterator[str]:
    """What the drain may lose, and what is not demanded, without a finding that was accepted for it."""
    codes = accepted_in(plan)
    allowed = {rule.allows for rule in RULES if rule.acceptable and rule.code in codes}
    for planned in plan.steps:
        step = planned.step
        if isinstance(step, Drain):
            yield from (
                f"{planned.segment}: the drain has {flag.replace('_', '-')}, which no accepted finding allows"
                for flag, allow in FLAGS.items()
                if getattr(step.policy, flag) and allow not in allowed
            )
            if not step.policy.ignore_daemonsets:
                yield f"{planned.segment}: the drain does not ignore DaemonSets"
        if isinstance(step, SmokeTest) and not step.required and Allow.NO_SMOKE_POD not in allowed:
            yield f"{planned.segment}: the smoke test is not required, which no accepted finding allows"
        if isinstance(step, StopPods | StopStandalone) and step.kill and Allow.KILL not in allowed:
            yield f"{planned.segment}: containers are killed after {step.timeout} s, which no accepted finding allows"


def _reached(plan: NodePlan) -> Iterator[str]:
    """What is asked before and after chains are removed is an address and a port, whatever pods there are."""
    for planned in plan.steps:
        if isinstance(planned.step, RemoveChains):
            wrong = [words for words in planned.step.reach if not REACH.fullmatch(words)]
            yield from (f"{planned.segment}: {words!r} is no address and port" for words in wrong)


def _images(plan: NodePlan, fresh: NodePlan, facts: NodeFacts) -> Iterator[str]:
    source = source_of(facts)
    running = source.running_sandbox_images(facts) if source else ()
    known = {*running, *(one.step.image for one in fresh.steps if isinstance(one.step, SmokeTest | VerifyNode))}
    pinned = {name for one in fresh.steps if isinstance(one.step, PinImages) for name in one.step.names}
    pinned |= {one.step.name for one in plan.steps if isinstance(one.step, CarryImage | PullImage)}
    for planned in plan.steps:
        step = planned.step
        if isinstance(step, CarryImage) and (
            (planned.segment, step.on) != ("prepare", "apply") or step.name != stored_as(step.image.reference)
        ):
            yield f"{planned.segment}: image {step.image.reference} would be carried as {stored_as(step.image.reference)}, not {step.name}"
        if isinstance(step, PullImage) and ((planned.segment, step.on) != ("prepare", "apply") or "@" not in stored_as(step.name)):
            yield f"{planned.segment}: image {step.name} would not be pulled"
        if isinstance(step, PinImages) and (others := [name for name in step.names if name not in pinned]):
            yield f"{planned.segment}: {', '.join(others)} would not be pinned"
        if isinstance(step, SmokeTest | VerifyNode) and step.image not in known:
            yield f"{planned.segment}: the smoke pod is of {step.image}, which is no pause image of this node"


def _containers(plan: NodePlan, fresh: NodePlan, facts: NodeFacts) -> Iterator[str]:
    source = source_of(facts)
    there = {found.id for found in facts.docker.containers} if isinstance(facts.docker, Docker) else set()
    standalone = {found.id: found for found in source.standalone(facts)} if source else {}
    limit = limits_of(plan).stop
    kept = any(isinstance(planned.step, KeepSource) for planned in fresh.steps)
    for planned in plan.steps:
        if isinstance(planned.step, StopStandalone) and kept:
            yield f"{planned.segment}: `{describe(planned.step)}` would not be planned"
        if isinstance(planned.step, StopStandalone) and planned.step.timeout != limit:
            yield f"{planned.segment}: `{describe(planned.step)}` has timeout {planned.step.timeout}, not {limit}"
        for container in planned.step.containers if isinstance(planned.step, StopStandalone) else ():
            found = standalone.get(container.id)
            if found is None and container.id not in there:
                continue  # it is gone since
            if planned.segment != "switch" or planned.step.on != "apply":
                yield f"{planned.segment}: standalone containers are stopped in the switch"
            if found is None or (found.name, found.stop_timeout or 10) != (container.name, container.timeout):
                yield f"{planned.segment}: {container.id[:12]} ({container.name}) is no standalone container of this node, or another one"
