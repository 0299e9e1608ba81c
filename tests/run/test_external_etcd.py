"""Control planes whose etcd runs outside of Kubernetes, there and back: nothing asks it, the API servers and leases are asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.plan.steps import describe
from migrate.rules import node
from migrate.run.apply import apply
from migrate.run.rollback import rollback
from tests.run.engine import World, ended
from tests.run.plane import external_world, write_ready
from tests.run.test_plane import Reacting, unready

THERE, BACK = "verify the control plane on containerd", "verify the control plane on Docker"


@pytest.fixture
def told() -> Reacting:
    return Reacting()


def world(tmp_path: Path, told: Reacting, monkeypatch: pytest.MonkeyPatch, *, alone: bool) -> World:
    monkeypatch.setattr(node, "movable", lambda view: True)  # the machine that is read is a captured worker
    found = external_world(tmp_path, alone=alone)
    found.told = told
    return found


@pytest.mark.parametrize("alone", [False, True])
def test_there_and_back(tmp_path: Path, told: Reacting, monkeypatch: pytest.MonkeyPatch, alone: bool) -> None:
    here = world(tmp_path, told, monkeypatch, alone=alone)
    assert not any("etcd" in describe(each.step) for each in here.scratch.plan.steps)
    assert ended(apply(here.work())) == ("migrated", 0, "it runs on containerd and is verified")
    before = here.work().before()
    assert (before.etcd, before.leases) == (None, ("kube-controller-manager", "kube-scheduler"))
    here.is_migrated()
    assert ended(rollback(here.work())) == ("rolled back", 0, "it runs on Docker as before and is verified")
    here.is_rolled_back()


def test_another_control_plane_that_is_not_ready_keeps_it(tmp_path: Path, told: Reacting, monkeypatch: pytest.MonkeyPatch) -> None:
    here = world(tmp_path, told, monkeypatch, alone=False)
    told.at["drain"] = lambda: unready(here, "cp3", ready=False)
    state, code, text = ended(apply(here.work()))
    why = "the control planes are not well, so this one is not stopped: Node cp3: Ready is False (D2C182)"
    assert (state, code, text.split("\n")[0]) == ("rolled back", 5, why)


def test_its_own_api_server_that_does_not_become_ready_rolls_it_back(
    tmp_path: Path, told: Reacting, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = world(tmp_path, told, monkeypatch, alone=False)
    told.at[THERE] = lambda: write_ready(here, "500")
    told.at[BACK] = lambda: write_ready(here, "200")
    state, code, text = ended(apply(here.work()))
    assert (state, code) == ("rolled back", 5)
    assert "its own API server is not ready: https://127.0.0.1:6443 answers 500" in text
    here.is_rolled_back()
