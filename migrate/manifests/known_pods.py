"""The pod templates of a kind of the table (known.py), put together from where its ways lead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.facts.values import Title
from migrate.manifests.known import KnownKind, along
from migrate.manifests.model import Item, Template
from migrate.manifests.nodes import get, items, pairs, text
from migrate.manifests.pod import mapping, named, sequence, template
from migrate.manifests.shell import block_uses
from migrate.manifests.text import Text

_LISTS = ("command", "args", "env", "envFrom", "volumeMounts", "ports")
_MAPPINGS = ("securityContext", "lifecycle", "livenessProbe", "readinessProbe")
_HOST = ("hostPID", "hostIPC", "hostNetwork", "runtimeClassName")
_NODE_PATHS = ("hostPath", "nodePath")


@dataclass(frozen=True, slots=True)
class Consumed:
    """The nodes of an object that were read, by id: `whole` with all below them, `fields` without what else stands in them."""

    whole: set[int] = field(default_factory=set)
    fields: set[int] = field(default_factory=set)

    def take(self, *nodes: Node | None) -> None:
        """Takes nodes with all below them."""
        self.whole.update(id(node) for node in nodes if node is not None)


def pods(kind: KnownKind, node: Node, title: Title, source: Text, read: Consumed, replicas: int | None) -> Iterator[Item]:
    """The pod templates of an object, after the problems of those that are whole; what they are made of is put into `read`."""
    place = source.place(node.start_mark.index)
    for way in kind.templates:
        for found in along(node, way):
            read.take(get(found, "spec"))
            read.fields.add(id(found))
            yield from template(found, title, place, source, replicas)
    for way in kind.specs:
        for found in along(node, way):
            read.take(found)
            yield from template(mapping(found, spec=found), title, place, source)
    made = [_agent(found, dict(kind.names), read) for way in kind.agents for found in along(node, way)]
    made += [_mounted(found, read) for way in kind.mounts for found in along(node, way)]
    for spec in made:
        if spec is not None:
            yield from (one for one in template(mapping(spec, spec=spec), title, place, source) if isinstance(one, Template))
    for way in kind.workflows:
        for found in along(node, way):
            read.take(get(found, "templates"), get(found, "templateDefaults"), get(found, "volumes"))
            read.fields.add(id(found))
            yield from _workflow(found, node, title, source)
    for way in kind.tasks:
        for found in along(node, way):
            read.take(get(found, "steps"), get(found, "sidecars"), get(found, "stepTemplate"), get(found, "volumes"))
            read.fields.add(id(found))
            yield from _task(found, node, title, source)


def _agent(found: Node, names: dict[str, str], read: Consumed) -> MappingNode | None:
    """A pod specification of what keeps the fields of a pod and of its container side by side."""
    if not isinstance(found, MappingNode):
        return None
    own: dict[str, Node | None] = {"image": _scalar(_field(found, "image", names))}
    own |= {name: _of(SequenceNode, _field(found, name, names)) for name in _LISTS}
    own |= {name: _of(MappingNode, _field(found, name, names)) for name in _MAPPINGS}
    beside = [*items(get(found, "containers")), *items(get(found, "additionalContainers"))]
    volumes, initial = get(found, "volumes"), get(found, "initContainers")
    if not any((*own.values(), *beside, volumes, initial)):
        return None
    read.fields.add(id(found))
    read.take(*(one for one in own.values() if one is not found), *beside, volumes, initial)
    container = named(mapping(found, **own), "main")
    return mapping(
        found,
        containers=sequence(found, [container, *beside]),
        initContainers=initial,
        volumes=volumes,
        **{name: get(found, name) for name in _HOST},
    )


def _field(found: Node, name: str, names: dict[str, str]) -> Node | None:
    """A field of the container under its name in this kind: `.` is the mapping itself, no name says that it has none."""
    way = names.get(name, name)
    if way == ".":
        return get(found, name) or (found if get(found, "privileged") is not None else None)
    return (next(along(found, way), None) or get(found, name)) if way else None


def _mounted(found: Node, read: Consumed) -> MappingNode | None:
    """A pod specification of a list whose items are a host path and its mount: kubeadm's extraVolumes, Litmus' hostFileVolumes."""
    volumes: list[Node] = []
    mounts: list[Node] = []
    for number, item in enumerate(items(found)):
        for name, (key, path) in pairs(item).items():
            if name in _NODE_PATHS and isinstance(path, ScalarNode):
                host = mapping(key, path=path, type=get(item, "pathType") or get(item, "type"))
                given = text(get(item, "name")) or f"volume-{number}"
                volumes.append(named(mapping(key, hostPath=host), given))
                mounts.append(named(mapping(key, mountPath=get(item, "mountPath"), readOnly=get(item, "readOnly")), given))
    if not volumes:
        return None
    read.take(found)
    container = named(mapping(found, volumeMounts=sequence(found, mounts)), "main")
    return mapping(found, containers=sequence(found, [container]), volumes=sequence(found, volumes))


def _scalar(node: Node | None) -> Node | None:
    return _of(ScalarNode, node)


def _of(shape: type[Node], node: Node | None) -> Node | None:
    return node if isinstance(node, shape) else None


def _workflow(spec: Node, node: Node, title: Title, source: Text) -> Iterator[Item]:
    """Argo: the containers of all templates as those of one pod; a step and a task of a DAG may hold a template of their own."""
    containers: list[Node] = []
    volumes = items(get(spec, "volumes"))
    waiting = [*items(get(spec, "templates")), *along(spec, "templateDefaults")]
    while waiting:
        stage = waiting.pop(0)
        waiting += [*along(stage, "dag.tasks[].inline"), *_inline(stage)]
        name = text(get(stage, "name"))
        alone = [found for key in ("container", "script") if (found := get(stage, key)) is not None]
        more = [item for way in (("containerSet", "containers"), ("initContainers",), ("sidecars",)) for item in items(get(stage, *way))]
        containers += [named(found, name or "main") for found in (*alone, *more)]
        volumes += items(get(stage, "volumes"))
        yield from block_uses(get(stage, "script", "source"), said(title), source)
    yield from _made(spec, containers, volumes, node, title, source)


def _inline(stage: Node) -> Iterator[Node]:
    for group in items(get(stage, "steps")):
        for step in items(group):
            yield from along(step, "inline")


def _task(spec: Node, node: Node, title: Title, source: Text) -> Iterator[Item]:
    """Tekton: the steps of a task as containers of one pod."""
    steps = items(get(spec, "steps"))
    containers = [named(step, f"step {number}") for number, step in enumerate((*steps, *items(get(spec, "sidecars"))), 1)]
    if (shared := get(spec, "stepTemplate")) is not None:
        containers.append(named(shared, "stepTemplate"))
    for step in steps:
        yield from block_uses(get(step, "script"), said(title), source)
    yield from _made(spec, containers, items(get(spec, "volumes")), node, title, source)


def _made(spec: Node, containers: list[Node], volumes: list[Node], node: Node, title: Title, source: Text) -> Iterator[Item]:
    if not containers:
        return
    security = get(spec, "podTemplate") or spec
    made = mapping(
        spec,
        containers=sequence(spec, containers),
        volumes=sequence(spec, volumes),
        **{name: get(security, name) for name in _HOST},
    )
    yield from template(mapping(spec, spec=made), title, source.place(node.start_mark.index), source)


def said(title: Title) -> str:
    """An object as findings name it."""
    namespace, kind, name = title
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
