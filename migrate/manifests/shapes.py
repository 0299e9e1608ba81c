"""Pod specifications by their shape, in kinds that are not known and in files that name no kind (values of charts, patches).

A mapping with a list of containers is one. A mapping with a list of volumes, or with what only a container has, is part of one: custom
resources of agents and operators keep them so (AmazonCloudWatchAgent, OpenTelemetryCollector, FluentBit, Prometheus, ChaosExperiment).
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from yaml.nodes import MappingNode, Node, ScalarNode

from migrate.manifests.nodes import entry, get, items, pairs
from migrate.manifests.pod import mapping, named, sequence

MAX_SEARCHED = 50_000
_OF_CONTAINERS = ("image", "command", "args", "env", "volumeMounts", "securityContext", "lifecycle", "livenessProbe", "readinessProbe")
_OF_PODS = ("hostPID", "hostIPC", "hostNetwork", "runtimeClassName", "initContainers")


@dataclass(frozen=True, slots=True)
class Shape:
    """A pod template that was found: `read` are the nodes that it takes, `part` tells that it is put together of parts of one."""

    template: Node
    read: tuple[Node, ...]
    part: bool = False


def shapes(node: Node, whole: Set[int] = frozenset(), fields: Set[int] = frozenset()) -> Iterator[Shape]:
    """Every pod specification below a node, but for those that were read: ids of `whole` trees, and of mappings that have read `fields`."""
    left, waiting, seen = MAX_SEARCHED, [node], {id(node), *whole}
    while waiting and left:
        left -= 1
        current = waiting.pop()
        if isinstance(current, MappingNode):
            entries = pairs(current)
            if id(current) in fields:
                following = [value for _, value in reversed(entries.values()) if id(value) not in seen]
                waiting += following
                seen.update(map(id, following))
                continue
            spec = entries.get("spec", (None, None))[1]
            if spec is not None and id(spec) not in seen and id(spec) not in fields and holds_containers(spec):
                yield Shape(current, (spec,))
                seen.add(id(spec))
            elif holds_containers(current):
                yield Shape(mapping(current, spec=current), (current,))
                continue
            elif (found := _part(current, entries)) is not None:
                yield found
                seen.update(map(id, found.read))
            following = [value for key, (_, value) in reversed(entries.items()) if id(value) not in seen]
        else:
            following = [value for value in reversed(items(current)) if id(value) not in seen]
        waiting += following
        seen.update(map(id, following))


def holds_containers(node: Node | None) -> bool:
    """Whether a mapping has a list of containers."""
    found = items(get(node, "containers"))
    return bool(found) and any(entry(container, "image")[1] is not None or entry(container, "name")[1] is not None for container in found)


def _part(current: MappingNode, entries: dict[str, tuple[Node, Node]]) -> Shape | None:
    lists = [value for name, (_, value) in entries.items() if name.lower().endswith("volumes") and any(map(_is_volume, items(value)))]
    volumes = [volume for one in lists for volume in items(one)]
    alone = _is_volume(current)
    own = [entries[name][1] for name in _OF_CONTAINERS if name in entries]
    more = [
        value for name, (_, value) in entries.items() if name.lower().endswith("volumemounts") and name != "volumeMounts" and items(value)
    ]
    image = isinstance(entries.get("image", (None, None))[1], ScalarNode)
    container = bool(volumes or more) or "volumeMounts" in entries or (image and len(own) > 1)
    if not volumes and not alone and not container:
        return None
    made = mapping(
        current,
        containers=sequence(current, [_container(current, more)]) if (own or more) and container else None,
        volumes=sequence(current, [current] if alone else volumes),
        **{name: get(current, name) for name in _OF_PODS},
    )
    return Shape(mapping(current, spec=made), (current,) if alone else (*lists, *own, *more), part=True)


def _container(current: MappingNode, more: list[Node]) -> Node:
    """The container that a mapping has the fields of; `more` are lists of mounts beside its own (`extraVolumeMounts`)."""
    if not more:
        return named(current, "main")
    fields = {name: get(current, name) for name in _OF_CONTAINERS}
    mounts = [mount for one in (fields["volumeMounts"], *more) for mount in items(one)]
    return named(mapping(current, **{**fields, "volumeMounts": sequence(current, mounts)}), "main")


def _is_volume(node: Node) -> bool:
    path = get(node, "hostPath", "path")
    return isinstance(path, ScalarNode) and get(node, "mountPath") is None
