"""Virtual machines: QEMU with or without KVM, libvirt, kvmtool."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.parse.bounded import clean
from migrate.facts.parse.runtimes.scene import Process, Scene
from migrate.facts.runtimes import Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

# who started a QEMU, by a part of its command line; the first that fits
OWNERS = (
    ("kubevirt", "KubeVirt"),
    ("/lib/libvirt/", "libvirt"),
    ("/run/vc/", "kata"),
    ("sandbox-", "kata"),
    ("/lxd/", "LXD"),
    ("/incus/", "Incus"),
    ("/qemu-server/", "Proxmox VE"),
)
DRIVERS = (("/etc/libvirt/qemu/", "/run/libvirt/qemu/", "virtual machine"), ("/etc/libvirt/lxc/", "/run/libvirt/lxc/", "container"))
LIBVIRT_SOCKETS = ("/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock")


def found(seen: Scene) -> Iterator[Runtime]:
    """All of them."""
    yield from _qemu(seen)
    yield from _libvirt(seen)
    yield from _kvmtool(seen)


def _qemu(seen: Scene) -> Iterator[Runtime]:
    processes = tuple(one for one in seen.processes if is_qemu(one))
    version = seen.version("qemu version", "qemu arm version", "qemu-kvm version")
    if version or processes:
        runs = tuple(Running(guest(one), "virtual machine", "running", _owner(one)) for one in processes)
        evidence = (*(["qemu --version"] if version else []), *(f"process {one.pid}" for one in processes))
        notes = () if seen.exists("/dev/kvm") else ("no /dev/kvm: guests are emulated",)
        yield Runtime("qemu", Role.MACHINES, version, evidence, runs=runs, notes=notes)


def is_qemu(process: Process) -> bool:
    """Whether it is a guest's process: `qemu-system-ARCH`, `qemu-kvm` (RHEL), `kvm` (Proxmox VE); not the agent inside a guest."""
    return process.program.startswith(("qemu-system-", "qemu-kvm")) or process.program == "kvm"


def guest(process: Process) -> str:
    """The guest's name: `-name web`, `-name guest=web,debug-threads=on`; the process where it has none."""
    named = process.value("-name", "--name") or ""
    first = named.removeprefix("guest=").split(",")[0]
    return first or f"process {process.pid}"


def _owner(process: Process) -> str | None:
    line = " ".join(process.words)
    return next((owner for part, owner in OWNERS if part in line), None)


def _libvirt(seen: Scene) -> Iterator[Runtime]:
    """Its sockets may start it, so it is not asked: state files tell what runs, definitions what is kept."""
    processes = seen.running("libvirtd", "virtqemud", "virtlxcd")
    version = seen.version("libvirtd version", "virtqemud version")
    sockets = seen.exists(*LIBVIRT_SOCKETS)
    if not (version or processes or sockets or seen.domains):
        return
    runs: list[Running] = []
    for defined, running, kind in DRIVERS:
        live = {_domain(path, running): state for path, state in seen.domains.items() if path.startswith(running)}
        runs += [Running(name, kind, clean(state)) for name, state in sorted(live.items())]
        kept = (name.removesuffix(".xml") for name in seen.names(defined) if name.endswith(".xml"))
        runs += [Running(name, kind, "stopped") for name in kept if name not in live]
    evidence = (*(["libvirtd --version"] if version else []), *(f"process {one.pid}" for one in processes), *sockets)
    links = (Link("qemu", "driver qemu"),) if any(one.live and one.kind == "virtual machine" for one in runs) else ()
    whole = seen.entries if isinstance(seen.entries, Unreadable) else tuple(runs)
    yield Runtime("libvirt", Role.MACHINES, version, evidence, active=bool(processes), sockets=sockets, links=links, runs=whole)


def _domain(path: str, folder: str) -> str:
    return clean(path.removeprefix(folder).removesuffix(".xml"))


def _kvmtool(seen: Scene) -> Iterator[Runtime]:
    processes = tuple(one for one in seen.running("lkvm", "lkvm-static") if one.words[1:2] in (("run",), ("sandbox",)))
    version = seen.version("lkvm version")
    if version or processes:
        live = [clean(one.value("--name") or f"guest-{one.pid}") for one in processes]
        kept = [name for name in seen.names("/root/.lkvm/") if not name.endswith(".sock") and name not in live]
        runs = (
            *(Running(name, "virtual machine", "running") for name in live),
            *(Running(name, "virtual machine", "stopped") for name in kept),
        )
        evidence = (*(["lkvm --version"] if version else []), *(f"process {one.pid}" for one in processes))
        yield Runtime("kvmtool", Role.MACHINES, version, evidence, runs=seen.entries if isinstance(seen.entries, Unreadable) else runs)
