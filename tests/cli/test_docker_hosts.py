"""`--docker`: every format of the report from captured hosts, exit codes, and what does not go together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.report.write import FORMS
from tests.cli.test_commands import run

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "docker-hosts"
BOTH = ("--docker", "builder-20.10", "--docker", "builder-26.1", "--from", str(FIXTURES))
ONE = ("--docker", "builder-26.1", "--from", str(FIXTURES))


@pytest.mark.parametrize("form", FORMS)
def test_every_format_names_both_hosts_and_the_socket(form: str) -> None:
    code, out, err = run("inspect", *BOTH, "-o", form, "--info")
    assert (code, err) == (3, "")
    for word in ("builder-20.10", "builder-26.1", "D2C803"):
        assert word in out


def test_the_report_holds_the_host() -> None:
    report = json.loads(run("inspect", *ONE, "-o", "json")[1])
    (host,) = report["docker_hosts"]
    assert (report["kind"], report["nodes"], report["summary"]["needs_work"]) == ("docker-host", [], 1)
    assert (host["version"], host["api"], host["store"], host["swarm"], host["disk"]["images"] > 0) == (
        "26.1.5+dfsg1",
        "1.45",
        "graph driver",
        "active",
        True,
    )
    builder = next(one for one in host["containers"] if one["name"] == "builder")
    assert (builder["privileged"], builder["variables"]) == (True, ["DB_PASSWORD", "PLAIN"])
    (finding,) = [one for one in report["findings"] if one["code"] == "D2C803"]
    assert (finding["nodes"], finding["docker_hosts"]) == ([], ["builder-26.1"])
    assert "docker2cri inspect --docker builder-26.1 --accept D2C803=" in finding["remedy"]


def test_blockers_can_be_accepted() -> None:
    codes = ("D2C801", "D2C803", "D2C804", "D2C805")
    code, out, _ = run("inspect", *ONE, *(word for name in codes for word in ("--accept", f"{name}=moved next week")))
    assert code == 0
    assert out.splitlines()[0] == "Docker hosts: 1 ready"


def test_a_host_that_cannot_be_reached_is_told_and_ends_with_4() -> None:
    code, out, err = run("inspect", "--docker", "tcp://127.0.0.1:1")
    assert (code, err) == (4, "")
    assert "NOT READ\n  tcp://127.0.0.1:1: [Errno 111] Connection refused\n      expected: a daemon that answers\n" in out


@pytest.mark.parametrize(
    ("argv", "seen"),
    [
        (("inspect", "w1", "--docker", "default"), "inspect --docker default with the nodes w1"),
        (("inspect", "--sizes"), "--sizes without --docker"),
        (("inspect", "--docker", "nosuch", "--from", str(FIXTURES)), f"{FIXTURES}: no saved reading of nosuch"),
        (("capture", "--docker-cert-path", "x", "--out", "y"), "--docker-cert-path without --docker"),
    ],
)
def test_what_does_not_go_together_is_refused(argv: tuple[str, ...], seen: str) -> None:
    code, out, err = run(*argv)
    assert (code, out, err.splitlines()[0]) == (2, "", seen)


def test_the_stack_of_a_host() -> None:
    code, out, _ = run("explain", "stack", *ONE)
    assert code == 0
    assert out.startswith("builder-26.1\n\nNOW\n  docker CLI, Compose, tools  (and from inside containers: dashboard)\n")
    assert "  dockerd 26.1.5+dfsg1  (removed)\n" in out
