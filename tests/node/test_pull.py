"""Images that are named by digest: pulled by the new runtime before anything is disturbed, or the run ends there."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.plan.model import PlannedStep
from migrate.plan.steps import PullImage
from tests.node.scratch import Scratch, planned

# the simulated ctr tells a manifest by these first digits
NAME = f"registry.example/web@sha256:fe{'a' * 62}"


@pytest.fixture
def node(tmp_path: Path) -> Scratch:
    plan, _ = planned()
    step = PlannedStep(segment="prepare", step=PullImage(title="containerd", name=NAME, why="x"))
    at = next(index for index, one in enumerate(plan.steps) if one.segment != "prepare")
    return Scratch(tmp_path / "root", plan=replace(plan, steps=(*plan.steps[:at], step, *plan.steps[at:])))


def stored(node: Scratch) -> str:
    return node.tool("ctr", "-n", "k8s.io", "images", "ls", "-q", f"name=={NAME}").strip()


def test_it_is_pulled_with_the_planned_hosts_beside_those_that_are_there(node: Scratch) -> None:
    node.write("/etc/containerd/certs.d/own.example/hosts.toml", b"server = 'https://own.example'\n")
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert stored(node) == NAME
    planned_hosts = {change.path.split("/")[-2] for change in node.changes if change.path.endswith("/hosts.toml")}
    assert planned_hosts
    assert set(node.read("/.state/pulled-with").decode().split()) == {"own.example", *planned_hosts}


def test_without_its_registry_the_run_ends_before_anything_is_disturbed(node: Scratch) -> None:
    before = node.state()
    node.write("/.state/registry-away", b"")
    ended = node.verb("forward", "prepare")
    assert ended.code == 1
    assert f"containerd cannot pull {NAME}: ctr: failed to resolve reference" in ended.out
    assert f"then apply again: ctr -n k8s.io images pull --user USER {NAME}" in ended.out
    assert {**node.state(), "current": before["current"]} == before


def test_what_was_pulled_by_hand_is_not_pulled_again(node: Scratch) -> None:
    node.write("/.state/registry-away", b"")
    assert node.verb("forward", "prepare").code == 1
    (node.root / ".state/registry-away").unlink()
    node.tool("ctr", "-n", "k8s.io", "images", "pull", "--hosts-dir", str(node.root), NAME)
    node.write("/.state/registry-away", b"")
    ended = node.verb("forward", "prepare")
    assert ended.code == 0, ended.out
