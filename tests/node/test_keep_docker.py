"""Docker keeps running: the kubelet's containers go, all others stay, and the kubelet comes back to a Docker that never stopped."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import KeepSource, StopPods, StopSource
from tests.node.conftest import copied
from tests.node.scratch import PODS, RUN, SHELLS, STANDALONE, Scratch, planned

KEPT = "containerd+keep-docker"
OTHERS = ["forwarder", "shell"]
DOCKER = {"docker.service", "docker.socket"}
CRI_DOCKERD = ("cri-docker.socket", "cri-docker.service")
COMMITTED = "dddd" + "0" * 60
FULL = os.environ.get("FULL") == "1"
# systemd stops Docker with containerd
TIED = """
systemctl() {
  command systemctl "$@" || return
  [ "$*" != 'restart containerd.service' ] || command systemctl stop docker.service docker.socket
}
"""
Made = Callable[..., Scratch]


@pytest.fixture(scope="module")
def readied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node whose `prepare` is finished."""
    node = Scratch(tmp_path_factory.mktemp("template") / "root", target=KEPT)
    assert node.verb("forward", "prepare").code == 0
    return node.root


@pytest.fixture
def made(readied: Path, tmp_path: Path) -> Made:
    """Give copies of it."""
    given: list[Scratch] = []

    def give(shell: str = "dash") -> Scratch:
        given.append(copied(readied, tmp_path / f"root{len(given)}", SHELLS[shell], KEPT))
        return given[-1]

    return give


def others(node: Scratch) -> dict[str, str]:
    """What Docker knows of containers that no kubelet made."""
    return {key: node.read(f"/.state/docker/{key}").decode() for key in STANDALONE}


def told(node: Scratch) -> set[str]:
    """Whose containers were asked to end, or killed."""
    path = node.root / ".state/told"
    return {line.split()[1] for line in path.read_text().splitlines()} if path.exists() else set()


def is_there(node: Scratch) -> None:
    """On containerd, and Docker serves on."""
    state = node.state()
    assert state["running"] == {"docker": OTHERS, "k8s": sorted(PODS)}
    assert set(state["units"]) >= DOCKER | {"kubelet.service", "containerd.service"}  # type: ignore[call-overload]
    assert (state["marker"], state["leaked"]) == (False, [])
    assert node.status()["docker"] == "kept"


def is_back(node: Scratch, tree: object, state: dict[str, object]) -> None:
    assert node.tree() == tree
    assert node.state() == {**state, "current": False}
    assert (node.status()["state"], node.status()["docker"]) == ("rolled-back", "free")


