"""The engine's whole world without a lab: the real node program in a scratch root, and a cluster whose kubelet looks at that root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from msgspec.structs import replace

from migrate.errors import NodeUnreachable
from migrate.facts.api import Condition
from migrate.facts.cluster import ClusterFacts, NodeAddress, Owner
from migrate.facts.live import ContainerState, LiveContainer, LiveNode, LivePod, Waiting
from migrate.facts.model import NodeFacts
from migrate.plan.events import Event
from migrate.plan.mark import Mark
from migrate.plan.model import NodePlan
from migrate.plan.state import NodeState
from migrate.rules import Finding, NodeView
from migrate.run.interrupt import Interrupt
from migrate.run.kube.evidence import Asked, NodeSays
from migrate.run.kube.writes import PATIENCE
from migrate.run.ports import OUTPUT_LIMIT, CommandResult
from migrate.run.runs import RunFolder
from migrate.run.work import Work
from migrate.verify.network import Network, Reach
from tests import captured
from tests.fakes import IDENTITY, Behaviour, FakeClock, FakeCluster, FakeWatch, _ready
from tests.node.scratch import PODS, RUN, STUBS, Scratch

NODE = "lab-w1"
ADDRESS = "10.0.0.1"
SYSTEMCTL = f"""#!/bin/sh
# units of ours run to their end in the foreground
case "$1 $2 $3" in 'show -p SubState') echo SubState=dead ;; *) exec {STUBS.parent}/named systemctl "$@" ;; esac
"""
SYSTEMD_RUN = """#!/bin/sh
while case $1 in --*) true ;; *) false ;; esac; do shift; done
"$@" >/dev/null 2>&1
exit 0
"""


def ended(state: NodeState) -> tuple[str, int, str]:
    """How a node ended: its state, exit code, and the reason in lines."""
    reason = state.reason
    more = "".join(f"\n  {name}: {text}" for name in ("now", "expected", "next") if (text := getattr(reason, name)))
    return state.state, state.exit_code, reason.seen + more


class Killed(BaseException):
    """The tool's process ended here."""


@dataclass
class Boundaries:
    """Counts the moments before and after each thing that the engine does to the node or to the API; dies at one of them."""

    at: int = 0
    count: int = 0
    passed: list[str] = field(default_factory=list)

    def here(self, what: str) -> None:
        """One moment."""
        self.count += 1
        self.passed.append(what)
        if self.count == self.at:
            raise Killed(what)


@dataclass
class ScratchHost:
    """See ports.Host: scripts run in the scratch root."""

    scratch: Scratch
    boundaries: Boundaries
    away: list[int]  # how many calls more are not answered
    name: str = NODE

    def run(self, script: bytes, *, timeout: float | None = None, limit: int = OUTPUT_LIMIT) -> CommandResult:
        if self.away[0] > 0:
            self.away[0] -= 1
            raise NodeUnreachable(node=self.name, seen="the connection ended", expected="an answer", next="look")
        text = script.decode().replace("/var/lib/docker2cri", f"{self.scratch.root}/var/lib/docker2cri")
        text = text.replace("/etc/machine-id", f"{self.scratch.root}/etc/machine-id")
        text = text.replace("/run/docker2cri-operator", f"{self.scratch.root}/.operator")
        acts = next((word for word in ("systemd-run", "base64 -d", "disarm", "mark", "pause") if word in text), None)
        if acts:
            self.boundaries.here(f"before {acts}")
        environment = self.scratch.environment()
        done = subprocess.run(["dash", "-s"], input=text.encode(), env=environment, capture_output=True, check=False)
        if acts:
            self.boundaries.here(f"after {acts}")
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def put(self, data: bytes, path: str, mode: int, owner: str) -> None:
        self.boundaries.here("before put")
        self.scratch.write(path, data, mode)
        self.boundaries.here("after put")

    def get(self, path: str, *, limit: int = OUTPUT_LIMIT) -> bytes:
        raise NotImplementedError

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass


