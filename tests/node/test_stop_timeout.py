"""Containers that ignore SIGTERM, with a grace period of a week: at the plan's limit the node rolls back, or kills; a rollback kills."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.node.conftest import Known
from tests.node.scratch import RUN, SHELLS, STANDALONE, Scratch
from tests.node.test_there_and_back import is_new, is_old

Prepared = Callable[..., Scratch]
WEEK, LIMIT = 604800, 1
SOON = 60  # seconds: the machine may be busy, and a week is longer
FORWARDER = next(key for key, (name, _, _) in STANDALONE.items() if name == "forwarder")
ADVICE = "wait longer for them or have them killed: docker2cri explain D2C139"


def deaf(node: Scratch, pod: str, grace: int = WEEK, name: str = "main") -> None:
    """The pod ignores SIGTERM, in Docker and wherever the kubelet makes it again."""
    node.write("/.state/deaf", f"{pod}\n".encode())
    for path in (node.root / ".state/docker").iterdir():
        text = path.read_text()
        if f"uid={pod}\n" in text and "type=container" in text:
            path.write_text(re.sub("grace=.*\nname=.*", f"grace={grace}\nname={name}", text))
    pods = node.read("/.state/pods").decode()
    node.write("/.state/pods", re.sub(f"{pod} .*", f"{pod} {grace}", pods).encode())


def limited(node: Scratch, way: str) -> None:
    """Every step that stops containers waits a second; `way` is what it does then."""
    for kind in ("pods-stop", "standalone"):
        node.steps(f"{kind}\t600\tfail", f"{kind}\t{LIMIT}\t{way}")
    line = next(line for line in node.program.lines if line.kind == "pods-remove")
    socket, limit = line.arguments
    assert limit == "600"
    node.steps(f"pods-remove\t{socket}\t600", f"pods-remove\t{socket}\t{LIMIT}")


def running_ids(node: Scratch, pod: str) -> list[str]:
    containers = (path for path in (node.root / ".state/docker").iterdir())
    return [path.name for path in containers if f"uid={pod}\n" in (text := path.read_text()) and "=container" in text and "=yes" in text]


@pytest.mark.parametrize("shell", SHELLS)
def test_at_the_limit_the_node_rolls_back_and_the_container_lives_on(shell: str, prepared: Prepared, known: Known) -> None:
    node = prepared(shell)
    deaf(node, "pod-tuner")
    limited(node, "fail")
    before = running_ids(node, "pod-tuner")
    begun = time.monotonic()
    ended = node.verb("forward", "switch")
    assert time.monotonic() - begun < SOON
    said = (
        f"containers still run in Docker after their grace period or {LIMIT} s: main; "
        f"docker says why: docker stop ID; journalctl -u docker; {ADVICE}"
    )
    assert (ended.code, ended.err) == (5, "")
    assert ended.out.splitlines() == [
        f"{RUN}: step {node.step('pods-stop')} failed: {said}",
        f"{RUN}: step {node.step('pods-stop')} failed: {said}; the node is rolled back",
    ]
    is_old(node, known)
    # nobody kills it later either: it is the container of before
    assert running_ids(node, "pod-tuner") == before != []


@pytest.mark.parametrize("shell", SHELLS)
def test_where_it_was_accepted_it_is_killed_at_the_limit_there_and_back(shell: str, prepared: Prepared, known: Known) -> None:
    node = prepared(shell)
    deaf(node, "pod-tuner")
    limited(node, "kill")
    begun = time.monotonic()
    there = node.verb("forward", "switch")
    assert (there.code, there.out, there.err) == (0, f"{RUN}: switch is finished\n", "")
    is_new(node, known)
    back = node.verb("rollback")
    assert (back.code, back.out, back.err) == (0, f"{RUN}: the node is rolled back\n", "")
    assert time.monotonic() - begun < 2 * SOON
    is_old(node, known)


def test_a_rollback_kills_whatever_was_accepted(prepared: Prepared, known: Known) -> None:
    node = prepared()
    limited(node, "fail")
    assert node.verb("forward", "switch").code == 0
    node.write("/.state/deaf", b"pod-tuner\n")
    for path in (node.root / ".state/k8s").iterdir():
        path.write_text(path.read_text().replace("grace=3\n", f"grace={WEEK}\n"))
    begun = time.monotonic()
    back = node.verb("rollback")
    assert (back.code, back.out, back.err) == (0, f"{RUN}: the node is rolled back\n", "")
    assert time.monotonic() - begun < SOON
    is_old(node, known)


@pytest.mark.parametrize(("grace", "name"), [(10**10, "main"), (WEEK, "kube-apiserver")], ids=["more digits", "apiserver"])
def test_every_container_is_waited_for_no_longer(grace: int, name: str, prepared: Prepared, known: Known) -> None:
    node = prepared()
    deaf(node, "pod-proxy", grace, name)
    limited(node, "fail")
    ended = node.verb("forward", "switch")
    assert (ended.code, f"or {LIMIT} s: {name}; " in ended.out) == (5, True), ended.out
    is_old(node, known)


@pytest.mark.parametrize("way", ["fail", "kill"])
def test_etcd_is_waited_for_no_longer_and_is_never_killed(way: str, prepared: Prepared, known: Known) -> None:
    node = prepared()
    deaf(node, "pod-proxy", WEEK, "etcd")
    limited(node, way)
    before = running_ids(node, "pod-proxy")
    ended = node.verb("forward", "switch")
    assert (ended.code, f"etcd has not ended {LIMIT} s after SIGTERM, and it is not killed" in ended.out) == (5, True), ended.out
    assert running_ids(node, "pod-proxy") == before != []
    is_old(node, known)


@pytest.mark.parametrize("way", ["fail", "kill"])
def test_a_standalone_container(way: str, prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.write("/.state/deaf", b"forwarder\n")
    limited(node, way)
    node.steps(f"{FORWARDER}\t1\tforwarder", f"{FORWARDER}\t{WEEK}\tforwarder")
    ended = node.verb("forward", "switch")
    if way == "kill":
        assert (ended.code, ended.err) == (0, ""), ended.out
        is_new(node, known)
        return
    assert (ended.code, f"or {LIMIT} s: forwarder; " in ended.out) == (5, True), ended.out
    is_old(node, known)
