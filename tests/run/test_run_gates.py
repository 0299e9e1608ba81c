"""A run behind gates: what it waits for before each later stage, for how long, and what it says of nodes that were not begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from msgspec.structs import replace

from migrate.errors import UsageError
from migrate.facts.cluster import ClusterFacts
from migrate.plan.fleet import FleetPlan, Stage
from migrate.plan.gates import ApproveGate, CommandGate, Gates, HttpGate, window_of
from migrate.plan.mark import Mark
from migrate.plan.model import Plan, sealed
from migrate.plan.state import MIGRATED, NodeState
from migrate.run import lease as leases
from migrate.run import operate
from migrate.run.health_gate import PATIENCE, HealthGate
from migrate.run.owned import jobs_of
from migrate.run.pause import approve, pause, resume
from migrate.run.run_gates import RunGates, zones_of
from migrate.run.runs import run_of
from tests.node.scratch import RUN
from tests.run.test_operate import World, nodes, plan, rows
from tests.run.test_operate import world as world

MIGRATES = [("w1", MIGRATED, "said"), ("w2", MIGRATED, "said"), ("w3", MIGRATED, "said")]
Asked = CommandGate | HttpGate


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LOOK", 3600.0)


class FakeAsker:
    """Commands and URLs that answer what the test says, at each time; asked for real, they would wait."""

    def __init__(self, says: Callable[[], str]) -> None:
        self.says = says
        self.asked: list[tuple[Asked, dict[str, str]]] = []

    def __call__(self, gate: Asked, told: Mapping[str, str], stops: Callable[[], bool]) -> str:
        self.asked.append((gate, dict(told)))
        return self.says()


def gated(monkeypatch: pytest.MonkeyPatch, gates: Gates, says: Callable[[], str] = lambda: "") -> tuple[Plan, FakeAsker]:
    """A plan of three stages behind gates, and who answers for commands and URLs."""
    asker = FakeAsker(says)
    monkeypatch.setattr(operate, "RunGates", lambda *given: RunGates(*given, ask=asker))
    stages = tuple(Stage(nodes=(name,)) for name in ("w1", "w2", "w3"))
    return sealed(replace(plan("w1", "w2", "w3"), fleet=FleetPlan(stages=stages, gates=gates))), asker


def well(world: World, *readings: ClusterFacts) -> None:
    left = list(readings)
    world.gate = HealthGate(lambda: left.pop(0) if len(left) > 1 else left[0], world.clock, world.told.append, world.interrupt, RUN)


def applied(world: World, made: Plan, *names: str) -> tuple[NodeState, ...]:
    return world.operator.apply(made, jobs_of(made, names))


def texts(world: World, kind: str) -> list[str]:
    return [event.text for event in world.told if event.type == kind]


def test_a_command_is_asked_before_each_later_stage_and_told_which(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = CommandGate(argv=("./check",))
    made, asker = gated(monkeypatch, Gates(checks=(gate,)))
    assert rows(applied(world, made)) == MIGRATES
    told = {"GATE_RUN": run_of(made), "GATE_DIGEST": made.digest}
    assert asker.asked == [(gate, {**told, "GATE_STAGE": "2"}), (gate, {**told, "GATE_STAGE": "3"})]
    assert texts(world, "note") == ["before stage 2: command `./check` is open", "before stage 3: command `./check` is open"]


def test_a_url_that_stays_shut_stops_after_the_canary(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asker = gated(monkeypatch, Gates(checks=(HttpGate(url="https://ops/ok", wait=60),)), lambda: "status 503")
    ended = applied(world, made)
    assert rows(ended) == [MIGRATES[0], ("w2", "refused", "gate-closed"), ("w3", "refused", "gate-closed")]
    assert (ended[1].exit_code, ended[1].reason.seen, ended[1].reason.expected, ended[1].reason.next) == (
        7,
        "not begun: stage 2 waits for GET https://ops/ok: status 503",
        "a status of 2xx within 60 s",
        "the same command again when it is open",
    )
    waits = [event for event in world.told if event.type == "wait"]
    assert (waits[0].text, waits[0].data["bound"], len(waits)) == ("stage 2 waits for GET https://ops/ok: status 503", 60, 12)
    assert (len(asker.asked), world.clock.passed, world.began) == (13, 60, ["w1"])
    notes = [(event.status, event.text) for event in world.told if event.type == "note"]
    assert notes == [("closed", "stage 2 waits for GET https://ops/ok: status 503")]


def test_a_gate_that_opens_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = gated(monkeypatch, Gates(checks=(CommandGate(argv=("x",)),)), lambda: "" if world.clock.passed >= 100 else "not yet")
    assert rows(applied(world, made)) == MIGRATES
    assert world.clock.passed == 100


def test_a_stage_waits_for_a_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = gated(monkeypatch, Gates(checks=(ApproveGate(),)))
    world.clock.after(600, lambda: approve(world.cluster, world.clock, "ops@build-7", made.digest, 2))
    world.clock.after(900, lambda: approve(world.cluster, world.clock, "ops@build-7", made.digest, 0))
    assert rows(applied(world, made)) == MIGRATES
    assert (world.clock.passed, texts(world, "note")) == (
        900,
        [
            "stage 2 is approved by ops@build-7 since 2024-05-01T12:10:00Z",
            "stage 3 is approved by ops@build-7 since 2024-05-01T12:15:00Z",
        ],
    )
    named = f"stage 2 waits for approval: docker2cri approve {run_of(made)}@{made.digest} --stage 2"
    assert texts(world, "wait")[0] == named
    assert rows(applied(world, made, "w2", "w3")) == MIGRATES[1:], "the approval is still there for the one who goes on"


def test_without_approval_the_rest_is_refused_with_what_to_type(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = gated(monkeypatch, Gates(checks=(ApproveGate(wait=0),)))
    approve(world.cluster, world.clock, "ops@build-7", "sha256:" + "0" * 64, 0)
    ended = applied(world, made)
    assert rows(ended) == [MIGRATES[0], ("w2", "refused", "not-approved"), ("w3", "refused", "not-approved")]
    command = f"docker2cri approve {run_of(made)}@{made.digest} --stage 2"
    assert (ended[1].reason.next, ended[1].exit_code) == (f"{command}; then the same command again", 7)
    assert world.clock.passed == 0
    assert rows(applied(world, made, "w2")) == [("w2", "refused", "not-approved")], "a limit is no approval"
    approve(world.cluster, world.clock, "ops@build-7", made.digest, 2)
    assert rows(applied(world, made, "w2", "w3")) == [MIGRATES[1], ("w3", "refused", "not-approved")]


def test_a_soak_is_kept_between_stages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = gated(monkeypatch, Gates(soak=600))
    well(world, nodes("w1", "w2", "w3"))
    assert rows(applied(world, made)) == MIGRATES
    assert world.clock.passed == 1200
    assert texts(world, "note") == ["before stage 2: the cluster was well for 600 s", "before stage 3: the cluster was well for 600 s"]
    assert (texts(world, "wait")[0], len(texts(world, "wait"))) == ("soak before stage 2", 80)


def test_a_cluster_that_is_ill_in_the_soak_begins_it_again_and_not_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = gated(monkeypatch, Gates(soak=60))
    good, bad = nodes("w1", "w2", "w3"), nodes("w1", "w2", others=("w3",))
    well(world, good, good, good, bad, good)
    assert rows(applied(world, made)) == MIGRATES
    assert "the soak before stage 2 begins again: node w3 is not Ready" in texts(world, "note")
    well(world, *([good, good, bad] * 20))
    ended = applied(world, made)
    assert rows(ended) == [MIGRATES[0], ("w2", "refused", "soak"), ("w3", "refused", "soak")]
    assert ended[1].reason.seen == "not begun: the cluster did not stay well for 60 s before stage 2: node w3 is not Ready"
    world.clock.passed = 0
    well(world, good, bad)
    assert rows(applied(world, made))[1] == ("w2", "refused", "gate")
    assert world.clock.passed == PATIENCE


def test_a_window_that_closes_refuses_the_rest_and_says_when_it_opens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first node takes until after the window: 12:00 UTC on a Wednesday is 14:00 in Berlin."""
    made, _ = gated(monkeypatch, Gates(windows=(window_of("mon-fri 13:00-14:30 Europe/Berlin"),)))
    end = world.end

    def slow(work: object, usual: str) -> NodeState:
        world.clock.sleep(1800)
        return end(work, usual)

    world.end = slow  # type: ignore[method-assign]
    ended = applied(world, made)
    assert rows(ended) == [MIGRATES[0], ("w2", "refused", "window"), ("w3", "refused", "window")]
    assert (ended[1].exit_code, ended[1].reason.seen, ended[1].reason.next) == (
        7,
        "not begun: outside the windows of the plan (mon-fri 13:00-14:30 Europe/Berlin)",
        "the same command from 2024-05-02 13:00 Europe/Berlin (11:00Z) on",
    )


