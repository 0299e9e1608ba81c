"""What the lab is made of: versions, names, addresses, folders."""

import os
from dataclasses import dataclass
from pathlib import Path

from .shell import LabError

KUBERNETES = "1.23.17"
ETCD = "3.4.23"
PAUSE = "k8s.gcr.io/pause:3.6"
AGNHOST = "lab/agnhost:2.33"
BUSYBOX = "lab/busybox:1.35"
PORTAL = "registry.lab:5000/team/portal:1.4"

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
CACHE = Path(os.environ.get("LAB_CACHE", Path.home() / ".cache" / "docker2cri-lab"))
ACCESS = CHECKOUT / ".lab"

LABEL = "docker2cri-lab"
NETWORK = "docker2cri-lab"
SUBNET = "10.213.0.0/24"
GATEWAY = "10.213.0.1"
REGISTRY = "lab-registry"
REGISTRY_IP = "10.213.0.5"
USERS = ("root", "admin", "ops", "nosudo")
VOLUMES = ("docker", "containerd", "containers", "kubelet", "etcd")
MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the lab: number `n` gives its address 10.213.0.(10+n) and its pod subnet 10.244.n.0/24."""

    n: int
    name: str
    role: str

    @property
    def ip(self) -> str:
        return f"10.213.0.{10 + self.n}"

    @property
    def pods(self) -> str:
        return f"10.244.{self.n}.0/24"


CONTROL = Node(0, "lab-cp1", "control")


def nodes(workers: int) -> tuple[Node, ...]:
    """The control plane and `workers` workers; lab-w2 is the dirty one, all others are clean."""
    return (CONTROL, *(Node(n, f"lab-w{n}", "dirty" if n == 2 else "clean") for n in range(1, workers + 1)))


def asked_workers() -> int:
    """How many workers LAB_WORKERS asks for; LabError when it is not a number from 2 to 8."""
    asked = os.environ.get("LAB_WORKERS", "2")
    if asked not in [str(count) for count in range(2, MOST_WORKERS + 1)]:
        raise LabError(f"LAB_WORKERS={asked}: a number from 2 to {MOST_WORKERS} is expected")
    return int(asked)
