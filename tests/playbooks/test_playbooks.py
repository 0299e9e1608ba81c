"""The playbooks run by a real ansible-playbook, on captured nodes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.captured import BUNDLE

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
PROGRAM = Path(sys.executable).parent / "docker2cri"

needs_ansible = pytest.mark.skipif(shutil.which("ansible-playbook") is None, reason="no ansible-playbook here: install ansible-core")


def play(name: str, *argv: str, **variables: object) -> subprocess.CompletedProcess[str]:
    given = {"docker2cri": str(PROGRAM), **variables}
    command = ["ansible-playbook", str(PLAYBOOKS / name), "-e", json.dumps(given), *argv]
    environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False)


@needs_ansible
def test_inspect_says_each_node_and_fails_on_blockers() -> None:
    done = play("inspect.yml", docker2cri_options=["--from", str(BUNDLE)])
    assert done.returncode == 2
    for line in ("lab-cp1: blocked (1 blockers", "lab-w1: ready (0 blockers", "lab-w2: needs work (5 blockers"):
        assert line in done.stdout
    assert "docker2cri inspect ended with exit code 3." in done.stdout
    assert play("inspect.yml", docker2cri_options=["--from", str(BUNDLE)], docker2cri_fail_on="never").returncode == 0


@needs_ansible
def test_migrate_in_check_mode_plans_and_applies_nothing(tmp_path: Path) -> None:
    done = play(
        "migrate.yml", "-i", "lab-w1,", "--check", docker2cri_options=["--from", str(BUNDLE)], docker2cri_plans=str(tmp_path / "plans")
    )
    assert done.returncode == 0, done.stdout
    assert [node["host"] for node in json.loads((tmp_path / "plans" / "lab-w1.json").read_text())["nodes"]] == ["lab-w1"]
    assert "changed=0" in done.stdout


@needs_ansible
def test_migrate_stops_at_the_first_node_that_is_refused(tmp_path: Path) -> None:
    done = play("migrate.yml", "-i", "lab-w2,lab-w1,", docker2cri_options=["--from", str(BUNDLE)], docker2cri_plans=str(tmp_path / "plans"))
    assert done.returncode != 0
    assert not (tmp_path / "plans" / "lab-w1.json").exists()
