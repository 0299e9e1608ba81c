"""A worker to be ill-treated: the tool started, watched, killed; what the node is afterwards, and that it is nothing in between."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.fault_runtimes import Runtime
from tests.e2e.tool import Ran
from tests.lab import access, cluster, images, nodes
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.shell import run
from tests.lab.spec import ACCESS, MOST_WORKERS, Node
from tests.lab.spec import nodes as members_of

MARK = "docker2cri.io/run"
DOCKER = "docker://"
PROGRAM = str(Path(sys.executable).parent / "docker2cri")
LISTING = (
    "find /etc /lib/systemd/system /var/lib/kubelet -xdev \\( -path /var/lib/kubelet/pods -o -path /var/lib/kubelet/device-plugins "
    "-o -path /var/lib/kubelet/cpu_manager_state -o -path /var/lib/kubelet/memory_manager_state -o -path /var/lib/kubelet/pki \\) -prune "
    "-o -type f -printf '%p %m %u:%g ' -exec sha256sum {} \\; -o -printf '%p %m %u:%g %l\\n' | awk '{print $1,$2,$3,$4}' | sort"
)


@dataclass
class Going:
    """The tool while it runs; its events as they come, its streams in files."""

    process: subprocess.Popen[bytes]
    record: Path
    out: Path
    err: Path

    def events(self) -> list[dict[str, Any]]:
        """What it told until now."""
        lines = self.record.read_text("utf-8").splitlines(keepends=True) if self.record.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def until(self, what: str, holds: Callable[[], bool], seconds: float = 240) -> bool:
        """Wait, looking 500 times a second; False when the tool ended before. Raises AssertionError when it takes longer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if holds():
                return True
            if self.process.poll() is not None:
                return holds()
            time.sleep(0.002)
        raise AssertionError(f"{what}: not within {seconds:.0f} s; last events: {self.events()[-3:]}")

    def told(self, segment: str, text: str) -> bool:
        """Wait until an event of a segment says so (a regular expression)."""
        return self.until(
            f"{segment}: {text}",
            lambda: any(one.get("segment") == segment and re.search(text, one.get("text", "")) for one in self.events()),
        )

    def kill(self) -> None:
        """kill -9, and wait until it is dead."""
        self.signal(signal.SIGKILL)
        self.process.wait()

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, seconds: float = 600) -> Ran:
        """Wait for its end."""
        code = self.process.wait(seconds)
        return Ran(code, self.out.read_text("utf-8"), self.err.read_text("utf-8"))


