"""The playbooks of the installed collection, run by a real ansible-playbook on captured nodes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from migrate.plan.state import MIGRATED, ROLLED_BACK, UNTOUCHED, NodeState, Reason
from migrate.report.state_json import state_json
from migrate.run.inventory.read import parse_inventory
from tests.captured import BUNDLE
from tests.playbooks.collection import PROGRAM, Collection

FROM = ["--from", str(BUNDLE)]
WORKERS = "lab-w1,lab-w2,lab-cp1,"

# Captured nodes are no live ones: this stands in for the commands about those. Every other command is the real one
STAND_IN = """#!/bin/sh
case $1 in apply|verify|status|rollback) ;; *) exec {program} "$@" ;; esac
echo "$@" >>{folder}/asked
cat >{folder}/inventory.json
cat {folder}/state.json
echo "a line for each step" >&2
exit {code}
"""


def stand_in(folder: Path, state: NodeState) -> str:
    """A command that ends with this state where live nodes are meant."""
    (folder / "state.json").write_text(state_json("apply", state.exit_code, [state]))
    program = folder / "docker2cri"
    program.write_text(STAND_IN.format(program=PROGRAM, folder=folder, code=state.exit_code))
    program.chmod(0o755)
    return str(program)


def state(name: str, code: int, *, changed: bool, seen: str = "as the test says") -> NodeState:
    return NodeState(
        node="lab-w1", state=name, exit_code=code, reason=Reason(code="c", seen=f"{seen} {{{{ 7 * 7 }}}}", next="look"), changed=changed
    )


def recap(out: str, host: str = "lab-w1") -> tuple[int, int]:
    """How many tasks changed something for a host, and how many failed."""
    found = re.search(rf"^{host} +: ok=\d+ +changed=(\d+) +unreachable=0 +failed=(\d+)", out, re.MULTILINE)
    assert found is not None, out
    return int(found[1]), int(found[2])


def test_inspect_says_each_node_in_one_reading_and_fails_on_blockers(collection: Collection, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = collection.play("inspect", "-i", WORKERS, docker2cri_inspect_options=FROM, docker2cri_report=str(report))
    assert done.returncode == 2
    said = (
        "lab-cp1: blocked (1 blockers, 7 warnings)\\nlab-w1: ready (0 blockers, 7 warnings)\\nlab-w2: needs work (5 blockers, 10 warnings)"
    )
    assert said in done.stdout
    assert json.loads(report.read_text())["kind"] == "inspect"
    assert report.stat().st_mode & 0o777 == 0o600
    done = collection.play("inspect", "-i", WORKERS, docker2cri_inspect_options=FROM, docker2cri_fail_on="never")
    assert (done.returncode, recap(done.stdout)) == (0, (0, 0))


def test_limit_leaves_the_other_hosts_out(collection: Collection) -> None:
    done = collection.play("inspect", "-i", WORKERS, "--limit", "lab-w1", docker2cri_inspect_options=FROM)
    assert (done.returncode, recap(done.stdout)) == (0, (0, 0))
    assert "lab-w1: ready" in done.stdout
    assert "lab-w2" not in done.stdout
    done = collection.play("inspect", "-i", WORKERS, "--limit", "nobody", docker2cri_inspect_options=FROM)
    assert done.returncode != 0


@pytest.mark.parametrize("playbook", ["migrate", "rollout"])
def test_check_shows_the_plan_and_changes_nothing(collection: Collection, tmp_path: Path, playbook: str) -> None:
    done = collection.play(
        playbook,
        *("-i", "lab-w1,lab-w2,", "--limit", "lab-w1", "--check", "--diff"),
        docker2cri_executable=stand_in(
            tmp_path, state(UNTOUCHED, 0, changed=True, seen="the plan holds; apply would move it to containerd")
        ),
        docker2cri_plan_options=FROM,
        docker2cri_plans=str(tmp_path / "plans"),
    )
    assert (done.returncode, recap(done.stdout)) == (0, (1, 0)), done.stdout
    (plan,) = (tmp_path / "plans").iterdir()
    made = json.loads(plan.read_text())
    assert [node["host"] for node in made["nodes"]] == ["lab-w1"]
    assert plan.name == f"{made['digest'][7:19]}.json"
    asked = f"apply --check --output=json --inventory=/dev/stdin --yes --digest={made['digest']} -- {plan} lab-w1\n"
    assert (tmp_path / "asked").read_text() == asked
    for said in (made["digest"], "lab-w1: 38 steps, 10 files change", "the plan holds; apply would move it to containerd"):
        assert said in done.stdout
    assert "+KUBELET_KUBEADM_ARGS=" in done.stdout


def test_migrate_stops_at_the_first_node_that_is_refused(collection: Collection, tmp_path: Path) -> None:
    done = collection.play("migrate", "-i", "lab-w2,lab-w1,", docker2cri_plan_options=FROM, docker2cri_plans=str(tmp_path / "plans"))
    assert done.returncode != 0
    assert recap(done.stdout, "lab-w2") == (0, 1)
    assert "lab-w2: refused: D2C113 container debug-shell: " in done.stdout
    assert [json.loads(path.read_text())["nodes"][0]["host"] for path in (tmp_path / "plans").glob("*.json")] == ["lab-w2"]


@pytest.mark.parametrize(
    ("name", "code", "changed", "counted"),
    [(MIGRATED, 0, True, (1, 0)), (MIGRATED, 0, False, (0, 0)), (ROLLED_BACK, 5, True, (0, 1)), ("refused", 7, False, (0, 1))],
)
def test_migrate_tells_what_apply_tells(
    collection: Collection, tmp_path: Path, name: str, code: int, changed: bool, counted: tuple[int, int]
) -> None:
    done = collection.play(
        "migrate",
        *("-i", "lab-w1,"),
        docker2cri_executable=stand_in(tmp_path, state(name, code, changed=changed)),
        docker2cri_plan_options=FROM,
        docker2cri_plans=str(tmp_path / "plans"),
    )
    assert (done.returncode != 0, recap(done.stdout)) == (code != 0, counted), done.stdout
    assert f"lab-w1: {name}: as the test says {{{{ 7 * 7 }}}}" in done.stdout
    assert ("  next: look" in done.stdout) is (code != 0)


def test_a_plan_that_was_approved_is_applied_and_none_is_made(collection: Collection, tmp_path: Path) -> None:
    digest = "sha256:" + "0123456789abcdef" * 4
    done = collection.play(
        "rollout",
        *("-i", WORKERS, "--limit", "lab-w1,lab-w2"),
        docker2cri_executable=stand_in(tmp_path, state(MIGRATED, 0, changed=True)),
        docker2cri_plan_digest=digest,
        docker2cri_plans=str(tmp_path),
        docker2cri_at_once=2,
    )
    assert done.returncode == 0, done.stdout
    asked = f"apply --output=json --inventory=/dev/stdin --serial=2 --yes --digest={digest} -- {tmp_path}/0123456789ab.json lab-w1 lab-w2\n"
    assert (tmp_path / "asked").read_text() == asked


def test_the_real_command_refuses_another_plan(collection: Collection, tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    collection.play("migrate", "-i", "lab-w1,", docker2cri_plan_options=FROM, docker2cri_plans=str(plans))
    (plan,) = plans.iterdir()
    other = "sha256:" + "f" * 64
    plan.rename(plans / "ffffffffffff.json")
    done = collection.play("rollout", "-i", "lab-w1,", docker2cri_plan_digest=other, docker2cri_plans=str(plans))
    assert recap(done.stdout) == (0, 1)
    assert f"expected: the plan that was approved: {other}" in done.stdout


@pytest.mark.parametrize("playbook", ["verify", "rollback"])
@pytest.mark.parametrize("check", [False, True])
def test_verify_and_rollback_by_host(collection: Collection, tmp_path: Path, playbook: str, check: bool) -> None:
    ended = state(ROLLED_BACK, 0, changed=playbook == "rollback")
    argv = ["--check"] if check else []
    done = collection.play(playbook, "-i", "lab-w1,lab-w2,", *argv, docker2cri_executable=stand_in(tmp_path, ended))
    counted = (int(playbook == "rollback"), 0)
    assert (recap(done.stdout), recap(done.stdout, "lab-w2")) == (counted, counted), done.stdout
    words = {"verify": "status" if check else "verify", "rollback": "rollback --check" if check else "rollback"}
    yes = " --yes" if playbook == "rollback" else ""
    asked = sorted((tmp_path / "asked").read_text().splitlines())
    assert asked == [f"{words[playbook]} --output=json --inventory=/dev/stdin{yes} -- {host}" for host in ("lab-w1", "lab-w2")]


INVENTORY = """\
workers:
  vars:
    ansible_user: "{{ team }}-admin"
    team: infra
  hosts:
    lab-w1:
      ansible_host: 10.213.0.11
      ansible_port: 2222
    lab-w2:
