"""A run over nodes: which are attempted, how errors become states, and that every node asked for is told of."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from migrate.errors import (
    ClusterUnreachable,
    HostKeyRefused,
    Interrupted,
    MigrateError,
    NodeUnreachable,
    Refused,
    StalePlan,
    UsageError,
)
from migrate.facts.api import Condition
from migrate.facts.cluster import ClusterFacts
from migrate.plan.events import Event
from migrate.plan.fleet import FleetPlan, Stage
from migrate.plan.mark import Mark
from migrate.plan.model import FORMAT, Plan, Refusal, sealed
from migrate.plan.state import FAILED, INSTALLED, LOST, MIGRATED, NEEDS_ATTENTION, PREPARED, REFUSED, ROLLED_BACK, NodeState, Reason
from migrate.run import operate
from migrate.run.ends import failure
from migrate.run.health_gate import PATIENCE, HealthGate
from migrate.run.interrupt import Interrupt
from migrate.run.operate import Operator
from migrate.run.owned import Job, jobs_of
from migrate.run.runs import RunFolder
from migrate.run.session import Access
from tests.fakes import FakeClock, FakeCluster
from tests.node.scratch import RUN, planned

Said = Callable[[Any], NodeState]


def state(name: str, node: str, code: int = 0) -> NodeState:
    return NodeState(node=node, state=name, exit_code=code, reason=Reason(code="said", seen="said"))


def plan(*names: str, blocked: str = "") -> Plan:
    """A plan of nodes with steps, and of one without."""
    full, _ = planned()
    empty = replace(full, steps=(), refusals=(Refusal(code="D2C105", reason="Node: a control plane", next="plan the workers"),))
    nodes = tuple(replace(empty if name == blocked else full, host=name, node=name) for name in names)
    return sealed(Plan(format=FORMAT, made=0, tool="test", target="containerd", server="", nodes=nodes))


class World:
    """An Operator whose nodes end as `ends` says; `began` are the nodes that were acted on, `held` those that were held."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ends: dict[str, str | Exception] = {}
        self.began: list[str] = []
        self.held: list[str] = []
        self.closed: list[str] = []
        self.told: list[Event] = []
        self.asked: list[object] = []
        self.interrupt = Interrupt()
        self.kept: list[str] = []
        self.marked: Mark | None = None
        self.reached: list[list[str]] = []
        self.clock = FakeClock()
        self.cluster = FakeCluster(self.clock)
        self.operator = Operator(Access(), self.told.append, self.interrupt)
        self.operator._clock = self.clock  # type: ignore[assignment]

        @contextmanager
        def held(work: Any) -> Iterator[None]:
            self.held.append(work.plan.host)
            yield

        def apply(work: Any, keep: Callable[[], None], *, on_failure: str) -> NodeState:
            keep()
            self.asked.append(on_failure)
            return self.end(work, MIGRATED)

        def rollback(work: Any, overwrite: frozenset[str]) -> NodeState:
            self.asked.append(overwrite)
            return self.end(work, ROLLED_BACK)

        monkeypatch.setattr(operate, "held", held)
        monkeypatch.setattr(operate, "identify", lambda work: None)
        monkeypatch.setattr(operate, "another_ca", lambda work: False)
        monkeypatch.setattr(operate, "carry_out", apply)
        monkeypatch.setattr(operate, "rollback", rollback)
        monkeypatch.setattr(operate, "verified", lambda work: self.end(work, MIGRATED))
        monkeypatch.setattr(operate, "standing", lambda work: self.end(work, MIGRATED))
        monkeypatch.setattr(operate, "targets_named", lambda access, names: self.reached.append(list(names)) or dict.fromkeys(names))
        self.gate = HealthGate(None, FakeClock(), self.told.append, self.interrupt, RUN)
        monkeypatch.setattr(Operator, "_gate", lambda operator, nodes, run: self.gate)
        monkeypatch.setattr(RunFolder, "keep_plan", lambda folder, kept: self.kept.append(folder.run))
        monkeypatch.setattr(Operator, "_acting", lambda operator, patience=0.0: self.cluster)
        monkeypatch.setattr(Operator, "_work", lambda operator, job, patience: self.work(job))

    def work(self, job: Job) -> Any:
        remote = SimpleNamespace(close=lambda: self.closed.append(job.node.host))
        return SimpleNamespace(plan=job.node, told=job.told, remote=remote, cluster=self.cluster, marked=lambda: self.marked, cut_off="")

    def end(self, work: Any, usual: str) -> NodeState:
        host = work.plan.host
        self.began.append(host)
        end = self.ends.get(host, usual)
        if isinstance(end, Exception):
            raise end
        return state(end, host)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def rows(states: tuple[NodeState, ...]) -> list[tuple[str, str, str]]:
    return [(state.node, state.state, state.reason.code) for state in states]


