"""One worker to CRI-O and back, after a move to containerd and back, with the workloads that bite, while users keep asking a Service.

CRI-O's binaries come from the folder that LAB_CRIO_DIR names (`crio`, `pinns`, `crictl`); without it these tests are skipped. The story is
lived through once (some ten minutes) and then looked at from many sides.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.looks import CRICTL, Look, look, on
from tests.e2e.prober import EVERY, Seen, Users, seen_in, users
from tests.e2e.story import runtime, shop
from tests.e2e.tool import Ran, Tool, recap
from tests.lab import cluster, crio
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.shell import run
from tests.lab.spec import CONTROL, MOST_WORKERS, PAUSE, Node
from tests.lab.spec import nodes as members_of

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not os.environ.get(crio.VARIABLE), reason=f"{crio.VARIABLE} is not set: it names a folder with CRI-O's binaries"),
]

NODE, OTHER = "lab-w8", "lab-w1"
HABITS, SPACE, PORT = Path(__file__).parent / "habits.yaml", "proof-crio", 30082
WORKLOADS = ("crowd", "low-port", "pinger")
CONTROLLED = 10.0  # seconds of probing before anything is done
CHAPTERS = ("to containerd", "back from containerd", "to CRI-O", "back from CRI-O")


@dataclass
class Story:
    """What was typed and seen, by chapter; `at` is when each began, by the machine's monotonic clock."""

    lab: Lab
    at: dict[str, float] = field(default_factory=dict)
    ran: dict[str, Ran] = field(default_factory=dict)
    looks: dict[str, Look] = field(default_factory=dict)
    habits: dict[str, dict[str, str]] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    probed: list[Users] = field(default_factory=list)

    def seen(self, chapter: str) -> Seen:
        """What users saw in a chapter."""
        return seen_in(self.probed, self.at, chapter)


def worker() -> Node:
    return next(one for one in members_of(MOST_WORKERS) if one.name == NODE)


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """A worker made again with CRI-O installed, the workloads on it, and all that is done with it; then it is taken away."""
    lab.kubectl("delete", "namespace", SPACE, "habits", "--ignore-not-found")  # of a run that was killed: the lab waits for all workloads
    with only_one(patience=PATIENCE):
        cluster.reset(worker())
        crio.install(worker())
    whole = Lab(cluster.members())
    folder = tmp_path_factory.mktemp("crio")
    try:
        whole.kubectl("label", "node", NODE, "habits=here")
        whole.kubectl("apply", "-f", str(HABITS))
        shop(whole, folder, SPACE, PORT, (OTHER, NODE))
        for name in WORKLOADS:
            whole.kubectl("-n", "habits", "rollout", "status", f"deployment/{name}", "--timeout=120s")
        tale = Story(whole)
        live(tale, folder)
        yield tale
    finally:
        for space in (SPACE, "habits"):
            whole.kubectl("delete", "namespace", space, "--wait=false", "--ignore-not-found")
        with only_one(patience=PATIENCE):
            cluster.dismiss(worker())


def live(tale: Story, folder: Path) -> None:
    """Users outside ask two nodes' NodePort, users on the worker the Service's own address."""
    lab, tool = tale.lab, Tool(tale.lab)
    address = lab.kubectl("-n", SPACE, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}") + ":80/hostname"
    pid = int(run("docker", "container", "inspect", "-f", "{{.State.Pid}}", NODE))
    outside = {name: f"{lab.node(name).ip}:{PORT}/hostname" for name in (CONTROL.name, NODE)}

    def plan(chapter: str, file: Path, *to: str) -> None:
        tale.ran[f"plan {chapter}"] = tool("plan", NODE, "--to", *to, *tool.reach(), "--out", str(file))

    def act(chapter: str, verb: str, file: Path, seconds: float = 600) -> None:
        tale.at[chapter] = time.monotonic()
        tale.ran[chapter] = tool(verb, str(file), "--yes", *tool.reach(), seconds=seconds)
        read(tale, chapter)

    read(tale, "before")
    with users(outside, folder) as first, users({f"on {NODE}": address}, folder, namespace=pid) as second:
        tale.probed = [first, second]
        tale.at["control"] = time.monotonic()
        time.sleep(CONTROLLED)
        to_containerd, to_crio, own = (folder / f"{name}.json" for name in ("containerd", "crio", "own"))
        plan("to containerd", to_containerd, "containerd")
        act("to containerd", "apply", to_containerd)
        act("back from containerd", "rollback", to_containerd)
        plan("to CRI-O", to_crio, "crio")
        act("to CRI-O", "apply", to_crio)
        tale.ran["verify"] = tool("verify", str(to_crio), *tool.reach())
        tale.extra["images"] = on(lab, NODE, f"{CRICTL} images -o json | jq -r '.images[].repoTags[]' | sort")
        tale.extra["docker"] = on(lab, NODE, "systemctl is-active docker.service docker.socket || test $? = 3")
        tale.extra["crictl.yaml"] = on(lab, NODE, "cat /etc/crictl.yaml")
        tale.extra["annotation"] = lab.kubectl(
            "get", "node", NODE, "-o", r"jsonpath={.metadata.annotations.kubeadm\.alpha\.kubernetes\.io/cri-socket}"
        )
        act("back from CRI-O", "rollback", to_crio)
        tale.extra["host ports"] = on(lab, NODE, "iptables-save -t nat | grep -- -A.KUBE-HP- || test $? = 1")
        plan("its own defaults", own, "crio", "--crio-defaults")
        tale.at["its own defaults"] = time.monotonic()
    tale.at["end"] = time.monotonic()
    tale.ran["its own defaults"] = tool("apply", str(own), "--yes", *tool.reach(), seconds=900)
    for name in WORKLOADS:  # the rollback asks nothing of what was not Ready when it began
        lab.kubectl("-n", "habits", "rollout", "status", f"deployment/{name}", "--timeout=60s")
    read(tale, "its own defaults")


