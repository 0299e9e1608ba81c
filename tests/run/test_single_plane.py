"""The only control plane there and back: while it is switched there is no API, which is waited for, and beyond its bound a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.errors import ClusterUnreachable
from migrate.plan.mark import mark_of
from migrate.plan.model import SEGMENTS
from migrate.plan.steps import describe
from migrate.program.order import rollback_of
from migrate.rules import node
from migrate.run.apply import apply
from migrate.run.foresee import would_rollback
from migrate.run.identify import identify
from migrate.run.lease import heed_pause
from migrate.run.rollback import rollback
from migrate.run.standing import standing, verified
from migrate.run.work import Work
from tests.run.engine import NODE, Killed, World, ended
from tests.run.plane import OWN, single_world, write_ready
from tests.run.test_plane import BACK, THERE, Reacting, heard, renumbered, silenced

NAMES = [segment.name for segment in SEGMENTS]
STOPS, COMES = "stop the kubelet", "check that etcd and its own API server are well"
AWAY = "https://api: no connection"
FOR_EVER = 1e9
UNREADY = "its own API server is not ready: https://127.0.0.1:6443 answers 000"


@pytest.fixture
def told() -> Reacting:
    return Reacting()


@pytest.fixture
def world(tmp_path: Path, told: Reacting, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(node, "movable", lambda view: True)  # the machine that is read is a captured worker
    found = single_world(tmp_path)
    found.told = told
    return found


def goes(world: World) -> None:
    """Its API server stops."""
    world.cluster.down_until = FOR_EVER
    write_ready(world, "000")


def returns(world: World, seconds: float) -> None:
    """Its API server answers after so long."""
    world.cluster.down_until = world.clock.passed + seconds
    write_ready(world, "000")
    world.clock.after(seconds, lambda: write_ready(world, "200"))


def away(world: World, told: Reacting, there: float, back: float = 20) -> None:
    """While it is switched there is no API: `there` seconds after the kubelet's start on the new runtime, `back` on Docker."""
    told.at[STOPS] = lambda: goes(world)
    told.at[THERE] = lambda: returns(world, there)
    told.at[BACK] = lambda: returns(world, back)


def test_there_and_back(world: World, told: Reacting) -> None:
    away(world, told, 20)
    assert ended(apply(world.work())) == ("migrated", 0, "it runs on containerd and is verified")
    steps = [event.text for event in told if event.type == "step.start" and event.segment in NAMES]
    assert steps == [describe(step) for name in NAMES for step in world.scratch.plan.of(name)]
    assert COMES in steps
    assert not any("leader" in step for step in steps)
    assert f"verifies the control plane: {UNREADY}" in told.of("wait")
    world.is_migrated()
    before = world.work().before()
    assert before.etcd is not None
    assert (before.etcd.own, before.etcd.members, before.etcd.others) == (f"{OWN:x}", (f"{OWN:x}",), ())
    assert ended(verified(world.work()))[:2] == ("migrated", 0)
    told.clear()
    away(world, told, 20)
    assert ended(rollback(world.work())) == ("rolled back", 0, "it runs on Docker as before and is verified")
    steps = [event.text for event in told if event.type == "step.start" and event.segment == "rollback"]
    assert steps == [describe(each.step) for each in rollback_of(world.scratch.plan)]
    assert steps[4] == COMES
    well = "wait until the control plane has been well for 15 s"
    assert [step for step in steps[-6:] if "annotat" not in step] == [
        BACK,
        "verify the cordoned node on Docker",
        "uncordon",
        "verify the workloads on Docker",
        well,
    ]
    world.is_rolled_back()


def test_an_api_server_that_does_not_come_back_rolls_the_node_back(world: World, told: Reacting) -> None:
    away(world, told, FOR_EVER)
    state, code, text = ended(apply(world.work()))
    assert (state, code, text.split("\n")[:2]) == ("rolled back", 5, ["verification of the control plane failed:", f"    {UNREADY}"])
    world.is_rolled_back()


def test_the_bound_is_the_plan_s(world: World, told: Reacting) -> None:
    away(world, told, FOR_EVER)
    begun: list[float] = []
    come_there, come_back = told.at[THERE], told.at[BACK]
    told.at[THERE] = lambda: (begun.append(world.clock.passed), come_there())[1]
    told.at[BACK] = lambda: (begun.append(world.clock.passed), come_back())[1]
    assert apply(world.work()).state == "rolled back"
    assert 30 <= begun[1] - begun[0] < 40  # verify_node of the plan


def test_a_container_that_does_not_run_there_is_named(world: World, told: Reacting) -> None:
    away(world, told, 20)
    come = told.at[THERE]

    def absent() -> None:
        come()
        found = {path: path.read_text() for path in (world.root / ".state/k8s").iterdir()}
        path, text = next((path, text) for path, text in found.items() if "name=kube-apiserver" in text.split("\n"))
        path.write_text(text.replace("running=yes", "running=no"))
        world.clock.after(10, lambda: path.write_text(text))

    told.at[THERE] = absent
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    assert "verifies the control plane: no container of kube-apiserver runs in containerd" in told.of("wait")


def test_a_member_under_another_id_rolls_it_back(world: World, told: Reacting) -> None:
    away(world, told, 5)
    come_there, come_back = told.at[THERE], told.at[BACK]
    whole = world.scratch.read("/.state/etcd/members")
    told.at[THERE] = lambda: (come_there(), renumbered(world))[0]
    told.at[BACK] = lambda: (come_back(), world.scratch.write("/.state/etcd/members", whole))[0]
    state, code, text = ended(apply(world.work()))
    assert (state, code) == ("rolled back", 5)
    assert "its member of etcd has the ID ebb5e7f5abe315d2, and had 9c052f4b85d2cfba" in text
    world.is_rolled_back()


