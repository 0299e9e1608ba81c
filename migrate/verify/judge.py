"""Whether a node and its workloads are back: what was there before against what the API says now.

One judgement for both directions: `prefix` is the runtime to be seen, `containerd://` on apply and `docker://` on rollback.
A pod's status outlives the switch in the API: Ready comes back seconds before the containers do. So a pod counts only by a container
that runs in the new runtime, or at least is none of those that ran before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import msgspec

from migrate.facts.api import decode
from migrate.facts.cluster import ClusterFacts, Node, Owner
from migrate.facts.live import LiveNode, LivePod
from migrate.facts.names import is_namespace
from migrate.facts.pod import Pod
from migrate.facts.resolve import resolve
from migrate.formats.listing import few
from migrate.formats.rfc3339 import seconds
from migrate.verify.network import Reach

HOSTNAME = "kubernetes.io/hostname"
HOPELESS = ("ErrImageNeverPull", "InvalidImageName")  # waiting reasons that do not pass by themselves


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that stays with the node and was Ready: its name, its topmost owner (`DaemonSet ops/portal`), and its controller, by which
    another pod takes its place (empty for a static one).
    """

    pod: str
    owner: str
    controller: str = ""


class EvictedWorkload(msgspec.Struct, frozen=True, kw_only=True):
    """An owner of evicted pods: how many of its pods were Ready in the cluster, and how many of those can run on this node only."""

    owner: str
    namespace: str
    ready: int
    here: int = 0


class EtcdBefore(msgspec.Struct, frozen=True, kw_only=True):
    """A control plane's member of etcd: its ID, those of all members (hexadecimal), the client URLs of the others, and whether all members
    had the `same_keys`.
    """

    own: str
    members: tuple[str, ...]
    others: tuple[str, ...]
    same_keys: bool = False


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be so again. `containers` are the container IDs of the node's pods, `notes` what is not required, and why.

    `excused` are owners and pods under accepted findings, `driver` is the kubelet's cgroup driver (empty when it is not known), `reach`
    what answered on the node, `smoke_failed` the checks of the smoke pod that failed before anything was disturbed (None: nobody tried),
    `etcd` its member, where it has one, `leases` those of the control plane's other parts.
    """

    node: str
    kubelet: str
    expected: tuple[Expected, ...] = ()
    workloads: tuple[EvictedWorkload, ...] = ()
    containers: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    driver: str = ""
    reach: Reach = Reach()
    smoke_failed: tuple[str, ...] | None = None
    etcd: EtcdBefore | None = None
    leases: tuple[str, ...] = ()


def decode_before(data: bytes) -> Before:
    """A record that was kept; raises ValueError for one that is none, or whose namespaces are none (msgspec.DecodeError is one)."""
    before = decode(data, Before)
    if wrong := [name for name in namespaces(before) if not is_namespace(name)]:
        raise ValueError(f"{wrong[0][:100]!r} is no namespace")
    return before


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the node says of itself: when its kubelet started (seconds since the epoch, by the node's clock) and the IDs of the containers
    that run in the runtime to be seen (without prefix), None where it was not asked.

    `left` are the names of what a kubelet made and runs in a source that keeps running. `restarts` counts how often systemd had to start
    the kubelet again, `ended` is the last error that it logged before it ended.
    """

    kubelet_started: float
    running: frozenset[str] | None = None
    left: tuple[str, ...] = ()
    restarts: int = 0
    ended: str = ""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """Not yet, and what is missing."""

    reasons: tuple[str, ...]


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """All is as it has to be; `notes` are told and not required."""

    notes: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """It will not become so by waiting."""

    reasons: tuple[str, ...]


Verdict: TypeAlias = Pending | Passed | Failed


