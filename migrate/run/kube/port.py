"""What the rest of the program may ask of the Kubernetes API."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from migrate.errors import ClusterUnreachable, MigrateError
from migrate.facts.cluster import Budget, ClusterFacts, ClusterIdentity, Node
from migrate.facts.live import LiveNode, LivePod, VolumeAttachment
from migrate.facts.pod import Pod
from migrate.plan.lease import ClusterLease
from migrate.plan.mark import Mark


class Cluster(Protocol):
    """One cluster. Every call may raise ClusterUnreachable."""

    def read(self) -> ClusterFacts:
        """Read the whole of what rules and plans need, once; what is forbidden besides nodes and pods is named in `unreadable`."""


class NodeMissing(ClusterUnreachable):
    """The API has no Node of that name."""


class PodRefused(MigrateError):
    """The API would not have a pod: admission, quota, or one of that name exists."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The API took the eviction: the pod ends within its grace period."""


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such pod any more: it ended, or another one has its name."""


@dataclass(frozen=True, slots=True)
class NotNow:
    """429: a PodDisruptionBudget or a busy server. `says` is the server's word, `after` seconds when it names a time.

    `budget` is true when it is a PodDisruptionBudget that forbids it.
    """

    says: str
    budget: bool
    after: float | None = None


@dataclass(frozen=True, slots=True)
class NamespaceEnds:
    """403 NamespaceTerminating: the pod's namespace is being deleted, and the pod with it."""

    says: str


@dataclass(frozen=True, slots=True)
class Never:
    """An answer that waiting does not change: two budgets over one pod (500), no permission, a webhook's refusal."""

    says: str


Eviction: TypeAlias = Accepted | Gone | NotNow | NamespaceEnds | Never


@dataclass(frozen=True, slots=True)
class Said:
    """What came back through the kubelet: an HTTP status (101 for an exec that was let through) and the text."""

    status: int
    text: str


class Watch(Protocol):
    """What is known now of one node's pods, of the node itself and of all budgets; kept up to date behind the caller's back."""

    def pods(self) -> tuple[LivePod, ...]:
        """The pods bound to the node, in namespace/name order."""

    def node(self) -> LiveNode | None:
        """The Node object, None when it was deleted."""

    def budgets(self) -> tuple[Budget, ...]:
        """Every PodDisruptionBudget; those of the list when they may be listed and not watched."""

    def away(self) -> str | None:
        """Why nothing new can come at the moment (the API does not answer), None while all is well."""

    def wait(self, seconds: float) -> bool:
        """Wait until something changes, at most so long; whether it did. Raises ClusterUnreachable for what waiting does not mend."""


class ActingCluster(Cluster, Protocol):
    """A cluster that may be changed. Every write can be read back, and is the same when done twice.

    Calls wait while the API does not answer, with a bound, and tell so; then they raise ClusterUnreachable.
    """

    def identity(self) -> ClusterIdentity:
        """Which cluster it is."""

    def every_node(self) -> tuple[Node, ...]:
        """Every Node."""

    def read_node(self, name: str) -> LiveNode:
        """One Node; raises NodeMissing."""

    def pods_on(self, node: str) -> tuple[LivePod, ...]:
        """The pods bound to the node, in namespace/name order."""

    def read_pod(self, namespace: str, name: str) -> LivePod | None:
        """One pod, None when there is none."""

    def warnings(self, pod: Pod) -> tuple[str, ...]:
        """What events warn about a pod, newest first, each once; empty where they may not be read. It does not wait for an API."""

    def workloads(self, namespaces: Iterable[str]) -> ClusterFacts:
        """Pods and their owners of some namespaces; nothing else is in it."""

    def volume_attachments(self, node: str) -> tuple[VolumeAttachment, ...]:
        """The CSI volumes attached to the node, in name order; none where the server has no such resource."""

    def watch(self, node: str) -> AbstractContextManager[Watch]:
        """Follow the node's pods, the node and the budgets until the end of the block; begins with complete lists."""

    def cordon(self, node: str, mark: Mark) -> None:
        """Make the node unschedulable and mark it, in one PATCH; a mark of the same run that it has already stays.

        Raises Refused when another run has marked the node.
        """

    def uncordon(self, node: str, run: str, *, migrated: bool = False) -> str | None:
        """Take back what `cordon` did, in one PATCH; why the node stays cordoned, or None when it does not.

        It stays so when it was found cordoned, and when another client cordoned it meanwhile; the mark is removed in each case, and kept
        as that of the run that `migrated` the node for a later rollback.
        Raises Refused when another run has marked the node.
        """

    def annotate(self, node: str, key: str, value: str | None) -> None:
        """Set an annotation of the Node, None removes it."""

    def read_lease(self) -> ClusterLease:
        """Who runs a rollout, and whether all operators are paused."""

    def write_lease(self, wanted: ClusterLease) -> bool:
        """Write the Lease, if it still has the version that it was judged by; whether it was written."""

    def component_leases(self) -> Mapping[str, str]:
        """When the leases of kube-scheduler and kube-controller-manager were renewed last, by their own times; those that are there."""

    def evict(self, pod: Pod, grace: int | None = None) -> Eviction:
        """Ask once for the eviction of exactly this pod (by its UID); `grace` in seconds instead of the pod's own."""

    def create_pod(self, manifest: dict[str, Any]) -> LivePod:
        """Create a pod; raises PodRefused when the server will not have it (admission, quota), and for one that exists."""

    def delete_pod(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Delete a pod without asking a budget; none there, or another one by that UID, is no error."""

    def logs(self, namespace: str, name: str) -> Said:
        """The log of a pod's only container, at most 4 KiB."""

    def execute(self, namespace: str, name: str, argv: tuple[str, ...]) -> Said:
        """Run a command in a pod's only container; the text is what came on all channels, at most 4 KiB, the runtime's error included."""
