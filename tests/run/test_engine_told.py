"""The engine when others are at work, the API is away, or things are not as planned: what it does, and the whole of what it tells."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.errors import Refused, StalePlan
from migrate.plan.events import Event
from migrate.plan.state import NodeState
from migrate.run.apply import apply
from migrate.run.hold import held
from migrate.run.identity import Identity, _space, _start
from migrate.run.rollback import rollback
from migrate.run.standing import standing
from migrate.run.work import Overtaken, Work
from tests import captured
from tests.run.engine import NODE, World, ended

AGAIN = f"docker2cri plan --to containerd {NODE} --out plan.json"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state")


def without_seconds(state: NodeState) -> tuple[str, int, str]:
    name, code, text = ended(state)
    return name, code, re.sub(r"after 12\d s", "after N s", text)


# others


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another operator's process on this machine."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_second_operator_is_refused_and_told_who_the_first_is(world: World, other: subprocess.Popen[bytes]) -> None:
    host = Identity.mine().split()[0]
    assert world.work().remote.claim(f"{host} {other.pid} {_start(other.pid)} {_space()}") is None
    work = world.work()
    with pytest.raises(Refused) as refused, held(work):
        pass
    assert str(refused.value) == (
        f"{NODE}: another operator works on it: process {other.pid} of {host}\n"
        "  expected: one operator at a time\n"
        f"  next: docker2cri status {NODE}; the same command when that one has ended, or 60 s after it died"
    )
    assert world.scratch.progress().last is None
    other.kill()
    other.wait()
    with held(work):  # one of this machine that is dead is known at once
        assert apply(work).state == "migrated"
    world.is_migrated()
    assert world.work().remote.holder() == ""


def test_operator_whose_claim_was_taken_does_nothing_more(world: World) -> None:
    work = world.work()

    def tell(event: Event) -> None:
        if event.text == "drain":
            work.overtaken = work.refuse("another operator took over", "one operator at a time", f"docker2cri status {NODE}")

    work.tell = tell
    with pytest.raises(Refused, match="another operator took over"):
        apply(work)
    assert world.scratch.progress().finished == ("prepare",)
    assert rollback(world.work()).state == "rolled back"
    world.is_rolled_back()


def test_late_news_that_the_node_rolled_itself_back_does_not_end_the_rollback(world: World) -> None:
    assert apply(world.work()).state == "migrated"
    work = world.work()

    def tell(event: Event) -> None:
        if event.segment == "rollback":
            work.overtaken = Overtaken()

    work.tell = tell
    assert ended(rollback(work)) == ("rolled back", 0, "it runs on Docker as before and is verified")
    world.is_rolled_back()


# what is not as planned


def test_file_edited_after_planning_is_refused_with_its_diff(world: World) -> None:
    path = "/etc/containerd/config.toml"
    work = world.work()
    work.capture = captured.replaced(work.capture, path, "[plugins", "# an admin was here\n[plugins")
    with pytest.raises(StalePlan) as refused:
        apply(work)
    said = str(refused.value).splitlines()
    assert said[0] == f"{NODE}: plan is stale: 1 input changed since it was made"
    assert said[1].startswith(f"{path}: planned sha256:")
    assert "+# an admin was here" in said
    assert said[-2:] == ["  expected: the node as it was planned", f"  next: {AGAIN}"]
    assert world.scratch.tree() == world.tree
    assert not world.cordoned()


def test_kubelet_of_another_minor_cannot_be_rolled_back(world: World) -> None:
    apply(world.work())
    node = world.cluster.nodes[NODE]
    info = replace(node.status.node_info, kubelet_version="v1.24.17")
    world.cluster.nodes[NODE] = replace(node, status=replace(node.status, node_info=info))
    with pytest.raises(Refused) as refused:
        rollback(world.work())
    assert str(refused.value) == (
        f"{NODE}: the kubelet is v1.24.17 now and was v1.23.17 when the plan was made\n"
        "  expected: the same kubelet minor: the files of the plan belong to it, and dockershim is gone from 1.24 on\n"
        f"  next: docker2cri inspect {NODE}"
    )
    world.is_migrated()


def test_node_is_ready_and_one_of_its_pods_is_not(world: World) -> None:
    pod = next(iter(world.cluster.uids))
    world.cluster.troubled[pod] = "CreateContainerError"
    state = apply(world.work())
    assert without_seconds(state) == (
        "rolled back",
        5,
        "verification of the node failed after N s:\n"
        f"    ops/{pod}-x: c: CreateContainerError\n"
        "  now: it runs on Docker as before and is verified\n"
        "  expected: a node on containerd\n"
        f"  next: fix what was seen, then: {AGAIN}",
    )
    world.is_rolled_back()


# the API is away


def away(world: World, segment: str, text: str, seconds: float) -> Work:
    """An operator for whom the API goes away at the first such event."""
    work, gone = world.work(), []

    def tell(event: Event) -> None:
        if event.segment == segment and event.text.startswith(text) and not gone:
            gone.append(event.text)
            world.cluster.down_until = world.clock.passed + seconds

    work.tell = tell
    return work


PLACES = pytest.mark.parametrize(
    ("segment", "text"),
    [("drain", "evicted"), ("switch", ""), ("rejoin", "verify the cordoned node"), ("rejoin", "uncordon")],
)


@PLACES
def test_api_that_is_away_for_a_while_is_waited_for(world: World, segment: str, text: str) -> None:
    assert apply(away(world, segment, text, 60.0)).state == "migrated"
    world.is_migrated()


@PLACES
def test_api_that_stays_away_needs_attention_and_the_next_command_ends_it(world: World, segment: str, text: str) -> None:
    state = apply(away(world, segment, text, 1e6))
    assert (state.state, state.exit_code) == ("needs attention", 6), ended(state)[2]
    acknowledged = text == "uncordon"
    if acknowledged:
        assert ended(state)[2] == (
            "https://api: no connection\n"
            "  now: it runs on containerd and was verified while cordoned; its workloads were not verified\n"
            "  expected: an API that answers, to uncordon it and to verify its workloads\n"
            f"  next: docker2cri apply with the same plan, which continues; or docker2cri rollback {NODE}"
        )
    else:
        assert "\n  now: left as it is; whether it is cordoned is not known while the API is away\n" in ended(state)[2]
        assert ended(state)[2].endswith(
            f", then: docker2cri rollback {NODE}; or docker2cri release {NODE} --reason TEXT, when a person has looked"
        )
    world.cluster.down_until = 0.0
    assert standing(world.work()).exit_code == (0 if acknowledged else 6)
    if acknowledged:
        assert apply(world.work()).state == "migrated"
        world.is_migrated()
    else:
        assert rollback(world.work()).state == "rolled back"
        world.is_rolled_back()