def owner_of(facts: ClusterFacts, pod: Pod) -> str:
    """Who has to have the pod back: its topmost owner, the Job where that is a CronJob, `Pod ...` for a static or bare pod."""
    if pod.mirror or (controller := pod.metadata.controller) is None:
        return f"Pod {pod.key}"
    return f"Job {pod.metadata.namespace}/{controller.name}" if controller.kind == "Job" else facts.owner_of(pod.metadata)


def judge_node(before: Before, node: LiveNode | None, pods: Iterable[LivePod], evidence: Evidence, prefix: str) -> Verdict:
    """The node while it is cordoned: Ready on the new runtime, by word newer than the kubelet's start; its own pods in new containers."""
    if node is None:
        return Failed(reasons=(f"the Node object {before.node} is gone",))
    here = [pod for pod in pods if not pod.leaving]
    reasons = [*_node_reasons(node, evidence, prefix), *pods_left(evidence.left)]
    hopeless: list[str] = []
    for expected in before.expected:
        itself = [pod for pod in here if pod.key == expected.pod and not pod.finished]
        found = itself or [pod for pod in here if expected.controller and controller_of(pod) == expected.controller]
        lacks = [_lack(pod, before, evidence, prefix) for pod in found]
        if not found:
            reasons.append(
                f"{expected.pod} ({expected.owner}) is not on the node"
                if expected.owner != f"Pod {expected.pod}"
                else f"{expected.pod} is not on the node"
            )
        elif all(lacks):
            reasons.append(f"{found[0].key}: {lacks[0]}")
            hopeless += [f"{pod.key}: {pod.trouble}" for pod in found if any(word in pod.trouble for word in HOPELESS)]
    excused = [pod for pod in here if {pod.key, controller_of(pod)} & set(before.excused) and not pod.ready]
    troubled = few((f"{pod.key}: {pod.trouble}" for pod in excused), joint="; ")
    notes = (*before.notes, *([f"not Ready and not required: {troubled}"] if excused else ()))
    return Failed(reasons=tuple(hopeless)) if hopeless else _verdict(reasons, notes)


def judge_workloads(before: Before, facts: ClusterFacts, node: LiveNode | None, pods: Iterable[LivePod], prefix: str) -> Verdict:
    """The workloads after uncordon: as many pods of each owner Ready as before, those that belong here here, nothing on the old runtime.

    `facts` holds the pods and owners of the workloads' namespaces, `pods` those of the node. Fewer are enough where an owner was scaled
    down meanwhile, none where it was deleted; of a Job one pod that runs or has succeeded.
    """
    if node is None:
        return Failed(reasons=(f"the Node object {before.node} is gone",))
    reasons = [] if node.ready == "True" else [_not_ready(node)]
    for workload in before.workloads:
        reasons += _workload_reasons(workload, facts, before.node)
    for pod in pods:
        old = [container for container in container_ids(pod) if not container.startswith(prefix)]
        excused = {pod.key, owner_of(facts, pod)} & set(before.excused)
        if old and not pod.finished and not pod.leaving and not excused:
            reasons.append(f"{pod.key} runs on another runtime: {old[0][:24]}")
    return _verdict(reasons, before.notes)


def pods_left(names: Iterable[str]) -> tuple[str, ...]:
    """What is wrong where pods run in a source that keeps running: the kubelet has left it."""
    found = tuple(names)
    return (f"containers of pods run in Docker, which Kubernetes has left: {few(found)}",) if found else ()


def namespaces(before: Before) -> tuple[str, ...]:
    """Where the evicted pods' owners are: what `judge_workloads` needs read."""
    return tuple(sorted({workload.namespace for workload in before.workloads}))


def _verdict(reasons: list[str], notes: tuple[str, ...]) -> Verdict:
    return Pending(reasons=tuple(reasons)) if reasons else Passed(notes=notes)