def test_an_api_server_that_is_not_ready_before_is_not_stopped(world: World, told: Reacting) -> None:
    told.at["drain"] = lambda: write_ready(world, "500")
    state, code, text = ended(apply(world.work()))
    answers = "its own API server is not ready: https://127.0.0.1:6443 answers 500"
    assert (state, code, text.split("\n")[0]) == ("rolled back", 5, f"the control plane is not well, so it is not stopped: {answers}")
    assert not world.cordoned()


def test_the_mark_tells_that_it_is_alone(world: World, told: Reacting) -> None:
    marks: list[object] = []
    told.at[COMES] = lambda: marks.append(mark_of(world.cluster.nodes[NODE]))
    assert apply(world.work()).state == "migrated"
    assert [getattr(mark, "alone", None) for mark in marks] == [True]


def killed_in_rejoin(world: World, told: Reacting) -> None:
    """The tool dies while it waits for the API, which stays away."""
    away(world, told, FOR_EVER)
    come = told.at[THERE]

    def die() -> None:
        come()
        raise Killed("in rejoin")

    told.at[THERE] = die
    with pytest.raises(Killed):
        apply(world.work())
    told.clear()
    told.at.pop(BACK, None)


def begun(world: World) -> Work:
    """A new operator, as the commands make one."""
    work = world.work()
    identify(work)
    return work


def test_killed_while_the_api_is_away_and_continued(world: World, told: Reacting) -> None:
    killed_in_rejoin(world, told)
    told.at[THERE] = lambda: returns(world, 5)
    work = begun(world)
    assert work.cut_off == AWAY
    heed_pause(work)
    note = f"{AWAY}; this node is the only control plane, so it is finished or rolled back without the API"
    assert note in told.of("note")
    assert ended(apply(work)) == ("migrated", 0, "it runs on containerd and is verified")
    world.is_migrated()


def test_killed_while_the_api_is_away_and_rolled_back_without_it(world: World, told: Reacting) -> None:
    killed_in_rejoin(world, told)
    told.at[BACK] = lambda: returns(world, 10)
    work = begun(world)
    waited = world.clock.passed
    heed_pause(work)
    foreseen = would_rollback(begun(world))
    assert (foreseen.state, foreseen.exit_code, foreseen.changed) == ("switched", 0, True)
    assert world.clock.passed - waited < 130  # the API is asked once by each operator
    assert ended(rollback(work)) == ("rolled back", 0, "it runs on Docker as before and is verified")
    world.is_rolled_back()


def test_status_tells_of_the_node_without_its_api(world: World, told: Reacting) -> None:
    killed_in_rejoin(world, told)
    state = standing(world.work())
    assert (state.state, state.exit_code, state.reason.code) == ("switched", 0, "not-verified")
    assert state.details["api"] == f"not read: {AWAY}"


def test_without_this_machine_s_plan_nothing_is_done_without_the_api(world: World, told: Reacting) -> None:
    killed_in_rejoin(world, told)
    work = world.work()
    work.planned_in = None
    with pytest.raises(ClusterUnreachable):
        identify(work)
    worker = world.work()
    steps = tuple(each for each in worker.plan.steps if describe(each.step) not in (THERE, BACK))
    worker.plan = replace(worker.plan, steps=steps)
    with pytest.raises(ClusterUnreachable):
        identify(worker)


def test_another_machine_is_refused_all_the_same(world: World, told: Reacting) -> None:
    killed_in_rejoin(world, told)
    work = world.work()
    work.plan = replace(work.plan, machine_id="another")
    with pytest.raises(Exception, match="machine-id another, which the plan was made for"):
        identify(work)


def test_once_pods_may_have_come_a_person_is_asked(world: World) -> None:
    assert apply(world.work()).state == "migrated"
    world.cluster.down_until = FOR_EVER
    with pytest.raises(ClusterUnreachable) as wrong:
        identify(world.work())
    assert str(wrong.value) == (
        f"{NODE}: {AWAY}; this node is the only control plane, and pods may have come to it since it was moved\n"
        "  expected: an API to drain it through, or a person who does without\n"
        f"  next: on the node: journalctl -u kubelet; sh {world.work().remote.home}/restore.sh --force, which puts it back with its pods"
    )


def test_its_guard_fires_while_nobody_is_there(world: World, told: Reacting) -> None:
    killed_in_rejoin(world, told)
    assert world.scratch.verb("guard").code == 0
    returns(world, 10)
    state, code, text = ended(apply(begun(world)))
    assert (state, code) == ("rolled back", 5)
    assert text.startswith("rolled back automatically: no heartbeat from the operator")
    world.is_rolled_back()


def test_stop_on_failure_leaves_it_where_it_failed(world: World, told: Reacting) -> None:
    away(world, told, FOR_EVER)
    state, code, text = ended(apply(world.work(), on_failure="stop"))
    assert (state, code) == ("needs attention", 6)
    assert "whether it is cordoned is not known while the API is away, its guard disarmed (--on-failure stop)" in text
    told.at[BACK] = lambda: returns(world, 10)
    assert ended(rollback(begun(world)))[:2] == ("rolled back", 0)
    world.is_rolled_back()


@pytest.mark.parametrize("down", [silenced])
def test_its_member_of_etcd_does_not_come_back_there(world: World, told: Reacting, down: Callable[[World], None]) -> None:
    away(world, told, 5)
    come_there, come_back = told.at[THERE], told.at[BACK]
    told.at[THERE] = lambda: (come_there(), down(world))[0]
    told.at[BACK] = lambda: (come_back(), heard(world))[0]
    assert ended(apply(world.work()))[:2] == ("rolled back", 5)
    world.is_rolled_back()
