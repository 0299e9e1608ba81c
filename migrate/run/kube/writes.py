"""The cluster as one that may be changed: nodes, evictions, pods; see cluster_port.ActingCluster.

Every change of a Node is a merge PATCH with the resourceVersion that it was judged by: what another client did in between makes it 409,
and it is judged again. So each change can be sent twice without harm, which is what lets it wait for an API that is away.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from migrate.errors import ClusterUnreachable, Refused
from migrate.facts.api import decode
from migrate.facts.cluster import ClusterFacts, ClusterIdentity, M, Node, Owner, decode_list, without_secrets
from migrate.facts.live import LiveNode, LivePod, VolumeAttachment
from migrate.facts.pod import Pod
from migrate.plan.lease import ClusterLease
from migrate.plan.mark import MANAGER, MIGRATED_ANNOTATION, RUN_ANNOTATION, Mark, mark_of, stranger
from migrate.run.kube.answer import ListAnswer
from migrate.run.kube.client import KubeApi
from migrate.run.kube.door import ActingApi
from migrate.run.kube.events import ApiAway, Tell
from migrate.run.kube.evict import eviction_of, group_version
from migrate.run.kube.items import Attachments, PodEvents
from migrate.run.kube.lease import MERGE_PATCH, component_leases, read_lease, write_lease
from migrate.run.kube.lists import OWNERS, RETRIED, KubeCluster
from migrate.run.kube.paths import NODES, PODS, in_namespace, node_path, pod_path
from migrate.run.kube.port import Eviction, NodeMissing, PodRefused, Said, Watch
from migrate.run.kube.refused import refusal
from migrate.run.kube.watch import watching
from migrate.run.kube.who import SYSTEM, identity_of

ATTACHMENTS = "/apis/storage.k8s.io/v1/volumeattachments"
PATIENCE = 120.0  # seconds that an API may be away; that of a single control plane is away for some 20 s while it is switched
CONFLICTS = 20
NO_PERMISSION = "cannot create resource"  # RBAC's words; other 403 concern the one pod
SEPARATE_LISTS = 3  # namespaces; more than these are read in one list of everything


def acting(cluster: KubeCluster, tell: Tell, patience: float = PATIENCE, role: str = "apply") -> ActingKube:
    """The same cluster as one that may be changed; `tell` hears when the API is away, `patience` is how many seconds it may be."""
    api = cluster.api
    assert isinstance(api, KubeApi)
    door = ActingApi(api.server, api.kubectl, api.pool, api.configuration, api.lock, role=role)
    return ActingKube(door, cluster.clock, door, tell, patience)


@dataclass(frozen=True, slots=True)
class ActingKube(KubeCluster):
    """See cluster_port.ActingCluster."""

    door: ActingApi
    tell: Tell = field(repr=False)
    patience: float = PATIENCE
    known: dict[str, str] = field(default_factory=dict, repr=False)  # what the server said of itself

    def identity(self) -> ClusterIdentity:
        """Which cluster it is, asked for once; raises ClusterUnreachable where it may not be read."""
        if SYSTEM not in self.known:
            self.known[SYSTEM] = identity_of(self.good(self.insist("asking which cluster it is", "GET", SYSTEM), "GET", SYSTEM), "").uid
        return ClusterIdentity(uid=self.known[SYSTEM], ca=self.api.ca)

    def every_node(self) -> tuple[Node, ...]:
        """Every Node."""
        return self._objects("reading the nodes", NODES, Node, {})

    def read_node(self, name: str) -> LiveNode:
        """One Node; raises NodeMissing."""
        path = node_path(name)
        answer = self.insist(f"reading node {name}", "GET", path)
        if answer.status == 404:
            raise NodeMissing(
                node=name,
                seen=f"{self.api.server} knows no node of this name",
                expected="a Node object",
                next=f"{self.api.kubectl} get nodes",
            )
        return decode(self.good(answer, "GET", path).body, LiveNode)

    def pods_on(self, node: str) -> tuple[LivePod, ...]:
        """The pods bound to the node."""
        found = self._objects(f"reading the pods of {node}", PODS, LivePod, {"fieldSelector": f"spec.nodeName={node}"})
        return tuple(sorted(found, key=lambda pod: pod.key))

    def read_pod(self, namespace: str, name: str) -> LivePod | None:
        """One pod, None when there is none."""
        path = pod_path(namespace, name)
        answer = self.insist(f"reading pod {namespace}/{name}", "GET", path)
        return None if answer.status == 404 else decode(self.good(answer, "GET", path).body, LivePod)

    def warnings(self, pod: Pod) -> tuple[str, ...]:
        """What events warn about a pod."""
        about = {"fieldSelector": f"involvedObject.uid={pod.metadata.uid},type=Warning", "limit": "50"}
        try:
            answer = self.door.send("GET", in_namespace("/api/v1/events", pod.metadata.namespace), query=about)
        except ClusterUnreachable:
            return ()
        found = decode(answer.body, PodEvents).items or () if answer.status == 200 else ()
        newest = sorted(found, key=lambda event: event.last_timestamp or event.event_time or "", reverse=True)
        return tuple(dict.fromkeys(event.told for event in newest))

    def workloads(self, namespaces: Iterable[str]) -> ClusterFacts:
        """Pods and owners of some namespaces."""
        names = sorted(set(namespaces))
        places: list[str | None] = [None] if len(names) > SEPARATE_LISTS else [*names]
        pods: list[Pod] = []
        owners: list[Owner] = []
        for place in places:
            pods += self._objects("reading pods", _within(PODS, place), Pod, {})
            for kind in ("ReplicaSet", "Deployment", "StatefulSet", "Job"):
                found = self._objects(f"reading {kind}s", _within(OWNERS[kind][0], place), Owner, {})
                owners += (msgspec.structs.replace(owner, kind=kind) for owner in found)
        return ClusterFacts(server="", taken=int(self.clock.now().timestamp()), pods=tuple(pods), owners=tuple(owners))

    def volume_attachments(self, node: str) -> tuple[VolumeAttachment, ...]:
        """The CSI volumes attached to the node."""
        answer = self.insist("reading volume attachments", "GET", ATTACHMENTS)
        if answer.status == 404:
            return ()
        body = self.good(answer, "GET", ATTACHMENTS, "LIST").body
        items = [attachment for attachment in decode(body, Attachments).items or () if attachment.spec.node_name == node]
        return tuple(sorted(items, key=lambda attachment: attachment.metadata.name))

    def watch(self, node: str) -> AbstractContextManager[Watch]:
        """Follow the node's pods, the node and the budgets."""
        return watching(self.door, node, self.patience, self.tell)

    def cordon(self, node: str, mark: Mark) -> None:
        """Make the node unschedulable and mark it."""

        def judge(now: LiveNode) -> Mapping[str, Any] | None:
            known = mark_of(now)
            if isinstance(known, str) or (known is not None and known.run != mark.run):
                raise self._others(node, known)
            if known is not None and now.spec.unschedulable:
                return None
            return {"metadata": {"annotations": _moved(now, {RUN_ANNOTATION: str(known or mark)})}, "spec": {"unschedulable": True}}

        self._change(node, f"cordoning {node}", judge)

    def uncordon(self, node: str, run: str, *, migrated: bool = False) -> str | None:
        """Take back what `cordon` did; why the node stays cordoned, or None."""
        stays: list[str | None] = [None]

        def judge(now: LiveNode) -> Mapping[str, Any] | None:
            mark = mark_of(now)
            if mark is None:
                stays[0] = "it carries no mark of a run: another client cordoned it" if now.spec.unschedulable else None
                return None
            if isinstance(mark, str) or mark.run != run:
                raise self._others(node, mark)
            stays[0] = None
            if now.spec.unschedulable and mark.cordoned_before:
                stays[0] = "it was found cordoned"
            elif now.spec.unschedulable and (writer := stranger(now)):
                stays[0] = f"{writer} cordoned it meanwhile"
            kept = {MIGRATED_ANNOTATION: str(mark)} if migrated else {}
            unmark = {"metadata": {"annotations": _moved(now, {RUN_ANNOTATION: None} | kept)}}
            return unmark if stays[0] or not now.spec.unschedulable else {**unmark, "spec": {"unschedulable": None}}

        self._change(node, f"uncordoning {node}", judge)
        return stays[0]

    def annotate(self, node: str, key: str, value: str | None) -> None:
        """Set or remove an annotation of the Node."""

        def judge(now: LiveNode) -> Mapping[str, Any] | None:
            return None if now.metadata.annotation(key) == value else {"metadata": {"annotations": {key: value}}}

        self._change(node, f"annotating {node}", judge)

    def read_lease(self) -> ClusterLease:
        """Who runs a rollout, and whether all operators are paused."""
        return read_lease(self)

    def component_leases(self) -> Mapping[str, str]:
        """When the leases of the control plane's parts were renewed."""
        return component_leases(self)

    def write_lease(self, wanted: ClusterLease) -> bool:
        """Write the Lease as it was judged; whether nobody else did meanwhile."""
        return write_lease(self, wanted)

    def evict(self, pod: Pod, grace: int | None = None) -> Eviction:
        """Ask once for the eviction of exactly this pod."""
        if "eviction" not in self.known:
            answer = self.good(self.insist("asking which Eviction API is served", "GET", "/api/v1"), "GET", "/api/v1")
            self.known["eviction"] = group_version(answer.body)
        metadata = {"name": pod.metadata.name, "namespace": pod.metadata.namespace}
        options = {"preconditions": {"uid": pod.metadata.uid}} | ({} if grace is None else {"gracePeriodSeconds": grace})
        body = {"apiVersion": self.known["eviction"], "kind": "Eviction", "metadata": metadata, "deleteOptions": options}
        path = f"{pod_path(pod.metadata.namespace, pod.metadata.name)}/eviction"
        answer = self.door.send("POST", path, body)
        if answer.status == 401 or (answer.status == 403 and NO_PERMISSION in answer.message):
            raise refusal(self.api, "POST", path, answer)
        return eviction_of(answer)

    def create_pod(self, manifest: dict[str, Any]) -> LivePod:
        """Create a pod; raises PodRefused."""
        namespace, name = manifest["metadata"]["namespace"], manifest["metadata"]["name"]
        path = in_namespace(PODS, namespace)
        answer = self.insist(f"creating pod {namespace}/{name}", "POST", path, manifest)
        if answer.status in (200, 201):
            return decode(answer.body, LivePod)
        raise PodRefused(
            seen=f"the API will not have pod {namespace}/{name}: {answer.message}",
            expected="a pod that passes admission and quota",
            next=f"{self.api.kubectl} auth can-i create pods -n {namespace}",
        )

    def delete_pod(self, namespace: str, name: str, *, uid: str | None = None, grace: int | None = None) -> None:
        """Delete a pod without asking a budget."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        options |= {"preconditions": {"uid": uid}} if uid else {}
        options |= {} if grace is None else {"gracePeriodSeconds": grace}
        path = pod_path(namespace, name)
        answer = self.insist(f"deleting pod {namespace}/{name}", "DELETE", path, options)
        if answer.status not in (404, 409):
            self.good(answer, "DELETE", path)

    def logs(self, namespace: str, name: str) -> Said:
        """The log of a pod's only container."""
        answer = self.door.send("GET", f"{pod_path(namespace, name)}/log", query={"limitBytes": "4096"}, accept="*/*")
        return Said(answer.status, answer.body.decode("utf-8", "replace") if answer.status == 200 else answer.message)

    def execute(self, namespace: str, name: str, argv: tuple[str, ...]) -> Said:
        """Run a command in a pod's only container."""
        return self.door.execute(f"{pod_path(namespace, name)}/exec", argv)

    def _change(self, node: str, doing: str, judge: Callable[[LiveNode], Mapping[str, Any] | None]) -> None:
        """Read, judge, PATCH; again when another client wrote in between. `judge` gives the merge patch, None when all is as wanted."""
        path = node_path(node)
        for _ in range(CONFLICTS):
            now = self.read_node(node)
            patch = judge(now)
            if patch is None:
                return
            metadata = {"resourceVersion": now.metadata.resource_version, "uid": now.metadata.uid, **patch.get("metadata", {})}
            answer = self.insist(doing, "PATCH", path, {**patch, "metadata": metadata}, query={"fieldManager": MANAGER}, kind=MERGE_PATCH)
            if answer.status != 409:
                self.good(answer, "PATCH", path)
                return
            self.clock.sleep(random.uniform(0.02, 0.2))
        raise refusal(self.api, "PATCH", path, answer)

    def insist(self, doing: str, method: str, path: str, body: Mapping[str, Any] | None = None, **how: Any) -> ListAnswer:
        """One request that may be sent again: while the API is away or too busy, for `patience` seconds at most.

        401 and 403 are final, unless the server has just been away: one that starts does not yet know its own rules.
        """
        start, failures = self.clock.monotonic(), 0
        while True:
            lost: ClusterUnreachable | None = None
            try:
                answer = self.door.send(method, path, body, **how)
                if answer.status not in RETRIED and not (failures and answer.status in (401, 403)):
                    return answer
                reason = answer.message
            except ClusterUnreachable as wrong:
                lost, reason = wrong, wrong.seen
            waited = self.clock.monotonic() - start
            if waited >= self.patience:
                raise lost or refusal(self.api, method, path, answer)
            self.tell(ApiAway(doing, reason, waited, self.patience))
            self.clock.sleep(min(5.0, 0.25 * 2**failures) * random.uniform(0.5, 1.5))
            failures += 1

    def _objects(self, doing: str, path: str, item: type[M], query: Mapping[str, str]) -> tuple[M, ...]:
        answer = self.good(self.insist(doing, "GET", path, query=query), "GET", path, "LIST")
        return without_secrets(decode_list(answer.body, item)[0])

    def good(self, answer: ListAnswer, method: str, path: str, verb: str = "") -> ListAnswer:
        """The answer where it is a good one, else the refusal."""
        if answer.status not in (200, 201, 202):
            raise refusal(self.api, verb or method, path, answer)
        return answer

    def _others(self, node: str, mark: Mark | str) -> Refused:
        return Refused(
            node=node,
            seen=f"it is marked by another run: {RUN_ANNOTATION}={mark}",
            expected="a node that no other run works on",
            next=f"docker2cri status {node}",
        )


def _moved(node: LiveNode, annotations: dict[str, str | None]) -> dict[str, str | None]:
    """These annotations; a run that migrated the node earlier is told no longer."""
    gone: dict[str, str | None] = {} if node.metadata.annotation(MIGRATED_ANNOTATION) is None else {MIGRATED_ANNOTATION: None}
    return gone | annotations


def _within(path: str, place: str | None) -> str:
    return path if place is None else in_namespace(path, place)
