"""Engines that people speak to: Docker with Swarm, Podman, rkt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.facts.model import Container, Docker
from migrate.facts.parse.bounded import clean
from migrate.facts.parse.runtimes.cri import is_crio, oci_name
from migrate.facts.parse.runtimes.scene import Process, Scene
from migrate.facts.runtimes import KubernetesUse, Link, Role, Running, Runtime
from migrate.facts.values import Unreadable

STORAGE = "/var/lib/containers/storage"
RKT_PODS = "/var/lib/rkt/pods"


def found(seen: Scene) -> Iterator[Runtime]:
    """All of them."""
    if seen.docker:
        yield _docker(seen, seen.docker)
        yield from _swarm(seen.docker)
    yield from _podman(seen)
    yield from _rkt(seen)


def _docker(seen: Scene, docker: Docker) -> Runtime:
    runs: tuple[Running, ...] | Unreadable = tuple(
        Running(clean(one.name), "sandbox" if one.sandbox else "container", clean(one.state), _asked_by(one)) for one in docker.containers
    )
    if docker.info is None:
        runs = Unreadable("docker containers", "Docker does not run or did not answer")
    processes = seen.running("dockerd")
    evidence = ("dockerd --version", *(f"process {one.pid}" for one in processes))
    upstream = "containerd (Docker's)" if docker.child_containerd else "containerd"
    how = next((value for one in processes if (value := one.value("--containerd"))), "its own child")
    links = ((Link(upstream, how),) if processes else ()) + tuple(_docker_runtimes(docker))
    sockets = seen.exists("/run/docker.sock")
    return Runtime("docker", Role.ENGINE, clean(docker.version), evidence, KubernetesUse.COULD, bool(processes), sockets, links, runs)


def _asked_by(one: Container) -> str | None:
    return "Kubernetes" if one.pod else "docker swarm" if one.swarm_task else None


def _docker_runtimes(docker: Docker) -> Iterator[Link]:
    """What the daemon says; where it does not run, what daemon.json asks for. Docker's own names for runc's shims are one runtime."""
    info = docker.info or {}
    settings = docker.daemon_json if isinstance(docker.daemon_json, Mapping) else {}
    default = str(info.get("DefaultRuntime") or settings.get("default-runtime") or "runc")
    named = info.get("Runtimes") or settings.get("runtimes") or {}
    runtimes: dict[str, str] = {"runc": "runc"}
    for name, entry in named.items() if isinstance(named, Mapping) else ():
        if not str(name).startswith(("io.containerd.runc.", "io.containerd.runtime.v1.")):
            runtimes[str(name)] = _program(entry) or str(name)
    for name, program in runtimes.items():
        yield Link(oci_name(program), clean(f"runtime {name}: {program}"), name == default)


def _program(entry: Any) -> str:
    return str(entry.get("path") or entry.get("runtimeType") or "") if isinstance(entry, Mapping) else ""


def _swarm(docker: Docker) -> Iterator[Runtime]:
    if docker.swarm not in ("", "inactive"):
        tasks = tuple(Running(clean(one.name), "task", clean(one.state), None) for one in docker.containers if one.swarm_task)
        evidence = (clean(f"docker info: Swarm is {docker.swarm}"),)
        links = (Link("docker", "part of dockerd"),)
        yield Runtime("docker swarm", Role.ORCHESTRATOR, clean(docker.version), evidence, KubernetesUse.NO, True, (), links, tasks)


def _podman(seen: Scene) -> Iterator[Runtime]:
    """Podman has no daemon: conmon stays beside each container, and containers/storage keeps all of root's, CRI-O's among them."""
    monitors = [one for one in seen.running("conmon") if not is_crio(one)]
    version = seen.version("podman version")
    if not version and not monitors:
        return
    live = {one.value("-c", "--cid") or str(one.pid): one for one in monitors}
    runs = [Running(one.value("-n", "--name") or id_[:12], "container", "running") for id_, one in live.items()]
    kept = {id_: name for id_, name in seen.stored.items() if id_ not in live and not name.startswith("k8s_")}
    runs += [Running(name, "container", "stopped") for name in kept.values()]
    sockets = seen.exists("/run/podman/podman.sock")
    evidence = (*(["podman --version"] if version else []), *(f"process {one.pid} conmon" for one in monitors), *sockets)
    programs = dict.fromkeys(oci_name(one.value("-r", "--runtime") or "") for one in monitors)
    links = tuple(Link(name, "conmon --runtime") for name in programs)
    stores = sorted({store for one in monitors if (store := _store(one))})
    notes = tuple(f"containers of another user, in {store}" for store in stores if store != STORAGE)
    yield Runtime("podman", Role.ENGINE, version, evidence, KubernetesUse.NO, None, sockets, links, tuple(runs), notes)


def _store(monitor: Process) -> str:
    bundle = monitor.value("-b", "--bundle") or ""
    before, between, _ = bundle.partition("/storage/")
    return f"{before}/storage" if between and not before.startswith("/run") else ""


def _rkt(seen: Scene) -> Iterator[Runtime]:
    version = seen.version("rkt version")
    processes = seen.running("rkt")
    kept = [(name, state) for state in ("run", "prepared", "exited-garbage") for name in seen.names(f"{RKT_PODS}/{state}/")]
    if not version and not processes and not kept:
        return
    registered = {name.removeprefix("rkt-") for name in seen.machines if name.startswith("rkt-")}
    runs = tuple(Running(name, "pod", "running" if name in registered else "stopped") for name, _ in kept)
    evidence = (*(["rkt version"] if version else []), *(f"process {one.pid}" for one in processes), *([RKT_PODS] if kept else []))
    notes = ("the project has ended: archived in 2020",)
    yield Runtime("rkt", Role.ENGINE, version, evidence, _for_rkt(seen), None, (), (), runs, notes)


def _for_rkt(seen: Scene) -> KubernetesUse:
    """`--container-runtime=rkt` was in the kubelet up to 1.10."""
    flag = seen.kubelet.flag("container-runtime") if seen.kubelet else None
    return KubernetesUse.DIRECTLY if flag and flag.value == "rkt" else KubernetesUse.NO
