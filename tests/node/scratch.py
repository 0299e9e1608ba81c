"""A scratch node: the files of a captured real node under a root of its own, services simulated by stubs that behave."""

from __future__ import annotations

import dataclasses
import functools
import grp
import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from migrate.facts.match import Matched, machine, match
from migrate.node import fixed_files
from migrate.plan.build import build_plan
from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import CarryImage, FileState, StandaloneContainer, StopKubelet, StopStandalone, WriteFile
from migrate.program.journal import Entry, Progress, fold, parse
from migrate.program.render import NodeProgram, render
from migrate.rules.judge import judge
from migrate.sources.table import origin_of
from migrate.targets import JOIN
from migrate.targets.compose import FileChange, compose
from migrate.targets.table import target_named
from tests import captured

STUBS = Path(__file__).parent / "stubs" / "machine.sh"
TOOLS = "systemctl systemd-analyze docker ctr containerd iptables-save iptables-restore ip6tables-save modprobe sleep".split()


@dataclass(frozen=True, slots=True)
class Kind:
    """What a scratch node of one target is made of, and how it shows itself there.

    `host` in `bundle` is its capture, `tools` are simulated besides TOOLS; `reader` are the tool and words that read the runtime's
    configuration, `refuses` is what the program says of one that is not read; `filled` is where an image that is copied fills a disk.
    """

    host: str
    bundle: Path
    tools: tuple[str, ...]
    reader: tuple[str, str]
    refuses: str
    filled: str


KINDS = {
    "containerd": Kind(
        "lab-w1",
        captured.BUNDLE,
        (),
        ("containerd", "*dump"),
        "containerd refuses the new /etc/containerd/config.toml: containerd: failed to load TOML ",
        "var/lib/containerd",
    ),
    "crio": Kind(
        "lab-w8",
        captured.WITH_CRIO,
        ("crio", "crictl", "skopeo"),
        ("crio", "config"),
        "CRI-O refuses its configuration with the new /etc/crio/crio.conf.d/99-docker2cri.conf: "
        "crio: toml: line 1: expected '.' or '=', but got 'U' instead ; look with: crio config",
        "var/tmp",
    ),
}
RUN = "run-1"
OWNER = f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"
PODS = {"pod-proxy": 30, "pod-portal": 5, "pod-tuner": 3}
STANDALONE = {
    "aaaa" + "0" * 60: ("forwarder", "always", True),
    "bbbb" + "0" * 60: ("shell", "no", True),
    "cccc" + "0" * 60: ("old", "no", False),
}
NAT = b"-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n"
SHELLS = {"dash": ("dash",), "busybox": ("busybox", "ash")}

# Kills the program before and after each write of its journal: the effect done and not recorded, recorded and nothing done yet.
KILL = """
point=0
die_at() { point=$((point + 1)); [ "$point" != "${D2C_KILL_AT:-0}" ] || kill -9 $$; }
append() { die_at; append_whole "$1" || return 1; die_at; }
"""


def kind_named(target: str) -> Kind:
    """Of what a node is made that moves to a target of this name, with whatever options."""
    return KINDS[target.partition(JOIN)[0]]


@functools.cache
def planned(name: str = "containerd") -> tuple[NodePlan, tuple[FileChange, ...]]:
    """The plan of a captured worker, with two standalone containers accepted, and its file changes; owned by whoever runs the tests.

    Where Docker keeps running nobody has to accept them.
    """
    target = target_named(name)
    assert target is not None
    kind = kind_named(name)
    capture, cluster = captured.capture_of(kind.host, kind.bundle), captured.cluster(kind.bundle)
    facts = captured.facts(capture)
    nodes = [one.node for one in match([machine(facts)], cluster.nodes) if isinstance(one, Matched)]
    found = judge(cluster, [(capture.host, capture, cluster.node(nodes[0]), None)], target, {})[0]
    assert found.view is not None
    plan = build_plan(found.view, found.findings)
    changes, _ = compose(target, facts, origin_of(facts))
    steps = []
    for one in plan.steps:
        step = one.step
        if isinstance(step, WriteFile):
            step = replace(step, before=_owned(step.before), after=_owned(step.after))
        if isinstance(step, StopKubelet) and not target.keeps_source:
            running = tuple(StandaloneContainer(id=key, name=name, timeout=1) for key, (name, _, runs) in STANDALONE.items() if runs)
            steps.append(PlannedStep(segment="switch", step=StopStandalone(containers=running, why="accepted")))
        steps.append(replace(one, step=step))
    return replace(plan, steps=tuple(steps)), tuple(dataclasses.replace(change, owner=OWNER) for change in changes)


