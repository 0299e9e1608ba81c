"""Every runtime of a machine, of one capture: `runtimes`. Nothing is asked that could start a daemon; files and processes tell."""

from __future__ import annotations

from dataclasses import replace

from migrate.facts.model import Containerd, Crio, Docker, Endpoint, Kubelet
from migrate.facts.parse.bounded import MOST
from migrate.facts.parse.reading import Reading
from migrate.facts.parse.runtimes import cri, engines, low_level, machines, system
from migrate.facts.parse.runtimes.scene import Scene, scene
from migrate.facts.runtime_table import CONTAINERD, DOCKERSHIM
from migrate.facts.runtimes import KubernetesUse, Role, Runtime
from migrate.facts.values import Unreadable


def runtimes(
    reading: Reading,
    kubelet: Kubelet | Unreadable | None,
    endpoint: Endpoint,
    docker: Docker | Unreadable | None,
    containerd: Containerd | Unreadable | None,
    crio: Crio | None,
) -> tuple[Runtime, ...]:
    """Every runtime found, those that speak CRI first, with what Kubernetes makes of each."""
    seen = scene(
        reading,
        endpoint,
        kubelet if isinstance(kubelet, Kubelet) else None,
        docker if isinstance(docker, Docker) else None,
        containerd if isinstance(containerd, Containerd) else None,
        crio,
    )
    families = (cri.found, engines.found, system.found, machines.found)
    above = tuple(runtime for family in families for runtime in family(seen))
    found = (*above, *low_level.found(seen, above))
    order = list(Role)
    return tuple(
        sorted((_bounded(_used(runtime, found, seen)) for runtime in found), key=lambda found: (order.index(found.role), found.name))
    )


def _used(runtime: Runtime, found: tuple[Runtime, ...], seen: Scene) -> Runtime:
    with_pods = {other.name for other in found if any(run.owner == "Kubernetes" for run in other.live)}
    direct = _direct(found, seen) or {other.name for other in found if other.role is Role.CRI and other.name in with_pods}
    if runtime.name in direct:
        return replace(runtime, kubernetes=KubernetesUse.DIRECTLY)
    below = _below(direct, with_pods, {other.name: other for other in found})
    return replace(runtime, kubernetes=KubernetesUse.BELOW) if runtime.name in below else runtime


def _direct(found: tuple[Runtime, ...], seen: Scene) -> set[str]:
    """Whom the kubelet speaks to: who serves its socket (k3s, frakti and LXE have sockets of their own), else what its endpoint is."""
    path = seen.endpoint.socket.removeprefix("unix://").replace("/var/run/", "/run/", 1)
    serving = set() if seen.endpoint.kind == DOCKERSHIM.name else {runtime.name for runtime in found if path and path in runtime.sockets}
    return serving or {runtime.name for runtime in found if runtime.name == seen.endpoint.kind}


def _below(direct: set[str], with_pods: set[str], found: dict[str, Runtime]) -> set[str]:
    """What is reached by default links, and what runs pods now whatever the default is.

    Docker tells containerd which OCI runtime to start: containerd's own setting is for CRI.
    """
    reached = set(with_pods)
    todo = [(name, name in direct) for name in direct | with_pods]
    while todo:
        name, by_kubelet = todo.pop()
        runtime = found.get(name)
        if runtime is None or (name.startswith(CONTAINERD.name) and not by_kubelet):
            continue
        for link in runtime.links:
            if link.default and link.to not in reached:
                reached.add(link.to)
                todo.append((link.to, False))
    return reached - direct


def _bounded(runtime: Runtime) -> Runtime:
    if isinstance(runtime.runs, Unreadable) or len(runtime.runs) <= MOST:
        return runtime
    live = sorted(runtime.runs, key=lambda running: not running.live)
    return replace(runtime, runs=tuple(live[:MOST]), notes=(*runtime.notes, f"{len(live) - MOST} more are not listed"))
