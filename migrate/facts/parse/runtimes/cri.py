"""Runtimes that speak CRI: dockershim, cri-dockerd, containerd (each of them), CRI-O, and projects that have ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from migrate.facts.model import Containerd
from migrate.facts.parse.bounded import clean
from migrate.facts.parse.runtimes.scene import Process, Scene, Shim
from migrate.facts.runtime_table import CONTAINERD, CRI_DOCKERD, CRIO, DOCKER, DOCKERS_CONTAINERD, DOCKERSHIM, RUNTIMES
from migrate.facts.runtimes import KubernetesUse, Link, Role, Running, Runtime
from migrate.facts.values import Unreadable
from migrate.formats.nested import table

OWNERS = {"k8s.io": "Kubernetes", "moby": DOCKER.name}  # of containerd's namespaces
# programs and shims that are called otherwise than the runtime; the first shims (up to containerd 1.2) name none
OCI_NAMES = {"runsc": "gvisor", "runtime": "runc", "": "runc", "containerd-shim": "runc", "docker-containerd-shim": "runc"}
# whose containerd a command line shows, by a part of its path or of its configuration's
PRIVATE = (("/docker/containerd", "Docker's"), ("/k3s/", "k3s's"), ("/rke2/", "RKE2's"), ("/k0s/", "k0s's"), ("/microk8s/", "MicroK8s's"))


def found(seen: Scene) -> Iterator[Runtime]:
    """All of them."""
    yield from _for_docker(seen)
    yield from _containerds(seen)
    yield from _crio(seen)
    for known in RUNTIMES:
        if known.ended and known.role is Role.CRI and (signs := seen.signs(known)):
            evidence, notes = (*signs.evidence, *signs.sockets), (f"the project has ended: {known.ended}",)
            active = bool(signs.processes)
            yield Runtime(known.name, known.role, signs.version, evidence, KubernetesUse.NO, active, signs.sockets, notes=notes)


def _for_docker(seen: Scene) -> Iterator[Runtime]:
    pods = _pods(seen)
    below = (Link(DOCKER.name, DOCKER.sockets[0]),)
    if seen.endpoint.kind == DOCKERSHIM.name and seen.kubelet:
        at = seen.exists(*DOCKERSHIM.sockets)
        active = seen.kubelet.running is not None
        shown = (clean(seen.endpoint.evidence),)
        yield Runtime(DOCKERSHIM.name, Role.CRI, clean(seen.kubelet.version), shown, KubernetesUse.COULD, active, at, below, pods)
    signs = seen.signs(CRI_DOCKERD)
    if signs.processes or signs.version:
        runs = pods if seen.endpoint.kind == CRI_DOCKERD.name else ()
        active, could = bool(signs.processes), KubernetesUse.COULD
        yield Runtime(CRI_DOCKERD.name, Role.CRI, signs.version, signs.evidence, could, active, signs.sockets, below, runs)


def _pods(seen: Scene) -> tuple[Running, ...] | Unreadable:
    if seen.docker is None or seen.docker.info is None:
        return Unreadable("docker containers", "Docker does not run or did not answer")
    pods = {container.pod: container.state for container in seen.docker.containers if container.pod and container.sandbox}
    return tuple(Running(clean(f"{namespace}/{name}"), "pod", clean(state), "Kubernetes") for (namespace, name, _), state in pods.items())


def _containerds(seen: Scene) -> Iterator[Runtime]:
    """The system's, and each private one that runs: a private one has no program of its own in PATH, so its version is not known."""
    processes = {_owner(process): process for process in seen.running(*CONTAINERD.programs)}
    if seen.containerd or "" in processes:
        yield _containerd(seen, CONTAINERD.name, processes.get(""), seen.containerd)
    for owner, process in processes.items():
        if owner:
            yield _containerd(seen, f"{CONTAINERD.name} ({owner})", process, None)


def _owner(process: Process) -> str:
    line = " ".join(process.words)
    return next((owner for part, owner in PRIVATE if part in line), "")


