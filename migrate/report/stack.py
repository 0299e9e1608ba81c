"""Who talks to whom on one node, from the kubelet down to the containers: now, and after the migration.

Sources: docs/design/containerd-config.md; moby (dockerd speaks to the system's containerd, or to a child of its own); Kubernetes v1.23
(dockershim is a part of the kubelet); cri-o (conmon holds each container).
"""

from __future__ import annotations

from migrate.facts.model import Containerd, Docker, Kubelet, NodeFacts
from migrate.facts.runtime_table import CONTAINERD, CRI_DOCKERD, DOCKER, DOCKERS_CONTAINERD, DOCKERSHIM, RUNC
from migrate.report.model import Layer, Mark
from migrate.targets import Target
from migrate.targets.table import TARGETS

SHIMS = {target.runtime: target.shim for target in TARGETS}

Layers = tuple[Layer, ...]


def stack(facts: NodeFacts, target: Target) -> tuple[Layers, Layers]:
    """The layers now and after, topmost first. A layer of `before` is kept or removed; one of `after` is kept, new, or changed."""
    before, target = _before(facts), target.on(facts)
    if facts.endpoint.kind in SHIMS:
        return before, before
    if facts.endpoint.kind == "unknown":
        return before, _after(facts, target, {})
    names = {layer.name: layer for layer in before}
    after = _after(facts, target, names)
    staying = {layer.name for layer in after}
    return tuple(_marked(layer, "kept" if layer.name in staying else "removed") for layer in before), after


def _before(facts: NodeFacts) -> Layers:
    socket = facts.endpoint.socket
    kubelet = Layer(name="kubelet", version=_kubelet(facts))
    kind = facts.endpoint.kind
    if kind == DOCKERSHIM.name:
        shim = Layer(name=kind, link=f"CRI, {socket}", note="a part of the kubelet")
        return (kubelet, shim, *_docker(facts), *_runc(facts))
    if kind == CRI_DOCKERD.name:
        shim = Layer(name=kind, link=f"CRI, {socket}", version=facts.version_of(kind))
        return (kubelet, shim, *_docker(facts), *_runc(facts))
    if kind in SHIMS:
        return (kubelet, Layer(name=kind, version=_version(facts, kind), link=f"CRI, {socket}"), *_shim(kind), *_runc(facts))
    return (kubelet, Layer(name="unknown runtime", link=f"CRI, {socket}" if socket else "", note=facts.endpoint.evidence))


def _docker(facts: NodeFacts) -> Layers:
    docker = facts.docker if isinstance(facts.docker, Docker) else None
    child = docker is not None and docker.child_containerd is True
    (socket,) = (DOCKERS_CONTAINERD if child else CONTAINERD).sockets
    name = CONTAINERD.name
    whose = "a child of dockerd" if child else "the system's"
    return (
        Layer(name=DOCKER.programs[0], version=docker.version if docker else "", link="Docker API, unix:///var/run/docker.sock"),
        Layer(
            name=CONTAINERD.name, version=_version(facts, CONTAINERD.name), link=f"gRPC, unix://{socket}", note=f"{whose}, namespace moby"
        ),
        *_shim(name),
    )


def _after(facts: NodeFacts, target: Target, before: dict[str, Layer]) -> Layers:
    version = target.installed(facts) or ""
    mark: Mark = "changed" if target.runtime in before else "new"
    runtime = Layer(
        name=target.runtime,
        version=version,
        link=f"CRI, {target.endpoint}",
        mark=mark,
        note=target.layer or ("" if version else "to be installed"),
    )
    shims = tuple(_marked(layer, "kept" if layer.name in before else "new") for layer in _layer(target.shim))
    kubelet = Layer(name="kubelet", version=_kubelet(facts), mark="changed", note="another endpoint")
    return (kubelet, runtime, *shims, *(_marked(layer, "kept") for layer in _runc(facts)))


def _shim(runtime: str) -> Layers:
    return _layer(SHIMS[runtime])


def _layer(shim: tuple[str, str]) -> Layers:
    name, link = shim
    return (Layer(name=name, link=link),)


def _runc(facts: NodeFacts) -> Layers:
    docker = facts.docker if isinstance(facts.docker, Docker) else None
    name = str((docker.info or {}).get("DefaultRuntime") or RUNC.name) if docker else RUNC.name
    return Layer(name=name, version=_version(facts, name), link="runs the program"), Layer(name="containers", link="starts them")


def _version(facts: NodeFacts, name: str) -> str:
    if name == CONTAINERD.name and isinstance(facts.containerd, Containerd):
        return facts.containerd.version
    return facts.version_of(name)


def _kubelet(facts: NodeFacts) -> str:
    return facts.kubelet.version if isinstance(facts.kubelet, Kubelet) else ""


def _marked(layer: Layer, mark: Mark) -> Layer:
    return Layer(name=layer.name, version=layer.version, link=layer.link, mark=mark, note=layer.note)
