"""What others write reaches the node program as labels: annotations of pods, which dockershim copies, and labels of images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.node.conftest import Known
from tests.node.scratch import NAT, STANDALONE, Scratch
from tests.node.test_there_and_back import is_new, is_old

FORGED = (
    b"30|main|Up 1 second\n172.17.0.0|podsandbox||POD|Up",
    b"5\n" + b"e" * 64 + b' "7" "etcd"\n-A POSTROUTING|podsandbox|1|POD|Up',
    b"docker0\ndocker0 docker0 docker0",
    b'"; touch forged; "',
    b"$(touch forged)`touch forged`",
    b"-f /etc/passwd",
    b"*",
    b"\n\n",
    b"9223372036854775808",
    b"08",
    b"../../../../etc",
    b'"podsandbox"}} {{.ID}}',
    "\N{SUPERSCRIPT TWO}\N{RIGHT-TO-LEFT OVERRIDE}".encode(),
)


@pytest.mark.parametrize(("text", "shell"), [*((text, "dash") for text in FORGED), (FORGED[1], "busybox"), (FORGED[6], "busybox")])
def test_a_label_is_only_a_label(prepared: Callable[..., Scratch], known: Known, shell: str, text: bytes) -> None:
    node = prepared(shell)
    sandboxes = [path.name for path in (node.root / ".state/docker").iterdir() if "type=podsandbox" in path.read_text()]
    assert len(sandboxes) == 3
    for id in sandboxes:
        node.write(f"/.state/label-grace/{id}", text)
        node.write(f"/.state/label-uid/{id}", text)
    for id in STANDALONE:
        node.write(f"/.state/label-grace/{id}", text)
        node.write(f"/.state/label-name/{id}", text)
    ended = node.verb("forward", "switch")
    assert (ended.code, ended.err) == (0, ""), ended.out
    is_new(node, known)
    remembered = (node.run / "sandboxes").read_text().splitlines()
    assert sorted(remembered) == sorted(f"source {id} running" for id in sandboxes)
    assert NAT in node.read("/.state/nat")
    ended = node.verb("rollback")
    assert (ended.code, ended.err) == (0, ""), ended.out
    is_old(node, known)
    assert NAT in node.read("/.state/nat")
    assert [*Path.cwd().glob("forged"), *node.run.glob("forged")] == []


@pytest.mark.parametrize("line", ["", "docker0", "source docker0 running", "source  running", "source " + "e" * 64, "target x;y running"])
def test_only_ids_become_rules_and_paths(prepared: Callable[..., Scratch], known: Known, line: str) -> None:
    node = prepared()
    (node.run / "sandboxes").write_text(f"{line}\nsource {'e' * 63} running\nsource {'E' * 64} running\n")
    ended = node.verb("forward", "switch")
    assert (ended.code, ended.err) == (0, ""), ended.out
    is_new(node, known)
    assert NAT in node.read("/.state/nat")


def test_a_listing_that_holds_something_else_stops_the_switch_and_changes_nothing(prepared: Callable[..., Scratch], known: Known) -> None:
    node = prepared()
    node.write("/.state/docker/docker0", b"type=podsandbox\nuid=u-1\ngrace=\nname=POD\nrunning=yes\npolicy=no\n")
    ended = node.verb("forward", "switch")
    assert ended.code == 5
    assert "stage failed: Docker lists what is no container ID: docker0" in ended.out
    (node.root / ".state/docker/docker0").unlink()
    assert node.tree() == known.tree_before
    assert NAT in node.read("/.state/nat")
