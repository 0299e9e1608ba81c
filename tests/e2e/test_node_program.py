"""The node program on a real node, without the engine: forward, rollback, rebooted, killed, forgotten. Each test gets a new node."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replace_step

from migrate.node import fixed_files
from migrate.plan.model import NodePlan, load_plan
from migrate.plan.steps import ArmGuard
from migrate.program.journal import Entry, parse
from migrate.program.render import HOME, NodeProgram, render
from migrate.run.session import Access, look
from migrate.run.ssh.config import SshFlags
from migrate.sources.table import origin_of
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD
from tests.e2e.tool import Tool
from tests.lab.fixtures import Lab
from tests.lab.spec import Node
from tests.node.scratch import KILL

pytestmark = pytest.mark.lab

NAME = "lab-w5"
STARTED = ("running", "start", "stop-sigterm", "stop-sigkill", "final-sigkill")
KEPT_APART = ("pods", "device-plugins", "plugins", "plugins_registry", "pod-resources", "pki", "cpu_manager_state", "memory_manager_state")
LISTING = (
    "find /etc /lib/systemd/system /var/lib/kubelet \\( "
    + " -o ".join(f"-path /var/lib/kubelet/{name}" for name in KEPT_APART)
    + " \\) -prune -o -printf '%p %y %m %u:%g %l ' \\( -type f -exec sha256sum {} \\; -o -printf '\\n' \\) | sort"
)


@dataclass
class Worker:
    """A worker with its plan; each run on it has a program of its own."""

    lab: Lab
    name: str
    address: str
    plan: NodePlan
    changes: Sequence[FileChange]
    runs: int = 0

    def sh(self, script: str) -> str:
        """What a script prints on the node, run as root."""
        return self.lab.inside(self.name, "sh", "-c", script)

    def run(self, guard_seconds: int = 600) -> Run:
        """A new run, laid onto the node, `prepare` finished."""
        self.runs += 1
        guarded = (
            replace_step(one, step=replace_step(one.step, seconds=guard_seconds)) if isinstance(one.step, ArmGuard) else one
            for one in self.plan.steps
        )
        plan = replace_step(self.plan, steps=tuple(guarded))
        made = Run(self, render(plan, self.changes, f"run-{self.runs}", fixed_files("containerd.sh")))
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for file in made.program.files:
                data = file.data
                if file.path == "program.sh":
                    text = data.decode().replace("\nappend() {", "\nappend_whole() {", 1)
                    data = text.replace('\nmain "$@"', f'\n{KILL}\nmain "$@"').encode()
                member = tarfile.TarInfo(f"run-{self.runs}/{file.path}")
                member.size, member.mode = len(data), int(file.mode, 8)
                tar.addfile(member, io.BytesIO(data))
        self.sh(f"mkdir -p -m 700 {HOME}")
        subprocess.run(["docker", "exec", "-i", self.name, "tar", "-C", HOME, "-x"], input=archive.getvalue(), check=True)
        assert made.forward("prepare") == f"0 run-{self.runs}: prepare is finished"
        return made

    def reboot(self) -> None:
        """Power off and on; until the shell answers again."""
        subprocess.run(["docker", "restart", "-t", "10", self.name], check=True, capture_output=True)

    def listing(self) -> list[str]:
        """Path, type, mode, owner, link and hash of everything in /etc, the unit folders, and the kubelet's own files."""
        return self.sh(LISTING).splitlines()

    def pods_up(self, prefix: str, seconds: int = 90) -> float:
        """Seconds until every pod of this node is ready with running containers of a runtime; after a boot the API tells the old ones."""
        begun = time.monotonic()
        seen: list[tuple[str, bool, str]] = []
        running = "docker ps -q --no-trunc" if prefix == "docker://" else "ctr -n k8s.io tasks ls | awk '$3 == \"RUNNING\" { print $1 }'"
        while time.monotonic() - begun < seconds:
            where = f"spec.nodeName={self.name},status.phase!=Succeeded,status.phase!=Failed"
            pods = json.loads(self.lab.kubectl("get", "pods", "-A", "--field-selector", where, "-o", "json"))["items"]
            seen = [
                (pod["metadata"]["name"], one["ready"], one.get("containerID", ""))
                for pod in pods
                if "deletionTimestamp" not in pod["metadata"]
                for one in pod["status"].get("containerStatuses", [{"ready": False}])
            ]
            if seen and all(ready and container.startswith(prefix) for _, ready, container in seen):
                living = self.sh(f"{running} 2>/dev/null; true").split()
                if all(container.removeprefix(prefix) in living for _, _, container in seen):
                    return time.monotonic() - begun
            time.sleep(0.3)
        raise AssertionError(f"pods are not ready as {prefix} after {seconds} s: {seen}")

    def host_port(self) -> str:
        """What the hostPort DaemonSet answers on this node."""
        asked = ["curl", "-sS", "--noproxy", "*", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", f"http://{self.address}:9080/"]
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout

    def leaked(self) -> list[str]:
        """Leases, cached results and nat rules of sandboxes that do not run; a pod that ends just now gets its time to."""
        everything = (
            "for lease in /var/lib/cni/networks/*/[0-9]*; do head -n 1 $lease; done; ls /var/lib/cni/cache/results; iptables-save -t nat"
        )
        lost: set[str] = set()
        for _ in range(10):
            living = self.sh(
                "if systemctl -q is-active docker; then docker ps -q --no-trunc; fi; ctr -n k8s.io tasks ls -q 2>/dev/null; true"
            )
            named = self.sh(f"{{ {everything}; }} | tr -s '\\r' '\\n' | grep -aoE '[0-9a-f]{{64}}' | sort -u")
            lost = set(named.split()) - set(living.split())
            if not lost:
                break
            time.sleep(1)
        return sorted(lost)


@dataclass
class Run:
    """One run on a worker."""

    on: Worker
    program: NodeProgram

    def start(self, *verb: str, kill_at: int = 0) -> None:
        """Start `forward` as the unit that the documentation names; `kill_at` is the journal point at which it is killed."""
        self.on.sh(
            "systemctl stop docker2cri-forward 2>/dev/null; systemctl reset-failed docker2cri-forward 2>/dev/null; "
            f"rm -f {self.program.directory}/exit.forward; "
            "systemd-run --quiet --unit=docker2cri-forward --property=RemainAfterExit=yes --property=KillMode=control-group "
            f"--setenv=D2C_KILL_AT={kill_at} {self.program.command('forward', *verb)}"
        )

    def forward(self, *verb: str, kill_at: int = 0) -> str:
        """The exit code and sentence of a `forward` that ended, empty when it was killed."""
        self.start(*verb, kill_at=kill_at)
        for _ in range(600):
            if self.on.sh("systemctl show -p SubState docker2cri-forward").strip().removeprefix("SubState=") not in STARTED:
                return self.on.sh(f"cat {self.program.directory}/exit.forward 2>/dev/null; true").strip()
            time.sleep(0.2)
        raise AssertionError(f"forward still runs: {self.journal()}")

    def verb(self, *verb: str, kill_at: int = 0) -> str:
        """A verb run by hand: what it said and its exit code."""
        return self.on.sh(f"D2C_KILL_AT={kill_at} {self.program.command(*verb)}; echo $?").strip()

    def journal(self) -> tuple[Entry, ...]:
        """The node's journal."""
        return parse(self.on.sh(f"cat {self.program.directory}/journal"))

    def status(self) -> dict[str, str]:
        """What `status` says."""
        return dict(line.split("=", 1) for line in self.verb("status").splitlines() if "=" in line)

    def wait_for(self, state: str, seconds: int = 90) -> None:
        """Until `status` says so, also over a boot."""
        seen = {}
        for _ in range(seconds * 2):
            try:
                seen = self.status()
            except Exception as broken:  # the node is booting
                seen = {"state": str(broken)}
            if seen.get("state") in (state, "needs-attention"):
                break
            time.sleep(0.5)
        assert seen.get("state") == state, seen

    def seconds(self, begin: str, done: str) -> float:
        """From the beginning of one step to the end of another."""
        entries = self.journal()
        first = next(entry.at for entry in entries if entry.event == "begin" and entry.kind == begin)
        return next(entry.at for entry in entries if entry.event == "done" and entry.kind == done) - first


@pytest.fixture
def worker(lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> Worker:
    """A worker made again and furnished."""
    return furnished(lab, lab_node(NAME), tmp_path)


def furnished(lab: Lab, made: Node, tmp_path: Path) -> Worker:
    """A worker that is drained, has two standalone containers, and a plan; its DaemonSet pods run."""
    lab.kubectl("drain", made.name, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
    lab = replace(lab, nodes=(*lab.nodes, made))
    for name, policy in (("forwarder", "always"), ("shell", "no")):
        lab.inside(
            made.name, "docker", "run", "-d", "--stop-timeout", "1", "--name", name, "--restart", policy, "lab/busybox:1.35", "sleep", "1d"
        )
    tool = Tool(lab)
    path = tmp_path / "plan.json"
    planned = tool("plan", *tool.reach(), "--to", "containerd", "--accept", "D2C113=in a test", made.name, "--out", str(path))
    assert planned.code == 0, planned.out + planned.err
    seen = look(Access(kubeconfig=str(lab.kubeconfig), ssh=SshFlags(config_file=str(lab.ssh_config))), (made.name,), lambda text: None)
    facts = seen.machines[0].facts
    assert facts is not None
    on = Worker(lab, made.name, made.ip, load_plan(path.read_text()).nodes[0], compose(CONTAINERD, facts, origin_of(facts))[0])
    on.pods_up("docker://")
    return on


def is_old(worker: Worker, before: list[str]) -> None:
    """Its pods in Docker, its files as they were, no address leaked, the hostPort answers, what ran beside Kubernetes runs."""
    worker.pods_up("docker://")
    assert worker.listing() == before
    assert worker.leaked() == []
    assert worker.host_port() == "200"
    assert worker.sh("docker inspect -f '{{.State.Running}}' forwarder").strip() == "true"
    assert worker.sh("ls /run/docker2cri /var/lib/docker2cri/current /var/lib/docker2cri/docker-stopped 2>/dev/null; true") == ""


def test_there_and_back(worker: Worker) -> None:
    before = worker.listing()
    run = worker.run()
    assert run.forward("switch") == "0 run-1: switch is finished"
    up = worker.pods_up("containerd://")
    window = run.seconds("kubelet-stop", "kubelet-start")
    print(
        f"kubelet stop to start {window:.2f} s, of it pods {run.seconds('pods-stop', 'pods-stop'):.2f} s; standalone "
        f"{run.seconds('standalone', 'standalone'):.2f} s; pods up {up:.1f} s after the end of switch"
    )
    assert (worker.leaked(), worker.host_port()) == ([], "200")
    assert worker.sh("systemctl start docker; systemctl is-active docker docker.socket; true").split() == ["inactive", "inactive"]
    assert run.verb("disarm").splitlines() == ["run-1: disarmed", "0"]
    worker.reboot()
    worker.pods_up("containerd://")
    worker.sh("mkdir /run/docker.sock")
    begun = time.monotonic()
    assert run.verb("rollback").splitlines()[-2:] == ["run-1: the node is rolled back", "0"]
    print(f"rollback took {time.monotonic() - begun:.1f} s")
    is_old(worker, before)
    assert worker.sh("docker inspect -f '{{.State.Running}}' shell").strip() == "true"


def test_rebooted_inside_switch(worker: Worker) -> None:
    before = worker.listing()
    for point in (13, 25, 45):
        run = worker.run()
        assert run.forward("switch", kill_at=point) == ""
        worker.reboot()
        run.wait_for("rolled-back")
        is_old(worker, before)


def test_killed_and_continued_or_rolled_back(worker: Worker) -> None:
    before = worker.listing()
    for there, back in ((14, 0), (19, 7), (34, 3), (46, 21)):
        run = worker.run()
        assert run.forward("switch", kill_at=there) == ""
        if back:
            run.verb("rollback", kill_at=back)
            assert run.forward("switch").startswith("7 ")
        else:
            assert run.forward("switch").startswith("0 ")
            worker.pods_up("containerd://")
        assert run.verb("rollback").splitlines()[-1] == "0"
        is_old(worker, before)


def test_no_heartbeat_and_the_guard_rolls_the_node_back(worker: Worker) -> None:
    before = worker.listing()
    run = worker.run(guard_seconds=8)
    assert run.forward("switch") == "0 run-1: switch is finished"
    time.sleep(5)
    assert run.verb("renew") == "0"
    time.sleep(5)
    assert run.status()["state"] == "switched"
    run.wait_for("rolled-back")
    assert run.verb("disarm").splitlines()[-1] == "7"
    is_old(worker, before)
