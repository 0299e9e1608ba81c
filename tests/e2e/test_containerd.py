"""One worker to a newer containerd and back, from dockershim, while users keep asking a Service.

containerd lies there as its official tarball, with its own default configuration. It comes from the lab's cache; a release that was not
built there is skipped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.looks import Look, look, on
from tests.e2e.prober import EVERY, Seen, Users, seen_in, users
from tests.e2e.story import runtime, shop
from tests.e2e.tool import Ran, Tool, recap
from tests.lab import cluster, containerd
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.shell import run
from tests.lab.spec import CONTROL, MOST_WORKERS, Node
from tests.lab.spec import nodes as members_of

pytestmark = pytest.mark.lab

NODE, OTHER = "lab-w8", "lab-w1"
SPACE, PORT = "proof-containerd", 30083
CONTROLLED = 10.0  # seconds of probing before anything is done
CONFIG = "/etc/containerd/config.toml"


@dataclass
class Story:
    """What was typed and seen with one release, by chapter; `at` is when each began, by the machine's monotonic clock."""

    lab: Lab
    minor: str
    at: dict[str, float] = field(default_factory=dict)
    ran: dict[str, Ran] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    probed: list[Users] = field(default_factory=list)

    def seen(self, chapter: str) -> Seen:
        """What users saw in a chapter."""
        return seen_in(self.probed, self.at, chapter)


def worker() -> Node:
    return next(one for one in members_of(MOST_WORKERS) if one.name == NODE)


@pytest.fixture(scope="module", params=[*containerd.RELEASES])
def story(request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A worker made again with this release on it, and all that is done with it; then it is taken away."""
    minor: str = request.param
    if reason := containerd.unbuilt(minor):
        pytest.skip(reason)
    with only_one(patience=PATIENCE):
        cluster.reset(worker())
        containerd.install(worker(), minor)
    tale = Story(Lab(cluster.members()), minor)
    folder = tmp_path_factory.mktemp("containerd")
    try:
        shop(tale.lab, folder, SPACE, PORT, (OTHER, NODE))
        live(tale, folder)
        yield tale
    finally:
        tale.lab.kubectl("delete", "namespace", SPACE, "--wait=false", "--ignore-not-found")
        with only_one(patience=PATIENCE):
            cluster.dismiss(worker())


def live(tale: Story, folder: Path) -> None:
    """Users outside ask two nodes' NodePort, users on the worker the Service's own address."""
    lab, tool, plan = tale.lab, Tool(tale.lab), str(folder / "plan.json")
    address = lab.kubectl("-n", SPACE, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}") + ":80/hostname"
    pid = int(run("docker", "container", "inspect", "-f", "{{.State.Pid}}", NODE))
    outside = {name: f"{lab.node(name).ip}:{PORT}/hostname" for name in (CONTROL.name, NODE)}
    tale.looks["before"] = look(lab, NODE)
    with users(outside, folder) as first, users({f"on {NODE}": address}, folder, namespace=pid) as second:
        tale.probed = [first, second]
        tale.at["control"] = time.monotonic()
        time.sleep(CONTROLLED)
        tale.ran["plan"] = tool("plan", NODE, "--to", "containerd", *tool.reach(), "--out", plan)
        tale.at["apply"] = time.monotonic()
        tale.ran["apply"] = tool("apply", plan, "--yes", *tool.reach(), seconds=600)
        tale.looks["apply"] = look(lab, NODE)
        tale.extra["runtime"] = runtime(lab, NODE)
        tale.extra["shims"] = on(lab, NODE, "readlink /proc/$(pgrep -o -f 'containerd-shim-runc-v2 -namespace k8s.io')/exe")
        tale.extra["dump"] = on(lab, NODE, "containerd config dump")
        tale.ran["verify"] = tool("verify", plan, *tool.reach())
        tale.at["rollback"] = time.monotonic()
        tale.ran["rollback"] = tool("rollback", plan, "--yes", *tool.reach(), seconds=600)
        tale.looks["rollback"] = look(lab, NODE)
    tale.at["end"] = time.monotonic()


@pytest.mark.parametrize(
    ("command", "row"),
    [
        ("apply", [NODE, "migrated", "0", "it runs on containerd and is verified"]),
        ("verify", [NODE, "migrated", "0", "verified on containerd"]),
        ("rollback", [NODE, "rolled back", "0", "it runs on Docker as before and is verified"]),
    ],
)
def test_each_command_tells_how_the_node_ended(story: Story, command: str, row: list[str]) -> None:
    assert (story.ran[command].code, recap(story.ran[command])) == (0, row), story.ran[command].err


def test_it_is_this_release_that_runs_the_pods(story: Story) -> None:
    assert story.extra["runtime"].removeprefix("containerd://").removeprefix("v") == containerd.RELEASES[story.minor]
    assert story.extra["shims"].strip() == "/usr/local/bin/containerd-shim-runc-v2"


@pytest.mark.parametrize("chapter", ["apply", "rollback"])
def test_no_user_noticed(story: Story, chapter: str) -> None:
    control, seen = story.seen("control"), story.seen(chapter)
    for target in sorted({one.target for one in seen.requests}):
        print(f"{chapter}, {target}: {seen.of(target)}")
    if control.failed:
        pytest.fail(f"the run is void: requests failed before anything was done: {control}")
    assert seen.failed == (), str(seen)
    assert {one.target for one in seen.requests} == {CONTROL.name, NODE, f"on {NODE}"}
    due = [one.at for one in seen.of(NODE).requests]
    assert len(due) >= 0.99 * (max(due) - min(due)) / EVERY  # the schedule was kept: no gap in it


@pytest.mark.parametrize(("chapter", "name"), [("apply", "containerd"), ("rollback", "docker")])
def test_it_runs_every_container_that_the_api_tells_of(story: Story, chapter: str, name: str) -> None:
    seen = story.looks[chapter]
    assert (seen.runtime, seen.reported <= seen.running, len(seen.reported) >= 3) == (name, True, True)
    assert (seen.leaked, seen.portal[0]) == ((), seen.portal[1])


def test_the_way_back_leaves_all_as_it_was(story: Story) -> None:
    before, back = story.looks["before"], story.looks["rollback"]
    assert len(before.files) > 500
    assert sorted(set(before.files) ^ set(back.files)) == []
    assert back.units.splitlines() == before.units.splitlines()
    assert back.node == before.node


def test_its_configuration_was_edited_least(story: Story) -> None:
    before, there = (set(story.looks[chapter].files) for chapter in ("before", "apply"))
    assert CONFIG in {line.split()[0] for line in there - before}
