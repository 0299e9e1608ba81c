"""What the API says: only the fields that rules and plans use, decoded with msgspec, 45 times faster than the official client's models.

Values that may hold secrets are not among the fields: of a container's environment only the names, of annotations only those listed in
`KEPT_ANNOTATIONS` (`kubectl.kubernetes.io/last-applied-configuration` repeats whole manifests).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Generic, TypeVar

import msgspec

from migrate.facts.api import Condition, Metadata, Model, decode
from migrate.facts.config_use import ConfigUse
from migrate.facts.control_plane import node_monitor_grace
from migrate.facts.kubeadm import KUBELET_CONFIG, KubeadmConfig, KubeletConfigMap
from migrate.facts.owners import Owners, Title
from migrate.facts.pod import Pod, PodTemplate, TemplateMetadata
from migrate.facts.pod_scheduling import LabelSelector, NodeSelector
from migrate.facts.pod_volumes import HostPath
from migrate.facts.resolve import resolve
from migrate.facts.room import Room
from migrate.facts.values import Unreadable

KEPT_ANNOTATIONS = (
    "kubeadm.alpha.kubernetes.io/cri-socket",
    "kubernetes.io/config.mirror",
    "kubernetes.io/config.source",
    "node.alpha.kubernetes.io/ttl",
    "volumes.kubernetes.io/controller-managed-attach-detach",
    "cluster-autoscaler.kubernetes.io/",
    "cluster.x-k8s.io/",
    "karpenter.sh/",
    "weave.works/kured-node-lock",
    "docker2cri.io/",
    "container.apparmor.security.beta.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
)
RUN_ANNOTATION = "docker2cri.io/run"  # the mark of the run that holds the node (migrate/plan/mark.py)
CRI_SOCKET = "kubeadm.alpha.kubernetes.io/cri-socket"
SMOKE_ANNOTATION = "docker2cri.io/smoke-test"  # why the smoke pod of an earlier run never ran on the node, before anything was disturbed


class Taint(Model, frozen=True):
    """A node taint."""

    key: str
    effect: str
    value: str = ""


class NodeAddress(Model, frozen=True):
    """One address of a node: InternalIP, Hostname ..."""

    type: str
    address: str


class NodeInfo(Model, frozen=True):
    """Versions that the kubelet reports."""

    container_runtime_version: str = ""
    kubelet_version: str = ""
    machine_id: str = msgspec.field(name="machineID", default="")
    system_uuid: str = msgspec.field(name="systemUUID", default="")


class NodeSpec(Model, frozen=True):
    """Node spec."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] | None = None
    provider_id: str = msgspec.field(name="providerID", default="")


class NodeStatus(Model, frozen=True):
    """Node status."""

    addresses: tuple[NodeAddress, ...] | None = None
    conditions: tuple[Condition, ...] | None = None
    node_info: NodeInfo = NodeInfo()
    allocatable: dict[str, str] | None = None


class Node(Model, frozen=True):
    """A Node object."""

    metadata: Metadata
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def name(self) -> str:
        """The node's name."""
        return self.metadata.name

    @property
    def ready(self) -> str:
        """The Ready condition: `True`, `False` or `Unknown`."""
        return next((condition.status for condition in self.status.conditions or () if condition.type == "Ready"), "Unknown")

    @property
    def control_plane(self) -> bool:
        """Whether a control-plane role label or taint marks it (kubeadm: `master` up to 1.23, `control-plane` from 1.20)."""
        keys = set(self.metadata.labels or ()) | {taint.key for taint in self.spec.taints or ()}
        return bool(keys & {"node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"})


class BudgetSpec(Model, frozen=True):
    """PodDisruptionBudget spec; counts are numbers or percentages."""

    selector: LabelSelector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class BudgetStatus(Model, frozen=True):
    """PodDisruptionBudget status, as the disruption controller computed it."""

    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0


class Budget(Model, frozen=True):
    """A PodDisruptionBudget."""

    metadata: Metadata
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()

    def covers(self, pod: Pod) -> bool:
        """Whether it protects this pod. A null selector matches nothing; an empty one matches all (policy/v1)."""
        selector = self.spec.selector
        return selector is not None and pod.metadata.namespace == self.metadata.namespace and selector.matches(pod.metadata.labels)


class JobSpec(Model, frozen=True):
    """The part of a Job's spec that matters here."""

    template: PodTemplate | None = None


class JobTemplate(Model, frozen=True):
    """What a CronJob's Jobs are made from."""

    spec: JobSpec = JobSpec()


