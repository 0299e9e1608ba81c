"""System containers: LXC, LXD, Incus, OpenVZ or Virtuozzo, systemd-nspawn and what else systemd-machined has registered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migrate.facts.parse.bounded import asked, clean
from migrate.facts.parse.runtimes.machines import guest, is_qemu
from migrate.facts.parse.runtimes.scene import LINES, Scene
from migrate.facts.runtimes import Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

SNAP = "/snap/lxd/current/meta/snap.yaml"
# name, daemon, folders of its state, sockets, probes that tell its version
MANAGERS = (
    (
        "LXD",
        "lxd",
        ("/var/lib/lxd/", "/var/snap/lxd/common/lxd/"),
        ("/var/lib/lxd/unix.socket", "/var/snap/lxd/common/lxd/unix.socket"),
        ("lxd version", SNAP),
    ),
    ("Incus", "incusd", ("/var/lib/incus/",), ("/var/lib/incus/unix.socket",), ("incusd version",)),
)
NSPAWN = "/usr/bin/systemd-nspawn"
TOLD_ELSEWHERE = ("systemd-nspawn", "libvirt-qemu", "libvirt-lxc", "rkt")
VIRTUOZZO = ("running", "stopped", "mounted", "suspended")


def found(seen: Scene) -> Iterator[Runtime]:
    """All of them."""
    yield from _lxc(seen)
    for name, daemon, folders, sockets, keys in MANAGERS:
        yield from _manager(seen, name, daemon, folders, sockets, keys)
    yield from _openvz(seen)
    yield from _nspawn(seen)


def _kept(seen: Scene, live: Sequence[str], kept: Sequence[str], kind: str) -> tuple[Running, ...] | Unreadable:
    if isinstance(seen.entries, Unreadable):
        return seen.entries
    stopped = (Running(name, kind, "stopped") for name in kept if name not in live)
    return (*(Running(name, kind, "running") for name in live), *stopped)


def _lxc(seen: Scene) -> Iterator[Runtime]:
    version = seen.version("lxc-start version")
    live = seen.monitors("/var/lib/lxc")
    if version or live:
        kept = [name for name in seen.names("/var/lib/lxc/") if not name.startswith((".", "lxc-monitord"))]
        evidence = (*(["lxc-start --version"] if version else []), *(f"[lxc monitor] {name}" for name in live))
        yield Runtime("LXC", Role.SYSTEM, version, evidence, runs=_kept(seen, live, kept, "container"))


def _manager(
    seen: Scene, name: str, daemon: str, folders: tuple[str, ...], sockets: tuple[str, ...], keys: tuple[str, ...]
) -> Iterator[Runtime]:
    """LXD or Incus. Its socket starts it, so it is not asked: liblxc's monitors and QEMU's processes are what runs."""
    processes = tuple(one for one in seen.running(daemon) if one.words[:2] != ("[lxc", "monitor]"))
    version = seen.version(*keys)
    served = seen.exists(*sockets)
    live = tuple(one for folder in folders for one in seen.monitors(f"{folder}containers"))
    if not (version or processes or live or served):
        return
    kept = tuple(one for folder in folders for one in seen.names(f"{folder}containers/"))
    machines = tuple(one for folder in folders for one in seen.names(f"{folder}virtual-machines/"))
    own = f"/{name.lower()}/"
    guests = tuple(sorted(guest(one) for one in seen.processes if is_qemu(one) and any(own in word for word in one.words)))
    containers, vms = _kept(seen, live, kept, "container"), _kept(seen, guests, machines, "virtual machine")
    runs = containers if isinstance(containers, Unreadable) else vms if isinstance(vms, Unreadable) else (*containers, *vms)
    shown = (f"{daemon} --version",) if version else ()
    evidence = (*shown, *(f"process {one.pid}" for one in processes), *served)
    links = (Link("qemu", "virtual machines"),) if guests else ()
    yield Runtime(name, Role.SYSTEM, version, evidence, active=bool(processes), sockets=served, links=links, runs=runs)


def _openvz(seen: Scene) -> Iterator[Runtime]:
    """/proc/vz without /proc/bc is the inside of such a container, not a host of them."""
    version = seen.version("vzctl version")
    host = seen.exists("/proc/vz", "/proc/bc")
    if not version and len(host) < 2:
        return
    runs = []
    for line in asked(seen.reading, "vzlist").splitlines()[:LINES]:
        id_, state, *name = line.split(maxsplit=2)[:3] if len(line.split(maxsplit=2)) > 1 else ("", "")
        if state in VIRTUOZZO:
            runs.append(Running(clean(name[0]) if name and name[0].strip() != "-" else clean(id_), "container", state))
    evidence = (*(["vzctl --version"] if version else []), *host)
    yield Runtime("OpenVZ or Virtuozzo", Role.SYSTEM, version, evidence, active=len(host) == 2, runs=tuple(runs))


def _nspawn(seen: Scene) -> Iterator[Runtime]:
    """Machines that systemd-nspawn runs, and those that others registered with systemd-machined (libvirt's and rkt's are told there)."""
    processes = seen.running("systemd-nspawn")
    started = {name for one in processes if (name := one.value("--machine", "-M"))}
    registered = {name: service for name, (_, service) in seen.machines.items()}
    own = started | {name for name, service in registered.items() if service == "systemd-nspawn" and not name.startswith("rkt-")}
    others = {name: service for name, service in registered.items() if service not in TOLD_ELSEWHERE}
    if not (seen.exists(NSPAWN) or processes or own or others):
        return
    kept = [name for name in seen.names("/var/lib/machines/") if not name.startswith(".")]
    runs = _kept(seen, sorted(own), kept, "machine")
    if not isinstance(runs, Unreadable):
        runs += tuple(Running(name, "machine", "running", service or None) for name, service in sorted(others.items()))
    machines = (f"machine {name}" for name in sorted({*own, *others}))
    evidence = (*seen.exists(NSPAWN), *(f"process {one.pid}" for one in processes), *machines)
    yield Runtime("systemd-nspawn", Role.SYSTEM, seen.version("systemd version") or _number(seen), evidence, runs=runs)


def _number(seen: Scene) -> str:
    """systemd counts in whole numbers."""
    words = asked(seen.reading, "systemd version").split(maxsplit=2)
    return clean(words[1]) if len(words) > 1 else ""
