"""The command line as a process: whole messages, exit codes, and nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.captured import BUNDLE

PROGRAM = Path(sys.executable).parent / "docker2cri"


def run(*argv: str, tmp: Path | None = None) -> tuple[int, str, str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp or "/nonexistent")}
    done = subprocess.run([str(PROGRAM), *argv], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False)
    return done.returncode, done.stdout, done.stderr


def offline(command: str, *argv: str) -> tuple[int, str, str]:
    return run(command, "--from", str(BUNDLE), *argv)


def test_an_inspection_with_blockers_exits_with_3() -> None:
    code, out, err = offline("inspect")
    assert (code, err) == (3, "")
    golden = (BUNDLE / "expected" / "inspect.txt").read_text()
    assert out[out.index("\nBLOCKERS\n") :] == golden[golden.index("\nBLOCKERS\n") :]
    assert out.startswith("To containerd: 1 ready, 1 needs work, 1 blocked\nKubernetes v1.23.17, 3 nodes, 12 workloads, taken 2026-")


def test_one_clean_node_exits_with_0_and_with_3_when_warnings_count() -> None:
    assert offline("inspect", "lab-w1")[0] == 0
    assert offline("inspect", "lab-w1", "--fail-on", "warning")[0] == 3
    assert offline("inspect", "--fail-on", "never")[0] == 0


@pytest.mark.parametrize("command", ["inspect", "plan"])
@pytest.mark.parametrize("version", ["1.35", "v1.35.2"])
def test_the_next_kubernetes_is_told_of_when_it_is_asked_about(command: str, version: str) -> None:
    code, out, err = offline(command, "lab-w1", "--next-kubernetes", version)
    assert (code, err) == (0, "")
    assert "D2C234 next-kubelet-cgroup-v1" in out
    assert "D2C234" not in offline(command, "lab-w1")[1]


def test_json_has_a_format_and_a_summary() -> None:
    document = json.loads(offline("inspect", "-o", "json")[1])
    assert (document["format"], document["kind"]) == ("docker2cri/v1", "inspect")
    assert {name: document["summary"][name] for name in ("ready", "needs_work", "blocked", "not_read", "workloads")} == {
        "ready": 1,
        "needs_work": 1,
        "blocked": 1,
        "not_read": 0,
        "workloads": 12,
    }


def test_colours_only_when_asked_for() -> None:
    assert "\x1b[" not in offline("inspect")[1]
    assert "\x1b[31;1mD2C105" in offline("inspect", "--color", "always")[1]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (
            ("inspect", "--from", str(BUNDLE), "nobody"),
            2,
            "nobody: no such node\n  expected: names among lab-cp1, lab-w1, lab-w2\n  next: docker2cri inspect, which lists every node\n",
        ),
        (
            ("inspect", "--from", "/nonexistent"),
            2,
            "/nonexistent: neither *.capture.json nor cluster.json in it\n  expected: a reading that docker2cri saved\n"
            "  next: docker2cri capture NODE, then repeat with its directory\n",
        ),
        (
            ("plan", "--from", str(BUNDLE), "--accept", "D2C301"),
            2,
            '--accept D2C301: no reason\n  expected: CODE="reason"\n  next: --accept D2C301="why this may be"\n',
        ),
        (
            ("plan", "--from", str(BUNDLE), "--accept", "D2C105=never mind"),
            2,
            "--accept D2C105: this finding cannot be accepted\n  expected: the code of an acceptable finding\n"
            "  next: docker2cri explain D2C105\n",
        ),
        *(
            (
                (command, "--from", str(BUNDLE), "--next-kubernetes", text),
                2,
                f"--next-kubernetes {text}: no version that docker2cri knows\n  expected: a minor version from 1.20 to 1.37\n"
                "  next: --next-kubernetes 1.37\n",
            )
            for command in ("inspect", "plan")
            for text in ("1.19", "2.0", "1.38", "1", "next", "1.2x", "1.27.")
        ),
        (
            ("inspect", "--from", str(BUNDLE), "--next-kubernetes", "1.22"),
            2,
            "--next-kubernetes 1.22: the kubelet of lab-cp1 is v1.23.17 already\n  expected: 1.23 or later\n"
            "  next: --next-kubernetes 1.24\n",
        ),
        (
            ("plan", "--check", "/nonexistent"),
            2,
            "/nonexistent: No such file or directory\n  expected: a plan that docker2cri wrote\n  next: docker2cri plan --out FILE\n",
        ),
        (
            ("explain", "swarm-activ"),
            2,
            "swarm-activ: no such rule\n  expected: D2C111?\n  next: docker2cri explain, which lists all\n",
        ),
        (
            ("inspect",),
            4,
            "no kubeconfig: /nonexistent/.kube/config is missing or empty\n  expected: a kubeconfig that leads to the cluster\n"
            "  next: repeat with --kubeconfig PATH, or export KUBECONFIG=PATH\n",
        ),
    ],
)
def test_what_cannot_be_used_is_said_whole(argv: tuple[str, ...], code: int, said: str) -> None:
    assert run(*argv) == (code, "", said)


def test_as_a_kubectl_plugin_it_says_so() -> None:
    program = PROGRAM.parent / "kubectl-docker2cri"
    said = subprocess.run([str(program), "inspect", "--help"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("Usage: kubectl docker2cri inspect [OPTIONS] [NODE]...\n")


def test_a_mistyped_command_is_usage() -> None:
    code, out, err = run("plann")
    assert (code, out) == (2, "")
    assert err.endswith("Error: No such command 'plann'. (Did you mean one of: 'explain', 'plan'?)\n")


def test_a_plan_is_written_whole_private_and_holds(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    code, _, err = offline("plan", "lab-w1", "--out", str(path))
    assert code == 0
    assert err == f"{path} holds the plan. To see whether it still holds for the nodes: docker2cri plan --check {path}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert offline("plan", "--check", str(path)) == (
        0,
        f"lab-w1: the plan holds, {_inputs(path)} things are as planned\n",
        "",
    )


def _inputs(path: Path) -> int:
    return len(json.loads(path.read_text())["nodes"][0]["inputs"])


def test_a_plan_that_was_changed_in_its_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    offline("plan", "lab-w1", "--out", str(path))
    path.write_text(path.read_text().replace("docker.service", "cups.service", 1))
    assert run("plan", "--check", str(path)) == (
        2,
        "",
        f"{path}: its content does not match its digest: it was changed after it was made, or made by another build of docker2cri\n"
        f"  expected: a plan as docker2cri wrote it\n  next: docker2cri plan --out {path}\n",
    )


def test_a_plan_of_redacted_readings_is_read_not_applied(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    offline("plan", "lab-w1", "--out", str(path))
    assert run("apply", str(path), "--yes", tmp=tmp_path) == (
        7,
        "",
        f"{path} was made from redacted readings\n  expected: a plan of live nodes\n  next: docker2cri plan --out FILE\n",
    )


def test_a_plan_without_steps_is_refused_at_apply(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    assert offline("plan", "lab-cp1", "--out", str(path))[0] == 3
    code, out, err = run("apply", str(path), tmp=tmp_path)
    assert (code, out) == (3, "NODE     STATE    CODE  REASON\nlab-cp1  refused  3     the plan has blockers for it: D2C105\n")
    assert err == (
        "lab-cp1: the plan has blockers for it: D2C105\n  expected: a plan without blockers\n"
        "  next: docker2cri inspect lab-cp1, which tells what each asks for; then a new plan\n"
    )
    code, out, err = run("apply", str(path), "-o", "json", tmp=tmp_path)
    assert (code, err, json.loads(out)["nodes"][0]["reason"]["code"]) == (3, "", "blockers")


def test_without_a_terminal_nothing_is_asked(tmp_path: Path) -> None:
    assert run("rollback", "lab-w1", tmp=tmp_path) == (
        7,
        "",
        "no terminal to ask on\n  expected: --yes, or a terminal\n  next: docker2cri rollback lab-w1 --yes\n",
    )