class OwnerSpec(Model, frozen=True):
    """The part of a controller's spec that matters here; a CronJob has `job_template`, the others `template`."""

    replicas: int | None = None
    template: PodTemplate | None = None
    job_template: JobTemplate | None = None


class OwnerStatus(Model, frozen=True):
    """The part of a controller's status that matters here."""

    conditions: tuple[Condition, ...] | None = None


class Owner(Model, frozen=True):
    """A controller (Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob); `kind` is set by who lists it."""

    metadata: Metadata
    kind: str = ""
    spec: OwnerSpec = OwnerSpec()
    status: OwnerStatus = OwnerStatus()

    @property
    def ended(self) -> str:
        """How a Job ended, `Complete` or `Failed`; empty for one that goes on and for other kinds."""
        return next(
            (
                condition.type
                for condition in self.status.conditions or ()
                if condition.type in ("Complete", "Failed") and condition.status == "True"
            ),
            "",
        )

    @property
    def template(self) -> PodTemplate | None:
        """What its pods are made from, None where the reading does not hold it."""
        return self.spec.job_template.spec.template if self.spec.job_template else self.spec.template


class LocalPath(Model, frozen=True):
    """A path of a local or hostPath volume."""

    path: str = ""


class VolumeClaimRef(Model, frozen=True):
    """The claim that a volume is bound to."""

    name: str = ""
    namespace: str = ""


class VolumeNodeAffinity(Model, frozen=True):
    """The nodes from which a PersistentVolume can be reached."""

    required: NodeSelector | None = None


class PersistentVolumeSpec(Model, frozen=True):
    """PersistentVolume spec: only what binds it to nodes."""

    host_path: HostPath | None = None
    local: LocalPath | None = None
    node_affinity: VolumeNodeAffinity | None = None
    claim_ref: VolumeClaimRef | None = None


class PersistentVolume(Model, frozen=True):
    """A PersistentVolume."""

    metadata: Metadata
    spec: PersistentVolumeSpec = PersistentVolumeSpec()


class ConfigMap(Model, frozen=True):
    """A ConfigMap as it is listed; its contents are never kept."""

    metadata: Metadata
    data: dict[str, str] | None = None


class ClusterIdentity(Model, frozen=True):
    """Which cluster it is: the UID of its namespace kube-system, and the SHA-256 of the CA that its API server was trusted by.

    Either is empty where it is not known.
    """

    uid: str = ""
    ca: str = ""


class ClusterFacts(Model, frozen=True, dict=True):
    """One reading of the API. `server` is the API server's version (`v1.23.17`), `taken` seconds since the epoch.

    A list that could not be read is empty here and named in `unreadable` by its plural (`poddisruptionbudgets`), a ConfigMap of kubeadm's
    is absent here and named by its name (`configmap kube-system/kubelet-config`). `config_uses` is empty unless ConfigMaps were asked for.
    `endpoint` is the URL by which the kubeconfig leads to the API, empty in a reading of an earlier version.
    """

    server: str
    taken: int
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    budgets: tuple[Budget, ...] = ()
    owners: tuple[Owner, ...] = ()
    volumes: tuple[PersistentVolume, ...] = ()
    kubelet_configs: tuple[KubeletConfigMap, ...] = ()
    kubeadm: KubeadmConfig | None = None
    config_uses: tuple[ConfigUse, ...] = ()
    identity: ClusterIdentity = ClusterIdentity()
    endpoint: str = ""
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def kubelet_config(self) -> KubeletConfigMap | None:
        """The kubelet ConfigMap that kubeadm reads: the name without a version before that with one (kubeadm 1.23 and later)."""
        return next(iter(sorted(self.kubelet_configs, key=lambda config: config.name != KUBELET_CONFIG)), None)

    def node(self, name: str) -> Node | None:
        """The Node object of this name, or None."""
        return self._by_name.get(name)

    def pods_on(self, name: str) -> tuple[Pod, ...]:
        """The pods bound to the node of this name, in namespace/name order, without the smoke pod that an interrupted run left."""
        return self._by_node.get(name, ())

    def owner_of(self, metadata: Metadata) -> str:
        """The topmost known owner as `Kind namespace/name`, or `Pod ...` when nothing manages it."""
        namespace, kind, name = self.ownership.of("Pod", metadata)
        return f"{kind} {namespace}/{name}"

    def claimed_volume(self, namespace: str, claim: str) -> PersistentVolume | None:
        """The volume bound to a claim, when it was read."""
        return self._by_claim.get((namespace, claim))

    @cached_property
    def uses_by_config_map(self) -> Mapping[tuple[str, str], tuple[ConfigUse, ...]]:
        """What leans on Docker in ConfigMaps, by namespace and name."""
        found: dict[tuple[str, str], list[ConfigUse]] = {}
        for use in self.config_uses:
            found.setdefault((use.namespace, use.name), []).append(use)
        return {title: tuple(uses) for title, uses in found.items()}

    @cached_property
    def monitor_grace(self) -> tuple[int, str]:
        """See control_plane.node_monitor_grace."""
        return node_monitor_grace(self.pods, self.server)

    @cached_property
    def room(self) -> Room:
        """The room on the nodes, as the scheduler counts it."""
        return Room(self.nodes, self.pods)

    @cached_property
    def daemon_sets(self) -> frozenset[tuple[str, str]]:
        """The DaemonSets that were listed, by namespace and name."""
        return frozenset((owner.metadata.namespace, owner.metadata.name) for owner in self.owners if owner.kind == "DaemonSet")

    @cached_property
    def nodes_of_owner(self) -> Mapping[Title, Counter[str]]:
        """Where the pods of each topmost owner live, counted by node; one that no node has is counted under the empty name."""
        found: dict[Title, Counter[str]] = {}
        for pod in self.pods:
            if not pod.finished and pod.metadata.deletion_timestamp is None:
                found.setdefault(self.ownership.of("Pod", pod.metadata), Counter())[pod.spec.node_name] += 1
        return found

    @cached_property
    def _by_name(self) -> Mapping[str, Node]:
        return {node.name: node for node in reversed(self.nodes)}

    @cached_property
    def _by_node(self) -> Mapping[str, tuple[Pod, ...]]:
        found: dict[str, list[Pod]] = {}
        for pod in self.pods:
            if not pod.smoke:
                found.setdefault(pod.spec.node_name, []).append(pod)
        return {name: tuple(sorted(pods, key=lambda pod: pod.key)) for name, pods in found.items()}

    @cached_property
    def ownership(self) -> Owners[Owner]:
        """The owners, to be asked who manages what."""
        return Owners(self.owners)

    @cached_property
    def _by_claim(self) -> Mapping[tuple[str, str], PersistentVolume]:
        claims = ((volume.spec.claim_ref, volume) for volume in reversed(self.volumes))
        return {(claim.namespace, claim.name): volume for claim, volume in claims if claim}