@dataclass
class Ground:
    """One worker of the lab, whole and on Docker when a case begins, to be moved to `runtime`; `files` and `units` are how it was then."""

    lab: Lab
    node: Node
    runtime: Runtime
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="faults-")))
    files: str = ""
    units: str = ""
    count: int = 0

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def group(self) -> int:
        """The group that the tool runs with here, by which its packets can be told from others'."""
        return 54320 + self.node.n

    # the tool

    def environment(self, state: str = "state") -> dict[str, str]:
        """What the tool runs with; `state` names the machine that it is run on."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER2CRI_", "KUBE", "SSH_"))}
        return kept | {"KUBECONFIG": str(self.lab.kubeconfig), "XDG_STATE_HOME": str(self.folder / state), "COLUMNS": "200"}

    def begin(self, command: str, *argv: str, state: str = "state") -> Going:
        """Start the tool."""
        self.count += 1
        record = self.folder / f"events-{self.count}.json"
        words = [PROGRAM, command, "--ssh-config", str(self.lab.ssh_config), *argv]
        if command in ("apply", "rollback"):
            words += ["--yes", "--events", str(record)]
        out, err = (self.folder / f"{stream}-{self.count}" for stream in ("out", "err"))
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=to_out, stderr=to_err, env=self.environment(state), group=self.group
            )
        return Going(process, record, out, err)

    def tool(self, command: str, *argv: str, state: str = "state", seconds: float = 600) -> Ran:
        """Run the tool to its end."""
        return self.begin(command, *argv, state=state).end(seconds)

    def plan(self, *options: str) -> str:
        """A new plan of this node; its path. A plan's name is its digest, and one second makes another."""
        self.count += 1
        path = str(self.folder / f"plan-{self.count}.json")
        words_of = ("--to", self.runtime.option, self.name, "--out", path, "--no-diff", *options, *self.accepts())
        for _ in range(60):  # what others drain meanwhile exhausts budgets for a while
            made = self.tool("plan", *words_of)
            if "D2C322" not in made.out:
                break
            time.sleep(2)
        assert made.code == 0, made.out + made.err
        return path

    def accepts(self) -> tuple[str, ...]:
        """What has to be accepted to move this node."""
        if self.node.role != "dirty":
            return ()
        return tuple(f"--accept={code}=a test" for code in ("D2C113", "D2C301", "D2C320", "D2C321"))

    # the node

    def sh(self, script: str) -> str:
        """What a script prints, run as root inside the node."""
        return nodes.inside(self.node, "sh", "-c", script)

    def kubectl(self) -> tuple[str, ...]:
        """kubectl as the cluster's admin, for what is given to it on standard input."""
        return (str(ACCESS / "kubectl"), "--kubeconfig", str(self.lab.kubeconfig))

    def path(self, inside: str) -> Path:
        """A file of the node, as this machine sees it."""
        merged = run("docker", "inspect", "-f", "{{.GraphDriver.Data.MergedDir}}", self.name).strip()
        return Path(merged) / inside.lstrip("/")

    def journal(self, run_name: str) -> Callable[[], list[str]]:
        """A reader of a run's journal that costs nothing."""
        path = self.path(f"/var/lib/docker2cri/{run_name}/journal")
        return lambda: path.read_text("utf-8").splitlines() if path.exists() else []

    def reboot(self) -> None:
        """The node off and on again, as when its power is cut and comes back."""
        run("docker", "restart", "-t", "0", self.name)
        nodes.boot(self.node)

    def ready(self) -> None:
        """Remember how the node is now, on Docker."""
        until_true("its pods are ready on Docker", lambda: not self.pods_lacking(DOCKER))
        self.files, self.units = self.sh(LISTING), self.states()

    def states(self) -> str:
        """What systemd says of the units."""
        names = " ".join(self.runtime.units)
        return self.sh(f"systemctl is-active {names}; systemctl is-enabled {names}; true")

    def api(self) -> dict[str, Any]:
        """The Node object."""
        found: dict[str, Any] = json.loads(self.lab.kubectl("get", "node", self.name, "-o", "json"))
        return found

    def pods_lacking(self, prefix: str) -> list[str]:
        """Pods of this node that are not ready in a runtime, by the API and by the runtime itself."""
        found = json.loads(self.lab.kubectl("get", "pods", "-A", "--field-selector", f"spec.nodeName={self.name}", "-o", "json"))["items"]
        if len(found) < 3:
            return ["its DaemonSets' pods are not there yet"]
        running = self.sh("docker ps -q --no-trunc" if prefix == DOCKER else self.runtime.running)
        short = []
        for pod in found:
            if pod["status"]["phase"] in ("Succeeded", "Failed") or pod["metadata"].get("deletionTimestamp"):
                continue
            ids = [(one.get("containerID", ""), one["ready"]) for one in pod["status"].get("containerStatuses", [])]
            if not ids or not all(ready and key.startswith(prefix) and key.removeprefix(prefix) in running for key, ready in ids):
                short.append(f"{pod['metadata']['name']}: {ids}")
        return short

    def wait_moved(self) -> None:
        """Wait until its pods are ready in the new runtime."""
        until_true(f"its pods are ready on {self.runtime.title}", lambda: not self.pods_lacking(self.runtime.prefix))

    def leaked(self) -> list[str]:
        """Leases, cached results and nat rules of sandboxes that do not run."""
        living = self.sh(f"if systemctl is-active -q docker; then docker ps -q --no-trunc; fi; {self.runtime.running}")
        named = self.sh(
            "cat /var/lib/cni/networks/*/[0-9]* 2>/dev/null | tr '\\r' '\\n' | grep -aE '^[0-9a-f]{64}$'; ls /var/lib/cni/cache/results "
            "/var/lib/cni/results 2>/dev/null | grep -oE '[0-9a-f]{64}'; iptables-save -t nat | grep -oE '[0-9a-f]{64}'; true"
        )
        return sorted(set(named.split()) - set(living.split()))

    def cordoned(self) -> bool:
        """Whether the API has the node cordoned."""
        return bool(self.api()["spec"].get("unschedulable", False))

    # what it may be in the end

    def assert_rolled_back(self) -> None:
        """On Docker, byte for byte, with its pods, schedulable, and nothing of ours at work."""
        until_true("its pods are ready on Docker", lambda: not self.pods_lacking(DOCKER))
        node = self.api()
        assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith(DOCKER)
        assert not node["spec"].get("unschedulable"), "it is cordoned"
        assert MARK not in node["metadata"]["annotations"]
        assert node["metadata"]["annotations"]["kubeadm.alpha.kubernetes.io/cri-socket"] == "/var/run/dockershim.sock"
        assert differing(self.files, self.sh(LISTING)) == []
        assert self.states() == self.units
        assert self.sh("ls -d /run/docker2cri /var/lib/docker2cri/docker-stopped /var/lib/docker2cri/current 2>/dev/null; true") == ""
        left = self.sh(self.runtime.left)
        assert left == "", f"left in {self.runtime.title}: {left}"
        until_true("no lease, cached result or nat rule is left of what does not run", lambda: not self.leaked(), 30)

    def assert_migrated(self) -> None:
        """On the new runtime with its pods, Docker stopped, schedulable, no guard and no gate."""
        self.wait_moved()
        node = self.api()
        assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith(self.runtime.prefix)
        assert not node["spec"].get("unschedulable"), "it is cordoned"
        assert MARK not in node["metadata"]["annotations"]
        assert node["metadata"]["annotations"]["kubeadm.alpha.kubernetes.io/cri-socket"] == self.runtime.socket
        assert self.sh(f"systemctl is-active kubelet docker.socket docker {self.runtime.unit}; true").split() == [
            "active",
            "inactive",
            "inactive",
            "active",
        ]
        assert self.sh("ls -d /run/docker2cri /etc/systemd/system/docker2cri-* 2>/dev/null; true") == ""
        assert self.sh("ls /var/lib/docker2cri/docker-stopped /var/lib/docker2cri/current").split() != []
        until_true("no lease, cached result or nat rule is left of what does not run", lambda: not self.leaked(), 30)

    def assert_needs_attention(self, why: str) -> None:
        """Cordoned, by us, and `status` says why with exit code 6."""
        assert self.cordoned()
        said = self.tool("status", self.name)
        assert (said.code, bool(re.search(why, said.out))) == (6, True), said.out + said.err

    def roll_back(self) -> None:
        """Whatever it is, roll it back, and prove it."""
        ended = self.tool("rollback", self.name, state="elsewhere")
        assert ended.code == 0, ended.out + ended.err
        self.assert_rolled_back()


