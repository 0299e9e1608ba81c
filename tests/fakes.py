"""A clock and a cluster that behave: time passes when somebody waits, and in it controllers, kubelets and budgets do their work."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from migrate.errors import ClusterUnreachable, Refused
from migrate.facts.api import Condition, Metadata, OwnerReference
from migrate.facts.cluster import (
    Budget,
    BudgetSpec,
    BudgetStatus,
    ClusterFacts,
    ClusterIdentity,
    NodeInfo,
    NodeSpec,
    Owner,
    OwnerSpec,
)
from migrate.facts.live import (
    ContainerState,
    LiveContainer,
    LiveMetadata,
    LiveNode,
    LiveNodeStatus,
    LivePod,
    LivePodStatus,
    VolumeAttachment,
    Waiting,
)
from migrate.facts.pod import Pod, PodContainer, PodSpec, PodTemplate
from migrate.facts.pod_scheduling import LabelSelector
from migrate.plan.lease import COMPONENTS, ClusterLease
from migrate.plan.mark import MIGRATED_ANNOTATION, RUN_ANNOTATION, Mark, mark_of
from migrate.run.kube.port import Accepted, Eviction, Gone, NamespaceEnds, Never, NodeMissing, NotNow, PodRefused, Said

START = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
NOT_FOUND = Said(101, "OCI runtime exec failed: exec: executable file not found in $PATH: unknown")
EMPTY_LOG = Said(200, "")
IDENTITY = ClusterIdentity(uid="kube-system-1", ca="c" * 64)
DECIDING = 0.05  # seconds that a controller takes to see a change


@dataclass
class FakeClock:
    """Time that passes only when somebody waits; what was put in with `after` happens then, in order."""

    passed: float = 0.0
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _count: Iterator[int] = field(default_factory=itertools.count)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return 1000.0 + self.passed

    def sleep(self, seconds: float) -> None:
        end = self.passed + seconds
        while self.step(end):
            pass

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.passed + seconds, next(self._count), action))

    def step(self, end: float) -> bool:
        """Let the next thing happen if it comes before `end`, else let time pass until then; whether something happened."""
        if self._due and self._due[0][0] <= end:
            when, _, action = heapq.heappop(self._due)
            self.passed = max(self.passed, when)
            action()
            return True
        self.passed = max(self.passed, end)
        return False

    def stamp(self) -> str:
        return self.now().isoformat().replace("+00:00", "Z")


@dataclass
class Behaviour:
    """How the pods of one owner behave: seconds until a new one is Ready, until one that is told to end is gone; None is never."""

    ready: float | None = 2.0
    ends: float | None = 1.0
    tolerates: bool = False  # comes back to a cordoned node
    trouble: str = ""


@dataclass
class FakeCluster:
    """See cluster_port.ActingCluster."""

    clock: FakeClock
    nodes: dict[str, LiveNode] = field(default_factory=dict)
    alive: dict[str, LivePod] = field(default_factory=dict)
    owners: list[Owner] = field(default_factory=list)
    warned: dict[str, tuple[str, ...]] = field(default_factory=dict)  # pod -> what its events say
    pdbs: dict[str, Budget] = field(default_factory=dict)
    attachments: list[VolumeAttachment] = field(default_factory=list)
    behaviour: dict[str, Behaviour] = field(default_factory=dict)
    ending_namespaces: set[str] = field(default_factory=set)
    busy: dict[str, int] = field(default_factory=dict)  # pod -> how many 429 without a budget
    down_until: float = 0.0
    is_: ClusterIdentity = IDENTITY
    admission: str = ""  # why no pod is admitted
    pull_policy: str = ""  # what admission makes of every pod's imagePullPolicy
    exec_says: Said = NOT_FOUND
    logs_say: Said = EMPTY_LOG
    lease: ClusterLease = field(default_factory=ClusterLease)
    renewals: dict[str, str] = field(default_factory=dict)  # the time at which a component's Lease stands still
    lowest: dict[str, int] = field(default_factory=dict)  # budget -> fewest healthy pods ever seen
    version: int = 0
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    # building

    def add_node(self, name: str, *, cordoned: bool = False, runtime: str = "docker://20.10.24", **labels: str) -> None:
        ready = Condition(type="Ready", status="True", last_heartbeat_time=self.clock.stamp())
        self.nodes[name] = LiveNode(
            metadata=LiveMetadata(name=name, uid=f"node-{name}", labels={"kubernetes.io/hostname": name, **labels}),
            spec=NodeSpec(unschedulable=cordoned),
            status=LiveNodeStatus(conditions=(ready,), node_info=NodeInfo(container_runtime_version=runtime, kubelet_version="v1.23.17")),
        )

    def add_owner(
        self, owner: str, placed: Iterable[str], behaviour: Behaviour | None = None, template: PodSpec | None = None, **pod: Any
    ) -> list[LivePod]:
        """An owner (`ReplicaSet shop/web`) with a Ready pod on each node named; `template` is what the API lists of its pods."""
        kind, _, key = owner.partition(" ")
        namespace, _, name = key.partition("/")
        nodes = list(placed)
        self.behaviour[owner] = behaviour or Behaviour()
        spec = OwnerSpec(replicas=len(nodes), template=PodTemplate(spec=template) if template else None)
        self.owners.append(Owner(metadata=Metadata(name=name, namespace=namespace), kind=kind, spec=spec))
        return [self.add_pod(f"{key}-{number}" if kind == "StatefulSet" else "", node, owner, **pod) for number, node in enumerate(nodes)]

    def add_pod(
        self,
        key: str,
        node: str,
        owner: str = "",
        *,
        ready: bool = True,
        phase: str = "Running",
        grace: int = 5,
        annotations: dict[str, str] | None = None,
        finalizers: tuple[str, ...] | None = None,
        spec: PodSpec | None = None,
    ) -> LivePod:
        number = next(self._ids)
        kind, _, owner_key = owner.partition(" ")
        namespace, _, name = (key or f"{owner_key}-x{number}").partition("/")
        runtime = self.nodes[node].status.node_info.container_runtime_version.split("://")[0] if node else ""
        running = phase == "Running"
        container = LiveContainer(
            name="c",
            ready=ready,
            container_id=f"{runtime}://{number:064x}" if running and runtime else "",
            state=ContainerState() if running else ContainerState(waiting=Waiting(reason="ContainerCreating")),
        )
        pod = LivePod(
            metadata=LiveMetadata(
                name=name,
                namespace=namespace,
                uid=f"pod-{number}",
                labels={"app": owner_key.rpartition("/")[2] or name},
                annotations=annotations,
                finalizers=finalizers,
                owner_references=(OwnerReference(kind=kind, name=owner_key.rpartition("/")[2], controller=True),) if owner else None,
            ),
            spec=replace(spec or PodSpec(containers=(PodContainer(name="c"),)), node_name=node, termination_grace_period_seconds=grace),
            status=LivePodStatus(phase=phase, conditions=_ready(ready), container_statuses=(container,)),
        )
        self.alive[pod.metadata.uid] = pod
        self._changed()
        return pod

    def add_budget(self, key: str, app: str, *, max_unavailable: int, expected: int) -> None:
        namespace, _, name = key.partition("/")
        self.pdbs[key] = Budget(
            metadata=Metadata(name=name, namespace=namespace, uid=f"pdb-{key}"),
            spec=BudgetSpec(selector=LabelSelector(match_labels={"app": app}), max_unavailable=max_unavailable),
            status=BudgetStatus(expected_pods=expected),
        )
        self._count_budgets()

    # cluster_port.ActingCluster

    def read(self) -> ClusterFacts:
        self._up()
        return ClusterFacts(
            server="v1.23.17",
            taken=int(self.clock.now().timestamp()),
            nodes=tuple(self.nodes.values()),
            pods=tuple(self.alive.values()),
            budgets=tuple(self.pdbs.values()),
            owners=tuple(self.owners),
        )

    def identity(self) -> ClusterIdentity:
        self._up()
        return self.is_

    def every_node(self) -> tuple[LiveNode, ...]:
        self._up()
        return tuple(self.nodes.values())

    def read_node(self, name: str) -> LiveNode:
        self._up()
        if name not in self.nodes:
            raise NodeMissing(node=name, seen="no node of this name", expected="a Node object", next="kubectl get nodes")
        return self.nodes[name]

    def pods_on(self, node: str) -> tuple[LivePod, ...]:
        self._up()
        return self._on(node)

    def read_pod(self, namespace: str, name: str) -> LivePod | None:
        self._up()
        return next((pod for pod in self.alive.values() if pod.key == f"{namespace}/{name}"), None)

    def warnings(self, pod: Pod) -> tuple[str, ...]:
        return self.warned.get(pod.key, ())

    def workloads(self, namespaces: Iterable[str]) -> ClusterFacts:
        wanted, facts = set(namespaces), self.read()
        pods = tuple(pod for pod in facts.pods if pod.metadata.namespace in wanted)
        return replace(facts, pods=pods, nodes=(), budgets=())

    def volume_attachments(self, node: str) -> tuple[VolumeAttachment, ...]:
        self._up()
        return tuple(one for one in self.attachments if one.spec.node_name == node)

    @contextmanager
    def watch(self, node: str) -> Iterator[FakeWatch]:
        self._up()
        yield FakeWatch(self, node, self.version)

    def cordon(self, node: str, mark: Mark) -> None:
        known = mark_of(self.read_node(node))
        if isinstance(known, str) or (known is not None and known.run != mark.run):
            raise Refused(node=node, seen=f"it is marked by another run: {known}", expected="one run", next="docker2cri status")
        self.annotate(node, RUN_ANNOTATION, str(known or mark))
        self.annotate(node, MIGRATED_ANNOTATION, None)
        self.schedulable(node, False)

    def uncordon(self, node: str, run: str, *, migrated: bool = False) -> str | None:
        mark = mark_of(self.read_node(node))
        if not isinstance(mark, Mark):
            return "it carries no mark of a run: another client cordoned it" if self.nodes[node].spec.unschedulable else None
        self.annotate(node, RUN_ANNOTATION, None)
        self.annotate(node, MIGRATED_ANNOTATION, str(mark) if migrated else None)
        if mark.cordoned_before:
            return "it was found cordoned"
        self.schedulable(node, True)
        return None

    def annotate(self, node: str, key: str, value: str | None) -> None:
        found = self.read_node(node)
        kept = {k: v for k, v in (found.metadata.annotations or {}).items() if k != key} | ({} if value is None else {key: value})
        self.nodes[node] = replace(found, metadata=replace(found.metadata, annotations=kept))
        self._changed()

    def read_lease(self) -> ClusterLease:
        self._up()
        return self.lease

    def write_lease(self, wanted: ClusterLease) -> bool:
        with self._lock:
            self._up()
            if wanted.version != self.lease.version:
                return False
            self.lease = replace(wanted, version=str(int(self.lease.version or 0) + 1))
            return True

    def component_leases(self) -> dict[str, str]:
        """Each is renewed every two seconds, unless nobody does."""
        self._up()
        return {name: self.renewals.get(name, f"{self.clock.passed // 2 * 2:012.6f}") for name in COMPONENTS}

    def evict(self, pod: Pod, grace: int | None = None) -> Eviction:
        with self._lock:
            self._up()
            now = self.alive.get(pod.metadata.uid)
            if now is None:
                return Gone()
            if pod.metadata.namespace in self.ending_namespaces:
                return NamespaceEnds(f"namespace {pod.metadata.namespace} is being terminated")
            if self.busy.get(pod.key, 0) > 0:
                self.busy[pod.key] -= 1
                return NotNow("HTTP 429: too many requests", False, 1.0)
            if now.leaving or now.status.phase != "Running":
                self.end(now)
                return Accepted()
            covering = [one for one in self.pdbs.values() if one.covers(now)]
            if len(covering) > 1:
                return Never("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")
            for budget in covering:
                status, key = budget.status, f"{budget.metadata.namespace}/{budget.metadata.name}"
                if not now.ready and status.current_healthy >= status.desired_healthy > 0:
                    continue
                if status.disruptions_allowed <= 0:
                    says = f"The disruption budget {budget.metadata.name} needs {status.desired_healthy} healthy pods"
                    return NotNow(f"{says} and has {status.current_healthy} currently", True)
                self.pdbs[key] = replace(budget, status=replace(status, disruptions_allowed=status.disruptions_allowed - 1))
            self.end(now)
            return Accepted()

    def create_pod(self, manifest: dict[str, Any]) -> LivePod:
        self._up()
        meta, spec = manifest["metadata"], manifest["spec"]
        if self.admission:
            raise PodRefused(seen=f"the API will not have pod {meta['name']}: {self.admission}", expected="a pod", next="kubectl")
        made = tuple(
            PodContainer(name=one["name"], image=one["image"], image_pull_policy=self.pull_policy or one["imagePullPolicy"])
            for one in spec["containers"]
        )
        key = f"{meta['namespace']}/{meta['name']}"
        pod = self.add_pod(key, spec["nodeName"], ready=False, phase="Pending", grace=1, spec=PodSpec(containers=made))
        self._start(pod, self.behaviour.get("Pod", Behaviour(ready=1.0)))
        return pod

    def delete_pod(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        pod = self.read_pod(namespace, name)
        if pod is not None and uid in (None, pod.metadata.uid):
            self.end(pod)

    def logs(self, namespace: str, name: str) -> Said:
        self._up()
        return self.logs_say

    def execute(self, namespace: str, name: str, argv: tuple[str, ...]) -> Said:
        self._up()
        return self.exec_says

    # what happens in it

    def schedulable(self, node: str, value: bool) -> None:
        found = self.nodes[node]
        self.nodes[node] = replace(found, spec=replace(found.spec, unschedulable=not value))
        self._changed()

    def end(self, pod: LivePod) -> None:
        """A pod is told to end: it leaves by itself, its owner makes another one, and budgets are counted again."""
        pod = self.alive[pod.metadata.uid]
        if pod.leaving:
            return
        behaviour = self.behaviour.get(_owner(pod), Behaviour())
        self.alive[pod.metadata.uid] = replace(pod, metadata=replace(pod.metadata, deletion_timestamp=self.clock.stamp()))
        self._changed()
        if behaviour.ends is not None:
            self.clock.after(0.0 if pod.finished else behaviour.ends, lambda: self.remove(pod))
        if pod.metadata.controller and pod.metadata.controller.kind == "ReplicaSet":
            self.clock.after(DECIDING, lambda: self._again(pod))

    def remove(self, pod: LivePod) -> None:
        """A pod is gone."""
        if self.alive.pop(pod.metadata.uid, None) is None:
            return
        self._changed()
        if pod.metadata.controller and pod.metadata.controller.kind == "StatefulSet":
            self.clock.after(DECIDING, lambda: self._again(pod))

    def change(self, pod: LivePod, **status: Any) -> None:
        """Write fields of a pod's status."""
        now = self.alive[pod.metadata.uid]
        self.alive[pod.metadata.uid] = replace(now, status=replace(now.status, **status))
        self._changed()

    def bind(self, pod: LivePod, node: str) -> None:
        """The scheduler puts a pod on a node."""
        now = self.alive[pod.metadata.uid]
        self.alive[pod.metadata.uid] = replace(now, spec=replace(now.spec, node_name=node))
        self._changed()

    def _again(self, pod: LivePod) -> None:
        behaviour = self.behaviour[_owner(pod)]
        free = [name for name, node in self.nodes.items() if not node.spec.unschedulable]
        node = pod.spec.node_name if behaviour.tolerates else next(iter(free), "")
        key = pod.key if pod.metadata.controller and pod.metadata.controller.kind == "StatefulSet" else ""
        new = self.add_pod(key, node, _owner(pod), ready=False, phase="Pending", grace=pod.spec.termination_grace_period_seconds)
        self._start(new, behaviour)

    def _start(self, pod: LivePod, behaviour: Behaviour) -> None:
        if behaviour.trouble:
            waiting = ContainerState(waiting=Waiting(reason=behaviour.trouble))
            self.clock.after(DECIDING, lambda: self.change(pod, container_statuses=(LiveContainer(name="c", state=waiting),)))
        elif behaviour.ready is not None and pod.spec.node_name:
            self.clock.after(behaviour.ready, lambda: self._ready(pod))

    def _ready(self, pod: LivePod) -> None:
        if pod.metadata.uid in self.alive:
            runtime = self.nodes[pod.spec.node_name].status.node_info.container_runtime_version.split("://")[0]
            container = LiveContainer(name="c", ready=True, container_id=f"{runtime}://{next(self._ids):064x}")
            self.change(pod, phase="Running", conditions=_ready(True), container_statuses=(container,))

    def _on(self, node: str) -> tuple[LivePod, ...]:
        return tuple(sorted((pod for pod in self.alive.values() if pod.spec.node_name == node), key=lambda pod: pod.key))

    def _healthy(self, budget: Budget) -> int:
        return sum(1 for pod in self.alive.values() if budget.covers(pod) and pod.ready and not pod.leaving)

    def _changed(self) -> None:
        self.version += 1
        for key, budget in self.pdbs.items():
            self.lowest[key] = min(self.lowest.get(key, 10**6), self._healthy(budget))
        self.clock.after(DECIDING, self._count_budgets)

    def _count_budgets(self) -> None:
        for key, budget in self.pdbs.items():
            healthy, expected = self._healthy(budget), budget.status.expected_pods
            desired = expected - int(budget.spec.max_unavailable or 0)
            status = BudgetStatus(
                disruptions_allowed=max(0, healthy - desired), current_healthy=healthy, desired_healthy=desired, expected_pods=expected
            )
            if status != budget.status:
                self.pdbs[key] = replace(budget, status=status)
                self.version += 1

    def _up(self) -> None:
        if self.clock.passed < self.down_until:
            raise ClusterUnreachable(seen="https://api: no connection", expected="an API server that answers", next="kubectl get nodes")


@dataclass
class FakeWatch:
    """See cluster_port.Watch: it shows the state of before while the API is away."""

    cluster: FakeCluster
    name: str
    seen: int

    def pods(self) -> tuple[LivePod, ...]:
        return self.cluster._on(self.name)

    def node(self) -> LiveNode | None:
        return self.cluster.nodes.get(self.name)

    def budgets(self) -> tuple[Budget, ...]:
        return tuple(self.cluster.pdbs.values())

    def away(self) -> str | None:
        return "https://api: no connection" if self.cluster.clock.passed < self.cluster.down_until else None

    def wait(self, seconds: float) -> bool:
        clock = self.cluster.clock
        end = clock.passed + seconds
        while self.seen == self.cluster.version and clock.step(end):
            pass
        new, self.seen = self.seen != self.cluster.version, self.cluster.version
        return new


def _ready(value: bool) -> tuple[Condition, ...]:
    return (Condition(type="Ready", status=str(value)),)


def _owner(pod: Pod) -> str:
    controller = pod.metadata.controller
    return f"{controller.kind} {pod.metadata.namespace}/{controller.name}" if controller else "Pod"
