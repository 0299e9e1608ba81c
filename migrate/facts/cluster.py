"""What the API says: only the fields that rules and plans use, decoded with msgspec, 45 times faster than the official client's models.

Values that may hold secrets are not among the fields: of a container's environment only the names, of annotations only those listed in
`KEPT_ANNOTATIONS` (`kubectl.kubernetes.io/last-applied-configuration` repeats whole manifests).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import msgspec

from migrate.facts.model import Unreadable
from migrate.facts.resolve import resolve

KEPT_ANNOTATIONS = (
    "kubeadm.alpha.kubernetes.io/cri-socket",
    "kubernetes.io/config.mirror",
    "kubernetes.io/config.source",
    "node.alpha.kubernetes.io/ttl",
    "volumes.kubernetes.io/controller-managed-attach-detach",
    "cluster-autoscaler.kubernetes.io/safe-to-evict",
    "docker2cri.io/",
    "container.apparmor.security.beta.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
)
CRI_SOCKET = "kubeadm.alpha.kubernetes.io/cri-socket"
MIRROR = "kubernetes.io/config.mirror"


class _Model(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A frozen value with the API's camelCase field names."""


class OwnerReference(_Model, frozen=True):
    """A link to the object that owns this one; `controller` marks the managing one."""

    kind: str
    name: str
    controller: bool = False
    api_version: str = ""
    uid: str = ""


class Metadata(_Model, frozen=True):
    """Object metadata; annotations are already filtered."""

    name: str
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[OwnerReference, ...] | None = None
    deletion_timestamp: str | None = None
    creation_timestamp: str | None = None

    def annotation(self, key: str) -> str | None:
        """The annotation's value, or None."""
        return (self.annotations or {}).get(key)

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that manages this object, or None."""
        return next((owner for owner in self.owner_references or () if owner.controller), None)


class Taint(_Model, frozen=True):
    """A node taint."""

    key: str
    effect: str
    value: str = ""


class Condition(_Model, frozen=True):
    """A status condition; times are RFC 3339."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_heartbeat_time: str | None = None
    last_transition_time: str | None = None


class NodeAddress(_Model, frozen=True):
    """One address of a node: InternalIP, Hostname ..."""

    type: str
    address: str


class NodeInfo(_Model, frozen=True):
    """Versions that the kubelet reports."""

    container_runtime_version: str = ""
    kubelet_version: str = ""
    kernel_version: str = ""
    os_image: str = ""
    machine_id: str = msgspec.field(name="machineID", default="")
    system_uuid: str = msgspec.field(name="systemUUID", default="")
    boot_id: str = msgspec.field(name="bootID", default="")


class NodeSpec(_Model, frozen=True):
    """Node spec."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] | None = None
    pod_cidr: str = msgspec.field(name="podCIDR", default="")
    provider_id: str = msgspec.field(name="providerID", default="")


class NodeStatus(_Model, frozen=True):
    """Node status."""

    addresses: tuple[NodeAddress, ...] | None = None
    conditions: tuple[Condition, ...] | None = None
    node_info: NodeInfo = NodeInfo()
    allocatable: dict[str, str] | None = None


class Node(_Model, frozen=True):
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
        return next((one.status for one in self.status.conditions or () if one.type == "Ready"), "Unknown")

    @property
    def control_plane(self) -> bool:
        """Whether a control-plane role label or taint marks it (kubeadm: `master` up to 1.23, `control-plane` from 1.20)."""
        keys = set(self.metadata.labels or ()) | {taint.key for taint in self.spec.taints or ()}
        return bool(keys & {"node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"})


class Capabilities(_Model, frozen=True):
    """Linux capabilities added and dropped."""

    add: tuple[str, ...] | None = None
    drop: tuple[str, ...] | None = None


class SecurityContext(_Model, frozen=True):
    """A container's security context."""

    privileged: bool = False
    allow_privilege_escalation: bool | None = None
    run_as_non_root: bool | None = None
    run_as_user: int | None = None
    proc_mount: str | None = None
    capabilities: Capabilities | None = None


class ExecAction(_Model, frozen=True):
    """An exec probe's command."""

    command: tuple[str, ...] | None = None


class ContainerProbe(_Model, frozen=True):
    """A probe; only what decides its timing."""

    exec: ExecAction | None = None
    timeout_seconds: int = 1


class EnvName(_Model, frozen=True):
    """The name of an environment variable; its value stays in the cluster."""

    name: str


class ContainerPort(_Model, frozen=True):
    """A declared port."""

    container_port: int = 0
    host_port: int = 0
    protocol: str = "TCP"


