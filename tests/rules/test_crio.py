"""The rules judge by what the target says of itself: CRI-O, with what Docker gave and with its own defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.facts.model import Crio, Unreadable
from migrate.facts.runtimes import KubernetesUse, Role, Running, Runtime
from migrate.rules import NodeView, check
from migrate.rules.table import RULES
from migrate.targets import Target, with_options
from migrate.targets.crio import CRIO
from tests.rules import make
from tests.rules.case import Case

GIB = make.GIB
TOOLS = {"crictl": "crictl version v1.23.0", "skopeo": "skopeo version 1.9.3"}
UNITS = ("kubelet.service", "docker.service", "docker.socket", "containerd.service", "crio.service")


def node(*pods: Any, to: Target = CRIO, version: str = "1.23.5", **given: Any) -> NodeView:
    """The healthy worker with CRI-O of a version installed, asked to move there."""
    fields = {"crio": Crio(version, {}), "tools": TOOLS, "units": {name: make.unit(name) for name in UNITS}, **given}
    return make.view(*pods, of=make.facts(**fields), target=to)


def running(*kinds: str) -> tuple[Runtime, ...]:
    runs = tuple(Running(f"k8s_{number}", kind, "running", "Kubernetes") for number, kind in enumerate(kinds))
    return (Runtime("cri-o", Role.CRI, "1.23.5", ("crio --version",), KubernetesUse.COULD, True, ("/run/crio/crio.sock",), (), runs),)


def disks(store: int, temporary: int | None = None, size: int = GIB) -> NodeView:
    """Docker's images of a pod on a disk with so much room, and on one of its own /var/tmp where that is given."""
    one = make.filesystem("/", store)
    other = () if temporary is None else (replace(make.filesystem("/var/tmp", temporary, 10 * GIB), device="/dev/sdb1"),)
    return node(filesystems=(one, *other), docker=make.docker(images=(replace(make.WEB_IMAGE, size=size), make.PAUSE_IMAGE)))


def shell(command: str, **context: Any) -> Any:
    return make.pod(container={"command": ["sh", "-c", command], "securityContext": context})


