"""What a plan file may not hold, whatever its digest says."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from migrate.plan.model import NodePlan, PlannedStep, alone, dump_plan, load_plan
from migrate.plan.steps import Annotate, Cordon
from tests.node.scratch import planned


def read(plan: NodePlan) -> str:
    with pytest.raises(ValueError, match=r"its step|no names") as wrong:
        load_plan(dump_plan(alone(plan, "containerd")))
    return str(wrong.value)


def test_an_annotation_that_is_not_ours() -> None:
    plan, _ = planned()
    step = PlannedStep(segment="rejoin", step=Annotate(key="evil.example/x", value="1", why=""))
    assert read(replace(plan, steps=(*plan.steps, step))) == "lab-w1: its step `annotate evil.example/x=1` is none that docker2cri plans"


def test_a_step_in_another_place() -> None:
    plan, _ = planned()
    step = PlannedStep(segment="prepare", step=Cordon(found=False, why=""))
    assert read(replace(plan, steps=(step,))) == "lab-w1: its step `cordon` cannot be in segment prepare"


@pytest.mark.parametrize(("host", "node"), [("../x", "w1"), ("w1", "../x"), ("w1", "W 1"), (".ssh", ""), ("", "w1"), ("-o", "w1")])
def test_names_that_are_none(host: str, node: str) -> None:
    plan, _ = planned()
    assert read(replace(plan, host=host, node=node)) == f"{host!r}, {node!r}: these are no names of a host and a node"