def test_nodes_are_applied_in_order_and_told(world: World) -> None:
    made = plan("w1", "w2")
    ended = world.operator.apply(made, jobs_of(made, ()), on_failure="stop")
    assert rows(ended) == [("w1", MIGRATED, "said"), ("w2", MIGRATED, "said")]
    assert (world.began, world.held, world.closed, world.asked) == (["w1", "w2"], ["w1", "w2"], ["w1", "w2"], ["stop", "stop"])
    assert [(event.type, event.node, event.text, event.status) for event in world.told] == [
        ("node.end", "w1", "said", MIGRATED),
        ("node.end", "w2", "said", MIGRATED),
    ]
    assert (world.kept, world.reached) == ([made.digest.removeprefix("sha256:")[:12]] * 2, [["w1", "w2"]])


def test_a_node_that_lacked_something_lets_the_next_begin(world: World) -> None:
    made = plan("w1", "w2")
    world.ends["w1"] = INSTALLED
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [("w1", INSTALLED, "said"), ("w2", MIGRATED, "said")]
    assert world.asked == ["rollback", "rollback"]


@pytest.mark.parametrize("end", [ROLLED_BACK, NEEDS_ATTENTION, LOST, FAILED])
def test_nodes_after_one_that_failed_are_skipped(world: World, end: str) -> None:
    made = plan("w1", "w2", "w3")
    world.ends["w2"] = end
    ended = world.operator.apply(made, jobs_of(made, ()))
    assert rows(ended) == [("w1", MIGRATED, "said"), ("w2", end, "said"), ("w3", "skipped", "earlier-node-failed")]
    assert (ended[2].reason.seen, ended[2].exit_code, world.began) == ("skipped: an earlier node failed", 0, ["w1", "w2"])


def test_a_node_that_is_migrated_with_an_error_lets_no_other_begin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan("w1", "w2")
    monkeypatch.setattr(operate, "carry_out", lambda work, keep, on_failure: state(MIGRATED, work.plan.host, 5))
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [("w1", MIGRATED, "said"), ("w2", "skipped", "earlier-node-failed")]