ROOT = "/var/lib/containers/storage is on /dev/sda1 at /: "
NO_CONFIG = Unreadable("crio config", "exit code 1")
NO_DUMP = Unreadable("containerd config dump", "exit code 1")
CASES = (
    Case(
        "D2C103",
        "the target's configuration",
        node(crio=Crio("1.23.5", NO_CONFIG), unreadable=(NO_CONFIG,)),
        (("crio config", "exit code 1"),),
    ),
    Case("D2C103", "that of a third runtime is a detail", node(containerd=make.containerd(loaded=NO_DUMP), unreadable=(NO_DUMP,))),
    Case("D2C102", "the target's is D2C103", node(crio=Crio("1.23.5", NO_CONFIG), unreadable=(NO_CONFIG,))),
    Case(
        "D2C102",
        "the configuration of a third runtime",
        node(containerd=make.containerd(file=Unreadable("/etc/containerd/config.toml", "not TOML"), loaded=NO_DUMP), unreadable=(NO_DUMP,)),
        (("/etc/containerd/config.toml", "not TOML"), ("containerd config dump", "exit code 1")),
    ),
    Case(
        "D2C102",
        "CRI-O's where containerd is the target",
        make.view(of=make.facts(crio=Crio("1.23.5", NO_CONFIG), unreadable=(NO_CONFIG,))),
        (("crio config", "exit code 1"),),
    ),
    Case(
        "D2C101",
        "the target's program does not answer",
        node(crio=None, unreadable=(Unreadable("crio version", "exit code 1"),)),
        (("crio version", "exit code 1"),),
    ),
    Case("D2C101", "a third runtime's does not answer", node(unreadable=(Unreadable("containerd version", "exit code 1"),))),
    Case("D2C601", "not there", node(crio=None), (("CRI-O", "the program crio does not answer; crio.service is active"),)),
    Case("D2C601", "it does not answer, which D2C101 says", node(crio=None, unreadable=(Unreadable("crio version", "exit code 1"),))),
    Case(
        "D2C601",
        "a bundle without its unit",
        node(units={name: make.unit(name) for name in UNITS[:-1]}),
        (("crio.service", "CRI-O 1.23.5 is installed, crio.service is not loaded in systemd"),),
    ),
    Case("D2C601", "there, whatever containerd is", node(containerd=None)),
    Case("D2C602", "before CRI v1", node(version="1.19.7"), (("CRI-O 1.19.7", "docker2cri needs 1.20.0 or later"),)),
    Case("D2C602", "late enough", node(version="1.20.0")),
    Case(
        "D2C603",
        "another minor",
        node(version="1.24.6"),
        (("CRI-O 1.24.6", "CRI-O 1.24.6 is for Kubernetes 1.24, the kubelet is 1.23.17: install CRI-O 1.23"),),
    ),
    Case(
        "D2C603",
        "another minor, its own defaults",
        node(version="1.22.5", to=with_options(CRIO, {"own-defaults"})),
        (("CRI-O 1.22.5", "CRI-O 1.22.5 is for Kubernetes 1.22, the kubelet is 1.23.17: install CRI-O 1.23"),),
    ),
    Case("D2C603", "its own minor", node(version="1.23.1")),
    Case("D2C604", "containerd's plugin is no matter", node(containerd=make.containerd(cri="disabled"))),
    Case(
        "D2C605",
        "leftovers",
        node(runtimes=running("container", "sandbox", "container")),
        (("CRI-O", "2 containers run in it for Kubernetes"),),
    ),
    Case("D2C605", "one", node(runtimes=running("container")), (("CRI-O", "1 container runs in it for Kubernetes"),)),
    Case("D2C605", "none, whatever runs in containerd", node(containerd=make.containerd(tasks=3), runtimes=running())),
    Case(
        "D2C607",
        "both are missing",
        node(tools={"crictl": None, "skopeo": None}),
        (("crictl", "the program crictl does not answer"), ("skopeo", "the program skopeo does not answer")),
    ),
    Case(
        "D2C607",
        "a capture that did not ask",
        node(tools={"crictl": "crictl version v1.23.0"}),
        (("skopeo", "the capture does not hold whether it is installed"),),
    ),
    Case(
        "D2C607",
        "one that does not answer is D2C101",
        node(tools={"crictl": "v1"}, unreadable=(Unreadable("skopeo version", "exit code 127: libgpgme.so.11: cannot open"),)),
    ),
    Case("D2C607", "there", node()),
    Case("D2C607", "containerd needs none", make.view()),
    Case(
        "D2C608",
        "CRI-O 1.23",
        node(to=with_options(CRIO, {"own-defaults"})),
        (
            ("CRI-O default_capabilities", "containers that do not ask for them lose NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP"),
            ("CRI-O default_sysctls", "a process that is not root binds no port below 1024 and cannot ping"),
            ("CRI-O pids_limit", "a container that has 1024 processes and threads cannot start another"),
        ),
    ),
    Case(
        "D2C608",
        "CRI-O 1.24 after an old Docker",
        node(to=with_options(CRIO, {"own-defaults"}), version="1.24.6", docker=make.docker(version="19.03.15")),
        (
            ("CRI-O default_capabilities", "containers that do not ask for them lose NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP"),
            ("CRI-O seccomp_use_default_when_empty", "a pod without a seccomp profile, which ran unconfined, gets CRI-O's own"),
        ),
    ),
    Case("D2C608", "with what Docker gave", node()),
    Case("D2C135", "the target itself is no other runtime", node(runtimes=running())),
    Case(
        "D2C327",
        "a short name",
        node(make.pod(container={"image": "busybox:1.36"})),
        (("Deployment shop/web", "container web: busybox:1.36 stands for docker.io/library/busybox:1.36 (pod web-1)"),),
    ),
    Case(
        "D2C329",
        "ping, sshd and sudo",
        node(shell("ping -c 1 10.0.0.1; sudo id"), to=with_options(CRIO, {"own-defaults"})),
        (
            (
                "Deployment shop/web",
                "container web calls ping in its command, which needs NET_RAW; "
                "container web calls sudo in its command, which needs AUDIT_WRITE (pod web-1)",
            ),
        ),
    ),
    Case(
        "D2C329",
        "it asks for it",
        node(shell("ping -c 1 10.0.0.1", capabilities={"add": ["NET_RAW"]}), to=with_options(CRIO, {"own-defaults"})),
    ),
    Case("D2C329", "Docker's list is kept", node(shell("ping -c 1 10.0.0.1"))),
    Case(
        "D2C401",
        "the store and the copy on one disk",
        disks(16 * GIB),
        (
            (
                "filesystem /",
                f"{ROOT}16.0 GiB of 100.0 GiB free; 2 images need 1.0 GiB, the largest 2.0 GiB more in /var/tmp while it is copied, "
                "and 15.0 GiB must stay free (evictionHard imagefs.available 15%, default)",
            ),
        ),
    ),
    Case("D2C401", "room for both", disks(19 * GIB)),
    Case(
        "D2C401",
        "no room in /var/tmp",
        disks(50 * GIB, 1 * GIB),
        (
            (
                "filesystem /var/tmp",
                "/var/tmp is on /dev/sdb1 at /var/tmp: 1.0 GiB of 10.0 GiB free; "
                "the largest image takes 2.0 GiB there while it is copied (twice its 1.0 GiB)",
            ),
        ),
    ),
    Case("D2C401", "/var/tmp has a disk of its own", disks(17 * GIB, 3 * GIB)),
    Case(
        "D2C402",
        "what lies in containerd is not in CRI-O's store",
        node(
            make.pod(container={"image": "local/none:1", "imagePullPolicy": "Never"}),
            containerd=make.containerd(images=("docker.io/local/none:1",)),
        ),
        (("Deployment shop/web", "container web: local/none:1 with imagePullPolicy Never is not in Docker's store (pod web-1)"),),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


@pytest.mark.parametrize(
    ("code", "view", "commands"),
    [
        (
            "D2C601",
            node(crio=None),
            [
                "apt-get install --no-remove cri-o skopeo cri-tools     # by hand, on the node",
                "docker2cri plan --to crio --install packages w1 --out plan.json",
            ],
        ),
        (
            "D2C601",
            make.view(of=make.facts(containerd=None)),
            [
                "apt-get install --no-remove containerd.io     # by hand, on the node",
                "docker2cri plan --to containerd --install packages w1 --out plan.json",
            ],
        ),
        ("D2C603", node(version="1.24.6"), ["apt-cache madison cri-o     # on the node", "docker2cri inspect w1"]),
        ("D2C605", node(runtimes=running("container")), ["crictl -r unix:///var/run/crio/crio.sock ps     # on the node"]),
        (
            "D2C607",
            node(tools={**TOOLS, "crictl": None}),
            [
                "docker2cri plan --to crio --install packages w1 --out plan.json",
                "apt-get install --no-remove cri-tools     # by hand, on the node",
            ],
        ),
    ],
)
def test_the_commands_are_those_of_the_target(code: str, view: NodeView, commands: list[str]) -> None:
    (found,) = check(view, [one for one in RULES if one.code == code])
    assert [line.strip() for line in found.remedy.splitlines() if line.startswith("    ")] == commands
