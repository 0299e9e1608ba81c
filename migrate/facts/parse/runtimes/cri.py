"""Runtimes that speak CRI: dockershim, cri-dockerd, containerd (each of them), CRI-O, and projects that have ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.facts.model import Containerd
from migrate.facts.parse.bounded import clean
from migrate.facts.parse.runtimes.scene import Process, Scene
from migrate.facts.runtimes import KubernetesUse, Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

SOCKET = "/run/containerd/containerd.sock"
OWNERS = {"k8s.io": "Kubernetes", "moby": "docker"}  # of containerd's namespaces
# programs and shims that are called otherwise than the runtime; the first shims (up to containerd 1.2) name none
OCI_NAMES = {"runsc": "gvisor", "runtime": "runc", "": "runc", "containerd-shim": "runc", "docker-containerd-shim": "runc"}
# whose containerd a command line shows, by a part of its path or of its configuration's
PRIVATE = (("/docker/containerd", "Docker's"), ("/k3s/", "k3s's"), ("/rke2/", "RKE2's"), ("/k0s/", "k0s's"), ("/microk8s/", "MicroK8s's"))
# name, program, socket, when it ended; sources: the projects' repositories, Kubernetes 1.7 notes for cri-containerd
ENDED = (
    ("frakti", "frakti", "/run/frakti.sock", "archived in 2021"),
    ("rktlet", "rktlet", "/run/rktlet.sock", "archived in 2019 with rkt"),
    ("LXE", "lxe", "/run/lxe.sock", "without a release since 2021"),
    ("Virtlet", "virtlet", "/run/virtlet.sock", "without a release since 2019"),
    ("criproxy", "criproxy", "/run/criproxy.sock", "went with Virtlet"),
    ("cri-containerd", "cri-containerd", "/run/cri-containerd.sock", "part of containerd since 1.1"),
)


def found(seen: Scene) -> Iterator[Runtime]:
    """All of them."""
    yield from _for_docker(seen)
    yield from _containerds(seen)
    yield from _crio(seen)
    for name, program, socket, ended in ENDED:
        processes = seen.running(program)
        version = seen.version(f"{program} version")
        sockets = seen.exists(socket)
        if processes or version or sockets:
            how = [f"{program} --version"] if version else []
            evidence = (*how, *(f"process {one.pid}" for one in processes), *sockets)
            yield Runtime(
                name, Role.CRI, version, evidence, KubernetesUse.NO, bool(processes), sockets, notes=(f"the project has ended: {ended}",)
            )


def _for_docker(seen: Scene) -> Iterator[Runtime]:
    pods = _pods(seen)
    below = (Link("docker", "/run/docker.sock"),)
    if seen.endpoint.kind == "dockershim" and seen.kubelet:
        at = seen.exists("/run/dockershim.sock")
        active = seen.kubelet.running is not None
        shown = (clean(seen.endpoint.evidence),)
        yield Runtime("dockershim", Role.CRI, clean(seen.kubelet.version), shown, KubernetesUse.COULD, active, at, below, pods)
    processes = seen.running("cri-dockerd")
    version = seen.version("cri-dockerd version")
    if processes or version:
        sockets = seen.exists("/run/cri-dockerd.sock")
        runs = pods if seen.endpoint.kind == "cri-dockerd" else ()
        evidence = (*(["cri-dockerd --version"] if version else []), *(f"process {one.pid}" for one in processes))
        yield Runtime("cri-dockerd", Role.CRI, version, evidence, KubernetesUse.COULD, bool(processes), sockets, below, runs)


def _pods(seen: Scene) -> tuple[Running, ...] | Unreadable:
    if seen.docker is None or seen.docker.info is None:
        return Unreadable("docker containers", "Docker does not run or did not answer")
    pods = {one.pod: one.state for one in seen.docker.containers if one.pod and one.sandbox}
    return tuple(Running(clean(f"{namespace}/{name}"), "pod", clean(state), "Kubernetes") for (namespace, name, _), state in pods.items())


def _containerds(seen: Scene) -> Iterator[Runtime]:
    """The system's, and each private one that runs: a private one has no program of its own in PATH, so its version is not known."""
    processes = {_owner(one): one for one in seen.running("containerd", "docker-containerd")}
    if seen.containerd or "" in processes:
        yield _containerd(seen, "containerd", processes.get(""), seen.containerd)
    for owner, process in processes.items():
        if owner:
            yield _containerd(seen, f"containerd ({owner})", process, None)


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
    evidence = (*(["containerd --version"] if version else []), *([f"process {process.pid}"] if process else []))
    runs = tuple(
        Running(clean(one.id)[:64], "pod" if one.namespace == "k8s.io" else "container", "running", _named(one.namespace))
        for one in seen.shims
        if one.address == address or (not one.address and name == "containerd")
    )
    links = tuple(_handlers(known.loaded)) if known and isinstance(known.loaded, Mapping) else ()
    return Runtime(name, Role.CRI, version, evidence, could, process is not None, (address,), links, runs, notes)