def test_a_free_slot_takes_the_next_node_and_those_under_way_end_after_a_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two at once: w1 is slow; w2 makes place for w3, which fails; w1 ends, w4 is not begun."""
    made, seen, done = plan("w1", "w2", "w3", "w4"), threading.Event(), operate._done

    def applied(work: Any, keep: Callable[[], None], on_failure: str) -> NodeState:
        host = work.plan.host
        world.began.append(host)
        if host == "w1":
            assert seen.wait(60)
        return state(FAILED, host, 5) if host == "w3" else state(MIGRATED, host)

    def looked_at(ended: NodeState) -> bool:
        if ended.node == "w3":
            seen.set()
        return done(ended)

    monkeypatch.setattr(operate, "carry_out", applied)
    monkeypatch.setattr(operate, "_done", looked_at)
    assert rows(world.operator.apply(made, jobs_of(made, ()), serial=2)) == [
        ("w1", MIGRATED, "said"),
        ("w2", MIGRATED, "said"),
        ("w3", FAILED, "said"),
        ("w4", "skipped", "earlier-node-failed"),
    ]
    assert sorted(world.began) == ["w1", "w2", "w3"]


def with_stages(made: Plan, *stages: tuple[tuple[str, ...], int]) -> Plan:
    return sealed(replace(made, fleet=FleetPlan(stages=tuple(Stage(nodes=nodes, at_once=at_once) for nodes, at_once in stages))))


def test_a_canary_that_fails_verification_stops_the_rest(world: World) -> None:
    made = with_stages(plan("w1", "w2", "w3"), (("w2",), 1), (("w1", "w3"), 2))
    world.ends["w2"] = ROLLED_BACK
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [
        ("w1", "skipped", "earlier-node-failed"),
        ("w2", ROLLED_BACK, "said"),
        ("w3", "skipped", "earlier-node-failed"),
    ]
    assert world.began == ["w2"]


def test_stages_are_taken_in_their_order_and_asked_nodes_alone(world: World) -> None:
    made = with_stages(plan("w1", "w2", "w3", "w4"), (("w3",), 1), (("w1", "w2"), 1))
    assert rows(world.operator.apply(made, jobs_of(made, ("w1", "w3", "w4")))) == [(name, MIGRATED, "said") for name in ("w1", "w3", "w4")]
    assert world.began == ["w3", "w1", "w4"]


def test_failed_nodes_of_a_stage_up_to_a_percentage_stop_nothing(world: World) -> None:
    """Of four nodes one may fail; the second one stops the run, and so does the canary."""
    made = with_stages(plan("w1", "w2", "w3", "w4", "w5", "w6"), (("w1",), 1), (("w2", "w3", "w4", "w5"), 1), (("w6",), 1))
    assert made.stages is not None
    made = sealed(replace(made, fleet=replace(made.stages, max_fail=25)))
    world.ends |= {"w3": ROLLED_BACK}
    ends = [row[1] for row in rows(world.operator.apply(made, jobs_of(made, ())))]
    assert ends == [MIGRATED, MIGRATED, ROLLED_BACK, MIGRATED, MIGRATED, MIGRATED]
    world.ends |= {"w4": FAILED}
    ends = [row[1] for row in rows(world.operator.apply(made, jobs_of(made, ())))]
    assert ends == [MIGRATED, MIGRATED, ROLLED_BACK, FAILED, "skipped", "skipped"]
    world.ends = {"w1": ROLLED_BACK}
    assert [row[1] for row in rows(world.operator.apply(made, jobs_of(made, ())))][:2] == [ROLLED_BACK, "skipped"]


def gated(world: World, *readings: ClusterFacts | MigrateError) -> None:
    """A gate that reads the cluster so, the last one again and again."""
    left = list(readings)

    def read() -> ClusterFacts:
        found = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(found, MigrateError):
            raise found
        return found

    world.gate = HealthGate(read, FakeClock(), world.told.append, world.interrupt, RUN)


def nodes(*ready: str, others: tuple[str, ...] = ()) -> ClusterFacts:
    cluster = FakeCluster(FakeClock())
    for name in (*ready, *others):
        cluster.add_node(name)
    for name in others:
        node = cluster.nodes[name]
        cluster.nodes[name] = replace(node, status=replace(node.status, conditions=(Condition(type="Ready", status="False"),)))
    return cluster.read()


def test_a_gate_that_stays_red_stops_after_the_nodes_in_flight(world: World) -> None:
    made = plan("w1", "w2", "w3")
    gated(world, nodes("w1", "w2", "w3", "w4"), nodes("w1", "w2", "w3", others=("w4",)))
    ended = world.operator.apply(made, jobs_of(made, ()))
    assert rows(ended) == [("w1", MIGRATED, "said"), ("w2", REFUSED, "gate"), ("w3", REFUSED, "gate")]
    assert (ended[1].exit_code, ended[1].reason.seen, ended[1].reason.expected) == (
        7,
        "not begun: the cluster is not as well as before the run: node w4 is not Ready",
        "the nodes and workloads that were well before, within 300 s",
    )
    waits = [event for event in world.told if event.type == "wait"]
    assert waits[0].text == "waits for the cluster: node w4 is not Ready"
    assert (waits[0].data["bound"], len(waits)) == (PATIENCE, 60)
    assert world.began == ["w1"]


def test_a_cluster_that_is_well_again_in_time_lets_the_next_begin(world: World) -> None:
    made, away = plan("w1", "w2"), ClusterUnreachable(seen="https://api: no connection", expected="an API server", next="kubectl get nodes")
    gated(world, nodes("w1", "w2", "w3"), away, nodes("w1", "w2", others=("w3",)), nodes("w1", "w2", "w3"))
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [("w1", MIGRATED, "said"), ("w2", MIGRATED, "said")]
    assert [event.text for event in world.told if event.type == "wait"] == [
        "waits for the cluster: https://api: no connection",
        "waits for the cluster: node w3 is not Ready",
    ]


def test_what_was_not_well_before_is_told_and_not_demanded(world: World) -> None:
    made = plan("w1", "w2")
    gated(world, nodes("w1", "w2", others=("w3",)))
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [("w1", MIGRATED, "said"), ("w2", MIGRATED, "said")]
    assert [event.text for event in world.told if event.type in ("note", "wait")] == [
        "not well before the run, and not demanded: node w3 is not Ready"
    ]


def test_nodes_without_steps_are_refused_and_keep_no_other_from_it(world: World) -> None:
    made = plan("cp1", "w1", blocked="cp1")
    ended = world.operator.apply(made, jobs_of(made, ()))
    assert rows(ended) == [("cp1", "refused", "blockers"), ("w1", MIGRATED, "said")]
    assert (ended[0].exit_code, ended[0].reason.seen) == (3, "the plan has blockers for it: D2C105")
    assert (world.began, world.reached) == (["w1"], [["w1"]])


def test_when_no_node_has_steps_nothing_is_reached_or_kept(world: World) -> None:
    made = plan("cp1", blocked="cp1")
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [("cp1", "refused", "blockers")]
    assert (world.reached, world.kept, world.began) == ([], [], [])


def test_a_node_with_nothing_to_do_is_left_untouched_and_keeps_no_other_from_it(world: World) -> None:
    made = plan("w1", "w2")
    done = replace(made.nodes[0], steps=(), refusals=(), nothing="it runs its pods on containerd, not on Docker")
    made = sealed(replace(made, nodes=(done, made.nodes[1])))
    ended = world.operator.apply(made, jobs_of(made, ()))
    assert rows(ended) == [("w1", "untouched", "nothing-to-do"), ("w2", MIGRATED, "said")]
    assert (ended[0].exit_code, ended[0].reason.seen) == (0, "nothing to do: it runs its pods on containerd, not on Docker")
    assert world.began == ["w2"]


def test_an_interrupt_skips_the_rest(world: World) -> None:
    made = plan("w1", "w2")
    world.interrupt.wished.set()
    skipped = [("w1", "skipped", "interrupted"), ("w2", "skipped", "interrupted")]
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == skipped
    assert rows(world.operator.rollback(jobs_of(made, ()))) == skipped
    assert rows(world.operator.verify(jobs_of(made, ()))) == skipped
    assert world.began == []


def test_an_interrupt_within_a_node_is_the_reason_of_the_rest(world: World) -> None:
    made = plan("w1", "w2")
    world.ends["w1"] = Interrupted(node="w1", seen="interrupted before the switch", expected="it is continued", next="apply")
    world.interrupt.wished.clear()

    def work(job: Job) -> Any:
        world.interrupt.wished.set()
        return World.work(world, job)

    world.work = work  # type: ignore[method-assign]
    ended = world.operator.apply(made, jobs_of(made, ()))
    assert rows(ended) == [("w1", "interrupted", "interrupted"), ("w2", "skipped", "interrupted")]
    assert ended[0].exit_code == 130


def test_a_rollback_goes_through_all_nodes(world: World) -> None:
    made = plan("w1", "cp1", "w2", blocked="cp1")
    world.ends["w1"] = Refused(node="w1", seen="edited since", expected="the files as planned", next="--overwrite")
    ended = world.operator.rollback(jobs_of(made, ()), ["/etc/x"])
    assert rows(ended) == [("w1", "refused", "refused"), ("cp1", "untouched", "no-steps"), ("w2", ROLLED_BACK, "said")]
    assert ended[0].reason == Reason(code="refused", seen="edited since", expected="the files as planned", next="--overwrite")
    assert world.asked == [frozenset(["/etc/x"])] * 2
    assert [state.exit_code for state in ended] == [7, 0, 0]


def test_verify_and_status_hold_no_node(world: World) -> None:
    jobs = jobs_of(plan("w1", "w2"), ["w2"])
    assert rows(world.operator.verify(jobs)) == rows(world.operator.status(jobs)) == [("w2", MIGRATED, "said")]
    assert (world.held, world.closed, [event.node for event in world.told]) == ([], ["w2", "w2"], ["w2"])


@pytest.mark.parametrize(
    ("kind", "named", "code", "number"),
    [
        (StalePlan, "refused", "stale-plan", 7),
        (Refused, "refused", "refused", 7),
        (Interrupted, "interrupted", "interrupted", 130),
        (HostKeyRefused, "unreachable", "unreachable", 4),
        (NodeUnreachable, "unreachable", "unreachable", 4),
        (ClusterUnreachable, "failed", "api-unreachable", 4),
        (UsageError, "failed", "usage", 2),
        (MigrateError, "failed", "error", 1),
    ],
)
def test_an_error_is_the_state_of_its_node(kind: type[MigrateError], named: str, code: str, number: int) -> None:
    reason = Reason(code=code, seen="s\nlines", expected="e", next="n")
    assert failure("w1", "r", kind(node="w1", seen="s\nlines", expected="e", next="n")) == NodeState(
        node="w1", state=named, exit_code=number, reason=reason, run="r"
    )


def test_a_defect_is_the_state_of_its_node_and_ends_no_other(world: World) -> None:
    made = plan("w1", "w2")
    world.ends["w1"] = KeyError("oops")
    first, second = world.operator.rollback(jobs_of(made, ()))
    assert (first.state, first.exit_code, first.reason.code) == (FAILED, 1, "unexpected")
    assert first.reason.seen.startswith("unexpected KeyError: 'oops'\nTraceback (most recent call last):\n")
    assert first.reason.next == "docker2cri status w1; then apply or rollback, which continue from there"
    assert (second.state, world.closed) == (ROLLED_BACK, ["w1", "w2"])


def test_names_outside_of_the_plan_are_usage() -> None:
    with pytest.raises(UsageError) as wrong:
        jobs_of(plan("w1"), ["w9"])
    assert str(wrong.value) == "w9: not in the plan\n  expected: nodes among w1\n  next: docker2cri plan"


def test_nodes_are_prepared_side_by_side_and_one_that_fails_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = plan("w1", "w2", "w3"), []
    world.ends = {"w1": ROLLED_BACK}

    def apply(work: Any, keep: Callable[[], None], **given: Any) -> NodeState:
        asked.append([segment.name for segment in given["segments"]])
        return world.end(work, PREPARED)

    monkeypatch.setattr(operate, "carry_out", apply)
    ended = world.operator.prepare(made, jobs_of(made, ()))
    assert [(state.node, state.state) for state in ended] == [("w1", "rolled back"), ("w2", "prepared"), ("w3", "prepared")]
    assert asked == [["prepare"]] * 3


def test_nothing_is_prepared_after_an_interrupt_and_in_a_pause(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan("w1", "w2")
    world.interrupt.wished.set()
    assert rows(world.operator.prepare(made, jobs_of(made, ()))) == [("w1", "skipped", "interrupted"), ("w2", "skipped", "interrupted")]
    assert world.began == []
