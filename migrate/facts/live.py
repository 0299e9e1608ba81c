"""What the API says while a node is being changed: the values of `facts.cluster` with what only an acting program looks at.

Apart from them because a capture must not hold it: states of containers carry free text of workloads.
"""

from __future__ import annotations

import msgspec

from migrate.facts.api import Metadata, Model, decode
from migrate.facts.cluster import Budget, Node, NodeStatus
from migrate.facts.pod import ContainerStatus, Pod, PodStatus
from migrate.facts.redact import mask, printable
from migrate.facts.resolve import resolve


class FieldOwner(Model, frozen=True):
    """One entry of `managedFields` (1.18): who set which fields last; `fields_v1` is a tree of `f:NAME` keys."""

    manager: str = ""
    time: str = ""
    fields_v1: msgspec.Raw = msgspec.field(name="fieldsV1", default=msgspec.Raw(b"{}"))

    def owns(self, *path: str) -> bool:
        """Whether the field at this path (`spec`, `unschedulable`) is this manager's."""
        tree = decode(self.fields_v1, object)
        for name in path:
            if not isinstance(tree, dict) or f"f:{name}" not in tree:
                return False
            tree = tree[f"f:{name}"]
        return True


class LiveMetadata(Metadata, frozen=True):
    """Metadata with its version, what holds the object back, and who wrote its fields."""

    resource_version: str = ""
    finalizers: tuple[str, ...] | None = None
    managed_fields: tuple[FieldOwner, ...] | None = None


class Waiting(Model, frozen=True):
    """Why a container does not run: `ImagePullBackOff`, `CrashLoopBackOff`, `ContainerCreating` ..."""

    reason: str = ""
    message: str = ""


class Terminated(Model, frozen=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""


class ContainerState(Model, frozen=True):
    """Why a container does not run; both are empty while it runs."""

    waiting: Waiting | None = None
    terminated: Terminated | None = None


class LiveContainer(ContainerStatus, frozen=True):
    """A container's status with its state."""

    state: ContainerState = ContainerState()


class LivePodStatus(PodStatus, frozen=True):
    """A pod's status with its containers' states."""

    container_statuses: tuple[LiveContainer, ...] | None = None


class LivePod(Pod, frozen=True):
    """A pod while something is being done."""

    metadata: LiveMetadata
    status: LivePodStatus = LivePodStatus()

    @property
    def leaving(self) -> bool:
        """Whether it was told to end."""
        return self.metadata.deletion_timestamp is not None

    @property
    def trouble(self) -> str:
        """Why it is not Ready, in the kubelet's own words; empty when nothing is said."""
        said = []
        for container in self.status.container_statuses or ():
            state = container.state
            if state.waiting is not None:
                said.append(f"{container.name}: {state.waiting.reason}" + (f": {state.waiting.message}" if state.waiting.message else ""))
            elif state.terminated is not None:
                said.append(f"{container.name}: ended with exit code {state.terminated.exit_code}")
            elif not container.ready:
                said.append(f"{container.name}: runs and is not ready")
        return mask(printable("; ".join(said))) or self.status.reason


class PodEvent(Model, frozen=True):
    """A core/v1 Event about a pod; times are RFC 3339, `last_timestamp` is null in those of the newer API."""

    metadata: Metadata
    reason: str = ""
    message: str = ""
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def told(self) -> str:
        """`Reason: message` on one line, at most 300 characters, without secrets."""
        return mask(printable(" ".join(f"{self.reason}: {self.message}".split())))[:300]


class LiveNodeStatus(NodeStatus, frozen=True):
    """A node's status with the volumes that the kubelet calls in use."""

    volumes_in_use: tuple[str, ...] | None = None


class LiveNode(Node, frozen=True):
    """A node while something is being done."""

    metadata: LiveMetadata
    status: LiveNodeStatus = LiveNodeStatus()

    def writer_of(self, *path: str) -> str | None:
        """Who wrote the field at this path last, None where the server does not say."""
        return next((owner.manager for owner in self.metadata.managed_fields or () if owner.owns(*path)), None)


class AttachmentSource(Model, frozen=True):
    """What is attached."""

    persistent_volume_name: str = ""


class AttachmentSpec(Model, frozen=True):
    """What is attached where."""

    node_name: str = ""
    attacher: str = ""
    source: AttachmentSource = AttachmentSource()


class VolumeAttachment(Model, frozen=True):
    """A CSI volume attached to a node (storage.k8s.io/v1, 1.13)."""

    metadata: LiveMetadata
    spec: AttachmentSpec = AttachmentSpec()


Watched = LivePod | LiveNode | Budget


resolve(LiveNode, LivePod, VolumeAttachment)
