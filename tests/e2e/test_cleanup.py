"""One worker that has left Docker loses it for good while users keep asking: packages, data, chains gone, and no container another one.

Docker comes from Debian's package there, so that the node's own apt removes it; its data root is a volume, a mount point.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.looks import on
from tests.e2e.prober import EVERY, Seen, Users, seen_in, users
from tests.e2e.tool import Ran, Tool, recap
from tests.lab import cluster
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.shell import run
from tests.lab.spec import CONTROL, MOST_WORKERS, Node
from tests.lab.spec import nodes as members_of

pytestmark = pytest.mark.lab

NODE = "lab-w7"
CONTROLLED = 5.0  # seconds of probing before anything is done
ACCEPT = ("--accept", "D2C907=a test's own")
PREPARED = "docker volume create kept && docker run --rm --network none -v kept:/data lab/busybox:1.35 sh -c 'echo data >/data/file'"
CONTAINERS = "ctr -n k8s.io tasks ls | sort"
PROCESSES = "for unit in kubelet containerd; do systemctl show -p MainPID -p ExecMainStartTimestampMonotonic $unit; done"
LEFT = """
    ls -d /usr/bin/docker /usr/sbin/dockerd /run/docker /run/docker.sock /run/dockershim.sock /sys/class/net/docker0 2>/dev/null
    ls -A /var/lib/docker
    dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' docker.io containerd runc
    find /etc/systemd/system -path '*docker.s*'
    iptables-save | grep -E 'DOCKER( |-)|docker0'
    systemctl show -p LoadState docker.service docker.socket
    ctr namespaces ls -q
    ls /var/lib/docker2cri
    getent group docker
