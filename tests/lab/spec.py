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

LABEL = "docker2cri-lab"
USERS = ("root", "admin", "ops", "nosudo")
VOLUMES = ("docker", "containerd", "containers", "kubelet", "etcd")
MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """One of the labs that may be up side by side on a machine: its names, its network `net`.0/24, its folders, how many nodes it has.

    `etcdctl`: its image of etcd has it, as kubeadm's has.
    """

    name: str
    net: str
    planes: int
    workers: int
    etcdctl: bool = True

    @property
    def suffix(self) -> str:
        """What its folders and its network have behind the names that the usual lab's have."""
        return "" if self.name == "lab" else f"-{self.name}"


PLACES = {
    "1": Place("lab", "10.213.0", 1, 2, etcdctl=False),
    "3": Place("ha", "10.214.0", 3, 1),
    "single": Place("single", "10.215.0", 1, 1),
}


def _asked_place() -> Place:
    asked = os.environ.get("LAB_CONTROL_PLANES", "1")
    if asked not in PLACES:
        raise LabError(f"LAB_CONTROL_PLANES={asked}: 1, 3 or single is expected")
    return PLACES[asked]


PLACE = _asked_place()
ACCESS = CHECKOUT / f".lab{PLACE.suffix}"
JOINED = CACHE / f"joined{PLACE.suffix}"
NETWORK = f"docker2cri-lab{PLACE.suffix}"
SUBNET = f"{PLACE.net}.0/24"
GATEWAY = f"{PLACE.net}.1"
REGISTRY = f"{PLACE.name}-registry"
REGISTRY_IP = f"{PLACE.net}.5"
BALANCER = f"{PLACE.name}-balancer"
BALANCER_IP = f"{PLACE.net}.4"


@dataclass(frozen=True, slots=True)
class Node:
    """One machine of the lab: number `n` gives its address NET.(10+n) and its pod subnet 10.244.n.0/24."""

    n: int
    name: str
    role: str

    @property
    def ip(self) -> str:
        return f"{PLACE.net}.{10 + self.n}"

    @property
    def pods(self) -> str:
        return f"10.244.{self.n}.0/24"


# the numbers after the workers' are those of the further control planes
CONTROLS = tuple(Node(MOST_WORKERS + n if n else 0, f"{PLACE.name}-cp{n + 1}", "control") for n in range(PLACE.planes))
CONTROL = CONTROLS[0]
# where the API is reached: through the load balancer, if there is one
ENDPOINT = BALANCER_IP if PLACE.planes > 1 else CONTROL.ip


def nodes(workers: int) -> tuple[Node, ...]:
    """The control planes and `workers` workers; the second worker is the dirty one, all others are clean."""
    return (*CONTROLS, *(Node(n, f"{PLACE.name}-w{n}", "dirty" if n == 2 else "clean") for n in range(1, workers + 1)))


def asked_workers() -> int:
    """How many workers LAB_WORKERS asks for; LabError when there are not as many as this lab has, or more than 8."""
    asked = os.environ.get("LAB_WORKERS", str(PLACE.workers))
    if asked not in [str(count) for count in range(PLACE.workers, MOST_WORKERS + 1)]:
        raise LabError(f"LAB_WORKERS={asked}: a number from {PLACE.workers} to {MOST_WORKERS} is expected")
    return int(asked)
