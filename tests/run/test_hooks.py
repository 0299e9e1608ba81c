"""Hooks of a run: told what happens in JSON, before and after the run and each node; what one that fails does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from migrate.plan.fleet import FleetPlan, Stage
from migrate.plan.gates import Gates
from migrate.plan.hooks import Hook, HookMoment
from migrate.plan.model import Plan, sealed
from migrate.plan.state import MIGRATED, ROLLED_BACK
from migrate.run import operate
from migrate.run.hooks import RunHooks
from migrate.run.owned import jobs_of
from migrate.run.runs import run_of
from tests.run.test_operate import World, plan, rows
from tests.run.test_operate import world as world

MOMENTS: tuple[HookMoment, ...] = ("before-run", "before-node", "after-node", "after-run")


class Ran:
    """Hooks that answer what the test says; what each was told."""

    def __init__(self, says: Callable[[dict[str, Any]], str] = lambda told: "") -> None:
        self.says = says
        self.told: list[dict[str, Any]] = []

    def __call__(self, hook: Hook, data: bytes) -> str:
        self.told.append(json.loads(data))
        return self.says(self.told[-1])

    @property
    def moments(self) -> list[tuple[str, str]]:
        return [(told["moment"], told.get("node", "")) for told in self.told]


def hooked(monkeypatch: pytest.MonkeyPatch, ran: Ran, moments: tuple[HookMoment, ...] = MOMENTS) -> Plan:
    monkeypatch.setattr(operate, "RunHooks", lambda *given: RunHooks(*given, run=ran))
    stages = tuple(Stage(nodes=(name,)) for name in ("w1", "w2"))
    hooks = tuple(Hook(moment=moment, argv=("./hook", moment)) for moment in moments)
    return sealed(replace(plan("w1", "w2"), fleet=FleetPlan(stages=stages, gates=Gates(hooks=hooks))))


def applied(world: World, made: Plan) -> list[tuple[str, str, str]]:
    return rows(world.operator.apply(made, jobs_of(made, ())))


def notes(world: World) -> list[tuple[str, str, str]]:
    return [(event.node, event.status, event.text) for event in world.told if event.type == "note"]


def test_each_is_told_what_happens(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran()
    made = hooked(monkeypatch, ran)
    assert applied(world, made) == [("w1", MIGRATED, "said"), ("w2", MIGRATED, "said")]
    assert ran.moments == [
        ("before-run", ""),
        *(("before-node", "w1"), ("after-node", "w1")),
        *(("before-node", "w2"), ("after-node", "w2")),
        ("after-run", ""),
    ]
    named = {"format": "docker2cri.hook/v1", "run": run_of(made), "digest": made.digest, "target": "containerd"}
    assert ran.told[3] == {**named, "moment": "before-node", "node": "w2", "stage": 2}
    assert ran.told[4]["states"] == [{"node": "w2", "state": "migrated", "exit_code": 0, "reason": {"code": "said", "seen": "said"}}]
    assert [state["node"] for state in ran.told[5]["states"]] == ["w1", "w2"]
    assert notes(world)[0] == ("", "", "hook `./hook before-run` before the first node is done")


def test_one_that_fails_before_the_run_keeps_it_from_being_begun(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(lambda told: "no; exit code 1")
    made = hooked(monkeypatch, ran)
    ended = world.operator.apply(made, jobs_of(made, ()))
    assert rows(ended) == [("w1", "refused", "hook-failed"), ("w2", "refused", "hook-failed")]
    assert (ended[0].exit_code, ended[0].reason.seen, ended[0].reason.expected, ended[0].reason.next) == (
        7,
        "not begun: hook `./hook before-run` before the first node: no; exit code 1",
        "exit code 0",
        "the same command again when the hook passes",
    )
    assert (ran.moments, world.began) == ([("before-run", "")], [])


def test_one_that_fails_before_a_node_stops_the_run_before_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran(lambda told: "exit code 1" if (told["moment"], told.get("node")) == ("before-node", "w1") else "")
    made = hooked(monkeypatch, ran)
    assert applied(world, made) == [("w1", "refused", "hook-failed"), ("w2", "skipped", "earlier-node-failed")]
    assert ran.moments == [("before-run", ""), ("before-node", "w1"), ("after-run", "")]
    assert world.began == []


def test_one_that_fails_afterwards_is_told_and_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hooked(monkeypatch, Ran(lambda told: "exit code 1" if told["moment"].startswith("after") else ""), ("after-node", "after-run"))
    assert applied(world, made) == [("w1", MIGRATED, "said"), ("w2", MIGRATED, "said")]
    assert notes(world) == [
        ("w1", "failed", "hook `./hook after-node` after each node: exit code 1"),
        ("w2", "failed", "hook `./hook after-node` after each node: exit code 1"),
        ("", "failed", "hook `./hook after-run` after the last node: exit code 1"),
    ]


def test_a_node_that_fails_is_told_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran()
    world.ends = {"w1": ROLLED_BACK}
    made = hooked(monkeypatch, ran)
    assert applied(world, made) == [("w1", ROLLED_BACK, "said"), ("w2", "skipped", "earlier-node-failed")]
    assert ran.told[2]["states"][0]["state"] == "rolled back"
    assert ran.moments[-1] == ("after-run", "")


def test_a_hook_is_run_for_real(world: World) -> None:
    hook = Hook(moment="after-run", argv=("sh", "-c", "grep -q docker2cri.hook/v1 || exit 3"))
    made = sealed(replace(plan("w1"), fleet=FleetPlan(stages=(Stage(nodes=("w1",)),), gates=Gates(hooks=(hook,)))))
    assert applied(world, made) == [("w1", MIGRATED, "said")]
    assert notes(world)[-1][1] == ""
    assert msgspec.json.decode(msgspec.json.encode(hook), type=Hook) == hook


def test_nodes_are_prepared_without_hooks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = Ran()
    made = hooked(monkeypatch, ran)
    monkeypatch.setattr(operate, "carry_out", lambda work, **given: world.end(work, "prepared"))
    world.operator.prepare(made, jobs_of(made, ()))
    assert ran.told == []
