"""`plan --install`: which sources are taken, what is said of those that are not, and what is asked before it is applied."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from migrate.cli.act import _question
from migrate.run.operate import Job
from tests.node.scratch import planned
from tests.node.test_install import PLAN

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
    assert _question([install], "CRI-O") == "Install on lab-w1 what a move to CRI-O needs?"
    assert _question([move], "CRI-O") == "Move lab-w8 to CRI-O?"
    assert _question([move, install], "CRI-O") == "Move lab-w8 to CRI-O, and install on lab-w1 what a move to CRI-O needs?"
