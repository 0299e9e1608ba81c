"""Pods as the API tells them: only the fields that rules and plans use. Of an environment the names are kept, and what leads to Docker."""

from __future__ import annotations

import msgspec
from msgspec.structs import force_setattr

from migrate.facts.api import Condition, Metadata, Model, NamedReference
from migrate.facts.env_value import kept, speaks
from migrate.facts.pod_actions import ContainerProbe, Lifecycle
from migrate.facts.pod_context import PodSecurityContext, SecurityContext
from migrate.facts.pod_scheduling import Affinity, Toleration, TopologySpread
from migrate.facts.pod_volumes import Volume
from migrate.facts.resolve import resolve

MIRROR = "kubernetes.io/config.mirror"
SMOKE_NAMESPACE = "kube-system"  # of docker2cri's own pod: admission is least strict there and no quota is usual


def smoke_name(node: str) -> str:
    """The name of docker2cri's own pod on a node: the same in every run, so that one left behind is found."""
    return f"docker2cri-smoke-{node}"


class FieldReference(Model, frozen=True):
    """A field of the pod (`status.hostIP`)."""

    field_path: str = ""


class EnvSource(Model, frozen=True):
    """Where a variable's value comes from; values themselves are not read."""

    config_map_key_ref: NamedReference | None = None
    field_ref: FieldReference | None = None


class EnvName(Model, frozen=True):
    """The name of an environment variable; of its value only what leads to Docker is kept, the rest stays where it was."""

    name: str
    value: str = ""
    value_from: EnvSource | None = None

    def __post_init__(self) -> None:
        if self.value:
            force_setattr(self, "value", kept(self.name, self.value) if speaks(self.name, self.value) else "")


class EnvFrom(Model, frozen=True):
    """A ConfigMap whose every key becomes a variable."""

    config_map_ref: NamedReference | None = None


class Resources(Model, frozen=True):
    """Limits and requests by resource name, as quantities."""

    limits: dict[str, str | int | float] | None = None
    requests: dict[str, str | int | float] | None = None


class ContainerPort(Model, frozen=True):
    """A declared port."""

    container_port: int = 0
    host_port: int = 0
    host_ip: str = msgspec.field(name="hostIP", default="")
    protocol: str = "TCP"


class VolumeMount(Model, frozen=True):
    """Where a volume is mounted."""

    name: str
    mount_path: str
    read_only: bool = False
    sub_path: str = ""


class PodContainer(Model, frozen=True):
    """A container of a pod; an init container whose `restart_policy` is `Always` goes on beside the others."""

    name: str
    image: str = ""
    image_pull_policy: str = ""
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: tuple[EnvName, ...] | None = None
    env_from: tuple[EnvFrom, ...] | None = None
    resources: Resources | None = None
    ports: tuple[ContainerPort, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    security_context: SecurityContext | None = None
    liveness_probe: ContainerProbe | None = None
    readiness_probe: ContainerProbe | None = None
    startup_probe: ContainerProbe | None = None
    lifecycle: Lifecycle | None = None
    restart_policy: str = ""


class PodOS(Model, frozen=True):
    """The operating system that a pod is made for: `linux` or `windows`."""

    name: str = ""


class PodSpec(Model, frozen=True):
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
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] | None = None
    topology_spread_constraints: tuple[TopologySpread, ...] | None = None
    overhead: dict[str, str | int | float] | None = None
    termination_grace_period_seconds: int = 30
    runtime_class_name: str = ""
    security_context: PodSecurityContext | None = None
    host_users: bool | None = None
    os: PodOS | None = None
    share_process_namespace: bool = False

    @property
    def all_containers(self) -> tuple[PodContainer, ...]:
        """Init, ordinary and ephemeral containers."""
        return (*(self.init_containers or ()), *self.containers, *(self.ephemeral_containers or ()))


class ContainerStatus(Model, frozen=True):
    """What runs of a container; `container_id` starts with the runtime's name."""

    name: str
    ready: bool = False
    image: str = ""
    image_id: str = msgspec.field(name="imageID", default="")
    container_id: str = msgspec.field(name="containerID", default="")


class PodStatus(Model, frozen=True):
    """Pod status."""

    phase: str = ""
    reason: str = ""
    pod_ip: str = msgspec.field(name="podIP", default="")
    conditions: tuple[Condition, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None


class Pod(Model, frozen=True):
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
    def smoke(self) -> bool:
        """Whether it is docker2cri's own, which the next smoke test and the next drain delete."""
        own = (SMOKE_NAMESPACE, smoke_name(self.spec.node_name))
        return (self.metadata.namespace, self.metadata.name) == own and self.metadata.controller is None

    @property
    def finished(self) -> bool:
        """Whether it ran to its end."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def ready(self) -> bool:
        """Whether its Ready condition is True."""
        return any(condition.type == "Ready" and condition.status == "True" for condition in self.status.conditions or ())


class TemplateMetadata(Model, frozen=True):
    """Metadata of a pod template; annotations are already filtered."""

    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class PodTemplate(Model, frozen=True):
    """What a controller's pods are made from."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: PodSpec = PodSpec()


resolve(Pod, PodTemplate)