def read(tale: Story, chapter: str) -> None:
    """A look at the worker, and at what became of the workloads that bite."""
    tale.looks[chapter] = look(tale.lab, NODE)
    wanted = "{range .items[*]}{.metadata.name}={.status.readyReplicas} {end}"
    said = tale.lab.kubectl("-n", "habits", "get", "deployments", "-o", f"jsonpath={wanted}")
    tale.habits[chapter] = dict(word.split("=") for word in said.split())


@pytest.mark.parametrize(
    ("chapter", "row"),
    [
        ("to containerd", [NODE, "migrated", "0", "it runs on containerd and is verified"]),
        ("back from containerd", [NODE, "rolled back", "0", "it runs on Docker as before and is verified"]),
        ("to CRI-O", [NODE, "migrated", "0", "it runs on CRI-O and is verified"]),
        ("verify", [NODE, "migrated", "0", "verified on CRI-O"]),
        ("back from CRI-O", [NODE, "rolled back", "0", "it runs on Docker as before and is verified"]),
    ],
)
def test_each_command_tells_how_the_node_ended(story: Story, chapter: str, row: list[str]) -> None:
    assert (story.ran[chapter].code, recap(story.ran[chapter])) == (0, row), story.ran[chapter].err


@pytest.mark.parametrize("chapter", CHAPTERS)
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


@pytest.mark.parametrize("chapter", ["before", *CHAPTERS])
def test_what_bites_works_everywhere(story: Story, chapter: str) -> None:
    assert story.habits[chapter] == dict.fromkeys(WORKLOADS, "1")


@pytest.mark.parametrize(
    ("chapter", "name"),
    [("to containerd", "containerd"), ("back from containerd", "docker"), ("to CRI-O", "cri-o"), ("back from CRI-O", "docker")],
)
def test_it_runs_every_container_that_the_api_tells_of(story: Story, chapter: str, name: str) -> None:
    seen = story.looks[chapter]
    assert (seen.runtime, seen.reported <= seen.running, len(seen.reported) >= 6) == (name, True, True)
    # CRI-O forwards host ports itself: the chain that the portmap plugin made for all of its own is there, and nothing leads to it
    kept = ("chain CNI-HOSTPORT-SETMARK",) if name == "cri-o" else ()
    assert (seen.leaked, seen.portal[0]) == (kept, seen.portal[1])


def test_what_crio_has_and_what_kubeadm_and_crictl_read(story: Story) -> None:
    assert {PAUSE, "docker.io/lab/busybox:1.35", "docker.io/lab/agnhost:2.33"} <= set(story.extra["images"].split())
    assert story.extra["docker"].split() == ["inactive", "inactive"]
    assert story.extra["annotation"] == "unix:///var/run/crio/crio.sock"
    assert "runtime-endpoint: unix:///var/run/crio/crio.sock" in story.extra["crictl.yaml"]


@pytest.mark.parametrize("chapter", ["back from containerd", "back from CRI-O", "its own defaults"])
def test_the_way_back_leaves_all_as_it_was(story: Story, chapter: str) -> None:
    before, back = story.looks["before"], story.looks[chapter]
    assert len(before.files) > 500
    assert sorted(set(before.files) ^ set(back.files)) == []
    assert back.units.splitlines() == before.units.splitlines()
    assert back.node == before.node
    assert back.runtime == "docker"


def test_no_host_port_of_crio_is_left(story: Story) -> None:
    assert story.extra["host ports"] == ""


def test_the_move_changed_files(story: Story) -> None:
    before, there = (set(story.looks[chapter].files) for chapter in ("before", "to CRI-O"))
    assert {"/etc/crio/crio.conf.d/99-docker2cri.conf", "/etc/containers/storage.conf"} <= {line.split()[0] for line in there - before}


def test_its_own_defaults_are_told_before_and_do_not_last(story: Story) -> None:
    told = story.ran["plan its own defaults"].out
    for said in ("D2C608", "CRI-O pids_limit", "container pinger calls ping in its readiness probe, which", "D2C504"):
        assert said in told
    ran = story.ran["its own defaults"]
    row = recap(ran)
    assert (ran.code, row[:3]) == (5, [NODE, "rolled back", "5"]), ran.err
    why = ran.err.rpartition("verification of the workloads failed")[2]
    for name in WORKLOADS:
        assert f"Deployment habits/{name}: 0 of 1 pods Ready" in why
    assert "PING 127.0.0.1 (127.0.0.1): 56 data bytes ping: permission denied" in why
    assert "now: it runs on Docker as before and is verified" in why
    assert story.habits["its own defaults"] == dict.fromkeys(WORKLOADS, "1")
    assert runtime(story.lab, NODE).startswith("docker://")
