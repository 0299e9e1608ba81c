"""A worker of the lab by the playbooks of the installed collection: planned, moved, moved again, verified, and put back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.story import runtime
from tests.lab.fixtures import Lab
from tests.lab.spec import Node
from tests.playbooks.collection import Collection
from tests.playbooks.conftest import collection as collection
from tests.playbooks.test_playbooks import recap

pytestmark = pytest.mark.lab
NODE = "lab-w6"


def test_there_and_back_by_playbook(lab: Lab, lab_node: Callable[[str], Node], collection: Collection, tmp_path: Path) -> None:
    lab_node(NODE)

    def play(name: str, *argv: str) -> tuple[str, tuple[int, int]]:
        given = ["-i", str(lab.inventory), "--limit", NODE, *argv]
        variables = {"docker2cri_kubeconfig": str(lab.kubeconfig), "docker2cri_plans": str(tmp_path / "plans")}
        done = collection.play(name, *given, **variables)
        for secret in lab.secrets():
            assert secret not in done.stdout + done.stderr
        return done.stdout, recap(done.stdout, NODE)

    out, counted = play("migrate", "--check", "--diff")
    assert counted == (1, 0), out
    assert f"{NODE}: untouched: the plan holds; apply would move it to containerd" in out
    assert "+++ /var/lib/kubelet/kubeadm-flags.env" in out
    assert runtime(lab, NODE).startswith("docker://")
    approved = re.search(r"sha256:[0-9a-f]{64}", out)
    assert approved is not None

    out, counted = play("migrate", "-e", f"docker2cri_plan_digest={approved[0]}")
    assert counted == (1, 0), out
    assert f"{NODE}: migrated: it runs on containerd and is verified" in out
    assert runtime(lab, NODE).startswith("containerd://")
    out, counted = play("migrate")
    assert counted == (0, 0), out
    assert f"{NODE}: nothing to do" in out
    out, counted = play("verify")
    assert counted == (0, 0), out

    out, counted = play("rollback", "--check")
    assert counted == (1, 0), out
    assert runtime(lab, NODE).startswith("containerd://")
    out, counted = play("rollback")
    assert counted == (1, 0), out
    assert runtime(lab, NODE).startswith("docker://")
    out, counted = play("rollback")
    assert counted == (0, 0), out
