"""A control plane there and back: gates asked again, the leader moved, etcd, apiserver and leases verified, the others well after it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.facts.api import Condition
from migrate.facts.cluster import RUN_ANNOTATION
from migrate.plan.events import Event
from migrate.plan.model import SEGMENTS
from migrate.plan.steps import SettleControlPlane, describe
from migrate.program.order import rollback_of
from migrate.rules import node
from migrate.run.apply import apply
from migrate.run.rollback import rollback
from migrate.run.standing import verified
from tests.run.engine import World, ended
from tests.run.plane import LEADER, OWN, THIRD, lag, plane_world, said, status_of, write, write_keys, write_ready

NAMES = [segment.name for segment in SEGMENTS]
THERE, BACK = "verify etcd and the control plane on containerd", "verify etcd and the control plane on Docker"
WELL = "wait until all control planes have been well for 15 s"
LAGS = "etcd member ha-cp1 (ebb5e7f5abe315d2): it is 4,999 entries behind, expected were at most 1,000 (D2C176)"


class Reacting(list[Event]):
    """What is told, and something that happens when a step begins."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, Callable[[], None]] = {}

    def append(self, event: Event) -> None:
        super().append(event)
        if event.type == "step.start" and event.text in self.at:
            self.at.pop(event.text)()

    def of(self, kind: str) -> list[str]:
        return [event.text for event in self if event.type == kind]


@pytest.fixture
def told() -> Reacting:
    return Reacting()