@cache
def before() -> tuple[object, dict[str, object]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        node = Scratch(Path(folder) / "root", target=KEPT)
        return node.tree(), node.state()


def test_the_plan_stops_nothing_of_docker_s_and_looks_that_no_pod_is_left() -> None:
    plan, _ = planned(KEPT)
    kinds = [type(one.step).__name__ for one in plan.steps if one.segment == "switch"]
    assert {"StopSource", "StopStandalone"} & set(kinds) == set()
    (kept,) = [one.step for one in plan.steps if isinstance(one.step, KeepSource)]
    assert (kept.title, kept.units) == ("Docker", ("docker.socket", "docker.service"))


@pytest.mark.parametrize("shell", SHELLS)
def test_there_and_back(shell: str, made: Made) -> None:
    node = made(shell)
    found = others(node)
    there = node.verb("forward", "switch")
    assert (there.code, there.out, there.err) == (0, f"{RUN}: switch is finished\n", "")
    is_there(node)
    assert [path for path in node.tree() if "docker" in path and path.endswith("stopped.conf")] == []
    assert node.verb("disarm").code == 0
    assert (node.root / "var/lib/docker2cri/source-kept").read_text() == f"{RUN}\n"
    back = node.verb("rollback")
    assert (back.code, back.out, back.err) == (0, f"{RUN}: the node is rolled back\n", "")
    is_back(node, *before())
    assert not (node.root / "var/lib/docker2cri/source-kept").exists()
    assert others(node) == found
    assert told(node) & {"forwarder", "shell"} == set()


def test_a_container_of_an_image_that_was_committed_of_a_pod_is_none_of_the_kubelet_s(made: Made) -> None:
    node = made()
    text = "type=container\nuid=pod-proxy\ngrace=1\nname=committed\nrunning=yes\npolicy=no\n"
    node.write(f"/.state/docker/{COMMITTED}", text.encode())
    node.write("/.state/committed", f"{COMMITTED}\n".encode())
    assert node.verb("forward", "switch").code == 0
    assert node.read(f"/.state/docker/{COMMITTED}").decode() == text
    assert "committed" not in told(node)


def test_a_standalone_container_that_the_plan_does_not_know_is_in_nobody_s_way(made: Made) -> None:
    node = made()
    node.write(f"/.state/docker/{COMMITTED}", b"type=\nuid=\ngrace=\nname=later\nrunning=yes\npolicy=no\n")
    assert node.verb("forward", "switch").code == 0
    assert node.state()["running"]["docker"] == ["forwarder", "later", "shell"]  # type: ignore[index]


def test_a_docker_that_does_not_get_over_the_restart_of_containerd_rolls_the_node_back(made: Made) -> None:
    node = made()
    program = node.run / "program.sh"
    program.write_text(program.read_text().replace('\nmain "$@"', f'\n{TIED}\nmain "$@"'))
    ended = node.verb("forward", "switch")
    assert ended.code == 5
    assert "kubelet-start failed: Docker does not answer within 30 s: Cannot connect to the Docker daemon" in ended.out
    assert set(node.state()["units"]) >= DOCKER | {"kubelet.service"}  # type: ignore[call-overload]
    assert node.state()["running"]["docker"] == ["forwarder", *sorted(PODS)]  # type: ignore[index] # what has a restart policy
    assert node.status()["state"] == "rolled-back"


def test_a_docker_that_was_stopped_since_is_started_for_the_rollback(made: Made) -> None:
    node = made()
    node.verb("forward", "switch")
    node.tool("systemctl", "stop", "docker.service", "docker.socket")
    assert node.verb("rollback").code == 0
    assert set(node.state()["units"]) >= DOCKER | {"kubelet.service"}  # type: ignore[call-overload]
    assert sorted(PODS) == sorted(set(node.state()["running"]["docker"]) - set(OTHERS))  # type: ignore[index]


def test_a_docker_that_does_not_answer_keeps_the_kubelet_stopped_and_the_rollback_continues_later(made: Made) -> None:
    node = made()
    node.verb("forward", "switch")
    node.tool("systemctl", "stop", "docker.service", "docker.socket")
    node.write("/.state/docker-broken", b"")
    back = node.verb("rollback")
    assert back.code == 6
    assert "source-keep: " in back.out
    assert (node.status()["state"], node.status()["gate"]) == ("needs-attention", "closed")
    (node.root / ".state/docker-broken").unlink()
    assert node.verb("rollback").code == 0
    assert node.status()["state"] == "rolled-back"


def test_a_directory_in_the_place_of_dockershim_s_socket_is_removed(made: Made) -> None:
    node = made()
    node.verb("forward", "switch")
    (node.root / "run/dockershim.sock").mkdir()
    assert node.verb("rollback").code == 0
    is_back(node, *before())


def test_a_boot_inside_switch_rolls_back(made: Made) -> None:
    node = made()
    begins = [f"begin {line.index} {line.kind}" for line in node.program.lines if line.kind == "source-keep"]
    points = journal_points(made())
    at = next(number for number, text in points if any(text.endswith(one) for one in begins))
    assert node.verb("forward", "switch", kill_at=at).code == -9
    node.reboot()
    tree, state = before()
    assert node.tree() == tree
    assert node.state()["running"]["docker"] == ["forwarder", *sorted(PODS)]  # type: ignore[index] # `shell` has no restart policy
    assert node.status()["state"] == "rolled-back"
    assert {**node.state(), "running": 0, "current": False} == {**state, "running": 0, "current": False}


def test_a_boot_after_success_stays_and_can_be_rolled_back(made: Made) -> None:
    node = made()
    node.verb("forward", "switch")
    node.verb("disarm")
    node.reboot()
    assert node.state()["running"] == {"docker": ["forwarder"], "k8s": sorted(PODS)}
    assert set(node.state()["units"]) >= DOCKER  # type: ignore[call-overload]
    assert node.verb("rollback").code == 0
    assert node.tree() == before()[0]


def test_without_a_journal_the_marker_tells_that_pods_may_run_there(made: Made) -> None:
    node = made()
    node.verb("forward", "switch")
    node.verb("disarm")
    (node.run / "journal").unlink()
    assert f"{node.root}/var/lib/docker2cri/source-kept is there" in node.status()["doubt"]
    refused = node.verb("rollback")
    assert (refused.code, "drain it first" in refused.out) == (7, True)
    assert node.verb("rollback", "--force").code == 0
    assert node.tree() == before()[0]
    assert node.status()["docker"] == "free"


def test_release_says_nothing_of_docker_and_leaves_no_marker(made: Made) -> None:
    node = made()
    node.verb("forward", "switch")
    ended = node.verb("release", "looked")
    assert (ended.code, ended.out) == (0, f"{RUN}: released\n")
    assert node.status()["docker"] == "free"


def journal_points(node: Scratch) -> list[tuple[int, str]]:
    """The points at which the program may be killed in the switch: one before and one after each line of its journal."""
    start = len((node.run / "journal").read_text().splitlines())
    assert node.verb("forward", "switch").code == 0
    lines = (node.run / "journal").read_text().splitlines()[start:]
    return [(2 * number, line.split(" ", 3)[3]) for number, line in enumerate(lines, 1)]


@pytest.mark.parametrize("at", range(1, 54) if FULL else (3, 18, 24, 31, 47))
def test_killed_and_rolled_back(at: int, made: Made) -> None:
    node = made()
    found = others(node)
    node.verb("forward", "switch", kill_at=at)
    assert node.verb("rollback").code == 0
    is_back(node, *before())
    assert others(node) == found
    assert told(node) & {"forwarder", "shell"} == set()


@pytest.mark.parametrize("at", range(1, 54) if FULL else (10, 23, 40))
def test_killed_and_continued(at: int, made: Made) -> None:
    node = made()
    node.verb("forward", "switch", kill_at=at)
    again = node.verb("forward", "switch")
    assert again.code == 0, again.out
    is_there(node)
    assert told(node) & {"forwarder", "shell"} == set()


def with_cri_dockerd(root: Path) -> Scratch:
    """A node whose kubelet reaches Docker through cri-dockerd: its units alone are stopped."""
    plan: NodePlan = planned(KEPT)[0]
    at = next(index for index, one in enumerate(plan.steps) if isinstance(one.step, KeepSource))
    stop = PlannedStep(segment="switch", step=StopSource(title="Docker", units=CRI_DOCKERD, why="it serves Kubernetes alone"))
    node = Scratch(root, target=KEPT, plan=replace(plan, steps=(*plan.steps[:at], stop, *plan.steps[at:])))
    assert any(isinstance(one.step, StopPods) for one in plan.steps[:at])
    for unit in CRI_DOCKERD:
        node.write(f"/.state/enabled/{unit}", b"enabled\n")
        node.tool("systemctl", "start", unit)
    return node


def test_cri_dockerd_s_units_are_stopped_and_kept_from_starting_and_docker_s_are_not(tmp_path: Path) -> None:
    node = with_cri_dockerd(tmp_path / "root")
    tree, state = node.tree(), node.state()
    assert node.verb("forward", "prepare").code == 0
    there = node.verb("forward", "switch")
    assert (there.code, there.err) == (0, ""), there.out
    assert set(node.state()["units"]) & {*DOCKER, *CRI_DOCKERD} == DOCKER  # type: ignore[call-overload]
    assert node.state()["running"] == {"docker": OTHERS, "k8s": sorted(PODS)}
    for unit in CRI_DOCKERD:
        node.tool("systemctl", "start", unit)
    assert set(node.state()["units"]) & set(CRI_DOCKERD) == set()  # type: ignore[call-overload]
    dropped = {path.split("/")[3] for path in node.tree() if path.endswith("00-docker2cri-stopped.conf")}
    assert dropped == {f"{unit}.d" for unit in CRI_DOCKERD}
    assert node.status()["docker"] == "kept"
    assert node.verb("rollback").code == 0
    is_back(node, tree, state)
    assert told(node) & {"forwarder", "shell"} == set()