"""


@dataclass
class Cleaned:
    """What was typed and seen, by chapter; `at` is when each began, by the machine's monotonic clock."""

    lab: Lab
    at: dict[str, float] = field(default_factory=dict)
    ran: dict[str, Ran] = field(default_factory=dict)
    told: dict[str, dict[str, str]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    probed: list[Users] = field(default_factory=list)
    plan: dict[str, object] = field(default_factory=dict)

    def seen(self, chapter: str) -> Seen:
        """What users saw in a chapter."""
        return seen_in(self.probed, self.at, chapter)


def worker() -> Node:
    return next(one for one in members_of(MOST_WORKERS) if one.name == NODE)


def state(lab: Lab) -> dict[str, str]:
    """What must be the same before and after."""
    return {name: on(lab, NODE, script) for name, script in (("containers", CONTAINERS), ("processes", PROCESSES))}


def inside_pod(lab: Lab) -> int:
    """A process of this machine in the network of a pod on the worker."""
    inode = on(lab, NODE, "stat -L -c %i $(find /run/netns -mindepth 1 | head -n 1)").strip()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((process / "ns/net").stat().st_ino) == inode:
                return int(process.name)
    raise AssertionError(f"no process of this machine is in the network {inode}")


@pytest.fixture(scope="module")
def cleaned(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cleaned]:
    """A new worker that is moved to containerd and then cleaned; it is taken away at the end."""
    with only_one(patience=PATIENCE):
        cluster.reset(worker())
    found = Cleaned(Lab(cluster.members()))
    try:
        live(found, tmp_path_factory.mktemp("cleanup"))
        yield found
    finally:
        with only_one(patience=PATIENCE):
            cluster.dismiss(worker())


def live(found: Cleaned, folder: Path) -> None:
    """Users outside ask the NodePort and the worker's hostPort, those on the worker a Service, those in a pod there a pod elsewhere."""
    lab, tool, plan = found.lab, Tool(found.lab), str(folder / "cleanup.json")
    on(lab, NODE, PREPARED)
    move = str(folder / "move.json")
    found.ran["early"] = tool("cleanup", NODE, *tool.reach())
    found.ran["move"] = tool("plan", NODE, "--to", "containerd", *tool.reach(), "--out", move, "--no-diff")
    found.ran["moved"] = tool("apply", move, "--yes", *tool.reach(), seconds=600)
    address = lab.kubectl("-n", "shop", "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}")
    pods = json.loads(lab.kubectl("-n", "shop", "get", "pods", "-l", "app=web", "-o", "json"))["items"]
    elsewhere = next(pod["status"]["podIP"] for pod in pods if pod["spec"]["nodeName"] != NODE and pod["status"]["phase"] == "Running")
    node = lab.node(NODE).ip
    of_node = int(run("docker", "container", "inspect", "-f", "{{.State.Pid}}", NODE))
    outside = {"NodePort": f"{node}:30080/hostname", "hostPort": f"{node}:9080/"}
    with (
        users(outside, folder) as first,
        users({"Service": f"{address}:80/hostname"}, folder, namespace=of_node) as second,
        users({"pod to pod": f"{elsewhere}:8080/hostname"}, folder, namespace=inside_pod(lab)) as third,
    ):
        found.probed = [first, second, third]
        found.at["control"] = time.monotonic()
        time.sleep(CONTROLLED)
        found.told["before"] = state(lab)
        found.ran["refused"] = tool("cleanup", NODE, *tool.reach())
        found.ran["plan"] = tool("cleanup", NODE, *tool.reach(), *ACCEPT, "--group", "--out", plan)
        found.plan = json.loads(Path(plan).read_text())
        found.at["apply"] = time.monotonic()
        found.ran["apply"] = tool("apply", plan, "--yes", *tool.reach(), seconds=300)
        found.told["after"] = state(lab)
        time.sleep(2)
    found.at["end"] = time.monotonic()
    found.left = on(lab, NODE, f"{LEFT}\n    :").splitlines()
    found.ran["again"] = tool("apply", plan, "--yes", *tool.reach())
    found.ran["verify"] = tool("verify", NODE, *tool.reach())
    found.ran["rollback"] = tool("rollback", NODE, "--yes", *tool.reach())
    found.ran["rollback of the move"] = tool("rollback", move, "--yes", *tool.reach())
    found.ran["status of the move"] = tool("status", move, *tool.reach())
    found.ran["nothing"] = tool("cleanup", NODE, *tool.reach())


def test_a_node_on_docker_is_refused(cleaned: Cleaned) -> None:
    assert cleaned.ran["early"].code == 3
    assert "D2C901 kubelet: it runs its pods on dockershim, not on containerd" in " ".join(cleaned.ran["early"].out.split())


def test_data_of_people_is_refused_until_it_is_accepted(cleaned: Cleaned) -> None:
    assert cleaned.ran["refused"].code == 3
    assert "D2C907 volume kept: 8.2 kB" in cleaned.ran["refused"].out
    assert cleaned.ran["plan"].code == 0, cleaned.ran["plan"].out
    assert "1 of 1 nodes can be cleaned, 0 refused" in cleaned.ran["plan"].out


def test_it_ends_cleaned_and_does_nothing_again(cleaned: Cleaned) -> None:
    assert (cleaned.ran["moved"].code, recap(cleaned.ran["moved"])[1]) == (0, "migrated"), cleaned.ran["moved"].err
    assert cleaned.ran["apply"].code == 0, cleaned.ran["apply"].err
    assert recap(cleaned.ran["apply"])[:3] == [NODE, "cleaned", "0"]
    assert (cleaned.ran["again"].code, recap(cleaned.ran["again"])[1]) == (0, "cleaned")
    assert cleaned.ran["nothing"].code == 0
    assert "NOTHING TO DO on lab-w7: nothing of Docker is left on it" in cleaned.ran["nothing"].out


def test_docker_is_gone_and_the_runtime_is_not(cleaned: Cleaned) -> None:
    runs = [line for line in cleaned.left if len(line) == 12 and set(line) <= set("0123456789abcdef")]
    assert len(runs) == 2
    assert [line for line in cleaned.left if line not in runs] == [
        "ii  containerd",
        "rc  docker.io",
        "ii  runc",
        "LoadState=not-found",
        "",
        "LoadState=not-found",
        "k8s.io",
        "generation",
        "lock",
    ]


def test_pods_and_daemons_are_the_same_ones(cleaned: Cleaned) -> None:
    assert cleaned.told["after"] == cleaned.told["before"]
    assert cleaned.told["before"]["containers"].count("RUNNING") >= 4


@pytest.mark.parametrize("target", ["NodePort", "hostPort", "Service", "pod to pod"])
def test_no_user_noticed(cleaned: Cleaned, target: str) -> None:
    control, seen = cleaned.seen("control").of(target), cleaned.seen("apply").of(target)
    print(f"{target}: {seen}")
    if control.failed:
        pytest.fail(f"the run is void: requests failed before anything was done: {control}")
    assert seen.failed == (), str(seen)
    due = [one.at for one in seen.requests]
    assert len(due) >= 0.99 * (max(due) - min(due)) / EVERY  # the schedule was kept: no gap in it


def test_no_rollback_is_offered(cleaned: Cleaned) -> None:
    for command, words in (("rollback", "is the removal of Docker"), ("rollback of the move", "Docker was removed after run")):
        assert (cleaned.ran[command].code, recap(cleaned.ran[command])[1]) == (7, "refused")
        assert words in cleaned.ran[command].err
        assert "there is no Docker to return to" in cleaned.ran[command].err
    assert (cleaned.ran["verify"].code, recap(cleaned.ran["verify"])[1]) == (0, "cleaned"), cleaned.ran["verify"].err
    status = cleaned.ran["status of the move"]
    assert (status.code, "Docker was removed from it since, so it cannot be rolled back" in status.out) == (0, True), status.out


def test_the_plan_names_what_goes(cleaned: Cleaned) -> None:
    (node,) = cleaned.plan["nodes"]  # type: ignore[misc]
    kinds = [planned["step"]["kind"] for planned in node["steps"]]
    assert kinds == [
        *("RemoveChains", "CloseRun", "RemovePackages", "RemoveFiles", "RemoveFiles"),
        *("RemoveLink", "RemoveNamespace", "RemoveData", "RemoveGroup"),
    ]
    assert CONTROL.name not in json.dumps(node["steps"])
