"""How long stages are expected to take."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from migrate.formats.listing import duration
from migrate.plan.drain import EVICT, KEEP, PodDecision
from migrate.plan.estimate import estimated, node_takes, stage_takes, whole
from migrate.plan.fleet import FleetPlan, Stage
from migrate.plan.gates import Gates
from migrate.plan.images import CarriedImage
from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import CarryImage
from migrate.report.stages_text import stages_text
from migrate.report.style import Style
from tests.run.test_operate import plan


def node(host: str, gigabytes: int, **graces: int) -> NodePlan:
    image = CarriedImage(reference="a", id="b", size=gigabytes * 10**9, why="")
    steps = tuple(planned for planned in plan("w1").nodes[0].steps if not isinstance(planned.step, CarryImage))
    carried = PlannedStep(segment="prepare", step=CarryImage(why="", image=image, name="a"))
    pods = tuple(PodDecision(pod="a/b", owner="", action=action, reason="", grace=grace) for action, grace in graces.items())
    return replace(plan("w1").nodes[0], host=host, steps=(*steps, carried), pods=pods)


def test_a_node_copies_drains_and_stops() -> None:
    assert node_takes(node("w1", 0)) == (20, 90)
    assert node_takes(node("w1", 4)) == (60, 290)
    assert node_takes(node("w1", 0, **{EVICT: 30, KEEP: 45})) == (20, 165)
    assert node_takes(node("w1", 0, **{EVICT: 3600, KEEP: 86400})) == (20, 90 + 600 + 600), "the plan waits no longer"


def test_a_free_slot_takes_the_next_node() -> None:
    known = {"a": (100, 200), "b": (10, 20), "c": (10, 20), "d": (10, 20)}
    assert stage_takes(("a", "b", "c", "d"), 1, known) == (130, 260)
    assert stage_takes(("a", "b", "c", "d"), 2, known) == (100, 200)
    assert stage_takes(("b", "unknown"), 8, known) == (10, 20)


def test_stages_tell_it() -> None:
    stages = (Stage(nodes=("w1",)), Stage(nodes=("w2", "w3")))
    fleet = estimated(FleetPlan(stages=stages, gates=Gates(soak=600)), [node("w1", 4), node("w2", 4), node("w3", 40)])
    assert [stage.seconds for stage in fleet.stages] == [(60, 290), (480, 2380)]
    assert whole(fleet) == (60 + 480 + 600, 290 + 2380 + 600)
    assert stages_text(fleet, Style(width=140)).splitlines()[2:] == [
        "   1. w1 (the canary; about 1 to 5 min)",
        "   2. w2, w3 (2 nodes, 1 at once; about 8 to 40 min)",
        "  all stages: about 19 to 54 min, soaks included (from image sizes and grace periods; it counts no waits for gates, windows and",
        "      PodDisruptionBudgets)",
    ]


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (5, 20, "1 min"),
        (60, 180, "1 to 3 min"),
        (3600, 7100, "60 to 118 min"),
        (1800, 7200, "30 min to 2 h"),
        (7200, 12000, "2 h to 3 h 20 min"),
    ],
)
def test_a_duration_in_words(least: int, most: int, words: str) -> None:
    assert duration(least, most) == words
