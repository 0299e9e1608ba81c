"""The engine with a Docker that keeps running: there and back, from any kill, and not past a pod that is left in Docker."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from migrate.plan.steps import KeepSource
from migrate.run.apply import apply
from migrate.run.rollback import rollback
from tests.node.scratch import PODS, STANDALONE, Scratch
from tests.run.engine import Killed, World, ended

OTHERS = ["forwarder", "shell"]
LEFT = "eeee" + "0" * 60


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state", made=partial(Scratch, target="containerd+keep-docker"))


def others(world: World) -> dict[str, bytes]:
    return {key: world.scratch.read(f"/.state/docker/{key}") for key in STANDALONE}


def is_there(world: World) -> None:
    state = world.scratch.state()
    assert state["running"] == {"docker": OTHERS, "k8s": sorted(PODS)}
    assert state["units"] == {"kubelet.service", "containerd.service", "docker.service", "docker.socket"}
    assert (state["marker"], world.scratch.status()["docker"]) == (False, "kept")
    assert not world.cordoned()


def test_there_and_back(world: World) -> None:
    found = others(world)
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    is_there(world)
    assert ended(rollback(world.work()))[:2] == ("rolled back", 0)
    world.is_rolled_back()
    assert others(world) == found


@pytest.mark.parametrize("at", [9, 15, 19])
def test_killed_and_typed_again(world: World, at: int) -> None:
    with pytest.raises(Killed):
        apply(world.work(at))
    assert ended(apply(world.work()))[:2] == ("migrated", 0)
    is_there(world)


def test_a_pod_that_comes_back_in_docker_fails_the_verification_and_the_node_is_rolled_back(world: World) -> None:
    """As one that a client of Docker started again."""
    assert any(isinstance(one.step, KeepSource) for one in world.scratch.plan.steps)
    script = "#!/bin/sh\ncase $* in *'{{.Names}}'*) echo k8s_web_left ;; *) exec {real} \"$@\" ;; esac\n"
    tools = world.root / ".tools"
    real = tools / ".real/docker"
    real.symlink_to((tools / "docker").resolve())
    (tools / "docker").unlink()
    (tools / "docker").write_text(script.format(real=real))
    (tools / "docker").chmod(0o755)
    state, code, text = ended(apply(world.work()))
    assert (state, code) == ("rolled back", 5)
    assert "containers of pods run in Docker, which Kubernetes has left: k8s_web_left" in text
    world.is_rolled_back()