def test_outside_the_window_nothing_begins_and_what_was_begun_is_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asker = gated(monkeypatch, Gates(windows=(window_of("2024-04-01"),), checks=(CommandGate(argv=("x",)),)), lambda: "shut")
    ended = applied(world, made)
    assert {row[1:] for row in rows(ended)} == {("refused", "window")}
    assert ended[0].reason.next == "docker2cri plan with another --window: this one never opens again"
    assert (world.began, asker.asked) == ([], [])
    world.cluster.add_node("w2")
    world.cluster.cordon("w2", Mark(run=run_of(made), cordoned_before=False))
    assert rows(applied(world, made, "w2")) == [MIGRATES[1]]


def test_a_plan_of_one_node_has_its_window_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = gated(monkeypatch, Gates(windows=(window_of("2024-04-01"),)))
    assert rows(applied(world, made, "w1")) == [("w1", "refused", "window")]


def test_an_interrupt_ends_the_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = gated(monkeypatch, Gates(checks=(ApproveGate(),)))
    world.clock.after(30, world.interrupt.wished.set)
    assert rows(applied(world, made))[1:] == [("w2", "skipped", "interrupted"), ("w3", "skipped", "interrupted")]
    assert world.clock.passed <= 35


def test_a_pause_in_the_wait_is_heeded_and_all_is_asked_again_after_resume(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Lease is looked at by its thread; here by the gate's own question."""
    made, asker = gated(monkeypatch, Gates(checks=(CommandGate(argv=("x",)),)), lambda: look())

    def look() -> str:
        lease[0].look()
        return "" if world.clock.passed >= 200 else "not yet"

    lease: list[leases.RunLease] = []
    enter = leases.RunLease.__enter__
    monkeypatch.setattr(leases.RunLease, "__enter__", lambda self: (lease.append(self), enter(self))[1])
    world.clock.after(50, lambda: pause(world.cluster, world.clock, "ops", "looks"))
    world.clock.after(400, lambda: resume(world.cluster))
    assert rows(applied(world, made)) == MIGRATES
    assert world.clock.passed >= 400
    assert len(asker.asked) < 20, "nothing is asked while it is paused"


def test_a_time_zone_that_is_not_known_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    gates = Gates(windows=(window_of("sat Nowhere/Town"),))
    with pytest.raises(UsageError) as refused:
        zones_of(gates)
    assert refused.value.seen == "window sat 00:00-24:00 Nowhere/Town: this machine knows no time zone Nowhere/Town"
    made, _ = gated(monkeypatch, gates)
    assert {row[1:] for row in rows(applied(world, made))} == {("failed", "usage")}
