"""`apply --prepare`: what disturbs nothing is done now, the rest whenever it is wanted; a node is looked at again then."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from migrate.errors import Refused, StalePlan
from migrate.plan.model import SEGMENTS
from migrate.run import apply as engine
from migrate.run.apply import apply
from migrate.run.cleaned import carry_out
from migrate.run.rollback import rollback
from migrate.run.standing import standing
from migrate.run.work import Work
from tests.run.engine import NODE, World, ended
from tests.run.test_engine import killed

FIRST = SEGMENTS[:1]
DONE = (
    "prepared",
    0,
    "it has its images and checked files, and runs on Docker as before\n"
    f"  next: docker2cri apply with the same plan, which drains and switches it; or docker2cri rollback {NODE}",
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state")


def test_prepared_then_applied(world: World) -> None:
    assert ended(apply(world.work(), segments=FIRST)) == DONE
    assert not world.cordoned()
    assert world.scratch.tree() == world.tree
    assert ended(standing(world.work()))[:2] == ("prepared", 0)
    assert ended(apply(world.work(), segments=FIRST)) == DONE
    assert ended(apply(world.work())) == ("migrated", 0, "it runs on containerd and is verified")
    world.is_migrated()
    assert ended(apply(world.work(), segments=FIRST))[2] == "nothing to do: it runs on containerd and is verified"


def test_prepared_then_rolled_back(world: World) -> None:
    apply(world.work(), segments=FIRST)
    assert rollback(world.work()).state == "rolled back"
    world.is_rolled_back()


def test_a_node_that_is_drained_is_not_prepared(world: World) -> None:
    killed(world, apply, 12)  # cordoned
    assert world.cordoned()
    with pytest.raises(Refused) as refused:
        apply(world.work(), segments=FIRST)
    assert str(refused.value) == (
        f"{NODE}: its drain has begun\n  expected: a node that is not drained\n  next: docker2cri apply with the same plan, which continues"
    )


def test_a_prepared_node_is_looked_at_again_before_its_drain(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(world.work(), segments=FIRST)

    def stale(work: Work) -> None:
        raise StalePlan(node=NODE, seen="plan is stale", expected="the node as it was planned", next="plan again")

    monkeypatch.setattr(engine, "look_again", stale)
    with pytest.raises(StalePlan):
        apply(world.work())
    assert not world.cordoned()
    assert world.scratch.tree() == world.tree


def test_a_node_whose_drain_has_begun_is_not_looked_at_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(world, apply, 12)  # cordoned
    monkeypatch.setattr(engine, "look_again", lambda work: pytest.fail("its pods are half gone: it is ended as it was begun"))
    assert apply(world.work()).state == "migrated"
    world.is_migrated()


def test_a_step_that_fails_while_it_is_prepared_ends_the_run(world: World) -> None:
    (world.root / ".state/disk-full").touch()
    state = apply(world.work(), segments=FIRST)
    assert (state.state, state.exit_code) == ("rolled back", 5)
    assert "\n  now: it never left Docker\n" in ended(state)[2]
    world.is_rolled_back()


def test_a_plan_that_removes_docker_is_not_prepared() -> None:
    refused = Refused(node=NODE, seen="s", expected="e", next="n")
    asked: list[tuple[str, ...]] = []
    plan = SimpleNamespace(cleans=True)
    work: Any = SimpleNamespace(plan=plan, refuse=lambda *said: (asked.append(said), refused)[1])
    with pytest.raises(Refused):
        carry_out(work, lambda: None, segments=FIRST)
    assert asked == [("a plan that removes Docker has nothing to prepare", "a plan that moves nodes", "docker2cri apply without --prepare")]