def _containerd(seen: Scene, name: str, process: Process | None, known: Containerd | None) -> Runtime:
    address = _address(process, known)
    version = clean(known.version) if known else ""
    could = KubernetesUse.COULD if known is None or known.cri in (None, "ok") else KubernetesUse.NO
    if process and _owner(process) not in ("", "Docker's"):
        could = KubernetesUse.DIRECTLY  # the distribution's own kubelet has no unit that would tell
    notes = ("its CRI plugin does not run",) if could is KubernetesUse.NO else ()
    evidence = (*([CONTAINERD.asked] if version else []), *([f"process {process.pid}"] if process else []))
    runs = tuple(
        Running(clean(shim.id)[:64], "pod" if shim.namespace == "k8s.io" else "container", "running", owner_of(shim))
        for shim in seen.shims
        if shim.address == address or (not shim.address and name == CONTAINERD.name)
    )
    links = tuple(_handlers(known.loaded)) if known and isinstance(known.loaded, Mapping) else ()
    return Runtime(name, Role.CRI, version, evidence, could, process is not None, (address,), links, runs, notes)


def _address(process: Process | None, known: Containerd | None) -> str:
    named = process.value("--address", "-a") if process else None
    configured = clean(known.socket) if known else ""
    if process and _owner(process) == "Docker's":
        configured = DOCKERS_CONTAINERD.sockets[0]
    return (named or configured or CONTAINERD.sockets[0]).replace("/var/run/", "/run/", 1)


def owner_of(shim: Shim) -> str:
    """Who asked containerd for a shim's containers."""
    return OWNERS.get(shim.namespace, f"namespace {shim.namespace}")


def _handlers(loaded: Mapping[str, Any]) -> Iterator[Link]:
    """The OCI runtimes of containerd's CRI section (1.x and 2.x), the program of each where it is named."""
    for plugin in ("io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"):
        section = table(loaded, "plugins", plugin, "containerd")
        for handler, entry in table(section, "runtimes").items():
            options = table(entry, "options") if isinstance(entry, Mapping) else {}
            kind = str(entry.get("runtime_type") or "") if isinstance(entry, Mapping) else ""
            program = str(options.get("BinaryName") or "")
            told = f"handler {handler}: {kind}" + (f" with {program}" if program else "")
            yield Link(oci_name(program or kind), clean(told), handler == (section.get("default_runtime_name") or "runc"))


def oci_name(program: str) -> str:
    """The OCI runtime of a program's path or of a shim's type (`io.containerd.kata.v2`), by the name that it has here."""
    name = program.rpartition("/")[2]
    kind = name.removeprefix("io.containerd.").removeprefix("containerd-shim-").split(".")[0].split("-v")[0]
    if kind.startswith("kata"):
        return "kata"
    return OCI_NAMES.get(kind, clean(kind))


def _crio(seen: Scene) -> Iterator[Runtime]:
    version = clean(seen.crio.version) if seen.crio else ""
    signs = replace(seen.signs(CRIO), version=version)
    if not signs.processes and not version:
        return
    runs = tuple(
        Running(name_in(monitor) or monitor.value("-c", "--cid") or str(monitor.pid), _kind(monitor), "running", "Kubernetes")
        for monitor in seen.running(*CRIO.monitors)
        if is_crio(monitor)
    )
    links = tuple(_crio_handlers(seen.crio.loaded)) if seen.crio and isinstance(seen.crio.loaded, Mapping) else ()
    active, could = bool(signs.processes), KubernetesUse.COULD
    yield Runtime(CRIO.name, Role.CRI, version, signs.evidence, could, active, signs.sockets, links, runs)


def name_in(monitor: Process) -> str:
    """The name of the container that a conmon stays beside, empty where it is given none."""
    return monitor.value("-n", "--name") or ""


def is_crio(monitor: Process) -> bool:
    """Whether a conmon is CRI-O's: it keeps exit files in CRI-O's folder; Podman's names podman as exit command."""
    return any("/crio" in word for word in monitor.words) and monitor.value("--exit-command") is None


def _kind(monitor: Process) -> str:
    return "sandbox" if name_in(monitor).startswith("k8s_POD_") else "container"


def _crio_handlers(loaded: Mapping[str, Any]) -> Iterator[Link]:
    """The OCI runtimes of `crio config`. One default is commented out there: runc, from 1.31 on crun."""
    runtime = table(loaded, "crio", "runtime")
    handlers = table(runtime, "runtimes")
    default = runtime.get("default_runtime") or next(iter(handlers), None)
    for name, entry in handlers.items():
        path = str(table(entry).get("runtime_path") or name)
        yield Link(oci_name(path), clean(f"runtime {name}: {path}"), name == default)