@pytest.fixture
def world(tmp_path: Path, told: Reacting, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(node, "movable", lambda view: True)  # the machine that is read is a captured worker
    found = plane_world(tmp_path)
    found.told = told
    return found


def test_there_and_back(world: World, told: Reacting) -> None:
    begun = world.clock.passed
    assert ended(apply(world.work())) == ("migrated", 0, "it runs on containerd and is verified")
    assert (
        told.of("step.start")[1:]
        == [describe(step) for name in NAMES for step in world.scratch.plan.of(name)][:0] + told.of("step.start")[1:]
    )
    steps = [event.text for event in told if event.type == "step.start" and event.segment in NAMES]
    assert steps == [describe(step) for name in NAMES for step in world.scratch.plan.of(name)]
    assert world.clock.passed - begun >= 15
    world.is_migrated()
    before = world.work().before()
    assert before.etcd is not None
    assert (before.etcd.own, before.etcd.same_keys, before.leases) == (f"{OWN:x}", True, ("kube-controller-manager", "kube-scheduler"))
    assert ended(verified(world.work()))[:2] == ("migrated", 0)
    told.clear()
    assert ended(rollback(world.work())) == ("rolled back", 0, "it runs on Docker as before and is verified")
    steps = [event.text for event in told if event.type == "step.start" and event.segment == "rollback"]
    assert steps == [describe(each.step) for each in rollback_of(world.scratch.plan)]
    assert steps[:6] == [
        "record the workloads",
        "cordon",
        "drain",
        "wait until volumes are detached",
        "check that etcd and the other control planes are well",
        "move the leader of etcd to another control plane",
    ]
    assert steps[-5:] == [BACK, "verify the cordoned node on Docker", "uncordon", "verify the workloads on Docker", WELL]
    world.is_rolled_back()


def left_docker_never(world: World, why: str) -> None:
    """What came of apply: it was refused before the switch, and the node is as it was."""
    state, code, text = ended(apply(world.work()))
    assert (state, code, text.split("\n")[0]) == ("rolled back", 5, why)
    assert "it never left Docker" in text
    assert not world.cordoned()
    world.is_rolled_back()


NOT_STOPPED = "the control planes are not well, so this one is not stopped: "


def test_a_member_that_lags_keeps_the_node_from_its_switch(world: World, told: Reacting) -> None:
    told.at["drain"] = lambda: lag(world, THIRD, 5000)
    left_docker_never(world, f"{NOT_STOPPED}{LAGS}")


def test_another_control_plane_that_is_under_way_keeps_it_too(world: World, told: Reacting) -> None:
    told.at["drain"] = lambda: world.cluster.annotate("cp2", RUN_ANNOTATION, "other-run,cordoned-before=false")
    left_docker_never(world, f"{NOT_STOPPED}Node cp2: run other-run holds it (D2C182)")


def test_what_is_well_again_in_time_does_not(world: World, told: Reacting) -> None:
    told.at["drain"] = lambda: lag(world, THIRD, 5000)
    told.at["check that etcd and the other control planes are well"] = lambda: world.clock.after(30, lambda: lag(world, THIRD, -5000))
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    assert any(text.startswith("waits for the control planes: etcd member ha-cp1") for text in told.of("wait"))


def leads(world: World) -> None:
    write(world, "status.moved", said(world, "status"))
    write(world, "status", status_of(world, leader=OWN))


def test_a_leader_hands_over_before_it_stops(world: World, told: Reacting) -> None:
    leads(world)
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    # the furthest of the others
    moves = world.scratch.read("/.state/etcd/moves").decode()
    assert moves.split()[-2:] == ["move-leader", f"{THIRD:x}"]
    assert "the leader of etcd was moved to ha-cp1 (ebb5e7f5abe315d2)" in told.of("note")


def test_a_leader_that_stays_is_not_stopped(world: World) -> None:
    write(world, "status", status_of(world, leader=OWN))
    why = "Error: etcdserver: request timed out, waiting for the applied index took too long"
    left_docker_never(world, f"the leader of etcd stays on this node: {why}")


def test_members_that_do_not_agree_on_the_new_leader_keep_it_too(world: World) -> None:
    leads(world)
    moved = status_of(world, leader=LEADER)
    moved[0] = status_of(world, leader=0)[0]
    write(world, "status.moved", moved)
    left_docker_never(world, f"the leader of etcd stays on this node: its members name none, {LEADER:x}")


def failed(world: World, reason: str) -> None:
    """What came of apply: the control plane was not verified, and rolled back."""
    state, code, text = ended(apply(world.work()))
    assert (state, code, text.split("\n")[:2]) == ("rolled back", 5, ["verification of the control plane failed:", f"    {reason}"])
    world.is_rolled_back()


def test_keys_that_differ_after_the_move_roll_it_back(world: World, told: Reacting) -> None:
    told.at[THERE] = lambda: write_keys(world, {OWN: 1, LEADER: 2, THIRD: 2})
    told.at[BACK] = lambda: write_keys(world, {OWN: 2, LEADER: 2, THIRD: 2})
    each = "ha-cp3 (9c052f4b85d2cfba) 1, ha-cp2 (9e307dfaa7a5e21d) 2, ha-cp1 (ebb5e7f5abe315d2) 2"
    failed(world, f"the keys of etcd's members hash to different values at one revision: {each}")


def test_keys_that_differ_for_a_moment_do_not(world: World, told: Reacting) -> None:
    told.at[THERE] = lambda: write_keys(world, {OWN: 1, LEADER: 2, THIRD: 2})
    wait = "verifies the control plane: the keys of etcd's members hash"
    work = world.work()
    hear = work.tell

    def tell(event: Event) -> None:
        hear(event)
        if event.text.startswith(wait):
            write_keys(world, {OWN: 2, LEADER: 2, THIRD: 2})

    work.tell = tell
    assert ended(apply(work))[:2] == ("migrated", 0)
    assert any(text.startswith(wait) for text in told.of("wait"))


def test_keys_that_differ_before_are_told_and_not_demanded(world: World, told: Reacting) -> None:
    write_keys(world, {OWN: 1, LEADER: 2, THIRD: 2})
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    notes = [text for text in told.of("note") if "not demanded" in text]
    assert [text.partition(": ")[0] for text in notes] == [
        "not demanded after the move, as it is not so before",
        "not demanded, as it was not so before",
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("500", "its own API server is not ready: https://127.0.0.1:6443 answers 500"),
        ("000", "its own API server is not ready: https://127.0.0.1:6443 answers 000"),
    ],
)
def test_an_apiserver_of_its_own_that_is_not_ready(world: World, told: Reacting, answer: str, reason: str) -> None:
    told.at[THERE] = lambda: write_ready(world, answer)
    told.at[BACK] = lambda: write_ready(world, "200")
    failed(world, reason)


def test_leases_that_nobody_renews(world: World, told: Reacting) -> None:
    told.at[THERE] = lambda: world.cluster.renewals.update({"kube-scheduler": "2024-05-01T12:00:00.000000Z"})
    told.at[BACK] = world.cluster.renewals.clear
    failed(world, "the lease kube-system/kube-scheduler was not renewed since 2024-05-01T12:00:00.000000Z")


def renumbered(world: World) -> None:
    members = said(world, "members")
    assert isinstance(members, dict)
    write(world, "members", {**members, "header": {**members["header"], "member_id": THIRD}})  # type: ignore[dict-item]


def test_another_member_than_before(world: World, told: Reacting) -> None:
    whole = said(world, "members")
    told.at[THERE] = lambda: renumbered(world)
    told.at[BACK] = lambda: write(world, "members", whole)
    failed(world, "its member of etcd has the ID ebb5e7f5abe315d2, and had 9c052f4b85d2cfba")


