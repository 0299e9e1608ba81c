"""Virtual machines: QEMU with or without KVM, libvirt, kvmtool."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from migrate.facts.parse.bounded import clean
from migrate.facts.parse.runtimes.scene import Process, Scene
from migrate.facts.runtime_table import INCUS, KATA, KVMTOOL, LIBVIRT, LXD, QEMU
from migrate.facts.runtimes import Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

# who started a QEMU, by a part of its command line; the first that fits
OWNERS = (
    ("kubevirt", "KubeVirt"),
    ("/lib/libvirt/", LIBVIRT.name),
    ("/run/vc/", KATA.name),
    ("sandbox-", KATA.name),
    ("/lxd/", LXD.name),
    ("/incus/", INCUS.name),
    ("/qemu-server/", "Proxmox VE"),
)
DRIVERS = (("/etc/libvirt/qemu/", "/run/libvirt/qemu/", "virtual machine"), ("/etc/libvirt/lxc/", "/run/libvirt/lxc/", "container"))


def found(seen: Scene) -> Iterator[Runtime]:
    """All of them."""
    yield from _qemu(seen)
    yield from _libvirt(seen)
    yield from _kvmtool(seen)


def _qemu(seen: Scene) -> Iterator[Runtime]:
    signs = replace(seen.signs(QEMU), processes=tuple(process for process in seen.processes if is_qemu(process)))
    if signs:
        runs = tuple(Running(guest(process), "virtual machine", "running", _owner(process)) for process in signs.processes)
        notes = () if seen.exists("/dev/kvm") else ("no /dev/kvm: guests are emulated",)
        yield Runtime(QEMU.name, Role.MACHINES, signs.version, signs.evidence, runs=runs, notes=notes)


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
    signs = seen.signs(LIBVIRT)
    if not signs and not seen.domains:
        return
    runs: list[Running] = []
    for defined, running, kind in DRIVERS:
        live = {_domain(path, running): state for path, state in seen.domains.items() if path.startswith(running)}
        runs += [Running(name, kind, clean(state)) for name, state in sorted(live.items())]
        kept = (name.removesuffix(".xml") for name in seen.names(defined) if name.endswith(".xml"))
        runs += [Running(name, kind, "stopped") for name in kept if name not in live]
    evidence, active = (*signs.evidence, *signs.sockets), bool(signs.processes)
    links = (Link(QEMU.name, "driver qemu"),) if any(run.live and run.kind == "virtual machine" for run in runs) else ()
    whole = seen.entries if isinstance(seen.entries, Unreadable) else tuple(runs)
    yield Runtime(LIBVIRT.name, Role.MACHINES, signs.version, evidence, active=active, sockets=signs.sockets, links=links, runs=whole)


def _domain(path: str, folder: str) -> str:
    return clean(path.removeprefix(folder).removesuffix(".xml"))


def _kvmtool(seen: Scene) -> Iterator[Runtime]:
    signs = seen.signs(KVMTOOL)
    guests = tuple(process for process in signs.processes if process.words[1:2] in (("run",), ("sandbox",)))
    signs = replace(signs, processes=guests)
    if signs:
        live = [clean(process.value("--name") or f"guest-{process.pid}") for process in guests]
        kept = [name for name in seen.names("/root/.lkvm/") if not name.endswith(".sock") and name not in live]
        runs = (
            *(Running(name, "virtual machine", "running") for name in live),
            *(Running(name, "virtual machine", "stopped") for name in kept),
        )
        whole = seen.entries if isinstance(seen.entries, Unreadable) else runs
        yield Runtime(KVMTOOL.name, Role.MACHINES, signs.version, signs.evidence, runs=whole)
