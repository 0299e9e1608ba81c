"""Where each kind of object keeps its pod template, and what other kinds say about Docker."""

from __future__ import annotations

from collections.abc import Iterator

from yaml.nodes import MappingNode, Node, SequenceNode

from migrate.facts.values import Pointer, Title
from migrate.manifests.config_map import config_map
from migrate.manifests.model import Item, Kind, Problem, Trouble, Use
from migrate.manifests.nodes import entry, get, items, pairs, text
from migrate.manifests.pod import mapping, named, sequence, template
from migrate.manifests.shell import DATA, SOCKET, block_uses
from migrate.manifests.text import Text

# The way to the mapping that holds `metadata` and `spec` of the pods. Any other kind is searched for lists of containers.
TEMPLATES: dict[str, Pointer] = {
    "Pod": (),
    "PodTemplate": ("template",),
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController"), ("spec", "template")),
    **dict.fromkeys(("Rollout", "CloneSet", "Service", "Configuration", "AdvancedStatefulSet"), ("spec", "template")),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
# Kinds without pods; a definition's schema names containers and is none
EMPTY = frozenset(
    (
        *("CustomResourceDefinition", "Secret", "Namespace", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding", "ServiceAccount"),
        *(
            "Ingress",
            "NetworkPolicy",
            "PodDisruptionBudget",
            "HorizontalPodAutoscaler",
            "StorageClass",
            "PersistentVolumeClaim",
            "Endpoints",
        ),
    )
)
WORKFLOWS = {
    "Workflow": ("spec",),
    "WorkflowTemplate": ("spec",),
    "ClusterWorkflowTemplate": ("spec",),
    "CronWorkflow": ("spec", "workflowSpec"),
}
TASKS: dict[str, tuple[str, ...]] = {"Task": ("spec",), "ClusterTask": ("spec",), "TaskRun": ("spec", "taskSpec")}
PIPELINES: dict[str, tuple[str, ...]] = {"Pipeline": ("spec", "tasks"), "PipelineRun": ("spec", "pipelineSpec", "tasks")}
MAX_LISTS = 3
MAX_SEARCHED = 50_000


def document(node: Node, source: Text, depth: int = 0) -> Iterator[Item]:
    """Everything in one object, or in each object of a List; nothing for what is no Kubernetes object."""
    kind, version = text(get(node, "kind")), text(get(node, "apiVersion"))
    if not kind:
        return
    if kind.endswith("List") and isinstance(get(node, "items"), SequenceNode):
        if depth >= MAX_LISTS:
            why = f"Lists inside of Lists, more than {MAX_LISTS} deep"
            yield Problem(Trouble.BROKEN, kind, why, source.place(node.start_mark.index))
            return
        for item in items(get(node, "items")):
            yield from document(item, source, depth + 1)
        return
    name = text(get(node, "metadata", "name")) or text(get(node, "metadata", "generateName"))
    title = (text(get(node, "metadata", "namespace")), kind, name or "(no name)")
    yield from _object(node, title, version, source)


def _object(node: Node, title: Title, version: str, source: Text) -> Iterator[Item]:
    kind = title[1]
    if kind == "ConfigMap":
        yield from config_map(node, title, source)
    elif kind == "PersistentVolume":
        yield from _volume(node, title, source)
    elif version.startswith("argoproj.io/") and kind in WORKFLOWS:
        yield from _workflow(get(node, *WORKFLOWS[kind]), node, title, source)
    elif version.startswith("tekton.dev/") and kind in (*TASKS, *PIPELINES):
        pipeline = [get(task, "taskSpec") for task in items(get(node, *PIPELINES.get(kind, ())))] if kind in PIPELINES else []
        for task in pipeline or [get(node, *TASKS.get(kind, ()))]:
            yield from _task(task, node, title, source)
    elif kind in TEMPLATES:
        found = get(node, *map(str, TEMPLATES[kind]))
        if found is not None:
            yield from template(found, title, source.place(node.start_mark.index), source, _replicas(node))
        elif kind not in ("Service", "Configuration"):
            way = ".".join(map(str, TEMPLATES[kind]))
            yield Problem(Trouble.MISFIT, _said(title), f"{way} is missing: it has no pod template", source.place(node.start_mark.index))
    elif kind not in EMPTY:
        for found in _searched(node):
            yield from template(found, title, source.place(node.start_mark.index), source)


def _said(title: Title) -> str:
    namespace, kind, name = title
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _replicas(node: Node) -> int | None:
    wanted = text(get(node, "spec", "replicas"))
    return int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 10 else None


def _searched(node: Node) -> Iterator[Node]:
    """The pod templates of a kind that is not known: every mapping with a list of containers, with the template around it."""
    left, waiting, seen = MAX_SEARCHED, [node], {id(node)}
    while waiting and left:
        left -= 1
        current = waiting.pop()
        if isinstance(current, MappingNode):
            entries = pairs(current)
            spec = entries.get("spec", (None, None))[1]
            if _holds_containers(spec):
                yield current
                seen.add(id(spec))
            elif _holds_containers(current):
                yield mapping(current, spec=current)
            following = [value for key, (_, value) in reversed(entries.items()) if id(value) not in seen]
        else:
            following = [value for value in reversed(items(current)) if id(value) not in seen]
        waiting += following
        seen.update(map(id, following))


def _holds_containers(node: Node | None) -> bool:
    found = items(get(node, "containers"))
    return bool(found) and any(entry(container, "image")[1] is not None or entry(container, "name")[1] is not None for container in found)


def _workflow(spec: Node | None, node: Node, title: Title, source: Text) -> Iterator[Item]:
    """Argo: the containers of all templates as those of one pod."""
    containers: list[Node] = []
    volumes = items(get(spec, "volumes"))
    for stage in items(get(spec, "templates")):
        name = text(get(stage, "name"))
        alone = [found for key in ("container", "script") if (found := get(stage, key)) is not None]
        more = [item for way in (("containerSet", "containers"), ("initContainers",), ("sidecars",)) for item in items(get(stage, *way))]
        containers += [named(found, name or "main") for found in (*alone, *more)]
        volumes += items(get(stage, "volumes"))
        yield from block_uses(get(stage, "script", "source"), _said(title), source)
    yield from _made(spec, containers, volumes, node, title, source)


def _task(spec: Node | None, node: Node, title: Title, source: Text) -> Iterator[Item]:
    """Tekton: the steps of a task as containers of one pod."""
    steps = items(get(spec, "steps"))
    containers = [named(step, f"step {number}") for number, step in enumerate((*steps, *items(get(spec, "sidecars"))), 1)]
    if (shared := get(spec, "stepTemplate")) is not None:
        containers.append(named(shared, "stepTemplate"))
    for step in steps:
        yield from block_uses(get(step, "script"), _said(title), source)
    yield from _made(spec, containers, items(get(spec, "volumes")), node, title, source)


def _made(spec: Node | None, containers: list[Node], volumes: list[Node], node: Node, title: Title, source: Text) -> Iterator[Item]:
    if spec is None or not containers:
        return
    security = get(spec, "podTemplate") or spec
    made = mapping(
        spec,
        containers=sequence(spec, containers),
        volumes=sequence(spec, volumes),
        hostPID=get(security, "hostPID"),
        hostIPC=get(security, "hostIPC"),
        hostNetwork=get(security, "hostNetwork"),
        runtimeClassName=get(security, "runtimeClassName"),
    )
    yield from template(mapping(spec, spec=made), title, source.place(node.start_mark.index), source)


def _volume(node: Node, title: Title, source: Text) -> Iterator[Item]:
    for way in (("spec", "hostPath", "path"), ("spec", "local", "path")):
        found = get(node, *way)
        path = text(found)
        kind = Kind.SOCKET if SOCKET.search(path) else Kind.DATA if DATA.search(path) else None
        if found is not None and kind:
            yield Use(kind, _said(title), f"{way[1]} {path}", source.place(found.start_mark.index))
