"""The playbooks run by a real ansible-playbook, on captured nodes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from migrate.plan.state import MIGRATED, ROLLED_BACK, NodeState, Reason
from migrate.report.state_json import state_json
from tests.captured import BUNDLE

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
PROGRAM = Path(sys.executable).parent / "docker2cri"

needs_ansible = pytest.mark.skipif(shutil.which("ansible-playbook") is None, reason="no ansible-playbook here: install ansible-core")

# `apply` of captured nodes is refused, so that this stands in for it; every other command is the real one
STAND_IN = """#!/bin/sh
[ "$1" = apply ] || exec {program} "$@"
echo "$@" >>{folder}/applied
cat {folder}/state.json
exit {code}
"""


def stand_in(folder: Path, state: NodeState) -> str:
    """A command whose `apply` ends with this state."""
    (folder / "state.json").write_text(state_json("apply", state.exit_code, [state]))
    program = folder / "docker2cri"
    program.write_text(STAND_IN.format(program=PROGRAM, folder=folder, code=state.exit_code))
    program.chmod(0o755)
    return str(program)


def play(name: str, *argv: str, **variables: object) -> subprocess.CompletedProcess[str]:
    given = {"docker2cri": str(PROGRAM), **variables}
    command = ["ansible-playbook", str(PLAYBOOKS / name), "-e", json.dumps(given), *argv]
    environment = {**os.environ, "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false", "LC_ALL": "C.UTF-8"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False)


@needs_ansible
def test_inspect_says_each_node_and_fails_on_blockers() -> None:
    done = play("inspect.yml", docker2cri_inspect_options=["--from", str(BUNDLE)])
    assert done.returncode == 2
    for line in ("lab-cp1: blocked (1 blockers", "lab-w1: ready (0 blockers", "lab-w2: needs work (5 blockers"):
        assert line in done.stdout
    assert "docker2cri inspect ended with exit code 3." in done.stdout
    lenient = ["--from", str(BUNDLE), "--fail-on", "never"]
    assert play("inspect.yml", docker2cri_inspect_options=lenient).returncode == 0


@needs_ansible
def test_migrate_in_check_mode_plans_and_applies_nothing(tmp_path: Path) -> None:
    done = play(
        "migrate.yml", "-i", "lab-w1,", "--check", docker2cri_plan_options=["--from", str(BUNDLE)], docker2cri_plans=str(tmp_path / "plans")
    )
    assert done.returncode == 0, done.stdout
    assert [node["host"] for node in json.loads((tmp_path / "plans" / "lab-w1.json").read_text())["nodes"]] == ["lab-w1"]
    assert "changed=0" in done.stdout


@needs_ansible
def test_migrate_stops_at_the_first_node_that_is_refused(tmp_path: Path) -> None:
    done = play(
        "migrate.yml", "-i", "lab-w2,lab-w1,", docker2cri_plan_options=["--from", str(BUNDLE)], docker2cri_plans=str(tmp_path / "plans")
    )
    assert done.returncode != 0
    assert not (tmp_path / "plans" / "lab-w1.json").exists()


@needs_ansible
@pytest.mark.parametrize(
    ("state", "code", "reason", "ended", "changed"),
    [
        (MIGRATED, 0, "verified", 0, 1),
        (MIGRATED, 0, "nothing-to-do", 0, 0),
        (ROLLED_BACK, 5, "step-failed", 2, 0),
    ],
)
def test_migrate_reads_the_state_that_apply_tells(tmp_path: Path, state: str, code: int, reason: str, ended: int, changed: int) -> None:
    told = NodeState(node="lab-w1", state=state, exit_code=code, reason=Reason(code=reason, seen="as the test says"))
    done = play(
        "migrate.yml",
        *("-i", "lab-w1,"),
        docker2cri=stand_in(tmp_path, told),
        docker2cri_plan_options=["--from", str(BUNDLE)],
        docker2cri_plans=str(tmp_path / "plans"),
    )
    assert done.returncode == ended, done.stdout
    assert (tmp_path / "applied").read_text() == f"apply {tmp_path}/plans/lab-w1.json --yes -o json\n"
    assert f"changed={changed} " in done.stdout
    assert (f"lab-w1: {state}: as the test says" in done.stdout) == (code == 0)