@dataclass
class NodeCluster(FakeCluster):
    """A cluster with one node that is the scratch root: its kubelet tells what runs there."""

    scratch: Scratch | None = None
    boundaries: Boundaries = field(default_factory=Boundaries)
    uids: dict[str, str] = field(default_factory=dict)  # the root's pod -> the API's
    troubled: dict[str, str] = field(default_factory=dict)  # the root's pod -> why it does not start in containerd

    def furnish(self, scratch: Scratch) -> None:
        """The node with its DaemonSets' pods, another node, and a Deployment on both."""
        self.scratch = scratch
        self.add_node(NODE, cordoned=False)
        self.add_node("other")
        node, plan = self.nodes[NODE], scratch.plan  # it is the node that the plan was made for
        info = replace(node.status.node_info, machine_id=plan.machine_id)
        address = (NodeAddress(type="InternalIP", address=ADDRESS),)
        status = replace(node.status, node_info=info, addresses=address)
        self.nodes[NODE] = replace(node, metadata=replace(node.metadata, uid=plan.uid), status=status)
        for pod in PODS:
            owner = f"DaemonSet ops/{pod}"
            self.owners.append(Owner(metadata=_named(pod), kind="DaemonSet"))
            self.uids[pod] = self.add_pod(f"ops/{pod}-x", NODE, owner).metadata.uid
        self.add_owner("ReplicaSet shop/web", [NODE, "other"], Behaviour(ready=1.0, ends=0.5))
        self.sync()

    def sync(self) -> None:
        """What the node's kubelet would have told by now."""
        assert self.scratch is not None
        base = self.scratch.root / ".state"
        kubelet = (base / "active/kubelet.service").exists()
        runtime = "containerd" if "remote" in self.scratch.read("/var/lib/kubelet/kubeadm-flags.env").decode() else "docker"
        if not kubelet:
            return
        node = self.nodes[NODE]
        version = "containerd://1.6.20" if runtime == "containerd" else "docker://20.10.24"
        beat = (Condition(type="Ready", status="True", last_heartbeat_time="2999-01-01T00:00:00Z"),)
        status = replace(node.status, conditions=beat, node_info=replace(node.status.node_info, container_runtime_version=version))
        self.nodes[NODE] = replace(node, status=status)
        running = {}
        for path in (base / ("k8s" if runtime == "containerd" else "docker")).iterdir():
            told = dict(line.split("=", 1) for line in path.read_text().splitlines())
            if told["type"] == "container" and told["running"] == "yes":
                running[told["uid"]] = path.name
        for pod, uid in self.uids.items():
            found = running.get(pod)
            state = ContainerState()
            if runtime == "containerd" and pod in self.troubled:
                found, state = None, ContainerState(waiting=Waiting(reason=self.troubled[pod]))
            container = LiveContainer(name="c", ready=bool(found), container_id=f"{runtime}://{found}" if found else "", state=state)
            now = self.alive[uid]
            if now.status.container_statuses != (container,):
                self.change(now, conditions=_ready(bool(found)), container_statuses=(container,))

    def _up(self) -> None:
        """An API that is away is waited for, as long as the real one is."""
        begun = self.clock.passed
        while self.clock.passed < self.down_until and self.clock.passed - begun < PATIENCE:
            self.clock.sleep(1.0)
        super()._up()

    def read(self) -> ClusterFacts:
        self.sync()
        return super().read()

    def read_node(self, name: str) -> LiveNode:
        self.sync()
        return super().read_node(name)

    def _on(self, node: str) -> tuple[LivePod, ...]:
        self.sync()
        return super()._on(node)

    def _act(self, what: str, call: Callable[[], Any]) -> Any:
        self.boundaries.here(f"before {what}")
        result = call()
        self.boundaries.here(f"after {what}")
        return result

    def cordon(self, node: str, mark: Mark) -> None:
        self._act("cordon", lambda: FakeCluster.cordon(self, node, mark))

    def uncordon(self, node: str, run: str, *, migrated: bool = False) -> str | None:
        stays: str | None = self._act("uncordon", lambda: FakeCluster.uncordon(self, node, run, migrated=migrated))
        return stays

    def annotate(self, node: str, key: str, value: str | None) -> None:
        if "docker2cri" in key:  # part of a cordon
            return FakeCluster.annotate(self, node, key, value)
        self._act("annotate", lambda: FakeCluster.annotate(self, node, key, value))

    def evict(self, pod: Any, grace: int | None = None) -> Any:
        return self._act("evict", lambda: FakeCluster.evict(self, pod, grace))

    def create_pod(self, manifest: dict[str, Any]) -> LivePod:
        made: LivePod = self._act("create_pod", lambda: FakeCluster.create_pod(self, manifest))
        return made


