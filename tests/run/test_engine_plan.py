"""The plan is what runs: what apply and rollback tell are the plan's steps in their order, in every scenario, and no others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.plan.events import Event
from migrate.plan.mark import Mark
from migrate.plan.model import SEGMENTS, NodePlan, PlannedStep
from migrate.plan.steps import Annotate, KernelSettings, SmokeTest, VerifyNode, VerifyWorkloads, WaitVolumesDetached, describe
from migrate.program.journal import Progress, fold
from migrate.program.order import host_lines, rollback_of
from migrate.run.apply import apply
from migrate.run.rollback import rollback
from tests.run.engine import World, ended

NAMES = [segment.name for segment in SEGMENTS]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state")


def told(events: list[Event], *segments: str) -> list[str]:
    """The steps that were told, in these segments."""
    return [event.text for event in events if event.type == "step.start" and event.segment in segments]


def planned(plan: NodePlan) -> list[str]:
    return [describe(step) for segment in SEGMENTS for step in plan.of(segment.name)]


def undone(plan: NodePlan, since: Progress | None = None) -> list[str]:
    return [describe(each.step) for each in rollback_of(plan, since)]


def before_undo(world: World) -> Progress:
    """Where the node stood when its rollback began."""
    entries = world.scratch.entries()
    first = next(place for place, entry in enumerate(entries) if entry.event == "undo-begin")
    return fold(entries[:first])


def changed(world: World, plan: NodePlan) -> None:
    """Another plan for the same node."""
    world.scratch.plan = plan


def test_apply_and_rollback_tell_the_plan_and_nothing_else(world: World) -> None:
    assert apply(world.work()).state == "migrated"
    assert told(world.told, *NAMES) == planned(world.scratch.plan)
    counted = [(event.segment, event.step, event.steps) for event in world.told if event.type == "step.start" and event.segment in NAMES]
    assert counted == [
        (name, number, len(world.scratch.plan.of(name))) for name in NAMES for number in range(1, len(world.scratch.plan.of(name)) + 1)
    ]
    world.told.clear()
    assert rollback(world.work()).state == "rolled back"
    assert told(world.told, "rollback") == undone(world.scratch.plan)
    world.is_rolled_back()


def test_step_that_fails_on_the_node(world: World) -> None:
    (world.root / ".state/new-config-fails").touch()
    assert apply(world.work()).state == "rolled back"
    since = before_undo(world)
    lines = host_lines(world.scratch.plan)
    performed = [describe(line.step) for line in lines if line.index in since.begun]
    api = [describe(step) for step in world.scratch.plan.of("drain")]
    prepared = [describe(step) for step in world.scratch.plan.of("prepare")]
    on_the_node = [describe(each.step) for each in rollback_of(world.scratch.plan, since) if each.step.on == "rollback" and _host(each)]
    rest = [describe(each.step) for each in rollback_of(world.scratch.plan, since) if not _host(each)]
    assert told(world.told, *NAMES) == [*prepared, *api, *performed[len(prepared) :], *on_the_node]
    assert told(world.told, "rollback") == rest
    world.is_rolled_back()


def _host(each: PlannedStep) -> bool:
    return each.segment in ("prepare", "switch") and not isinstance(each.step, Annotate | VerifyNode)


def test_verification_that_fails(world: World) -> None:
    world.cluster.troubled[next(iter(world.cluster.uids))] = "CreateContainerError"
    assert apply(world.work()).state == "rolled back"
    assert told(world.told, "rollback") == undone(world.scratch.plan, before_undo(world))
    assert told(world.told, "rejoin") == ["verify the cordoned node on containerd"]
    world.is_rolled_back()


def test_limit_of_the_plan_is_the_one_that_is_used(world: World) -> None:
    plan = world.scratch.plan
    short = tuple(
        replace(each, step=replace(each.step, timeout=7)) if isinstance(each.step, VerifyNode) and each.segment == "rejoin" else each
        for each in plan.steps
    )
    changed(world, replace(plan, steps=short))
    world.cluster.troubled[next(iter(world.cluster.uids))] = "CreateContainerError"
    reason = apply(world.work()).reason
    assert reason.code == "verification-failed"
    assert re.match(r"verification of the node failed after [78] s:", reason.seen)


@pytest.mark.parametrize("verb", ["guard", "boot"])
def test_rollback_by_the_node_itself_performs_the_same_steps(verb: str, world: World) -> None:
    """The operator is gone after the switch; what the node undoes and what the next command tells are the rollback together."""
    for segment in ("prepare", "switch"):
        if segment == "prepare":
            world.scratch.write("/var/lib/docker2cri/current", b"run-1\n")
        assert world.scratch.verb("forward", segment).code == 0
    since = world.scratch.progress()
    assert world.scratch.verb(verb).code == 0
    lines = {line.index: line for line in host_lines(world.scratch.plan)}
    entries = [entry for entry in world.scratch.entries() if entry.event == "undo-begin" and entry.index is not None]
    journalled = [lines[entry.index].kind for entry in entries if entry.index is not None]
    wanted = [each for each in rollback_of(world.scratch.plan, since) if _host(each)]
    assert len(journalled) == len(wanted)
    world.cluster.cordon("lab-w1", Mark(run="run-1", cordoned_before=False))
    state = rollback(world.work())
    assert (state.state, state.reason.code) == ("rolled back", verb)
    assert told(world.told, "rollback") == [describe(each.step) for each in rollback_of(world.scratch.plan, since) if not _host(each)]
    world.is_rolled_back()


EXTRA = Annotate(key="example.org/moved", value="yes", why="test")


@pytest.mark.parametrize("segment", ["drain", "rejoin"])
def test_step_through_the_api_that_is_added_is_done(segment: str, world: World) -> None:
    plan = world.scratch.plan
    first = next(number for number, each in enumerate(plan.steps) if each.segment == segment)
    changed(world, replace(plan, steps=(*plan.steps[:first], PlannedStep(segment=segment, step=EXTRA), *plan.steps[first:])))
    assert apply(world.work()).state == "migrated"
    assert (world.cluster.nodes["lab-w1"].metadata.annotations or {})["example.org/moved"] == "yes"
    assert told(world.told, *NAMES) == planned(world.scratch.plan)


def test_steps_that_are_removed_are_not_done(world: World) -> None:
    plan = world.scratch.plan
    gone = (SmokeTest, VerifyNode, VerifyWorkloads, WaitVolumesDetached)
    changed(world, replace(plan, steps=tuple(each for each in plan.steps if not isinstance(each.step, gone))))
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    assert told(world.told, *NAMES) == planned(world.scratch.plan)
    assert not [what for what in world.boundaries.passed if "create_pod" in what]


def test_step_on_the_node_that_is_added_is_done(tmp_path: Path, world: World) -> None:
    plan = world.scratch.plan
    steps = [each for each in plan.steps if not isinstance(each.step, KernelSettings)]
    at = next(number for number, each in enumerate(plan.steps) if isinstance(each.step, KernelSettings))
    twice = replace(plan, steps=(*plan.steps[:at], plan.steps[at], *plan.steps[at:]))
    for number, other in enumerate((twice, replace(plan, steps=tuple(steps)))):
        again = World(
            tmp_path / f"other{number}",
            tmp_path / f"kept{number}",
            made=lambda root, other=other: world.scratch.__class__(root, plan=other),
        )
        assert apply(again.work()).state == "migrated"
        assert told(again.told, *NAMES) == planned(other)
        assert told(again.told, "switch").count("check the kernel modules and sysctls that the pods need") == 2 - 2 * number


def test_kind_that_the_node_program_does_not_know_fails_in_both_directions(world: World) -> None:
    node = world.scratch
    node.steps("\tapply\tkernel\n", "\tboth\tmystery\n")
    assert node.verb("forward", "prepare").code == 0
    failed = node.verb("forward", "switch")
    assert (failed.code, "does not know the step mystery" in failed.out) == (6, True)
    said = [(entry.event, entry.kind) for entry in node.entries() if entry.kind == "mystery"]
    assert said == [("begin", "mystery"), ("failed", "mystery"), ("undo-begin", "mystery"), ("undo-failed", "mystery")]