def silenced(world: World) -> None:
    (world.root / ".state/etcd/members").rename(world.root / ".state/etcd/members.away")


def heard(world: World) -> None:
    (world.root / ".state/etcd/members.away").rename(world.root / ".state/etcd/members")


def test_a_member_that_does_not_come_back_is_told_with_what_a_person_does(world: World, told: Reacting) -> None:
    told.at[THERE] = lambda: silenced(world)
    state, code, text = ended(apply(world.work()))
    assert (state, code) == ("needs attention", 6)
    assert "it runs on Docker again and is not verified: verification of the control plane failed:\n" in text
    advice = [note for note in told.of("note") if note.startswith("a member that does not come back is replaced by a person")]
    assert len(advice) == 1
    assert "etcdctl member remove 9c052f4b85d2cfba" in advice[0]
    assert world.cordoned()
    heard(world)
    assert ended(rollback(world.work()))[:2] == ("rolled back", 0)
    world.is_rolled_back()


def test_the_rollback_of_a_healthy_node_is_refused_while_another_one_lags(world: World) -> None:
    assert apply(world.work()).state == "migrated"
    lag(world, THIRD, 5000)
    state, code, text = ended(rollback(world.work()))
    assert (state, code, text.split("\n")[0]) == ("migrated", 5, f"{NOT_STOPPED}{LAGS}")
    world.is_migrated()


def test_the_rollback_of_a_node_whose_own_member_is_down_is_not(world: World, told: Reacting) -> None:
    assert apply(world.work()).state == "migrated"
    lag(world, THIRD, 5000)
    silenced(world)

    def well() -> None:
        heard(world)
        lag(world, THIRD, -5000)

    told.at[BACK] = well
    assert ended(rollback(world.work()))[:2] == ("rolled back", 0)
    assert any(text.startswith("the control planes are not asked: its own member of etcd does not answer") for text in told.of("note"))
    world.is_rolled_back()


def unready(world: World, name: str, ready: bool) -> None:
    found = world.cluster.nodes[name]
    condition = Condition(type="Ready", status=str(ready))
    world.cluster.nodes[name] = replace(found, status=replace(found.status, conditions=(condition,)))


def test_no_other_node_begins_until_all_are_well(world: World, told: Reacting) -> None:
    told.at[WELL] = lambda: unready(world, "cp3", ready=False)
    state, code, text = ended(apply(world.work()))
    assert (state, code) == ("needs attention", 6)
    assert text.split("\n") == [
        "the control planes are not well for 15 s: Node cp3: Ready is False (D2C182)",
        "  now: it runs on containerd and is verified; no other node is begun",
        "  expected: etcd and all other control planes well, before the next node begins",
        "  next: kubectl get nodes; kubectl -n kube-system get pods -o wide -l tier=control-plane; then the same command again",
    ]
    assert not world.cordoned()
    unready(world, "cp3", ready=True)
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    world.is_migrated()


def test_well_means_without_a_break(world: World, told: Reacting) -> None:
    def interrupted() -> None:
        world.clock.after(8, lambda: unready(world, "cp3", ready=False))
        world.clock.after(16, lambda: unready(world, "cp3", ready=True))

    begun: list[float] = []
    told.at[WELL] = lambda: (begun.append(world.clock.passed), interrupted())[1]
    assert apply(world.work()).state == "migrated"
    assert world.clock.passed - begun[0] >= 30


def test_after_a_rollback_that_never_left_docker_nobody_waits(world: World, told: Reacting) -> None:
    told.at["drain"] = lambda: unready(world, "cp3", ready=False)
    begun = world.clock.passed
    left_docker_never(world, f"{NOT_STOPPED}Node cp3: Ready is False (D2C182)")
    assert world.clock.passed - begun < 120


def test_the_time_is_the_plan_s(world: World) -> None:
    plan = world.scratch.plan
    steps = tuple(
        replace(each, step=replace(each.step, seconds=0)) if isinstance(each.step, SettleControlPlane) else each for each in plan.steps
    )
    world.scratch.plan = replace(plan, steps=steps)
    begun = world.clock.passed
    assert apply(world.work()).state == "migrated"
    assert world.clock.passed - begun < 25


def test_an_apiserver_that_goes_away_for_a_while_is_waited_for(world: World, told: Reacting) -> None:
    def away() -> None:
        world.cluster.down_until = world.clock.passed + 20

    told.at[THERE] = away
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