def _named(pod: str) -> Any:
    from migrate.facts.api import Metadata

    return Metadata(name=pod, namespace="ops")


class ScratchSays(Asked):
    """The scratch root, which has no cgroups and no network of its own."""

    def cgroup(self, container: str) -> str:
        return f"0::/kubepods/besteffort/pod1/{container}\n"

    def network(self, reach: Reach) -> Network:
        return Network(open=frozenset(reach.ports), resolves=True)


class ScratchWork(Work):
    """Work whose preflight reads the captured node that the scratch root was made of."""

    capture = captured.capture_of()
    honest: NodePlan | None = None  # what would be planned now, where that is not the plan itself

    def facts(self) -> NodeFacts:
        return captured.facts(self.capture)

    def plan_again(self, view: NodeView, findings: tuple[Finding, ...]) -> NodePlan:
        return self.honest or self.plan

    def asked(self, prefix: str) -> NodeSays:
        kept = self.source if self.target.keeps_source and prefix == self.target.prefix else None
        return ScratchSays(self.remote.trying, prefix, kept=kept)


@dataclass
class World:
    """A node, a cluster, and operators that come and go; `made` makes the node, where it is not that of a move to containerd."""

    root: Path
    state: Path
    made: Callable[[Path], Scratch] = Scratch
    clock: FakeClock = field(default_factory=FakeClock)
    away: list[int] = field(default_factory=lambda: [0])
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scratch = self.made(self.root)
        self._stub("systemctl", SYSTEMCTL)
        self._stub("systemd-run", SYSTEMD_RUN)
        self.cluster = NodeCluster(self.clock)
        self.cluster.furnish(self.scratch)
        self.tree, self.machine = self.scratch.tree(), self.scratch.state()

    def _stub(self, name: str, text: str) -> None:
        tools = self.root / ".tools"
        (tools / name).unlink(missing_ok=True)
        real = tools / ".real"
        real.mkdir(exist_ok=True)
        if not (real / "systemctl").exists():
            os.symlink(STUBS, real / "systemctl")
        (tools / name).write_text(text.replace(f"{STUBS.parent}/named systemctl", str(real / "systemctl")))
        (tools / name).chmod(0o755)

    def work(self, kill_at: int = 0) -> Work:
        """A new operator, who dies at a boundary."""
        boundaries = Boundaries(kill_at)
        self.cluster.boundaries = boundaries
        self.boundaries = boundaries
        work = ScratchWork(
            plan=replace(self.scratch.plan, node=NODE, host=NODE),
            run=RUN,
            target=self.scratch.target,
            connect=lambda: ScratchHost(self.scratch, boundaries, self.away),
            cluster=self.cluster,
            clock=self.clock,
            tell=self.told.append,
            folder=RunFolder(RUN, self.state),
            interrupt=Interrupt(),
            planned_in=IDENTITY,
        )
        return work

    def watch(self) -> FakeWatch:
        return FakeWatch(self.cluster, NODE, 0)

    def cordoned(self) -> bool:
        return self.cluster.nodes[NODE].spec.unschedulable

    def is_rolled_back(self) -> None:
        """As found, with its pods, and nothing of ours."""
        assert self.scratch.tree() == self.tree
        now = self.scratch.state()
        assert {**now, "current": False} == {**self.machine, "current": False}
        assert not now["current"]
        self._runs("docker://")

    def is_migrated(self) -> None:
        """On containerd, with its pods, schedulable."""
        self._runs("containerd://")
        state = self.scratch.state()
        assert state["units"] == {"kubelet.service", "containerd.service"}
        assert state["leaked"] == []
        assert state["marker"] is True

    def _runs(self, prefix: str) -> None:
        self.clock.sleep(5.0)  # controllers need it, and a killed operator waits for nobody
        node = self.cluster.read_node(NODE)
        assert not node.spec.unschedulable
        assert "docker2cri.io/run" not in (node.metadata.annotations or {})
        assert node.status.node_info.container_runtime_version.startswith(prefix)
        pods = [self.cluster.alive[uid] for uid in self.cluster.uids.values()]
        assert all(pod.ready and (pod.status.container_statuses or ())[0].container_id.startswith(prefix) for pod in pods)
        web = [pod for pod in self.cluster.alive.values() if pod.key.startswith("shop/web") and pod.ready and not pod.leaving]
        assert len(web) == 2