def _owned(state: FileState | None) -> FileState | None:
    return state and replace(state, owner=OWNER)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a verb ended: exit code (-9: killed), standard output and error."""

    code: int
    out: str
    err: str


class Scratch:
    """A node in a directory. `tree` and `state` are what a test compares.

    `plan` is another plan than that of the captured worker's move; `simulated` are sh functions in place of the program's own.
    """

    def __init__(
        self,
        root: Path,
        shell: Sequence[str] = SHELLS["dash"],
        *,
        target: str = "containerd",
        made: bool = False,
        plan: NodePlan | None = None,
        simulated: str = "",
    ) -> None:
        self.root = root
        self.shell = tuple(shell)
        found = target_named(target)
        assert found is not None
        self.target = found
        self.kind = kind_named(target)
        move, self.changes = planned(target)
        self.plan = plan or move
        self.simulated = simulated
        written = dict(found.bundle.written)
        self.program: NodeProgram = render(self.plan, self.changes, RUN, fixed_files(found.node_part), written=written)
        self.run = root / "var/lib/docker2cri" / RUN
        if not made:
            self._files()
            self._services()
            self._lay()

    @classmethod
    def at(cls, root: Path, shell: Sequence[str], target: str = "containerd") -> Scratch:
        """The node that lies in a directory already."""
        return cls(root, shell, target=target, made=True)

    def _files(self) -> None:
        for change in self.changes:
            if change.before is not None:
                self.write(change.path, change.before, int(change.mode, 8))
        for directory in (
            "run",
            "var/lib/cni/networks/lab",
            "var/lib/cni/cache/results",
            "proc/sys/net/ipv4",
            "proc/sys/net/bridge",
            "sys/module",
        ):
            (self.root / directory).mkdir(parents=True)
        for directory in ("etc/systemd/system/multi-user.target.wants", "etc/modules-load.d", "etc/sysctl.d"):
            (self.root / directory).mkdir(parents=True, exist_ok=True)
        self.write("/etc/machine-id", f"{self.plan.machine_id}\n".encode())
        self.write("/proc/filesystems", b"nodev\toverlay\n")
        for knob in ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"):
            self.write(f"/proc/sys/{knob}", b"1\n")

    def _services(self) -> None:
        tools = self.root / ".tools"
        tools.mkdir()
        for tool in (*TOOLS, *self.kind.tools):
            (tools / tool).symlink_to(STUBS)
        for unit in ("kubelet.service", "docker.socket", "docker.service", "containerd.service"):
            self.write(f"/.state/enabled/{unit}", b"enabled\n")
        if self.target.unit != "containerd.service":
            self.write(f"/.state/enabled/{self.target.unit}", b"disabled\n")
        self.write("/.state/driver", b"cgroupfs\n")
        self.write("/.state/nat", NAT)
        self.write("/.state/pods", "".join(f"{pod} {grace}\n" for pod, grace in PODS.items()).encode())
        for step in self.plan.of("prepare"):
            if isinstance(step, CarryImage):
                image = step.image
                self.write(f"/.state/images/docker-{image.reference.replace('/', '_')}", image.id.encode() + b"\n")
        for key, (name, policy, runs) in STANDALONE.items():
            text = f"type=\nuid=\ngrace=\nname={name}\nrunning={'yes' if runs else 'no'}\npolicy={policy}\n"
            self.write(f"/.state/docker/{key}", text.encode())
        for unit in ("containerd.service", "docker.service", "kubelet.service"):
            self.tool("systemctl", "start", unit)

    def _lay(self) -> None:
        for file in self.program.files:
            data = file.data
            if file.path == "program.sh":
                text = data.decode().replace("\nappend() {", "\nappend_whole() {", 1)
                data = text.replace('\nmain "$@"', f'\n{KILL}\n{self.simulated}\nmain "$@"').encode()
            self.write(f"/var/lib/docker2cri/{RUN}/{file.path}", data, int(file.mode, 8))

    def steps(self, before: str, after: str) -> None:
        """Lay other steps: a text in them is another, and their sum is right."""
        text = (self.run / "steps").read_text().replace(before, after)
        (self.run / "steps").write_text(text)
        (self.run / "steps.sha256").write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n")

    def step(self, kind: str) -> str:
        """The first step of a kind, as the program names it: `28 runtime-restart`."""
        return next(f"{line.index} {line.kind}" for line in self.program.lines if line.kind == kind)

    def write(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Put a file into the scratch root."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        place.chmod(mode)

    def read(self, path: str) -> bytes:
        """A file of the scratch root."""
        return (self.root / path.lstrip("/")).read_bytes()

    def environment(self, kill_at: int = 0) -> dict[str, str]:
        """What the program and the stubs run with."""
        path = f"{self.root}/.tools:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "D2C_ROOT": str(self.root), "D2C_KILL_AT": str(kill_at), "LC_ALL": "C"}

    def tool(self, *argv: str) -> str:
        """Run a simulated tool."""
        return subprocess.run(argv, env=self.environment(), text=True, capture_output=True, check=False).stdout

    def verb(self, *argv: str, kill_at: int = 0) -> Ended:
        """Run a verb of the node program; `kill_at` is the journal point at which it is killed."""
        command = [*self.shell, str(self.run / "program.sh"), *argv]
        done = subprocess.run(
            command, env=self.environment(kill_at), text=True, errors="replace", capture_output=True, timeout=120, check=False
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def reboot(self) -> None:
        """Power off and on: /run is empty, containers are dead, enabled units start as systemd would start them."""
        shutil.rmtree(self.root / "run")
        (self.root / "run").mkdir()
        shutil.rmtree(self.root / ".state/active")
        for one in (*(self.root / ".state/docker").iterdir(), *(self.root / ".state/k8s").iterdir()):
            one.write_text(one.read_text().replace("running=yes", "running=no"))
        self.write("/.state/nat", NAT)
        self.tool("systemctl", "daemon-reload")
        for unit in ("containerd.service", "crio.service", "docker.socket", "docker.service", "kubelet.service"):
            if (self.root / ".state/enabled" / unit).exists() and self.read(f"/.state/enabled/{unit}") == b"enabled\n":
                self.tool("systemctl", "start", unit)
        if (self.root / "etc/systemd/system/multi-user.target.wants/docker2cri-boot.service").is_symlink():
            assert not (self.root / "run/docker2cri/boot").exists()
            self.verb("boot")

    def entries(self) -> tuple[Entry, ...]:
        """The journal."""
        path = self.run / "journal"
        return parse(path.read_text()) if path.exists() else ()

    def progress(self) -> Progress:
        """Where the journal says that the node stands."""
        return fold(self.entries())

    def status(self) -> dict[str, str]:
        """What `status` prints."""
        return dict(line.split("=", 1) for line in self.verb("status").out.splitlines())

    def tree(self) -> dict[str, tuple[str, str]]:
        """Every path of the node outside the run's own folder, volatile and simulated parts: (mode, content)."""
        apart = re.compile(r"(\.state|\.tools|\.operator|run|var/lib/docker2cri|var/lib/cni|proc|sys)(/|$)")
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if not apart.match(name):
                mode = stat.filemode(path.lstat().st_mode)
                content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else ""
                found[name] = (mode, content)
        return found

    def state(self) -> dict[str, object]:
        """Services and containers: what runs where, whose leases and nat rules are there."""
        active = {path.name for path in (self.root / ".state/active").iterdir()}
        running: dict[str, list[str]] = {}
        living = set()
        for runtime in ("docker", "k8s"):
            containers = {path.name: dict(line.split("=") for line in path.read_text().splitlines()) for path in self._containers(runtime)}
            up = {key: one for key, one in containers.items() if one["running"] == "yes"}
            living |= {key for key, one in up.items() if one["type"] == "podsandbox"}
            running[runtime] = sorted(one["uid"] or one["name"] for one in up.values() if one["type"] != "podsandbox")
        leases = {path.read_text().split()[0] for path in (self.root / "var/lib/cni/networks/lab").iterdir()}
        cached = {path.name.split("-")[1] for path in (self.root / "var/lib/cni/cache/results").iterdir()}
        named = set(re.findall(r'id: \\"([^\\]*)', self.read("/.state/nat").decode()))
        rules = len(self.read("/.state/nat").splitlines())
        return {
            "units": active,
            "enabled": {path.name: path.read_text() for path in (self.root / ".state/enabled").iterdir()},
            "running": running,
            "leaked": sorted((leases | cached | named) - living),
            "rules": rules,
            "marker": (self.root / "var/lib/docker2cri/docker-stopped").exists(),
            "volatile": sorted(path.name for path in (self.root / "run").rglob("*")),
            "current": (self.root / "var/lib/docker2cri/current").exists(),
        }

    def _containers(self, runtime: str) -> list[Path]:
        return [path for path in (self.root / ".state" / runtime).iterdir() if path.suffix != ".new"]
