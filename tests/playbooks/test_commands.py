"""What a module makes of its arguments, and of what the command says: pure, without Ansible."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from migrate.plan.state import MIGRATED, ROLLED_BACK, NodeState, Reason
from migrate.report.state_json import state_json
from tests.captured import BUNDLE
from tests.cli.test_commands import run
from tests.playbooks.collection import util

COMMANDS, INVENTORY = util("commands"), util("inventory")
DIGEST = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
GIVEN = {"nodes": ["w1"], "executable": "d2c", "options": []}
HEAD = ["--output=json", "--inventory=/dev/stdin"]


@pytest.mark.parametrize(
    ("name", "check", "given", "line"),
    [
        ("inspect", False, {"fail_on": "never"}, ["d2c", "inspect", *HEAD, "--fail-on=never", "--", "w1"]),
        ("inspect", True, {"kubeconfig": "/k"}, ["d2c", "inspect", *HEAD, "--kubeconfig=/k", "--", "w1"]),
        (
            "plan",
            True,
            {"to": "crio", "accept": {"D2C301": "builds moved", "D2C320": "gone"}, "install": ["packages", "/b"]},
            [
                *("d2c", "plan", *HEAD, "--accept=D2C301=builds moved", "--accept=D2C320=gone", "--to=crio", "--install=packages"),
                *("--install=/b", "--out=/out", "--", "w1"),
            ],
        ),
        (
            "apply",
            False,
            {"plan": "/p.json", "plan_digest": DIGEST, "serial": 2, "on_failure": "stop"},
            ["d2c", "apply", *HEAD, "--serial=2", "--on-failure=stop", "--yes", f"--digest={DIGEST}", "--", "/p.json", "w1"],
        ),
        (
            "apply",
            True,
            {"plan": "/p.json", "plan_digest": DIGEST},
            ["d2c", "apply", "--check", *HEAD, "--yes", f"--digest={DIGEST}", "--", "/p.json", "w1"],
        ),
        (
            "apply",
            False,
            {"plan": "/p.json", "plan_digest": DIGEST, "prepare": True},
            ["d2c", "apply", *HEAD, "--yes", f"--digest={DIGEST}", "--prepare", "--", "/p.json", "w1"],
        ),
        (
            "apply",
            True,
            {"plan": "/p.json", "plan_digest": DIGEST, "prepare": True},
            ["d2c", "apply", "--check", *HEAD, "--yes", f"--digest={DIGEST}", "--", "/p.json", "w1"],
        ),
        ("plan", False, {"rollout": "/r.yaml"}, ["d2c", "plan", *HEAD, "--rollout=/r.yaml", "--out=/out", "--", "w1"]),
        ("verify", False, {}, ["d2c", "verify", *HEAD, "--", "w1"]),
        ("verify", True, {}, ["d2c", "status", *HEAD, "--", "w1"]),
        (
            "rollback",
            False,
            {"overwrite": ["/a", "/b"]},
            ["d2c", "rollback", *HEAD, "--overwrite=/a", "--overwrite=/b", "--yes", "--", "w1"],
        ),
        ("rollback", True, {}, ["d2c", "rollback", "--check", *HEAD, "--yes", "--", "w1"]),
        ("verify", False, {"options": ["--ssh-backend", "openssh"]}, ["d2c", "verify", *HEAD, "--ssh-backend", "openssh", "--", "w1"]),
    ],
)
def test_the_command_line_of_a_module(name: str, check: bool, given: Mapping[str, Any], line: list[str]) -> None:
    assert COMMANDS.command_line(name, {**GIVEN, **given}, check=check, out="/out") == line


def test_a_plan_is_kept_under_the_name_of_its_run() -> None:
    assert COMMANDS.file_of("/plans", DIGEST) == "/plans/0123456789ab.json"


def node(state: str, code: int, *, changed: bool = False) -> NodeState:
    why = Reason(code="c", seen="as seen", now="as it is", expected="more", next="do it")
    return NodeState(node="w1", state=state, exit_code=code, reason=why, changed=changed)


def test_states_are_handed_on_with_what_changed_and_what_failed() -> None:
    told = COMMANDS.outcome("apply", 0, state_json("apply", 0, [node(MIGRATED, 0, changed=True)]), "12:00:00 a line for each step\n")
    assert (told["changed"], told["failed"], told["exit_code"], told["msg"]) == (True, False, 0, "w1: migrated: as seen")
    told = COMMANDS.outcome("apply", 0, state_json("apply", 0, [node(MIGRATED, 0)]), "")
    assert (told["changed"], told["nodes"][0]["changed"]) == (False, False)
    told = COMMANDS.outcome("apply", 5, state_json("apply", 5, [node(ROLLED_BACK, 5, changed=True)]), "")
    assert (told["changed"], told["failed"], told["exit_code"]) == (True, True, 5)
    assert told["msg"] == "w1: rolled back: as seen\n  now: as it is\n  expected: more\n  next: do it"


@pytest.mark.parametrize("out", ["", "no JSON", "[]"])
def test_a_command_that_says_nothing_has_failed(out: str) -> None:
    told = COMMANDS.outcome("apply", 2, out, "p.json: not found\n  expected: a plan\n")
    assert told == {"changed": False, "failed": True, "exit_code": 2, "nodes": [], "msg": "p.json: not found\n  expected: a plan"}
    assert COMMANDS.outcome("plan", 0, out, "")["msg"] == "docker2cri plan ended with exit code 0 and wrote no JSON"
    assert COMMANDS.outcome("plan", 0, out, "")["failed"]


def test_a_real_plan(tmp_path: Path) -> None:
    code, out, err = run("plan", "--from", str(BUNDLE), "-o", "json", "lab-w1", "lab-w2")
    told = COMMANDS.outcome("plan", code, out, err)
    plan = json.loads(out)
    assert (told["changed"], told["failed"], told["exit_code"], told["plan_digest"]) == (False, True, 3, plan["digest"])
    assert [(one["node"], one["changed"]) for one in told["nodes"]] == [("lab-w1", True), ("lab-w2", False)]
    first, second = told["msg"].splitlines()[:2]
    assert first == "lab-w1: 38 steps, 10 files change"
    assert second.startswith(
        "lab-w2: refused: D2C113 container debug-shell: debug-shell: image lab/busybox:1.35, running, restart policy no; D2C113"
    )
    (diff,) = COMMANDS.diffs(plan, ["lab-w1", "lab-w2"])
    assert diff["prepared"].startswith("lab-w1:\n--- ")
    assert "+++ /var/lib/kubelet/kubeadm-flags.env" in diff["prepared"]
    assert "+KUBELET_KUBEADM_ARGS=" in diff["prepared"]
    assert COMMANDS.diffs(plan, ["lab-w2"]) == []


def test_a_real_report() -> None:
    code, out, err = run("inspect", "--from", str(BUNDLE), "-o", "json", "lab-w1")
    told = COMMANDS.outcome("inspect", code, out, err)
    assert told == {
        "changed": False,
        "failed": False,
        "exit_code": 0,
        "nodes": [{"node": "lab-w1", "state": "ready", "blockers": 0, "warnings": 7}],
        "msg": "lab-w1: ready (0 blockers, 7 warnings)",
    }


def test_hosts_keep_what_ansible_has_for_them_and_get_its_options_where_they_have_none() -> None:
    variables = {
        "a": {"ansible_host": "10.0.0.1", "ansible_ssh_user": "ops", "ansible_facts": {"x": 1}, "colour": "red", "ansible_port": 22},
        "b": {"ansible_become_pass": "own"},
        "c": {},
    }
    defaults = {"ansible_user": "admin", "ansible_become_password": "typed", "ansible_ssh_common_args": None}
    text = INVENTORY.inventory_text(["b", "a"], variables, defaults)
    assert json.loads(text) == {
        "all": {"hosts": ["b", "a"]},
        "_meta": {
            "hostvars": {
                "a": {"ansible_host": "10.0.0.1", "ansible_port": 22, "ansible_ssh_user": "ops", "ansible_become_password": "typed"},
                "b": {"ansible_user": "admin", "ansible_become_pass": "own"},
            }
        },
    }
    assert INVENTORY.secrets(text) == {"typed", "own"}
