"""Engines that people speak to: Docker with Swarm, Podman, rkt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from migrate.facts.model import Container, Docker
from migrate.facts.parse.bounded import clean
from migrate.facts.parse.runtimes.cri import is_crio, name_in, oci_name
from migrate.facts.parse.runtimes.scene import Process, Scene
from migrate.facts.runtime_table import CONTAINERD, DOCKER, DOCKERS_CONTAINERD, PODMAN, RKT, SWARM
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
        Running(clean(container.name), "sandbox" if container.sandbox else "container", clean(container.state), _asked_by(container))
        for container in docker.containers
    )
    if docker.info is None:
        runs = Unreadable("docker containers", "Docker does not run or did not answer")
    signs = seen.signs(DOCKER)
    evidence = (DOCKER.asked, *signs.evidence)
    upstream = (DOCKERS_CONTAINERD if docker.child_containerd else CONTAINERD).name
    how = next((value for process in signs.processes if (value := process.value("--containerd"))), "its own child")
    links = ((Link(upstream, how),) if signs.processes else ()) + tuple(_docker_runtimes(docker))
    version, active, could = clean(docker.version), bool(signs.processes), KubernetesUse.COULD
    return Runtime(DOCKER.name, Role.ENGINE, version, evidence, could, active, signs.sockets, links, runs)


def _asked_by(container: Container) -> str | None:
    return "Kubernetes" if container.pod else SWARM.name if container.swarm_task else None


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
        containers = (container for container in docker.containers if container.swarm_task)
        tasks = tuple(Running(clean(container.name), "task", clean(container.state), None) for container in containers)
        evidence = (clean(f"docker info: Swarm is {docker.swarm}"),)
        links = (Link(DOCKER.name, "part of dockerd"),)
        yield Runtime(SWARM.name, Role.ORCHESTRATOR, clean(docker.version), evidence, KubernetesUse.NO, True, (), links, tasks)


def _podman(seen: Scene) -> Iterator[Runtime]:
    """Podman has no daemon: conmon stays beside each container, and containers/storage keeps all of root's, CRI-O's among them."""
    monitors = [monitor for monitor in seen.running(*PODMAN.monitors) if not is_crio(monitor)]
    signs = seen.signs(PODMAN)
    if not signs.version and not monitors:
        return
    live = {monitor.value("-c", "--cid") or str(monitor.pid): monitor for monitor in monitors}
    runs = [Running(name_in(monitor) or id_[:12], "container", "running") for id_, monitor in live.items()]
    kept = {id_: name for id_, name in seen.stored.items() if id_ not in live and not name.startswith("k8s_")}
    runs += [Running(name, "container", "stopped") for name in kept.values()]
    evidence = (*signs.evidence, *(f"process {monitor.pid} conmon" for monitor in monitors), *signs.sockets)
    programs = dict.fromkeys(oci_name(monitor.value("-r", "--runtime") or "") for monitor in monitors)
    links = tuple(Link(name, "conmon --runtime") for name in programs)
    stores = sorted({store for monitor in monitors if (store := _store(monitor))})
    notes = tuple(f"containers of another user, in {store}" for store in stores if store != STORAGE)
    yield Runtime(PODMAN.name, Role.ENGINE, signs.version, evidence, KubernetesUse.NO, None, signs.sockets, links, tuple(runs), notes)


def _store(monitor: Process) -> str:
    bundle = monitor.value("-b", "--bundle") or ""
    before, between, _ = bundle.partition("/storage/")
    return f"{before}/storage" if between and not before.startswith("/run") else ""


def _rkt(seen: Scene) -> Iterator[Runtime]:
    signs = seen.signs(RKT)
    kept = [(name, state) for state in ("run", "prepared", "exited-garbage") for name in seen.names(f"{RKT_PODS}/{state}/")]
    if not signs and not kept:
        return
    registered = {name.removeprefix("rkt-") for name in seen.machines if name.startswith("rkt-")}
    runs = tuple(Running(name, "pod", "running" if name in registered else "stopped") for name, _ in kept)
    evidence = (*signs.evidence, *([RKT_PODS] if kept else []))
    notes = (f"the project has ended: {RKT.ended}",)
    yield Runtime(RKT.name, Role.ENGINE, signs.version, evidence, _for_rkt(seen), None, (), (), runs, notes)


def _for_rkt(seen: Scene) -> KubernetesUse:
    """`--container-runtime=rkt` was in the kubelet up to 1.10."""
    flag = seen.kubelet.flag("container-runtime") if seen.kubelet else None
    return KubernetesUse.DIRECTLY if flag and flag.value == "rkt" else KubernetesUse.NO