"""


@pytest.mark.parametrize(("current", "typed"), [("lab-w9", "typed-sudo"), ("lab-w1", None)])
def test_the_inventory_is_handed_on_as_ansible_has_it(collection: Collection, tmp_path: Path, current: str, typed: str | None) -> None:
    """YAML, group_vars, a vault, templates, and -u, -K and --ssh-common-args of the command line; no secret is told.

    What is typed is not known while the current host has a password of its own; that one is handed to no other host.
    """
    (tmp_path / "hosts.yml").write_text(INVENTORY)
    (tmp_path / "vault").write_text("open sesame\n")
    (tmp_path / "group_vars").mkdir()
    vault = ["--vault-password-file", str(tmp_path / "vault")]
    sealed = collection.run("ansible-vault", "encrypt_string", *vault, "--name", "ansible_become_password", "s3cret-sudo")
    (tmp_path / "group_vars" / "workers.yml").write_text(sealed.stdout)
    (tmp_path / "become").write_text("typed-sudo\n")
    argv = [
        *("-i", str(tmp_path / "hosts.yml"), "-i", "lab-w9,", *vault, "-vvv", "-u", "ops"),
        *("--become-password-file", str(tmp_path / "become"), "--ssh-common-args=-o ProxyJump=bastion", "--private-key", "/keys/one"),
    ]
    program = stand_in(tmp_path, state(MIGRATED, 0, changed=False, seen="sudo said s3cret-sudo typed-sudo"))
    names = ["lab-w1", "lab-w2", "lab-w9"]
    done = collection.play("verify", *argv, "--limit", current, docker2cri_executable=program, docker2cri_nodes=names)
    assert recap(done.stdout, current) == (0, 0), done.stdout
    hosts: dict[str, Any] = {host.name: host for host in parse_inventory((tmp_path / "inventory.json").read_text(), "stdin").hosts}
    seen = {name: (host.address, host.port, host.user, host.key_file, host.ssh_options) for name, host in hosts.items()}
    jump = (("ProxyJump", "bastion"),)
    assert seen == {
        "lab-w1": ("10.213.0.11", 2222, "infra-admin", "/keys/one", jump),
        "lab-w2": (None, None, "infra-admin", "/keys/one", jump),
        "lab-w9": (None, None, "ops", "/keys/one", jump),
    }
    passwords = [hosts[name].become_password for name in names]
    assert [one and one.value for one in passwords] == ["s3cret-sudo", "s3cret-sudo", typed]
    for secret in ("s3cret-sudo", *([typed] if typed else [])):
        assert secret not in done.stdout + done.stderr
        assert secret not in (tmp_path / "asked").read_text()


def test_what_cannot_be_asked_is_a_failure_that_says_so(collection: Collection, tmp_path: Path) -> None:
    done = collection.play("verify", "-i", "lab-w1,", docker2cri_executable="/nonexistent/docker2cri")
    assert recap(done.stdout) == (0, 1)
    assert "/nonexistent/docker2cri cannot be run on the controller: No such file or directory" in done.stdout
    done = collection.play("verify", "-i", "lab-w1,", docker2cri_nodes=["lab-w7"])
    assert recap(done.stdout) == (0, 1)
    assert "nodes: lab-w7: not in the inventory" in done.stdout


def test_the_environment_of_a_play_reaches_the_command(collection: Collection, tmp_path: Path) -> None:
    program = tmp_path / "docker2cri"
    program.write_text('#!/bin/sh\necho "$KUBECONFIG" >&2\nexit 1\n')
    program.chmod(0o755)
    play = tmp_path / "play.yml"
    play.write_text(
        "- hosts: all\n  gather_facts: false\n  environment: {KUBECONFIG: '/from/{{ where }}'}\n  vars: {where: the-play}\n"
        "  module_defaults: {group/docker2cri.docker2cri.docker2cri: {executable: '" + str(program) + "'}}\n"
        "  tasks: [{docker2cri.docker2cri.verify: {}}]\n"
    )
    done = collection.run("ansible-playbook", "-i", "lab-w1,", str(play))
    assert "/from/the-play" in done.stdout
