"""Container and VM runtimes of one machine: what each is, who speaks to whom, and what it runs now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from migrate.facts.values import Unreadable


class Role(StrEnum):
    """What kind of runtime it is; `CRI` is what a kubelet speaks to, `OCI` is started by one of the others."""

    CRI = "speaks CRI"
    OCI = "OCI runtime"
    ENGINE = "engine"
    SYSTEM = "system containers"
    MACHINES = "virtual machines"
    ORCHESTRATOR = "orchestrator"


class KubernetesUse(StrEnum):
    """Whether Kubernetes uses it: the kubelet speaks to it, one that it speaks to uses it, it could be used, or it cannot."""

    DIRECTLY = "directly"
    BELOW = "below another"
    COULD = "could"
    NO = "no"

    @property
    def now(self) -> bool:
        """Whether pods run through it."""
        return self in (KubernetesUse.DIRECTLY, KubernetesUse.BELOW)


@dataclass(frozen=True, slots=True)
class Running:
    """One thing that a runtime runs or keeps.

    `kind` is `container`, `pod`, `sandbox`, `machine`, `virtual machine` or `task`; `state` is the runtime's own word (`running`,
    `paused`, `created`) or `stopped` for what is kept and has no process; `owner` is the runtime that asked for it, or `Kubernetes`.
    """

    name: str
    kind: str
    state: str
    owner: str | None = None

    @property
    def live(self) -> bool:
        """Whether it has processes now."""
        return self.state in ("running", "paused", "restarting")


@dataclass(frozen=True, slots=True)
class Link:
    """That a runtime speaks to another: its name here, how (socket, setting or program), and whether it does so unless told otherwise."""

    to: str
    how: str
    default: bool = True


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime that was found. `evidence` is what showed it; `version` is empty where no program tells it.

    `sockets` are paths that it serves; `active` tells whether its daemon runs, None where it has none. `runs` is complete unless a note
    says how many more there are.
    """

    name: str
    role: Role
    version: str
    evidence: tuple[str, ...]
    kubernetes: KubernetesUse = KubernetesUse.NO
    active: bool | None = None
    sockets: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    runs: tuple[Running, ...] | Unreadable = ()
    notes: tuple[str, ...] = ()

    @property
    def live(self) -> tuple[Running, ...]:
        """What has processes now; empty also where it could not be read."""
        return () if isinstance(self.runs, Unreadable) else tuple(run for run in self.runs if run.live)


# systemd-detect-virt(1); containers are told before virtual machines
CONTAINERS = {
    "docker": "a Docker container",
    "podman": "a Podman container",
    "lxc": "an LXC or LXD container",
    "lxc-libvirt": "an LXC container of libvirt",
    "openvz": "an OpenVZ or Virtuozzo container",
    "rkt": "a rkt container",
    "systemd-nspawn": "a systemd-nspawn container",
    "wsl": "the Windows Subsystem for Linux",
    "proot": "a PRoot environment",
    "pouch": "a PouchContainer",
    "container-other": "a container of an unknown kind",
}
MACHINES = {
    "kvm": "KVM",
    "qemu": "QEMU without KVM",
    "amazon": "Amazon EC2",
    "google": "Google Compute Engine",
    "vmware": "VMware",
    "microsoft": "Hyper-V or Azure",
    "oracle": "VirtualBox",
    "xen": "Xen",
    "parallels": "Parallels",
    "bhyve": "bhyve",
    "qnx": "QNX",
    "acrn": "ACRN",
    "powervm": "PowerVM",
    "zvm": "z/VM",
    "apple": "Apple's virtualization",
    "uml": "User-mode Linux",
}


def inside(word: str) -> str:
    """What the machine itself is, of systemd-detect-virt's word: `a Docker container`, `a virtual machine of KVM` ..."""
    if word == "none":
        return "no container and no virtual machine"
    if word in CONTAINERS:
        return CONTAINERS[word]
    return f"a virtual machine of {MACHINES.get(word, word)}" if word else "unknown: systemd-detect-virt did not say"
