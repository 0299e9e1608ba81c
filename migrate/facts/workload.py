"""What makes pods: a controller with its pod template, a bare pod, a document in a file. Pods are rolled up to their topmost owner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from migrate.facts.cluster import ClusterFacts, Owner
from migrate.facts.owners import Owners
from migrate.facts.pod import Pod, PodContainer, PodSpec
from migrate.facts.values import Place, Title
from migrate.facts.values import Pointer as Pointer

CONFIG_MAP = "ConfigMap"
"""The kind under which a ConfigMap that no workload uses is judged: it has no pods, only lines."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One workload and one form of its pods.

    `spec`, `labels` and `annotations` are those of its pods. `replicas` is how many are wanted, None where the kind has no such
    number. `pods` and `nodes` are the names of what lives now, in order. `configures` tells a
    configuration, which has lines and no pods. `place` is where a document was read, None for what the API told.
    """

    kind: str
    namespace: str
    name: str
    spec: PodSpec
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    replicas: int | None = None
    pods: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    place: Place | None = None
    configures: bool = False

    @property
    def containers(self) -> tuple[tuple[Pointer, PodContainer], ...]:
        """Init, ordinary and ephemeral containers, each with the way to it from the pod template."""
        spec = self.spec
        groups = (
            ("initContainers", spec.init_containers),
            ("containers", spec.containers),
            ("ephemeralContainers", spec.ephemeral_containers),
        )
        return tuple((("spec", key, index), container) for key, group in groups if group for index, container in enumerate(group))

    @property
    def config_maps(self) -> frozenset[str]:
        """The names of the ConfigMaps that its pods mount or take variables from."""
        named = [volume.config_map for volume in self.spec.volumes or ()]
        named += [source.config_map for volume in self.spec.volumes or () if volume.projected for source in volume.projected.sources or ()]
        for container in self.spec.all_containers:
            named += [source.config_map_ref for source in container.env_from or ()]
            named += [entry.value_from.config_map_key_ref for entry in container.env or () if entry.value_from]
        return frozenset(reference.name for reference in named if reference)

    @property
    def title(self) -> str:
        """`Kind namespace/name`; without the namespace where a document names none."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def pod_workload(pod: Pod, title: Title | None = None) -> Workload:
    """One pod as a workload, under its own name or its owner's."""
    meta = pod.metadata
    namespace, kind, name = title or (meta.namespace, "Pod", meta.name)
    nodes = (pod.spec.node_name,) if pod.spec.node_name else ()
    return Workload(kind, namespace, name, pod.spec, meta.labels or {}, meta.annotations or {}, None, (meta.name,), nodes)


def workloads(cluster: ClusterFacts) -> tuple[Workload, ...]:
    """Every workload of a cluster in namespace, kind, name order, those with nothing running now too.

    A workload's form is that of a live pod (admission may have changed it), one for each revision that lives; its template where none
    lives. An owner of a kind that is not listed (a Rollout, a custom resource) is known by its pods and ReplicaSets.
    """
    owners = cluster.ownership
    revisions: dict[tuple[Title, str], list[Pod]] = {}
    for pod in cluster.pods:
        if not pod.finished:
            revisions.setdefault((_top(owners, pod), _revision(pod)), []).append(pod)
    found = [_living(title, pods, _replicas(owners, title)) for (title, _), pods in revisions.items()]
    living = {title for title, _ in revisions}
    idle = {title: owner for owner in cluster.owners if owner.template and (title := _top(owners, owner)) not in living}
    found += [_idle(title, owner, _replicas(owners, title)) for title, owner in idle.items()]
    return tuple(sorted(found, key=lambda workload: (workload.namespace, workload.kind, workload.name)))


def _revision(pod: Pod) -> str:
    labels = pod.metadata.labels or {}
    return labels.get("pod-template-hash") or labels.get("controller-revision-hash") or ""


def _living(title: Title, pods: list[Pod], replicas: int | None) -> Workload:
    names = tuple(sorted(pod.metadata.name for pod in pods))
    nodes = tuple(sorted({pod.spec.node_name for pod in pods} - {""}))
    return replace(pod_workload(pods[0], title), replicas=replicas, pods=names, nodes=nodes)


def _idle(title: Title, owner: Owner, replicas: int | None) -> Workload:
    template = owner.template
    assert template is not None
    meta = template.metadata
    namespace, kind, name = title
    return Workload(kind, namespace, name, template.spec, meta.labels or {}, meta.annotations or {}, replicas)


def _top(owners: Owners[Owner], managed: Pod | Owner) -> Title:
    """The topmost known owner; a static pod is a workload of its own."""
    meta = managed.metadata
    if isinstance(managed, Owner):
        return owners.of(managed.kind, meta)
    return (meta.namespace, "Pod", meta.name) if managed.mirror else owners.of("Pod", meta)


def _replicas(owners: Owners[Owner], title: Title) -> int | None:
    """How many pods the owner wants, None when it has no such number or is not known."""
    known = owners.known(title)
    return known.spec.replicas if known else None
