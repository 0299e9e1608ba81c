"""`plan --install`: which sources are taken, what is said of those that are not, and what is asked before it is applied."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.cli.question import question
from migrate.plan.again import strays
from migrate.plan.model import load_plan
from migrate.plan.steps import Drain, InstallRuntime, StopPods
from migrate.run.install import install_again
from migrate.run.owned import Job
from migrate.run.ports import Host
from tests.node.scratch import planned
from tests.node.test_install import PLAN
from tests.plan.test_install import view

from .test_commands import offline

NAME = "cri-o.amd64.v1.23.5.tar.gz"


def tarball(folder: Path, name: str = NAME) -> Path:
    path = folder / name
    with tarfile.open(path, "w:gz") as tar:
        for member in ("bin/crio", "bin/pinns", "bin/conmon", "bin/crictl", "contrib/crio.service"):
            data = member.encode()
            entry = tarfile.TarInfo(f"cri-o/{member}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return path


def summed(path: Path) -> str:
    return f"{path}@sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_tarball_makes_a_plan_that_installs(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    code, out, err = offline("plan", "lab-w1", "--to", "crio", "--install", summed(tarball(tmp_path)), "--out", str(plan))
    (node,) = json.loads(plan.read_text())["nodes"]
    assert (code, node["refusals"], [planned["step"]["kind"] for planned in node["steps"]]) == (0, [], ["InstallRuntime"])
    assert "Plan to CRI-O: 0 of 1 nodes can be migrated, 1 first get what they lack, 0 refused" in out
    assert err.startswith(f"{plan} holds the plan. ")


def test_a_node_that_lacks_nothing_gets_the_plan_of_its_move(tmp_path: Path) -> None:
    named = tarball(tmp_path, "containerd-1.6.20-linux-amd64.tar.gz")
    with tarfile.open(named, "w:gz") as tar:
        for member in ("bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr"):
            entry = tarfile.TarInfo(member)
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
    plain = offline("plan", "lab-w1")
    assert offline("plan", "lab-w1", "--install", "packages", "--install", summed(named)) == plain
    assert plain[0] == 0


def test_saved_readings_have_no_package_manager() -> None:
    code, out, err = offline("plan", "lab-w1", "--to", "crio", "--install", "packages")
    assert (code, out) == (2, "")
    assert err.endswith(
        "expected: nodes, whose package managers are asked what they would do\n"
        "  next: leave --from out, or name a static tarball: --install FILE\n"
    )


@pytest.mark.parametrize("name", [NAME, "crio.tgz"], ids=("no sum beside it", "a name that tells nothing"))
def test_a_tarball_that_nobody_vouches_for_is_refused(tmp_path: Path, name: str) -> None:
    code, out, err = offline("plan", "lab-w1", "--to", "crio", "--install", str(tarball(tmp_path, name)))
    assert (code, out) == (2, "")
    assert "\n  expected: " in err
    assert "\n  next: " in err


def test_what_is_asked_before_it_is_applied() -> None:
    install, move = Job(PLAN, "r", "crio"), Job(planned("crio")[0], "r", "crio")
    assert question([install], "CRI-O") == "Install on lab-w1 what a move to CRI-O needs?"
    assert question([move], "CRI-O") == "Move lab-w8 to CRI-O?"
    assert question([move, install], "CRI-O") == "Move lab-w8 to CRI-O, and install on lab-w1 what a move to CRI-O needs?"


def test_what_was_chosen_is_told_before_it_is_asked() -> None:
    plan = planned("crio")[0]
    accepted = dataclasses.replace(plan.findings[0], code="D2C104", accepted="moved next week")
    steps = []
    for one in plan.steps:
        step = one.step
        if isinstance(step, Drain):
            step = replace(step, policy=replace(step.policy, force=True, timeout=30))
        if isinstance(step, StopPods):
            step = replace(step, timeout=50, kill=True)
        steps.append(replace(one, step=step))
    bold = replace(plan, findings=(accepted,), steps=tuple(steps))
    jobs = [Job(bold, "r", "crio"), Job(replace(bold, host="w2"), "r", "crio"), Job(replace(plan, host="w3"), "r", "crio")]
    assert question(jobs, "CRI-O") == (
        "accepted D2C104 (moved next week): lab-w8, w2\ndrain with --force: lab-w8, w2\n"
        "containers that have not ended after 50 s are killed: lab-w8, w2\n"
        "drain 30 s (default 600 s): lab-w8, w2\nstop 50 s (default 600 s): lab-w8, w2\n"
        "Move lab-w8, w2, w3 to CRI-O?"
    )


def test_an_installation_is_planned_again_from_the_same_tarball(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    offline("plan", "lab-w1", "--to", "crio", "--install", summed(tarball(tmp_path)), "--out", str(plan))
    (node,) = load_plan(plan.read_text()).nodes
    seen, found = view()

    def nobody() -> Host:
        raise AssertionError("no package manager is asked for a tarball")

    fresh = install_again(seen, found, node, nobody)
    assert strays(node, fresh, seen.facts) == ()
    (one,) = node.steps
    assert isinstance(one.step, InstallRuntime)
    assert one.step.bundle is not None
    evil = dataclasses.replace(one.step.bundle.files[0], path="/etc/cron.d/evil")
    bundle = replace(one.step.bundle, files=(evil, *one.step.bundle.files[1:]))
    edited = replace(node, steps=(replace(one, step=replace(one.step, bundle=bundle)),))
    (line,) = strays(edited, install_again(seen, found, edited, nobody), seen.facts)
    assert line.startswith("prepare: `install CRI-O: 5 files of ")
    assert "/etc/cron.d/evil" in line
