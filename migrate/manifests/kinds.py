"""Where each kind of object keeps its pod template, and what other kinds say about Docker."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from yaml.nodes import MappingNode, Node, SequenceNode

from migrate.facts.docker_names import DATA, SOCKET
from migrate.facts.values import Pointer, Title
from migrate.manifests.config_text import config_map, config_tree, config_values
from migrate.manifests.embedded import embedded
from migrate.manifests.known import PATCHED, KnownKind, along, known
from migrate.manifests.known_pods import Consumed, pods, said
from migrate.manifests.model import Item, Kind, Problem, Template, Trouble, Use
from migrate.manifests.nodes import get, items, text
from migrate.manifests.pod import template
from migrate.manifests.shapes import shapes
from migrate.manifests.shell import block_uses
from migrate.manifests.text import Text

# Kubernetes' own kinds: the way to the mapping that holds `metadata` and `spec` of the pods. Other projects' are in known.py.
TEMPLATES: dict[str, Pointer] = {
    "Pod": (),
    "PodTemplate": ("template",),
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"), ("spec", "template")),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
# Kinds without pods; a definition's schema names containers and is none
EMPTY = frozenset(
    (
        *(
            "CustomResourceDefinition",
            "Secret",
            "Namespace",
            "Service",
            "Role",
            "ClusterRole",
            "RoleBinding",
            "ClusterRoleBinding",
            "ServiceAccount",
        ),
        *(
            "Ingress",
            "NetworkPolicy",
            "PodDisruptionBudget",
            "HorizontalPodAutoscaler",
            "StorageClass",
            "PersistentVolumeClaim",
            "Endpoints",
            "PodSecurityPolicy",
            "SecurityContextConstraints",
        ),
    )
)
# Groups of policies, whose objects name what they forbid or watch for
_POLICIES = re.compile(
    r"(?:templates|constraints)\.gatekeeper\.sh|(?:policies\.)?kyverno\.io|policies\.kubewarden\.io|security\.kubearmor\.com"
    r"|admissionregistration\.k8s\.io|wgpolicyk8s\.io|aquasecurity\.github\.io"
)
# Of scripts in values; their calls are told with the other values
_OF_NODES = frozenset({Kind.UNIT, Kind.IMAGE, Kind.DAEMON})
MAX_LISTS = 3


def is_object(node: Node) -> bool:
    """Whether a document is one of the API: it names its version and kind."""
    return bool(text(get(node, "kind")) and text(get(node, "apiVersion")))


def document(node: Node, source: Text, depth: int = 0) -> Iterator[Item]:
    """Everything in one object, or in each object of a List; of what is no Kubernetes object what its shape says."""
    kind, version = text(get(node, "kind")), text(get(node, "apiVersion"))
    if not kind:
        yield from part(node, source)
        return
    if kind.endswith("List") and isinstance(get(node, "items"), SequenceNode):
        if depth >= MAX_LISTS:
            why = f"Lists inside of Lists, more than {MAX_LISTS} deep"
            yield Problem(Trouble.BROKEN, kind, why, source.place(node.start_mark.index))
            return
        for item in items(get(node, "items")):
            yield from document(item, source, depth + 1)
        return
    if text(get(node, "$patch")) == "delete":  # of kustomize: it names what goes
        return
    name = text(get(node, "metadata", "name")) or text(get(node, "metadata", "generateName"))
    title = (text(get(node, "metadata", "namespace")), kind, name or "(no name)")
    yield from _object(node, title, version, source, depth)


def item(node: Node, source: Text) -> Iterator[Item]:
    """What one item of a List says that was cut out of it; in YAML its dash is with it."""
    for found in items(node) if isinstance(node, SequenceNode) else [node]:
        yield from document(found, source, 1)


def part(node: Node, source: Text) -> Iterator[Item]:
    """What the shape of a tree says that is no object by itself: values of a chart, a patch, a named template."""
    title, read = ("", "file", posixpath.basename(source.path)), Consumed()
    yield from _embedded(PATCHED, node, title, source, read)
    yield from _by_shape(node, title, source, read, part=True)


def _embedded(kind: KnownKind, node: Node, title: Title, source: Text, read: Consumed) -> Iterator[Item]:
    """What values of charts and patches say that are in an object, as a tree or as a text."""
    for found in (found for way in kind.values for found in along(node, way)):
        if (values := embedded(found, source)) is not None:
            read.take(found)
            yield from _by_shape(values, title, source, part=True)


def _object(node: Node, title: Title, version: str, source: Text, depth: int) -> Iterator[Item]:
    kind = title[1]
    if kind == "ConfigMap":
        yield from config_map(node, title, source)
    elif kind == "PersistentVolume":
        yield from _volume(node, title, source)
    elif (entry := known(version, kind)) is not None:
        yield from _known(entry, node, title, source, depth)
    elif kind in TEMPLATES:
        found = get(node, *map(str, TEMPLATES[kind]))
        if found is not None:
            yield from template(found, title, source.place(node.start_mark.index), source, _replicas(node))
        else:
            way = ".".join(map(str, TEMPLATES[kind]))
            yield Problem(Trouble.MISFIT, said(title), f"{way} is missing: it has no pod template", source.place(node.start_mark.index))
    elif kind not in EMPTY and not _POLICIES.fullmatch(version.partition("/")[0]):
        yield from _by_shape(node, title, source)


def _known(kind: KnownKind, node: Node, title: Title, source: Text, depth: int) -> Iterator[Item]:
    """What a kind of the table says where its ways lead, and then what the shape of the rest says."""
    read = Consumed()
    yield from pods(kind, node, title, source, read, _replicas(node))
    for found in (one for way in kind.objects for one in along(node, way)):
        if depth < MAX_LISTS:
            read.take(found)
            yield from document(found, source, depth + 1)
    yield from _embedded(kind, node, title, source, read)
    for found in (found for way in kind.scripts for found in along(node, way)):
        yield from (use for use in block_uses(found, said(title), source) if use.kind in _OF_NODES)
    for way in kind.configs:
        for found in along(node, way):
            if isinstance(found, MappingNode):
                yield from config_tree(found, way, title, source, read.whole)
    yield from _by_shape(node, title, source, read)


def _by_shape(node: Node, title: Title, source: Text, read: Consumed | None = None, *, part: bool = False) -> Iterator[Item]:
    """The pod templates of a kind that is not known, and what its other values say."""
    read = read or Consumed()
    passed = set(read.whole)
    for found in shapes(node, read.whole, read.fields):
        passed.update(map(id, found.read))
        place = source.place(node.start_mark.index)
        for item in template(found.template, title, place, source):
            if isinstance(item, Template):
                yield replace(item, part=part)
            elif not found.part and not part:
                yield item
    yield from config_values(node, title, source, passed)


def _replicas(node: Node) -> int | None:
    wanted = text(get(node, "spec", "replicas"))
    return int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 10 else None


def _volume(node: Node, title: Title, source: Text) -> Iterator[Item]:
    for way in (("spec", "hostPath", "path"), ("spec", "local", "path")):
        found = get(node, *way)
        path = text(found)
        kind = Kind.SOCKET if SOCKET.search(path) else Kind.DATA if DATA.search(path) else None
        if found is not None and kind:
            yield Use(kind, said(title), f"{way[1]} {path}", source.place(found.start_mark.index))