N = TypeVar("N", bound=Metadata | TemplateMetadata)
M = TypeVar("M", bound=Node | Pod | Budget | Owner | PersistentVolume | ConfigMap)


class ListMeta(msgspec.Struct, frozen=True):
    """Paging of a list answer."""

    continue_: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct, Generic[M], frozen=True):
    """One page of a list answer; a server sends `items: null` for an empty list."""

    items: tuple[M, ...] | None = None
    metadata: ListMeta = ListMeta()


resolve(Page[Node], Page[Pod], Page[Budget], Page[Owner], Page[PersistentVolume], Page[ConfigMap], ClusterFacts)


def decode_list(page: bytes, item: type[M]) -> tuple[tuple[M, ...], str]:
    """One page of a raw list answer as `item` values, and the token of the next page (empty at the end); raises msgspec.DecodeError."""
    answer: Page[M] = decode(page, Page[item])  # type: ignore[valid-type]
    return answer.items or (), answer.metadata.continue_


def without_secrets(items: Iterable[M]) -> tuple[M, ...]:
    """The same objects with only the annotations of `KEPT_ANNOTATIONS`."""
    return tuple(_without_secrets(item) for item in items)


def _without_secrets(item: M) -> M:
    clean = msgspec.structs.replace(item, metadata=_kept(item.metadata))
    if isinstance(clean, Owner) and (template := clean.template):
        kept = msgspec.structs.replace(template, metadata=_kept(template.metadata))
        job = JobTemplate(spec=JobSpec(template=kept)) if clean.spec.job_template else None
        spec = msgspec.structs.replace(clean.spec, template=None if job else kept, job_template=job)
        return msgspec.structs.replace(clean, spec=spec)
    return clean


def _kept(metadata: N) -> N:
    kept = {key: value for key, value in (metadata.annotations or {}).items() if key.startswith(KEPT_ANNOTATIONS)}
    return msgspec.structs.replace(metadata, annotations=kept or None)


def dump_cluster(facts: ClusterFacts) -> str:
    """The reading as JSON text."""
    return msgspec.json.format(msgspec.json.encode(facts, order="sorted"), indent=1).decode() + "\n"


def load_cluster(text: str) -> ClusterFacts:
    """The reading that `dump_cluster` wrote; raises ValueError (msgspec.DecodeError is one)."""
    return decode(text, ClusterFacts)
