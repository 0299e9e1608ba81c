"""The probe over a connection, a fleet of them, and readings on disk; the hosts here are local shells and liars."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from migrate.errors import NodeUnreachable, NodeUnreadable, UsageError
from migrate.facts.api import Metadata
from migrate.facts.capture import Capture, CommandReading, PathReading
from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.model import Unreadable
from migrate.run.gather import gather_nodes, probe
from migrate.run.ports import CommandResult, HostTarget
from migrate.run.store import load_capture, load_directory, save


class Shell:
    """A Host that is this machine; `spoil` changes what comes back."""

    def __init__(self, name, spoil=lambda result: result):
        self.name = name
        self.spoil = spoil
        self.scripts: list[bytes] = []
        self.closed = 0

    def run(self, script, *, timeout=None, limit):
        self.scripts.append(script)
        done = subprocess.run(["sh", "-s"], input=script, capture_output=True, timeout=timeout, check=False)
        assert len(done.stdout) < limit
        return self.spoil(CommandResult(done.returncode, done.stdout, done.stderr))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.closed += 1


def test_a_probe_reads_the_machine_with_a_new_marker_each_time() -> None:
    host = Shell("n1")
    first, second = probe(host), probe(host)
    assert (first.host, second.host) == ("n1", "n1")
    assert first.commands["uname"].text.split()[0] == os.uname().sysname
    markers = [script.split(b"\n")[0] for script in host.scripts]
    assert len(set(markers)) == 2
    assert all(marker.startswith(b"marker=d2c-") and len(marker) == 43 for marker in markers)


def test_an_answer_that_is_none_names_the_node_and_what_it_said() -> None:
    host = Shell("n1", lambda result: CommandResult(127, b"motd\n", b"sh: 1: head: not found\x1b[2J\nhttp://u:Pa55@p/\n"))
    with pytest.raises(NodeUnreadable) as error:
        probe(host)
    assert str(error.value) == (
        "n1: the probe's answer of 5 bytes cannot be used: the answer has no end; exit code 127; "
        "on stderr: sh: 1: head: not found; http://REDACTED:REDACTED@p/\n"
        "  expected: a complete answer from a POSIX /bin/sh with head, base64, timeout and stat\n"
        "  next: docker2cri capture n1 --debug, and on the node: command -v head base64 timeout stat"
    )


def test_a_cut_answer_is_refused() -> None:
    host = Shell("n1", lambda result: CommandResult(0, result.stdout[:-20], b""))
    with pytest.raises(NodeUnreadable, match="the answer has no end"):
        probe(host)


def test_a_fleet_keeps_its_order_and_one_bad_node_is_its_own_result() -> None:
    hosts = {name: Shell(name) for name in ("n3", "n1")}

    def connect(target):
        if target.name == "n2":
            raise NodeUnreachable(node="n2", seen="no route to host", expected="an sshd", next="nc -vz n2 22")
        return hosts[target.name]

    results = gather_nodes([HostTarget(name, name, "root") for name in ("n3", "n2", "n1")], connect, forks=2)
    assert list(results) == ["n3", "n2", "n1"]
    assert [type(one) for one in results.values()] == [Capture, NodeUnreachable, Capture]
    assert [host.closed for host in hosts.values()] == [1, 1]


CAPTURE = Capture("n1", 7, {"id": CommandReading(0, b"0\n")}, {"/x": PathReading("file", "600", "root:root", 1, 2, data=b"\xff")})
FACTS = ClusterFacts(server="v1.23.17", taken=9, nodes=(Node(metadata=Metadata(name="n1")),), unreadable=(Unreadable("jobs", "HTTP 403"),))


def test_a_saved_reading_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "reading"
    assert save(folder, [CAPTURE], FACTS) == (folder / "n1.capture.json", folder / "cluster.json")
    assert load_directory(folder) == ((CAPTURE,), FACTS)
    assert load_capture(folder / "n1.capture.json") == CAPTURE
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in [folder, *folder.iterdir()]} == {
        "reading": "0o700",
        "n1.capture.json": "0o600",
        "cluster.json": "0o600",
    }


def test_saving_again_replaces_whole_files(tmp_path: Path) -> None:
    save(tmp_path, [CAPTURE])
    (tmp_path / "n1.capture.json").chmod(0o644)
    save(tmp_path, [Capture("n1", 8)])
    assert load_directory(tmp_path) == ((Capture("n1", 8),), None)
    assert stat.S_IMODE((tmp_path / "n1.capture.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({}, "{}: neither *.capture.json nor cluster.json in it"),
        ({"n1.capture.json": "{"}, "{}/n1.capture.json: JSON, line 1: Expecting property name enclosed in double quotes (column 2)"),
        ({"n1.capture.json": "[]"}, "{}/n1.capture.json: not a docker2cri capture of format 1"),
        ({"cluster.json": '{"taken": 1}'}, "{}/cluster.json: Object missing required field `server`"),
    ],
)
def test_what_cannot_be_read_names_the_file(tmp_path: Path, files: dict[str, str], seen: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError) as error:
        load_directory(tmp_path)
    assert str(error.value) == (
        f"{seen.format(tmp_path)}\n"
        "  expected: a reading that docker2cri saved\n"
        "  next: docker2cri capture NODE, then repeat with its directory"
    )


def test_two_captures_of_one_host_are_refused(tmp_path: Path) -> None:
    save(tmp_path, [CAPTURE])
    (tmp_path / "other.capture.json").write_text((tmp_path / "n1.capture.json").read_text())
    with pytest.raises(UsageError, match="more than one capture of n1"):
        load_directory(tmp_path)


def test_a_host_name_cannot_leave_the_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no file name"):
        save(tmp_path, [Capture("../../etc/passwd", 1)])
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as error:
        save(tmp_path / "file" / "reading", [CAPTURE])
    assert str(error.value) == (
        f"{tmp_path}/file/reading: Not a directory\n  expected: a directory to write into\n  next: name another directory"
    )
