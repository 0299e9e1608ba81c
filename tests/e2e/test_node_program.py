"""The node program on a real node, without the engine: there, back, rebooted, and killed. The node is made anew for each test."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from migrate.node import fixed_files
from migrate.plan.journal import Entry, parse
from migrate.plan.model import load_plan
from migrate.plan.program import NodeProgram, render
from migrate.run.session import Access, look
from migrate.run.ssh_config import SshFlags
from migrate.targets.compose import compose
from migrate.targets.containerd import CONTAINERD
from tests.e2e.tool import Tool
from tests.lab.fixtures import Lab
from tests.lab.spec import Node

pytestmark = pytest.mark.lab

RUN = "e2e-1"
HOME = f"/var/lib/docker2cri/{RUN}"
FORWARD = (
    "systemctl reset-failed docker2cri-forward 2>/dev/null; systemd-run --quiet --unit=docker2cri-forward --property=RemainAfterExit=yes"
)
LISTING = (
    "find /etc /lib/systemd/system /var/lib/kubelet -xdev \\( -path /var/lib/kubelet/pods -o -path /var/lib/kubelet/device-plugins "
    "-o -path /var/lib/kubelet/cpu_manager_state -o -path /var/lib/kubelet/memory_manager_state -o -path /var/lib/kubelet/pki \\) -prune "
    "-o -type f -printf '%p %m %u:%g ' -exec sha256sum {} \\; -o -printf '%p %m %u:%g %l\\n' | awk '{print $1,$2,$3,$4}' | sort"
)


@dataclass
class OnNode:
    """One run on one node."""

    lab: Lab
    name: str
    program: NodeProgram
    told: list[str] = field(default_factory=list)

    def sh(self, script: str) -> str:
        """What a script prints on the node, run as root."""
        return self.lab.inside(self.name, "sh", "-c", script)

    def lay(self) -> None:
        """Put the program onto the node."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for file in self.program.files:
                member = tarfile.TarInfo(f"{RUN}/{file.path}")
                member.size, member.mode = len(file.data), int(file.mode, 8)
                tar.addfile(member, io.BytesIO(file.data))
        self.sh("mkdir -p -m 700 /var/lib/docker2cri")
        command = ["docker", "exec", "-i", self.name, "tar", "-C", "/var/lib/docker2cri", "-x"]
        subprocess.run(command, input=archive.getvalue(), check=True)

    def start(self, *verb: str) -> None:
        """Start `forward` as the unit that the documentation names."""
        self.sh(f"systemctl stop docker2cri-forward 2>/dev/null; {FORWARD} {self.program.command('forward', *verb)}")

    def wait(self, verb: str = "forward", seconds: int = 120) -> str:
        """The exit code and sentence of a unit that ended."""
        for _ in range(seconds * 5):
            if self.sh(f"systemctl show -p SubState docker2cri-{verb}").strip() not in ("SubState=running", "SubState=start"):
                return self.sh(f"cat {HOME}/exit.{verb}").strip()
            time.sleep(0.2)
        raise AssertionError(f"{verb} still runs after {seconds} s: {self.sh(f'cat {HOME}/journal')}")

    def forward(self, *verb: str) -> str:
        """`forward` to its end."""
        self.start(*verb)
        return self.wait()

    def verb(self, *verb: str) -> str:
        """A short verb, or `back`, run by hand."""
        return self.sh(self.program.command(*verb)).strip()

    def journal(self) -> tuple[Entry, ...]:
        """The node's journal."""
        return parse(self.sh(f"cat {HOME}/journal"))

    def status(self) -> dict[str, str]:
        """What `status` says."""
        return dict(line.split("=", 1) for line in self.verb("status").splitlines())

    def runtime(self) -> str:
        """The runtime that the API tells."""
        return self.lab.kubectl("get", "node", self.name, "-o", "jsonpath={.status.nodeInfo.containerRuntimeVersion}")

    def pods_up(self, prefix: str, seconds: int = 90) -> float:
        """Seconds until the API tells every pod of this node ready with container IDs of a runtime."""
        begun = time.monotonic()
        form = (
            "{range .items[*]}{.metadata.name} {.status.containerStatuses[*].ready} {.status.containerStatuses[*].containerID}{'\\n'}{end}"
        )
        seen = ""
        while time.monotonic() - begun < seconds:
            seen = self.lab.kubectl(
                "get", "pods", "-A", "--field-selector", f"spec.nodeName={self.name},status.phase=Running", "-o", f"jsonpath={form}"
            )
            lines = seen.strip().splitlines()
            if lines and all(" true " in f"{line} " and f" {prefix}" in line for line in lines):
                return time.monotonic() - begun
            time.sleep(0.3)
        raise AssertionError(f"pods are not ready as {prefix} after {seconds} s:\n{seen}")

    def leaked(self) -> list[str]:
        """Leases, cached results and nat rules of sandboxes that do not run."""
        living = self.sh(
            "if systemctl is-active -q docker; then docker ps -q --no-trunc; fi; ctr -n k8s.io tasks ls -q 2>/dev/null; true"
        ).split()
        named = self.sh(
            "cat /var/lib/cni/networks/*/[0-9]* | tr '\\r' '\\n' | grep -aE '^[0-9a-f]{64}$'; ls /var/lib/cni/cache/results /var/lib/cni/results "
            "2>/dev/null | grep -oE '[0-9a-f]{64}'; iptables-save -t nat | grep -oE '[0-9a-f]{64}'; true"
        ).split()
        return sorted(set(named) - set(living))


@pytest.fixture
def node(lab: Lab, lab_node: Callable[[str], Node], tmp_path_factory: pytest.TempPathFactory) -> OnNode:
    """lab-w3, made anew, with its plan's program laid onto it; its pods run."""
    lab_node("lab-w3")
    return prepared(lab, "lab-w3", str(tmp_path_factory.mktemp("plan") / "plan.json"))


def prepared(lab: Lab, name: str, path: str) -> OnNode:
    """A node with the program of its plan."""
    tool = Tool(lab)
    made = tool("plan", *tool.reach(), "--to", "containerd", name, "-o", path)
    assert made.code == 0, made.out + made.err
    with open(path, encoding="utf-8") as text:
        plan = load_plan(text.read()).nodes[0]
    seen = look(Access(kubeconfig=str(lab.kubeconfig), ssh=SshFlags(config_file=str(lab.ssh_config))), (name,), lambda text: None)
    facts = seen.machines[0].facts
    assert facts is not None
    changes, _ = compose(CONTAINERD, facts)
    on = OnNode(lab, name, render(plan, changes, RUN, fixed_files()))
    on.pods_up("docker://")
    on.lay()
    return on


def seconds(entries: tuple[Entry, ...], begin: str, done: str) -> float:
    """Between the beginning of one step and the end of another."""
    first = next(entry.at for entry in entries if entry.event == "begin" and entry.kind == begin)
    last = next(entry.at for entry in entries if entry.event == "done" and entry.kind == done)
    return last - first