def differing(before: str, after: str) -> list[str]:
    """Lines of two listings that are not in both."""
    return sorted(set(before.splitlines()) ^ set(after.splitlines()))


def until_true(what: str, holds: Callable[[], bool], seconds: float = 90) -> None:
    """Wait; AssertionError when it takes longer."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.3)


def run_of(path: str) -> str:
    """The name of a plan's run."""
    digest: str = json.loads(Path(path).read_text("utf-8"))["digest"]
    return digest.removeprefix("sha256:")[:12]


def fresh(lab: Lab, name: str, runtime: Runtime) -> Ground:
    """A worker made again, with what it needs to move to a runtime."""
    node = _worker(name)
    _made_again(node)
    runtime.needs(node)
    ground = Ground(lab, node, runtime)
    ground.ready()
    return ground


def dismissed(name: str) -> None:
    """A worker taken away again: at once, for while it is broken nobody else's workloads get whole."""
    nodes.remove(_worker(name))
    _alone(lambda: cluster.dismiss(_worker(name)))


def _made_again(node: Node) -> None:
    """As `reset`, without waiting for other nodes and their workloads: those may be in the middle of a fault."""
    binaries, archives, image = images.kubernetes(), images.workload_images(), images.node_image()
    nodes.remove(node)
    cluster._forget_in_api(node, binaries)
    nodes.create(node, image)
    nodes.boot(node)
    cluster._furnish(node, archives)
    cluster._join(node, binaries)
    _alone(lambda: access.write_access(cluster.members(), (ACCESS / "kubeconfig").read_text("utf-8"), binaries))
    cluster.wait_nodes([node], binaries)


def _worker(name: str) -> Node:
    return next(node for node in members_of(MOST_WORKERS) if node.name == name)


def _alone(change: Callable[[], None]) -> None:
    """Change the lab, after whoever changes it now."""
    with only_one(patience=PATIENCE):
        change()


@contextmanager
def no_ssh(ground: Ground) -> Iterator[None]:
    """Nothing comes to the node's sshd any more, open connections neither."""
    rule = "INPUT -p tcp --dport 22 -j DROP"
    ground.sh(f"iptables -I {rule}")
    try:
        yield
    finally:
        ground.sh(f"iptables -D {rule}")


@contextmanager
def no_api(ground: Ground, *, refused: bool) -> Iterator[None]:
    """The API is away for the tool of this ground (it runs with a group of its own) and for its node: connections refused, or no answer."""
    how = "REJECT --reject-with tcp-reset" if refused else "DROP"
    ours = ["OUTPUT", "-m", "owner", "--gid-owner", str(ground.group), "-p", "tcp", "--dport", "6443", "-j", *how.split()]
    theirs = f"OUTPUT -p tcp --dport 6443 -j {how}"
    run("iptables", "-I", *ours)
    ground.sh(f"iptables -I {theirs}")
    try:
        yield
    finally:
        run("iptables", "-D", *ours)
        ground.sh(f"iptables -D {theirs}")


def words(ran: Ran) -> str:
    """Both streams, for a message."""
    return f"exit code {ran.code}\n{ran.out}\n{ran.err}"


if __name__ == "__main__":
    from tests.e2e.fault_run import main

    sys.exit(main())
