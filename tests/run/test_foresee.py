"""What `--check` tells of a node at each place where it can stand: as the command then does, and nothing is changed by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from migrate.errors import Refused, StalePlan
from migrate.plan.state import NodeState
from migrate.run.apply import apply
from migrate.run.foresee import foreseen, would_apply, would_rollback
from migrate.run.rollback import rollback
from migrate.run.work import Work
from tests.run.engine import NODE, Killed, World, ended
from tests.run.test_operate import state


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state")


def looked(world: World, would: Callable[[Work], NodeState]) -> tuple[bool, str, int, str]:
    """What is told, with nothing done to the node or through the API."""
    before = world.scratch.tree(), world.scratch.state(), dict(world.cluster.nodes), sorted(world.cluster.alive)
    told = would(world.work())
    assert world.boundaries.passed == []
    assert (world.scratch.tree(), world.scratch.state(), dict(world.cluster.nodes), sorted(world.cluster.alive)) == before
    assert not any(event.changes for event in world.told)
    world.told.clear()
    return told.changed, *ended(told)


def changed(world: World) -> bool:
    """Whether a command told of a step."""
    told = any(event.changes for event in world.told)
    world.told.clear()
    return told


def killed(world: World, verb: Callable[[Work], NodeState], at: int) -> None:
    with pytest.raises(Killed):
        verb(world.work(at))
    world.told.clear()


def test_there_and_back(world: World) -> None:
    assert looked(world, would_apply) == (True, "untouched", 0, "the plan holds; apply would move it to containerd")
    assert looked(world, would_rollback) == (False, "rolled back", 0, "nothing to do: this run never touched it")
    apply(world.work())
    assert changed(world)
    assert looked(world, would_apply) == (False, "migrated", 0, "nothing to do: it runs on containerd and is verified")
    apply(world.work())
    assert not changed(world)
    seen = "runs on containerd, verified; rollback would put it back on Docker"
    assert looked(world, would_rollback) == (True, "migrated", 0, seen)
    rollback(world.work())
    assert changed(world)
    assert looked(world, would_rollback) == (False, "rolled back", 0, "nothing to do: it is rolled back")
    rollback(world.work())
    assert not changed(world)
    with pytest.raises(Refused, match="this plan was rolled back on this node"):
        would_apply(world.work())


def test_one_that_was_interrupted(world: World) -> None:
    killed(world, apply, 12)
    told = looked(world, would_apply)
    assert (told[0], told[2]) == (True, 0)
    assert told[3].endswith("; apply would continue")
    told = looked(world, would_rollback)
    assert (told[0], told[2]) == (True, 0)
    assert told[3].endswith("; rollback would put it back on Docker")
    apply(world.work())
    killed(world, rollback, 8)
    told = looked(world, would_apply)
    assert (told[0], told[2]) == (True, 5)
    assert told[3].endswith("; apply would finish its rollback")


def test_what_apply_would_refuse(world: World) -> None:
    inputs = tuple(replace(item, value="another") if item.what == "version of kubelet" else item for item in world.scratch.plan.inputs)
    world.scratch.plan = replace(world.scratch.plan, inputs=inputs)
    for verb in (would_apply, apply):
        with pytest.raises(StalePlan, match=r"plan is stale: 1 input changed since it was made\nversion of kubelet: planned another"):
            verb(world.work())
    assert not changed(world)


def test_what_rollback_would_refuse(world: World) -> None:
    apply(world.work())
    node = world.cluster.nodes[NODE]
    info = replace(node.status.node_info, kubelet_version="v1.24.0")
    world.cluster.nodes[NODE] = replace(node, status=replace(node.status, node_info=info))
    for verb in (would_rollback, rollback):
        with pytest.raises(Refused, match=r"the kubelet is v1\.24\.0 now"):
            verb(world.work())


def test_nodes_without_steps_are_told_in_their_place() -> None:
    def job(host: str, *steps: str) -> Any:
        return SimpleNamespace(node=SimpleNamespace(host=host, steps=steps))

    def status(jobs: Any, would: Any) -> list[NodeState]:
        assert would is would_apply
        return [state("untouched", one.node.host) for one in jobs]

    def rest(jobs: Any) -> list[NodeState]:
        return [state("refused", one.node.host, 3) for one in jobs]

    told = foreseen(status, [job("a", "step"), job("b"), job("c", "step")], would_apply, rest)
    assert [(one.node, one.state) for one in told] == [("a", "untouched"), ("b", "refused"), ("c", "untouched")]
