"""System containers: LXC, LXD, Incus, OpenVZ or Virtuozzo, systemd-nspawn and what else systemd-machined has registered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.facts.parse.bounded import asked, clean
from migrate.facts.parse.runtimes.machines import guest, is_qemu
from migrate.facts.parse.runtimes.scene import LINES, Scene
from migrate.facts.runtime_table import INCUS, LXC, LXD, NSPAWN, OPENVZ, QEMU, RKT, KnownRuntime
from migrate.facts.runtimes import Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

NSPAWN_PROGRAM = "/usr/bin/systemd-nspawn"
TOLD_ELSEWHERE = (NSPAWN.name, "libvirt-qemu", "libvirt-lxc", RKT.name)
VIRTUOZZO = ("running", "stopped", "mounted", "suspended")


def found(seen: Scene) -> Iterator[Runtime]:
    """All of them."""
    yield from _lxc(seen)
    yield from _manager(seen, LXD)
    yield from _manager(seen, INCUS)
    yield from _openvz(seen)
    yield from _nspawn(seen)


def _kept(seen: Scene, live: Sequence[str], kept: Sequence[str], kind: str) -> tuple[Running, ...] | Unreadable:
    if isinstance(seen.entries, Unreadable):
        return seen.entries
    stopped = (Running(name, kind, "stopped") for name in kept if name not in live)
    return (*(Running(name, kind, "running") for name in live), *stopped)


def _lxc(seen: Scene) -> Iterator[Runtime]:
    signs = seen.signs(LXC)
    live = seen.monitors("/var/lib/lxc")
    if signs or live:
        kept = [name for name in seen.names("/var/lib/lxc/") if not name.startswith((".", "lxc-monitord"))]
        evidence = (*signs.evidence, *(f"[lxc monitor] {name}" for name in live))
        yield Runtime(LXC.name, Role.SYSTEM, signs.version, evidence, runs=_kept(seen, live, kept, "container"))


def _manager(seen: Scene, known: KnownRuntime) -> Iterator[Runtime]:
    """LXD or Incus. Its socket starts it, so it is not asked: liblxc's monitors and QEMU's processes are what runs."""
    signs = seen.signs(known)
    folders = [socket.removesuffix("unix.socket") for socket in known.sockets]
    live = tuple(name for folder in folders for name in seen.monitors(f"{folder}containers"))
    if not signs and not live:
        return
    kept = tuple(name for folder in folders for name in seen.names(f"{folder}containers/"))
    machines = tuple(name for folder in folders for name in seen.names(f"{folder}virtual-machines/"))
    own = f"/{known.name.lower()}/"
    emulators = (process for process in seen.processes if is_qemu(process) and any(own in word for word in process.words))
    guests = tuple(sorted(map(guest, emulators)))
    containers, vms = _kept(seen, live, kept, "container"), _kept(seen, guests, machines, "virtual machine")
    runs = containers if isinstance(containers, Unreadable) else vms if isinstance(vms, Unreadable) else (*containers, *vms)
    evidence, active = (*signs.evidence, *signs.sockets), bool(signs.processes)
    links = (Link(QEMU.name, "virtual machines"),) if guests else ()
    yield Runtime(known.name, Role.SYSTEM, signs.version, evidence, active=active, sockets=signs.sockets, links=links, runs=runs)


def _openvz(seen: Scene) -> Iterator[Runtime]:
    """/proc/vz without /proc/bc is the inside of such a container, not a host of them."""
    signs = seen.signs(OPENVZ)
    host = seen.exists("/proc/vz", "/proc/bc")
    if not signs and len(host) < 2:
        return
    runs = []
    for line in asked(seen.reading, OPENVZ.listing or "").splitlines()[:LINES]:
        id_, state, *name = line.split(maxsplit=2)[:3] if len(line.split(maxsplit=2)) > 1 else ("", "")
        if state in VIRTUOZZO:
            runs.append(Running(clean(name[0]) if name and name[0].strip() != "-" else clean(id_), "container", state))
    evidence = (*signs.evidence, *host)
    yield Runtime(OPENVZ.name, Role.SYSTEM, signs.version, evidence, active=len(host) == 2, runs=tuple(runs))


def _nspawn(seen: Scene) -> Iterator[Runtime]:
    """Machines that systemd-nspawn runs, and those that others registered with systemd-machined (libvirt's and rkt's are told there)."""
    signs = seen.signs(NSPAWN)
    started = {name for process in signs.processes if (name := process.value("--machine", "-M"))}
    registered = {name: service for name, (_, service) in seen.machines.items()}
    own = started | {name for name, service in registered.items() if service == NSPAWN.name and not name.startswith("rkt-")}
    others = {name: service for name, service in registered.items() if service not in TOLD_ELSEWHERE}
    if not (seen.exists(NSPAWN_PROGRAM) or signs.processes or own or others):
        return
    kept = [name for name in seen.names("/var/lib/machines/") if not name.startswith(".")]
    runs = _kept(seen, sorted(own), kept, "machine")
    if not isinstance(runs, Unreadable):
        runs += tuple(Running(name, "machine", "running", service or None) for name, service in sorted(others.items()))
    machines = (f"machine {name}" for name in sorted({*own, *others}))
    evidence = (*seen.exists(NSPAWN_PROGRAM), *signs.evidence, *machines)
    yield Runtime(NSPAWN.name, Role.SYSTEM, signs.version or _number(seen), evidence, runs=runs)


def _number(seen: Scene) -> str:
    """systemd counts in whole numbers."""
    words = asked(seen.reading, "systemd version").split(maxsplit=2)
    return clean(words[1]) if len(words) > 1 else ""
