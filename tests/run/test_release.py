"""Every state that a run can leave a node in: `status` names a command that leaves it, and that command does. `release` leaves each."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.errors import MigrateError, Refused
from migrate.plan.mark import RUN_ANNOTATION, Mark
from migrate.plan.state import NodeState
from migrate.run.apply import apply
from migrate.run.kube.port import Said
from migrate.run.release import release
from migrate.run.remote import Remote
from migrate.run.rollback import rollback
from migrate.run.standing import standing
from tests.node.scratch import RUN
from tests.run.engine import NODE, Killed, ScratchHost, World, ended

BROKEN = Said(101, "OCI runtime exec failed: error setting rlimits")
WHY = "looked at it"


def killed(world: World, verb: Callable[..., NodeState], at: int) -> None:
    with pytest.raises(Killed):
        verb(world.work(at))


def stopped(world: World) -> None:
    (world.root / ".state/new-config-fails").touch()
    apply(world.work(), on_failure="stop")


def guarded(world: World) -> None:
    killed(world, apply, 17)
    world.scratch.verb("guard")


def unverified(world: World) -> None:
    """Rolled back, and a check of the rollback fails for ever."""
    work = world.work()
    work.tell = lambda event: setattr(world.cluster, "exec_says", BROKEN) if event.segment == "switch" else None
    assert apply(work).exit_code == 6


def journal_lost(world: World) -> None:
    killed(world, apply, 17)
    (world.scratch.run / "journal").unlink()


def steps_lost(world: World) -> None:
    killed(world, apply, 17)
    (world.scratch.run / "steps").unlink()
    assert rollback(world.work()).exit_code == 6


def run_lost(world: World) -> None:
    """Nobody has the run any more: the mark alone is there, the guard's units point into nothing."""
    killed(world, apply, 17)
    shutil.rmtree(world.scratch.run)


def marked_alone(world: World) -> None:
    world.cluster.cordon(NODE, Mark(run=RUN, cordoned_before=False))
    shutil.rmtree(world.scratch.run)


def half_released(world: World) -> None:
    killed(world, apply, 17)
    assert world.scratch.verb("release", WHY).code == 0


STATES: dict[str, Callable[[World], None]] = {
    "prepared": lambda world: killed(world, apply, 6),
    "cordoned": lambda world: killed(world, apply, 13),
    "inside the switch": lambda world: killed(world, apply, 16),
    "switched": lambda world: killed(world, apply, 17),
    "acknowledged": lambda world: killed(world, apply, 22),
    "stopped where it failed": stopped,
    "rolled back by its guard": guarded,
    "the rollback was killed": lambda world: (apply(world.work()), killed(world, rollback, 6))[1],
    "rolled back and not verified": unverified,
    "its journal is lost": journal_lost,
    "its steps are lost": steps_lost,
    "its run is lost": run_lost,
    "the mark alone": marked_alone,
    "released on the node alone": half_released,
}
COMMAND = re.compile(r"docker2cri (apply|rollback|release)")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state")


def let_go(world: World, *, force: bool = False) -> NodeState:
    work = world.work()
    node = world.cluster.nodes[NODE]

    def remote(run: str) -> Remote:
        return Remote(NODE, run, lambda: ScratchHost(world.scratch, world.boundaries, world.away), world.clock)

    return release(node, NODE, work.cluster, remote, WHY, force=force)


def is_free(world: World) -> None:
    """Nothing of a run holds the node: another plan may be applied, and nothing acts by itself."""
    node = world.cluster.nodes[NODE]
    assert (node.metadata.annotation(RUN_ANNOTATION), node.spec.unschedulable) == (None, False)
    systemd = world.root / "etc/systemd/system"
    assert not any((*systemd.glob("docker2cri-*"), *systemd.glob("*/docker2cri-boot*"), *systemd.glob("*/*gate*")))


@pytest.mark.parametrize("name", STATES)
def test_status_names_a_command_that_leaves_it(name: str, world: World) -> None:
    STATES[name](world)
    state = standing(world.work())
    said = COMMAND.search(state.reason.next)
    assert said is not None, ended(state)
    if name == "rolled back and not verified":  # the first command needs what is broken to be fixed
        assert rollback(world.work()).exit_code == 6
        assert "docker2cri release" in standing(world.work()).reason.next
        assert let_go(world).state == "released"
    elif said.group(1) == "release":
        assert let_go(world).state == "released"
    else:
        left = {"apply": apply, "rollback": rollback}[said.group(1)](world.work())
        if left.exit_code == 6:
            assert "docker2cri release" in left.reason.next, ended(left)
            assert let_go(world).state == "released"
    is_free(world)


@pytest.mark.parametrize("name", ["switched", "rolled back by its guard", "its steps are lost", "its run is lost"])
def test_release_leaves_it(name: str, world: World) -> None:
    STATES[name](world)
    state = let_go(world)
    assert (state.state, state.exit_code, state.run) == ("released", 0, RUN)
    is_free(world)
    assert not (world.scratch.run.parent / "current").exists()
    if world.scratch.run.exists():
        assert [entry.text for entry in world.scratch.entries() if entry.event == "released"] == [WHY]
        assert world.scratch.verb("guard").out.startswith(f"{RUN}: nothing to do")
        assert world.scratch.verb("forward", "switch").code in (1, 7)
    assert let_go(world).state in ("released", "untouched")


def test_a_released_run_is_neither_applied_nor_rolled_back(world: World) -> None:
    killed(world, apply, 17)
    let_go(world)
    assert ended(standing(world.work()))[:2] == ("released", 0)
    with pytest.raises(Refused, match=f"this plan was released on this node: {WHY}"):
        apply(world.work())
    with pytest.raises(Refused, match=f"run {RUN} was released: {WHY}"):
        rollback(world.work())


def test_a_node_that_cannot_be_reached_needs_force(world: World) -> None:
    killed(world, apply, 17)
    world.away[0] = 10**6
    state = let_go(world)
    assert (state.state, state.exit_code) == ("unreachable", 4)
    assert state.reason.next == f"docker2cri release {NODE} --reason TEXT --force, which changes the API alone"
    assert world.cordoned()
    state = let_go(world, force=True)
    assert state.reason.now == "nothing was done on the node (the connection ended): its guard may still roll it back"
    assert not world.cordoned()


def test_another_runs_mark_is_looked_at_before_anything_is_laid(world: World) -> None:
    world.cluster.cordon(NODE, Mark(run="run-0", cordoned_before=False))
    shutil.rmtree(world.scratch.run)
    with pytest.raises(Refused) as refused:
        apply(world.work())
    assert str(refused.value) == (
        f"{NODE}: run run-0 holds this node, and is not finished: {RUN_ANNOTATION}=run-0,cordoned-before=false\n"
        "  expected: a node that no other run holds\n"
        f"  next: docker2cri status {NODE}; then docker2cri rollback {NODE}, or docker2cri release {NODE} --reason TEXT"
    )
    assert not world.scratch.run.exists()


def test_a_mark_that_is_none_of_ours_and_another_machine_are_refused(world: World) -> None:
    world.cluster.annotate(NODE, RUN_ANNOTATION, "by hand")
    with pytest.raises(Refused, match="is none of docker2cri: 'by hand'"):
        let_go(world)
    world.cluster.annotate(NODE, RUN_ANNOTATION, None)
    node = world.cluster.nodes[NODE]
    info = replace(node.status.node_info, machine_id="another")
    world.cluster.nodes[NODE] = replace(node, status=replace(node.status, node_info=info))
    with pytest.raises(MigrateError, match="machine-id"):
        let_go(world)
