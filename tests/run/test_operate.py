"""A run over nodes: which are attempted, how errors become states, and that every node asked for is told of."""

from __future__ import annotations

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
from migrate.plan.events import Event
from migrate.plan.model import FORMAT, Plan, Refusal, dump_plan, sealed
from migrate.plan.state import FAILED, INSTALLED, LOST, MIGRATED, NEEDS_ATTENTION, ROLLED_BACK, NodeState, Reason
from migrate.run import operate
from migrate.run.operate import Job, Operator, failure, jobs_of
from migrate.run.runs import RunFolder
from migrate.run.session import Access
from migrate.run.work import Interrupt
from tests.node.scratch import planned

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
        self.reached: list[list[str]] = []
        self.operator = Operator(Access(), self.told.append, self.interrupt)

        @contextmanager
        def held(work: Any) -> Iterator[None]:
            self.held.append(work.plan.host)
            yield

        def apply(work: Any, *, on_failure: str) -> NodeState:
            self.asked.append(on_failure)
            return self.end(work, MIGRATED)

        def rollback(work: Any, overwrite: frozenset[str]) -> NodeState:
            self.asked.append(overwrite)
            return self.end(work, ROLLED_BACK)

        monkeypatch.setattr(operate, "held", held)
        monkeypatch.setattr(operate, "apply", apply)
        monkeypatch.setattr(operate, "rollback", rollback)
        monkeypatch.setattr(operate, "verified", lambda work: self.end(work, MIGRATED))
        monkeypatch.setattr(operate, "standing", lambda work: self.end(work, MIGRATED))
        monkeypatch.setattr(operate, "targets_named", lambda access, names: self.reached.append(list(names)) or dict.fromkeys(names))
        monkeypatch.setattr(RunFolder, "keep_plan", lambda folder, kept: self.kept.append(folder.run))
        monkeypatch.setattr(Operator, "_work", lambda operator, job: self.work(job))

    def work(self, job: Job) -> Any:
        return SimpleNamespace(plan=job.node, remote=SimpleNamespace(close=lambda: self.closed.append(job.node.host)))

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
    assert (world.kept, world.reached) == ([made.digest.removeprefix("sha256:")[:12]], [["w1", "w2"]])


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
    monkeypatch.setattr(operate, "apply", lambda work, on_failure: state(MIGRATED, work.plan.host, 5))
    assert rows(world.operator.apply(made, jobs_of(made, ()))) == [("w1", MIGRATED, "said"), ("w2", "skipped", "earlier-node-failed")]


def test_a_wave_ends_together(world: World) -> None:
    made = plan("w1", "w2", "w3")
    world.ends["w1"] = FAILED
    ended = world.operator.apply(made, jobs_of(made, ()), serial=2)
    assert rows(ended) == [("w1", FAILED, "said"), ("w2", MIGRATED, "said"), ("w3", "skipped", "earlier-node-failed")]


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


class Node:
    """What a node's record says: the run that owns it and that run's plan, or an error."""

    def __init__(self, run: str | Exception, kept: bytes = b"") -> None:
        self.run, self.kept = run, kept


def test_the_runs_that_own_nodes_are_read_from_the_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan("w1")
    nodes = {
        "w1": Node("0123456789ab", dump_plan(made).encode()),
        "w2": Node(""),
        "w3": Node(NodeUnreachable(node="w3", seen="no route", expected="an answer", next="ping w3")),
        "w4": Node("ba9876543210", b"{"),
    }
    closed = []

    class FakeRemote:
        def __init__(self, name: str, run: str, *others: object) -> None:
            self.name = name

        def latest(self) -> str:
            run = nodes[self.name].run
            if isinstance(run, Exception):
                raise run
            return run

        def kept(self, file: str) -> bytes:
            return nodes[self.name].kept

        def close(self) -> None:
            closed.append(self.name)

    monkeypatch.setattr(operate, "Remote", FakeRemote)
    monkeypatch.setattr(operate, "targets_named", lambda access, names: dict.fromkeys(nodes))
    jobs, others = Operator(Access(), lambda event: None, Interrupt()).jobs_on(())
    assert [(job.node.host, job.run, job.target) for job in jobs] == [("w1", "0123456789ab", "containerd")]
    assert rows(others) == [("w2", "untouched", "no-run"), ("w3", "unreachable", "unreachable"), ("w4", FAILED, "plan-unreadable")]
    assert [(other.exit_code, other.run) for other in others] == [(0, ""), (4, ""), (4, "ba9876543210")]
    assert set(closed) == set(nodes)
