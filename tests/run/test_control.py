"""The control of the smoke pod: what it does not do before anything is disturbed is told, recorded, and not demanded later."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.facts.cluster import SMOKE_ANNOTATION
from migrate.facts.live import LiveNode
from migrate.plan.mark import record_of
from migrate.plan.model import NodePlan
from migrate.plan.steps import SmokeTest, VerifyNode
from migrate.rules import accept, check
from migrate.rules.drain import smoke_pod_never_ran
from migrate.run.apply import apply
from migrate.run.kube.port import Said
from migrate.run.rollback import rollback
from migrate.run.standing import verified
from tests.fakes import Behaviour
from tests.rules import make
from tests.run.engine import NODE, World, ended

BROKEN = Said(101, "OCI runtime exec failed: error setting rlimits")
PAUSE = "k8s.gcr.io/pause:3.6"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state")


def test_what_fails_twice_before_is_told_and_not_demanded_in_either_direction(world: World) -> None:
    world.cluster.exec_says = BROKEN
    assert apply(world.work()).state == "migrated"
    told = [event.text for event in world.told if event.type == "note" and "smoke pod" in event.text]
    says = f"exec of a missing command should say `executable file not found`, and says: {BROKEN.text}"
    assert told == [
        f"the smoke pod of {PAUSE}: {says}; it failed twice, so it is not demanded later",
        f"smoke pod of {PAUSE}, not demanded: {says}",
    ]
    mark = record_of(world.cluster.nodes[NODE])
    assert mark is not None
    assert (mark.image, mark.smoke_failed) == (PAUSE, ("exec",))
    # another machine, and a node that lost its record
    (world.scratch.run / "before.json").unlink()
    (world.state / world.scratch.run.name / f"{NODE}.before.json").unlink()
    assert rollback(world.work()).state == "rolled back"
    world.is_rolled_back()


def test_what_works_before_is_demanded_after_the_move(world: World) -> None:
    work = world.work()
    work.tell = lambda event: setattr(world.cluster, "exec_says", BROKEN) if event.segment == "switch" else None
    state = apply(work)
    assert (state.state, state.exit_code) == ("needs attention", 6)  # the way back demands it too
    assert "it runs on Docker again and is not verified" in ended(state)[2]
    assert BROKEN.text in ended(state)[2]


def test_what_fails_once_is_demanded(world: World) -> None:
    world.cluster.exec_says = BROKEN
    work = world.work()
    tried: list[str] = []

    def tell(event: object) -> None:
        if getattr(event, "text", "").startswith("verification of the node: smoke pod: exec"):
            tried.append("")
            world.cluster.exec_says = type(world.cluster).exec_says

    work.tell = tell
    assert apply(work).state == "migrated"
    mark = record_of(world.cluster.nodes[NODE])
    assert tried
    assert mark is not None
    assert mark.smoke_failed == ()


def accepted(plan: NodePlan, node: LiveNode) -> NodePlan:
    """The plan with D2C335 accepted, as a plan of this node would have it."""
    noted = replace(node, metadata=replace(node.metadata, annotations={SMOKE_ANNOTATION: "pause: Blocked"}))
    found = accept(check(make.view(the_node=noted), (smoke_pod_never_ran,)), {"D2C335": "blocked by this kubelet"})
    assert [finding.accepted for finding in found] == ["blocked by this kubelet"]
    steps = [replace(one, step=replace(one.step, required=False)) if isinstance(one.step, SmokeTest) else one for one in plan.steps]
    return replace(plan, findings=(*plan.findings, *found), steps=tuple(steps))


def test_one_that_never_runs_stops_the_node_before_anything_is_disturbed(world: World) -> None:
    world.cluster.behaviour["Pod"] = Behaviour(trouble="Blocked", ready=None)
    state = apply(world.work())
    assert (state.state, state.exit_code) == ("rolled back", 5)
    assert ended(state)[2].startswith(
        f"the smoke pod of {PAUSE} never ran, before anything was disturbed: c: Blocked; "
        "accept it in a new plan: --accept D2C335=REASON\n  now: it never left Docker\n"
    )
    assert world.cluster.nodes[NODE].metadata.annotation(SMOKE_ANNOTATION) == f"{PAUSE}: c: Blocked"
    assert "evict" not in " ".join(world.boundaries.passed)
    world.is_rolled_back()


def test_one_that_never_runs_and_was_accepted_is_not_demanded(world: World) -> None:
    world.cluster.behaviour["Pod"] = Behaviour(trouble="Blocked", ready=None)
    world.scratch.plan = accepted(world.scratch.plan, world.cluster.nodes[NODE])
    assert apply(world.work()).state == "migrated"
    assert world.cluster.nodes[NODE].metadata.annotation(SMOKE_ANNOTATION) == f"{PAUSE}: c: Blocked"
    assert verified(world.work()).exit_code == 0
    assert rollback(world.work()).state == "rolled back"
    assert verified(world.work()).exit_code == 0
    world.is_rolled_back()


def test_one_that_runs_now_is_demanded_again(world: World) -> None:
    world.cluster.annotate(NODE, SMOKE_ANNOTATION, "pause: Blocked")
    world.scratch.plan = accepted(world.scratch.plan, world.cluster.nodes[NODE])
    assert apply(world.work()).state == "migrated"
    node = world.cluster.nodes[NODE]
    assert node.metadata.annotation(SMOKE_ANNOTATION) is None
    mark = record_of(node)
    assert mark is not None
    assert mark.smoke_failed == ()


def test_the_control_and_both_verifications_use_one_image_that_runs_there(world: World) -> None:
    images = {one.step.image for one in world.scratch.plan.steps if isinstance(one.step, SmokeTest | VerifyNode)}
    assert images == {PAUSE}
    segments = [(one.segment, type(one.step).__name__) for one in world.scratch.plan.steps if one.segment == "drain"]
    assert segments.index(("drain", "SmokeTest")) < segments.index(("drain", "Cordon"))