def _node_reasons(node: LiveNode, evidence: Evidence, prefix: str) -> Iterator[str]:
    version = node.status.node_info.container_runtime_version
    if evidence.restarts and (node.ready != "True" or not version.startswith(prefix)):
        times = "once" if evidence.restarts == 1 else f"{evidence.restarts} times"
        yield f"the kubelet ended and systemd started it again {times}; its last error: {evidence.ended or 'none in its journal'}"
    beat = next((condition.last_heartbeat_time for condition in node.status.conditions or () if condition.type == "Ready"), None)
    if not version.startswith(prefix):
        yield f"the node reports {version or 'no runtime'}, not {prefix}"
    if node.ready != "True":
        yield _not_ready(node)
    elif beat is None or _seconds(beat) < int(evidence.kubelet_started):
        yield "the node's Ready is older than the start of its kubelet"


def _not_ready(node: Node) -> str:
    said = next(
        (f": {condition.reason}: {condition.message}" for condition in node.status.conditions or () if condition.type == "Ready"), ""
    )
    return f"the node's Ready is {node.ready}{said}"


def _lack(pod: LivePod, before: Before, evidence: Evidence, prefix: str) -> str:
    """What a pod lacks to be back, empty when nothing."""
    ids = [*container_ids(pod)]
    if not ids or not all(container.startswith(prefix) for container in ids):
        return pod.trouble or f"no container of {prefix} yet"
    if evidence.running is not None and not all(container.removeprefix(prefix) in evidence.running for container in ids):
        return pod.trouble or f"{ids[0][:24]} does not run"
    if evidence.running is None and set(ids) & set(before.containers):
        return "the API still shows the container of before"
    return "" if pod.ready else pod.trouble or "not Ready"


def _workload_reasons(workload: EvictedWorkload, facts: ClusterFacts, node: str) -> Iterator[str]:
    kind = workload.owner.split(" ", 1)[0]
    owner = next((found for found in facts.owners if _named(found) == workload.owner), None)
    pods = [pod for pod in facts.pods if pod.metadata.deletion_timestamp is None and owner_of(facts, pod) == workload.owner]
    if owner is None and kind in ("Deployment", "ReplicaSet", "StatefulSet", "Job"):
        return  # deleted meanwhile
    if kind == "Job":
        # one that ended has no more pods to wait for, and its last one may have been evicted when it was done already
        if not (owner and owner.ended) and not any(pod.ready or pod.status.phase == "Succeeded" for pod in pods):
            yield f"{workload.owner}: no pod runs or has succeeded"
        return
    replicas = owner.spec.replicas if owner else None
    wanted = workload.ready if replicas is None else min(workload.ready, replicas)
    ready = [pod for pod in pods if pod.ready]
    if len(ready) < wanted:
        others = few(f"{pod.metadata.name} {pod.status.phase} on {pod.spec.node_name or 'no node'}" for pod in pods if not pod.ready)
        yield f"{workload.owner}: {len(ready)} of {wanted} pods Ready" + (f" ({others})" if others else "")
    here = sum(1 for pod in ready if pod.spec.node_name == node)
    if here < min(workload.here, wanted):
        yield f"{workload.owner}: {here} of {min(workload.here, wanted)} pods that can run on this node only are Ready"


def controller_of(pod: Pod) -> str:
    """The controller by which another pod takes its place, `ReplicaSet shop/web`; empty for a static or bare pod."""
    owner = None if pod.mirror else pod.metadata.controller
    return f"{owner.kind} {pod.metadata.namespace}/{owner.name}" if owner else ""


def _named(owner: Owner) -> str:
    return f"{owner.kind} {owner.metadata.namespace}/{owner.metadata.name}"


def container_ids(pod: Pod) -> Iterator[str]:
    """The IDs of its containers, each with the prefix of its runtime."""
    return (status.container_id for status in pod.status.container_statuses or () if status.container_id)


def _seconds(beat: str) -> float:
    """When a heartbeat was; one that is no time was never."""
    try:
        return seconds(beat)
    except ValueError:
        return 0.0


resolve(Before)
