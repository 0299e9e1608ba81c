"""One odd answer of one node is that node's result, with its name; the others are read, judged and planned as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.errors import NodeUnreadable
from migrate.facts.capture import Capture
from migrate.facts.node import facts_from
from migrate.rules.judge import judge
from migrate.run.session import Access, ReadingOptions, look
from migrate.run.store import save
from migrate.targets.table import target_named
from tests.captured import capture_of, cluster, replaced, with_output

DEEP = "[" * 100_000
ODD = {
    "df": (
        "Filesystem 1024-blocks Used Available Capacity Mounted on\noverlay 1000 10 990 1% /\nsshfs - - - - /var/lib/docker\n",
        "df",
        "/var/lib/docker of sshfs has no size: - blocks, - available",
    ),
    "systemctl show docker.service": (
        "ActiveState=active\nMainPID=x97\n",
        "systemctl show docker.service",
        "MainPID=x97 is no number",
    ),
    "docker info": (DEEP, "docker info", "not JSON: JSON, line 1: is nested deeper than 64"),
    "docker version": ('{"Server": 1' + "0" * 5000 + "}", "docker version", "not JSON: JSON: Exceeds the limit (4300 digits)"),
    "docker containers": (
        '{"id": "a", "labels": ["x"]}\n',
        "docker containers",
        "a line is not what was asked for: Expected `object | null`, got `array` - at `$.labels`",
    ),
    "docker images": (
        '{"id": "a", "size": 1e999}\n',
        "docker images",
        "a line is not what was asked for: Number out of range - at `$.size`",
    ),
    "containerd config dump": ("x = " + DEEP, "containerd config dump", "TOML: is nested too deep"),
    "listening": ("LISTEN 0 128 0.0.0.0:²² 0.0.0.0:*\nLISTEN 0 128 0.0.0.0:" + "9" * 5000 + " 0.0.0.0:*\n", None, ""),
    "systemd version": ("systemd " + "²" * 20, None, ""),
    "kubelet version": ("Kubernetes v1." + "9" * 5000 + ".0", None, ""),
}


@pytest.mark.parametrize("key", ODD)
def test_an_odd_answer_is_told_and_no_more(key: str) -> None:
    text, what, reason = ODD[key]
    facts = facts_from(with_output(capture_of("lab-w2"), key, text))
    told = {unreadable.what: unreadable.reason for unreadable in facts.unreadable}
    if what is not None:
        assert told.get(what, "").startswith(reason), told
    found = judge(cluster(), [("lab-w2", with_output(capture_of("lab-w2"), key, text), None, None)], _target(), {})
    assert found[0].view is not None
    assert found[0].error is None


def test_odd_numbers_of_files_are_refused_in_the_plan() -> None:
    for wrong in ('"²"', '"' + "9" * 5000 + '"', '"-"', "[3]", "1e999"):
        capture = replaced(capture_of(), "/etc/docker/daemon.json", '"max-file": "3"', f'"max-file": {wrong}')
        (found,) = judge(cluster(), [("lab-w1", capture, None, None)], _target(), {})
        assert found.view is not None, found.error


def test_a_parser_that_fails_makes_the_node_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import migrate.facts.node as node

    def fails(capture: Capture, reported: str = "") -> object:
        if capture.host == "lab-w2":
            raise KeyError("nobody foresaw this")
        return parsed(capture, reported)

    parsed = node.parsed
    monkeypatch.setattr(node, "parsed", fails)
    save(tmp_path, [capture_of("lab-w1"), capture_of("lab-w2")], cluster())
    seen = look(Access(), (), lambda text: None, ReadingOptions(offline=str(tmp_path)))
    assert [machine.host for machine in seen.machines if machine.facts] == ["lab-w1"]
    broken = seen.machines[1]
    assert isinstance(broken.error, NodeUnreadable)
    assert str(broken.error) == (
        "lab-w2: what it answered cannot be understood: KeyError: 'nobody foresaw this'\n"
        "  expected: answers in the form that its programs have\n"
        "  next: docker2cri capture lab-w2 --out DIR, and report the file that it writes"
    )
    assert broken.capture is not None
    assert broken.exit_code == 4


def _target() -> object:
    target = target_named("containerd")
    assert target is not None
    return target
