"""The one table of container and VM runtimes: how each is called, recognized, asked and reached, on whatever machine.

`migrate.facts.runtimes` holds what is found of them on one machine, `migrate.facts.parse.runtimes` finds it. Sources: the projects'
repositories; Kubernetes' cri-api and its 1.7 notes for cri-containerd.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts.runtimes import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuntime:
    """What is known of one runtime. `name` is its name in facts and findings, `title` what people call it.

    `prefix` starts a node's runtimeVersion and its container IDs. `programs` are its daemon's processes, `monitors` those that stay beside
    its containers; `asked` is the command that tells its version, `versions` are the answers, or files, that have it, the first one that
    there is; `listing` is the answer that lists what it runs. `units` and `sockets` are its own, `endpoints` the parts of a path by which
    the kubelet's endpoint shows that it serves there. `ended` says since when its project has ended.
    """

    name: str
    title: str
    role: Role
    prefix: str = ""
    programs: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    asked: str = ""
    versions: tuple[str, ...] = ()
    listing: str | None = None
    units: tuple[str, ...] = ()
    sockets: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    ended: str = ""


def _ended(name: str, ended: str) -> KnownRuntime:
    program = name.lower()
    return KnownRuntime(
        name=name,
        title=name,
        role=Role.CRI,
        programs=(program,),
        asked=f"{program} --version",
        versions=(f"{program} version",),
        sockets=(f"/run/{program}.sock",),
        ended=ended,
    )


CONTAINERD = KnownRuntime(
    name="containerd",
    title="containerd",
    role=Role.CRI,
    prefix="containerd://",
    programs=("containerd", "docker-containerd"),
    asked="containerd --version",
    units=("containerd.service",),
    sockets=("/run/containerd/containerd.sock",),
    endpoints=("/containerd/containerd.sock",),
)
DOCKERS_CONTAINERD = KnownRuntime(
    name="containerd (Docker's)", title="Docker's containerd", role=Role.CRI, sockets=("/run/docker/containerd/containerd.sock",)
)
CRIO = KnownRuntime(
    name="cri-o",
    title="CRI-O",
    role=Role.CRI,
    prefix="cri-o://",
    programs=("crio",),
    monitors=("conmon", "conmonrs"),
    asked="crio --version",
    units=("crio.service",),
    sockets=("/run/crio/crio.sock",),
    endpoints=("/crio/crio.sock",),
)
DOCKERSHIM = KnownRuntime(name="dockershim", title="dockershim", role=Role.CRI, sockets=("/run/dockershim.sock",))
CRI_DOCKERD = KnownRuntime(
    name="cri-dockerd",
    title="cri-dockerd",
    role=Role.CRI,
    programs=("cri-dockerd",),
    asked="cri-dockerd --version",
    versions=("cri-dockerd version",),
    units=("cri-docker.service", "cri-docker.socket"),
    sockets=("/run/cri-dockerd.sock",),
    endpoints=("cri-dockerd", "cri-docker.sock"),
)
DOCKER = KnownRuntime(
    name="docker",
    title="Docker",
    role=Role.ENGINE,
    prefix="docker://",
    programs=("dockerd",),
    asked="dockerd --version",
    units=("docker.service", "docker.socket", "snap.docker.dockerd.service"),
    sockets=("/run/docker.sock",),
)
SWARM = KnownRuntime(name="docker swarm", title="Docker Swarm", role=Role.ORCHESTRATOR)
PODMAN = KnownRuntime(
    name="podman",
    title="Podman",
    role=Role.ENGINE,
    monitors=("conmon",),
    asked="podman --version",
    versions=("podman version",),
    sockets=("/run/podman/podman.sock",),
)
RKT = KnownRuntime(
    name="rkt",
    title="rkt",
    role=Role.ENGINE,
    programs=("rkt",),
    asked="rkt version",
    versions=("rkt version",),
    ended="archived in 2020",
)
LXC = KnownRuntime(
    name="LXC",
    title="LXC",
    role=Role.SYSTEM,
    monitors=("lxc-start", "lxc-execute"),
    asked="lxc-start --version",
    versions=("lxc-start version",),
)
LXD = KnownRuntime(
    name="LXD",
    title="LXD",
    role=Role.SYSTEM,
    programs=("lxd",),
    asked="lxd --version",
    versions=("lxd version", "/snap/lxd/current/meta/snap.yaml"),
    sockets=("/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket"),
)
INCUS = KnownRuntime(
    name="Incus",
    title="Incus",
    role=Role.SYSTEM,
    programs=("incusd",),
    asked="incusd --version",
    versions=("incusd version",),
    sockets=("/var/lib/incus/unix.socket",),
)
OPENVZ = KnownRuntime(
    name="OpenVZ or Virtuozzo",
    title="OpenVZ or Virtuozzo",
    role=Role.SYSTEM,
    asked="vzctl --version",
    versions=("vzctl version",),
    listing="vzlist",
)
NSPAWN = KnownRuntime(
    name="systemd-nspawn",
    title="systemd-nspawn",
    role=Role.SYSTEM,
    programs=("systemd-nspawn",),
    versions=("systemd version",),
)
# its processes carry an architecture's name: migrate.facts.parse.runtimes.machines.is_qemu
QEMU = KnownRuntime(
    name="qemu",
    title="QEMU",
    role=Role.MACHINES,
    asked="qemu --version",
    versions=("qemu version", "qemu arm version", "qemu-kvm version"),
)
LIBVIRT = KnownRuntime(
    name="libvirt",
    title="libvirt",
    role=Role.MACHINES,
    programs=("libvirtd", "virtqemud", "virtlxcd"),
    asked="libvirtd --version",
    versions=("libvirtd version", "virtqemud version"),
    sockets=("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"),
)
KVMTOOL = KnownRuntime(
    name="kvmtool",
    title="kvmtool",
    role=Role.MACHINES,
    programs=("lkvm", "lkvm-static"),
    asked="lkvm --version",
    versions=("lkvm version",),
)
RUNC = KnownRuntime(name="runc", title="runc", role=Role.OCI, asked="runc --version", versions=("runc version",), listing="runc list")
CRUN = KnownRuntime(name="crun", title="crun", role=Role.OCI, asked="crun --version", versions=("crun version",), listing="crun list")
GVISOR = KnownRuntime(
    name="gvisor", title="gVisor", role=Role.OCI, asked="runsc --version", versions=("runsc version",), listing="runsc list"
)
KATA = KnownRuntime(
    name="kata",
    title="Kata Containers",
    role=Role.OCI,
    asked="kata-runtime --version",
    versions=("kata-runtime version", "kata in /opt version"),
)

RUNTIMES = (
    *(DOCKER, CONTAINERD, DOCKERS_CONTAINERD, CRIO, DOCKERSHIM, CRI_DOCKERD),
    _ended("frakti", "archived in 2021"),
    _ended("rktlet", "archived in 2019 with rkt"),
    _ended("LXE", "without a release since 2021"),
    _ended("Virtlet", "without a release since 2019"),
    _ended("criproxy", "went with Virtlet"),
    _ended("cri-containerd", "part of containerd since 1.1"),
    *(SWARM, PODMAN, RKT, LXC, LXD, INCUS, OPENVZ, NSPAWN, QEMU, LIBVIRT, KVMTOOL, RUNC, CRUN, GVISOR, KATA),
)
UNITS = tuple(unit for runtime in RUNTIMES for unit in runtime.units)
SOCKETS = tuple(socket for runtime in RUNTIMES for socket in runtime.sockets)
PROCESSES = tuple(dict.fromkeys(name for runtime in RUNTIMES for name in (*runtime.programs, *runtime.monitors)))


def served_by(socket: str) -> str:
    """The name of the runtime that serves the kubelet at a socket's path, empty where its path does not tell."""
    return next((runtime.name for runtime in RUNTIMES if any(part in socket for part in runtime.endpoints)), "")