def _address(process: Process | None, known: Containerd | None) -> str:
    named = process.value("--address", "-a") if process else None
    loaded = known.loaded if known and isinstance(known.loaded, Mapping) else {}
    grpc = loaded.get("grpc")
    configured = clean(str(grpc.get("address") or "")) if isinstance(grpc, Mapping) else ""
    if process and _owner(process) == "Docker's":
        configured = "/run/docker/containerd/containerd.sock"
    return (named or configured or SOCKET).replace("/var/run/", "/run/", 1)


def _named(namespace: str) -> str:
    return OWNERS.get(namespace, f"namespace {namespace}")


def _handlers(loaded: Mapping[str, Any]) -> Iterator[Link]:
    """The OCI runtimes of containerd's CRI section (1.x and 2.x), the program of each where it is named."""
    for plugin in ("io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"):
        section = _at(loaded, "plugins", plugin, "containerd")
        for handler, entry in _at(section, "runtimes").items():
            options = _at(entry, "options") if isinstance(entry, Mapping) else {}
            kind = str(entry.get("runtime_type") or "") if isinstance(entry, Mapping) else ""
            program = str(options.get("BinaryName") or "")
            told = f"handler {handler}: {kind}" + (f" with {program}" if program else "")
            yield Link(oci_name(program or kind), clean(told), handler == (section.get("default_runtime_name") or "runc"))


def _at(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def oci_name(program: str) -> str:
    """The OCI runtime of a program's path or of a shim's type (`io.containerd.kata.v2`), by the name that it has here."""
    name = program.rpartition("/")[2]
    kind = name.removeprefix("io.containerd.").removeprefix("containerd-shim-").split(".")[0].split("-v")[0]
    if kind.startswith("kata"):
        return "kata"
    return OCI_NAMES.get(kind, clean(kind))


def _crio(seen: Scene) -> Iterator[Runtime]:
    processes = seen.running("crio")
    version = clean(seen.crio.version) if seen.crio else ""
    if not processes and not version:
        return
    runs = tuple(
        Running(one.value("-n", "--name") or one.value("-c", "--cid") or str(one.pid), _kind(one), "running", "Kubernetes")
        for one in seen.running("conmon", "conmonrs")
        if is_crio(one)
    )
    sockets = seen.exists("/run/crio/crio.sock")
    evidence = (*(["crio --version"] if version else []), *(f"process {one.pid}" for one in processes))
    links = tuple(_crio_handlers(seen.crio.loaded)) if seen.crio and isinstance(seen.crio.loaded, Mapping) else ()
    yield Runtime("cri-o", Role.CRI, version, evidence, KubernetesUse.COULD, bool(processes), sockets, links, runs)


def is_crio(monitor: Process) -> bool:
    """Whether a conmon is CRI-O's: it keeps exit files in CRI-O's folder; Podman's names podman as exit command."""
    return any("/crio" in word for word in monitor.words) and monitor.value("--exit-command") is None


def _kind(monitor: Process) -> str:
    return "sandbox" if (monitor.value("-n", "--name") or "").startswith("k8s_POD_") else "container"


def _crio_handlers(loaded: Mapping[str, Any]) -> Iterator[Link]:
    """The OCI runtimes of `crio config`. One default is commented out there: runc, from 1.31 on crun."""
    runtime = _at(loaded, "crio", "runtime")
    handlers = _at(runtime, "runtimes")
    default = runtime.get("default_runtime") or next(iter(handlers), None)
    for name, entry in handlers.items():
        path = str(_at(entry).get("runtime_path") or name)
        yield Link(oci_name(path), clean(f"runtime {name}: {path}"), name == default)