class VolumeMount(_Model, frozen=True):
    """Where a volume is mounted."""

    name: str
    mount_path: str
    read_only: bool = False
    sub_path: str = ""


class PodContainer(_Model, frozen=True):
    """A container of a pod."""

    name: str
    image: str = ""
    image_pull_policy: str = ""
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: tuple[EnvName, ...] | None = None
    ports: tuple[ContainerPort, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    security_context: SecurityContext | None = None
    liveness_probe: ContainerProbe | None = None
    readiness_probe: ContainerProbe | None = None
    startup_probe: ContainerProbe | None = None


class HostPath(_Model, frozen=True):
    """A hostPath volume; `type` is empty when none is set, and then a missing path is made a directory."""

    path: str
    type: str = ""


class EmptyDir(_Model, frozen=True):
    """An emptyDir volume."""

    medium: str = ""


class Claim(_Model, frozen=True):
    """A reference to a PersistentVolumeClaim."""

    claim_name: str


class Volume(_Model, frozen=True):
    """A volume of a pod; other sources than these are not looked at."""

    name: str
    host_path: HostPath | None = None
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: Claim | None = None


class PodSpec(_Model, frozen=True):
    """Pod spec."""

    node_name: str = ""
    host_network: bool = False
    host_pid: bool = msgspec.field(name="hostPID", default=False)
    host_ipc: bool = msgspec.field(name="hostIPC", default=False)
    containers: tuple[PodContainer, ...] = ()
    init_containers: tuple[PodContainer, ...] | None = None
    ephemeral_containers: tuple[PodContainer, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    node_selector: dict[str, str] | None = None
    termination_grace_period_seconds: int = 30
    priority_class_name: str = ""
    runtime_class_name: str = ""

    @property
    def all_containers(self) -> tuple[PodContainer, ...]:
        """Init, ordinary and ephemeral containers."""
        return (*(self.init_containers or ()), *self.containers, *(self.ephemeral_containers or ()))


class ContainerStatus(_Model, frozen=True):
    """What runs of a container; `container_id` starts with the runtime's name."""

    name: str
    ready: bool = False
    image: str = ""
    image_id: str = msgspec.field(name="imageID", default="")
    container_id: str = msgspec.field(name="containerID", default="")
    restart_count: int = 0


class PodStatus(_Model, frozen=True):
    """Pod status."""

    phase: str = ""
    reason: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    start_time: str | None = None
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(_Model, frozen=True):
    """A Pod object."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def mirror(self) -> bool:
        """Whether it mirrors a static pod of the kubelet."""
        return self.metadata.annotation(MIRROR) is not None

    @property
    def finished(self) -> bool:
        """Whether it ran to its end."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def ready(self) -> bool:
        """Whether its Ready condition is True."""
        return any(one.type == "Ready" and one.status == "True" for one in self.status.conditions or ())


class LabelRequirement(_Model, frozen=True):
    """One expression of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] | None = None


class LabelSelector(_Model, frozen=True):
    """A label selector; empty matches everything."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[LabelRequirement, ...] | None = None

    def matches(self, labels: dict[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        have = labels or {}
        if any(have.get(key) != value for key, value in (self.match_labels or {}).items()):
            return False
        return all(_requirement_holds(one, have) for one in self.match_expressions or ())


def _requirement_holds(requirement: LabelRequirement, labels: dict[str, str]) -> bool:
    values = requirement.values or ()
    match requirement.operator:
        case "In":
            return labels.get(requirement.key) in values
        case "NotIn":
            return labels.get(requirement.key) not in values
        case "Exists":
            return requirement.key in labels
        case "DoesNotExist":
            return requirement.key not in labels
        case _:
            return False


class BudgetSpec(_Model, frozen=True):
    """PodDisruptionBudget spec; counts are numbers or percentages."""

    selector: LabelSelector | None = None
    min_available: int | str | None = None
    max_unavailable: int | str | None = None


class BudgetStatus(_Model, frozen=True):
    """PodDisruptionBudget status, as the disruption controller computed it."""

    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0


class Budget(_Model, frozen=True):
    """A PodDisruptionBudget."""

    metadata: Metadata
    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()

    def covers(self, pod: Pod) -> bool:
        """Whether it protects this pod. A null selector matches nothing; an empty one matches all (policy/v1)."""
        selector = self.spec.selector
        return selector is not None and pod.metadata.namespace == self.metadata.namespace and selector.matches(pod.metadata.labels)


class TemplateMetadata(_Model, frozen=True):
    """Metadata of a pod template; annotations are already filtered."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class PodTemplate(_Model, frozen=True):
    """What a controller's pods are made from."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: PodSpec = PodSpec()


class JobSpec(_Model, frozen=True):
    """The part of a Job's spec that matters here."""

    template: PodTemplate | None = None


class JobTemplate(_Model, frozen=True):
    """What a CronJob's Jobs are made from."""

    spec: JobSpec = JobSpec()


class OwnerSpec(_Model, frozen=True):
    """The part of a controller's spec that matters here; a CronJob has `job_template`, the others `template`."""

    replicas: int | None = None
    template: PodTemplate | None = None
    job_template: JobTemplate | None = None


class Owner(_Model, frozen=True):
    """A controller (Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob); `kind` is set by who lists it."""

    metadata: Metadata
    kind: str = ""
    spec: OwnerSpec = OwnerSpec()

    @property
    def template(self) -> PodTemplate | None:
        """What its pods are made from, None where the reading does not hold it."""
        return self.spec.job_template.spec.template if self.spec.job_template else self.spec.template


class LocalPath(_Model, frozen=True):
    """A path of a local or hostPath volume."""

    path: str = ""


class VolumeClaimRef(_Model, frozen=True):
    """The claim that a volume is bound to."""

    name: str = ""
    namespace: str = ""


class PersistentVolumeSpec(_Model, frozen=True):
    """PersistentVolume spec: only node-bound sources."""

    host_path: HostPath | None = None
    local: LocalPath | None = None
    claim_ref: VolumeClaimRef | None = None


class PersistentVolume(_Model, frozen=True):
    """A PersistentVolume."""

    metadata: Metadata
    spec: PersistentVolumeSpec = PersistentVolumeSpec()


class ClusterFacts(_Model, frozen=True):
    """One reading of the API. `server` is the API server's version (`v1.23.17`), `taken` seconds since the epoch.

    A list that could not be read is empty here and named in `unreadable` by its plural (`poddisruptionbudgets`).
    """

    server: str
    taken: int
    nodes: tuple[Node, ...] = ()
    pods: tuple[Pod, ...] = ()
    budgets: tuple[Budget, ...] = ()
    owners: tuple[Owner, ...] = ()
    volumes: tuple[PersistentVolume, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    def node(self, name: str) -> Node | None:
        """The Node object of this name, or None."""
        return next((node for node in self.nodes if node.name == name), None)

    def pods_on(self, name: str) -> tuple[Pod, ...]:
        """The pods bound to the node of this name, in namespace/name order."""
        return tuple(sorted((pod for pod in self.pods if pod.spec.node_name == name), key=lambda pod: pod.key))

    def owner_of(self, metadata: Metadata) -> str:
        """The topmost known owner as `Kind namespace/name`, or `Pod ...` when nothing manages it."""
        known = {(owner.kind, owner.metadata.namespace, owner.metadata.name): owner for owner in self.owners}
        kind, current = "Pod", metadata
        while controller := current.controller:
            kind, name = controller.kind, controller.name
            owner = known.get((kind, metadata.namespace, name))
            if owner is None:
                return f"{kind} {metadata.namespace}/{name}"
            current = owner.metadata
        return f"{kind} {metadata.namespace}/{current.name}"

    def claimed_volume(self, namespace: str, claim: str) -> PersistentVolume | None:
        """The volume bound to a claim, when it was read."""
        wanted = VolumeClaimRef(name=claim, namespace=namespace)
        return next((one for one in self.volumes if one.spec.claim_ref == wanted), None)


N = TypeVar("N", bound=Metadata | TemplateMetadata)
M = TypeVar("M", bound=Node | Pod | Budget | Owner | PersistentVolume)


class ListMeta(msgspec.Struct, frozen=True):
    """Paging of a list answer."""

    continue_: str = msgspec.field(name="continue", default="")


class Page(msgspec.Struct, Generic[M], frozen=True):
    """One page of a list answer; a server sends `items: null` for an empty list."""

    items: tuple[M, ...] | None = None
    metadata: ListMeta = ListMeta()


resolve(Page[Node], Page[Pod], Page[Budget], Page[Owner], Page[PersistentVolume], ClusterFacts)


def decode_list(page: bytes, item: type[M]) -> tuple[tuple[M, ...], str]:
    """One page of a raw list answer as `item` values, and the token of the next page (empty at the end); raises msgspec.DecodeError."""
    answer: Page[M] = msgspec.json.decode(page, type=Page[item])  # type: ignore[valid-type]
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
    return msgspec.json.decode(text, type=ClusterFacts)
