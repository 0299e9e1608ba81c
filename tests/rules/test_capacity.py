"""What a drain would leave without a node, D2C720 to D2C725: each case is a cluster of a few nodes with their pods."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from migrate.facts.cluster import ClusterFacts, Node, PersistentVolume
from migrate.facts.demand import demand, told
from migrate.facts.pod import Pod, PodSpec
from migrate.rules import NodeView
from migrate.rules.foresight import foresee
from tests.rules import make
from tests.rules.case import Case

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
WEB = {"matchLabels": {"app": "web"}}
RULES = ("D2C720", "D2C721", "D2C722", "D2C723", "D2C724", "D2C725")


def node(name: str, cpu: str = "4", memory: str = "8Gi", *, pods: str = "110", ready: str = "True", **spec: Any) -> Node:
    """A node of one zone; `has` are other resources, `labels` its labels."""
    labels = {HOSTNAME: name, ZONE: spec.pop("zone", "a"), **spec.pop("labels", {})}
    status = {
        "conditions": [{"type": "Ready", "status": ready}],
        "allocatable": {"cpu": cpu, "memory": memory, "pods": pods, **spec.pop("has", {})},
        "nodeInfo": {"containerRuntimeVersion": "docker://20.10.24", "kubeletVersion": "v1.23.17"},
    }
    return msgspec.convert({"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status}, Node)


def pod(name: str, on: str, cpu: str = "0", memory: str = "0", **given: Any) -> Pod:
    """A pod of the Deployment `web`, or of `owner`, that asks for so much."""
    asks = {"cpu": cpu, "memory": memory, **given.pop("asks", {})}
    return make.pod(name, nodeName=on, container={"resources": {"requests": asks}}, **given)


def scene(nodes: tuple[Node, ...], *pods: Pod, **given: Any) -> NodeView:
    """The first node of a cluster, which is drained."""
    cluster = ClusterFacts(server="v1.23.17", taken=1_700_000_000, nodes=nodes, pods=pods, owners=make.OWNERS, **given)
    return make.view(*cluster.pods_on(nodes[0].name), the_node=nodes[0], cluster=cluster)


def apart(kind: str = "podAntiAffinity", label: str = HOSTNAME, **term: Any) -> dict[str, Any]:
    asked = {"topologyKey": label, "labelSelector": WEB, **term}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [asked]}}}


def spread(label: str = HOSTNAME, **more: Any) -> dict[str, Any]:
    one = {"maxSkew": 1, "topologyKey": label, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": WEB, **more}
    return {"topologySpreadConstraints": [one]}


def volume(**spec: Any) -> dict[str, Any]:
    claim = {"metadata": {"name": "pv"}, "spec": {**spec, "claimRef": {"name": "data", "namespace": "shop"}}}
    return {"volumes": (msgspec.convert(claim, PersistentVolume),)}


CLAIM = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}
MASTER = [{"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"}]
W1, W2, W3 = node("w1"), node("w2"), node("w3")
ELSEWHERE = pod("web-9", "w2")


def none_of(count: int, why: str, pods: str = "pod web-1") -> tuple[tuple[str, str], ...]:
    others = "the only other node does not take it" if count == 1 else f"none of {count} other nodes takes it"
    return (("Deployment shop/web", f"{others}: {why} ({pods})"),)


CLOSED = {
    "the only node": ((W1,), "there is no other node"),
    "the only other worker is cordoned": ((W1, node("w2", unschedulable=True)), "none of 1 other node: w2 (cordoned)"),
    "every other node is not Ready": (
        (W1, node("w2", ready="Unknown"), node("w3", ready="False")),
        "none of 2 other nodes: w2 (not Ready), w3 (not Ready)",
    ),
    "a control plane is no place": (
        (W1, node("cp1", taints=MASTER), node("w2", unschedulable=True)),
        "none of 2 other nodes: cp1 (with taint node-role.kubernetes.io/master:NoSchedule), w2 (cordoned)",
    ),
}
NOWHERE: dict[str, tuple[NodeView, str, int]] = {
    "too little cpu": (
        scene((W1, W2, W3), pod("web-1", "w1", "3"), pod("a", "w2", "3500m"), pod("b", "w3", "2")),
        "2 with too little cpu (3 asked, at most 2 free)",
        2,
    ),
    "too little memory and a cordon": (
        scene((W1, W2, node("w3", unschedulable=True)), pod("web-1", "w1", memory="2Gi"), pod("a", "w2", memory="7Gi")),
        "1 cordoned, 1 with too little memory (2048Mi asked, at most 1024Mi free)",
        2,
    ),
    "too many pods": (
        scene((W1, node("w2", pods="1")), pod("web-1", "w1"), pod("a", "w2")),
        "1 with too little pods (1 asked, at most 0 free)",
        1,
    ),
    "a resource that only this node has": (
        scene((node("w1", has={"example.com/gpu": "1"}), W2), pod("web-1", "w1", asks={"example.com/gpu": "1"}), ELSEWHERE),
        "1 with too little example.com/gpu (1 asked, at most 0 free)",
        1,
    ),
    "a pool that is full, and another pool": (
        scene(
            (node("w1", labels={"pool": "db"}), node("w2", labels={"pool": "db"}), W3),
            pod("web-1", "w1", "1", nodeSelector={"pool": "db"}),
            pod("a", "w2", "4"),
        ),
        "1 outside its node selector or affinity, 1 with too little cpu (1 asked, at most 0 free)",
        2,
    ),
    "a pod of each node": (scene((W1, W2), pod("web-1", "w1", **apart()), ELSEWHERE), "1 kept apart by anti-affinity", 1),
    "a pod that runs there wants it away": (
        scene((W1, W2), pod("web-1", "w1"), pod("loner", "w2", labels={"app": "loner"}, **apart())),
        "1 kept apart by anti-affinity",
        1,
    ),
    "anti-affinity in a zone": (
        scene((W1, W2, node("w3", zone="b")), pod("web-1", "w1", **apart(label=ZONE)), ELSEWHERE, pod("web-8", "w3")),
        "2 kept apart by anti-affinity",
        2,
    ),
    "the pods that it must be near": (
        scene(
            (W1, W2),
            pod("web-1", "w1", labels={"app": "cache"}, **apart("podAffinity")),
            pod("web-2", "w1", owner=None),
        ),
        "1 without the pods that it must be near",
        1,
    ),
    "a drained node still counts for the spread": (
        scene((W1, W2, W3), pod("web-1", "w1", **spread()), ELSEWHERE, pod("web-8", "w3")),
        "2 kept free by its topology spread",
        2,
    ),
    "a volume of another zone": (
        scene(
            (W1, node("w2", zone="b"), node("w3", "1")),
            pod("web-1", "w1", "2", **CLAIM),
            **volume(
                nodeAffinity={"required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["a"]}]}]}}
            ),
        ),
        "1 that cannot reach its volumes, 1 with too little cpu (2 asked, at most 1 free)",
        2,
    ),
}
FITS = {
    "an ordinary pod": scene((W1, W2), pod("web-1", "w1", "1"), ELSEWHERE),
    "exactly the room": scene((W1, W2), pod("web-1", "w1", "4", "8Gi"), pod("web-9", "w3")),
    "nobody asked what the other node has": scene(
        (W1, msgspec.structs.replace(W2, status=msgspec.structs.replace(W2.status, allocatable=None))), pod("web-1", "w1", "90"), ELSEWHERE
    ),
    "pods that ended or are ending take no room": scene(
        (W1, W2), pod("web-1", "w1", "4"), pod("a", "w2", "4", phase="Succeeded"), pod("b", "w2", "4", deletion="2024-01-01T00:00:00Z")
    ),
    "anti-affinity to pods that leave too": scene(
        (W1, W2, W3), pod("web-1", "w1", **apart()), pod("web-2", "w1", **apart()), pod("x", "w3", labels={"app": "x"})
    ),
    "anti-affinity in another namespace": scene((W1, W2), pod("web-1", "w1", **apart(namespaces=["other"])), ELSEWHERE),
    "anti-affinity by labels of namespaces is not known": scene((W1, W2), pod("web-1", "w1", **apart(namespaceSelector={})), ELSEWHERE),
    "nodes without the label are no domain": scene((W1, W2), pod("web-1", "w1", **apart(label="rack")), ELSEWHERE),
    "the first of those that want to be near each other": scene(
        (W1, W2), pod("web-1", "w1", **apart("podAffinity")), pod("x", "w2", labels={})
    ),
    "near a pod that moves with it": scene(
        (W1, W2), pod("web-1", "w1"), pod("web-2", "w1", labels={"app": "cache"}, **apart("podAffinity")), ELSEWHERE
    ),
    "a spread that only asks": scene((W1, W2), pod("web-1", "w1", **spread(whenUnsatisfiable="ScheduleAnyway")), ELSEWHERE),
    "a spread with room": scene((W1, W2, W3), pod("web-1", "w1", **spread(maxSkew=2)), ELSEWHERE, pod("web-8", "w3")),
    "a spread over other pods": scene((W1, W2, W3), pod("web-1", "w1", **spread(labelSelector={"matchLabels": {"app": "x"}})), ELSEWHERE),
    "DaemonSets stay": scene((W1,), pod("agent-1", "w1", owner=("DaemonSet", "agent"))),
    "nothing makes a bare pod again": scene((W1,), pod("bare", "w1", owner=None)),
    "a finished pod": scene((W1,), pod("job-1", "w1", owner=("Job", "job"), phase="Succeeded")),
}
TOGETHER = scene((W1, W2), pod("web-1", "w1", "3"), pod("web-2", "w1", "2"), ELSEWHERE)
ALL_BUT_ONE = scene((W1, W2, W3), *(pod(f"web-{n}", "w1", "1500m") for n in range(5)), ELSEWHERE)
# the one of 3 cores comes last, when each node has two left
TIGHT = scene((W1, node("w2", "3"), node("w3", "3")), *(pod(f"web-{n}", "w1", cpu) for n, cpu in enumerate(("1", "1", "3"))), ELSEWHERE)
LOCAL = scene((W1, W2), pod("db-0", "w1", owner=("StatefulSet", "db"), **CLAIM), **volume(local={"path": "/srv"}))
CASES = (
    *(Case("D2C720", name, scene(nodes, pod("web-1", "w1")), (("Node w1", said),)) for name, (nodes, said) in CLOSED.items()),
    *(Case("D2C720", name, seen, ()) for name, seen in FITS.items()),
    Case(
        "D2C720",
        "it tolerates the taint",
        scene((W1, node("cp1", taints=MASTER)), pod("web-1", "w1", tolerations=[{"operator": "Exists"}])),
    ),
    Case("D2C720", "the pod's own selector is no cause of a node", NOWHERE["a pool that is full, and another pool"][0]),
    *(Case("D2C721", name, seen, none_of(count, why)) for name, (seen, why, count) in NOWHERE.items()),
    *(Case("D2C721", name, seen, ()) for name, seen in FITS.items()),
    Case("D2C721", "one cause is told once", scene((W1, node("w2", unschedulable=True)), pod("web-1", "w1"))),
    Case("D2C721", "each fits alone", TOGETHER),
    Case("D2C722", "all but one", ALL_BUT_ONE, none_of(2, "2 with too little cpu (1500m asked, at most 1 free)", "pod web-4")),
    Case("D2C722", "one of two", TOGETHER, none_of(1, "1 with too little cpu (2 asked, at most 1 free)", "pod web-2")),
    Case("D2C722", "it fits nowhere anyway", NOWHERE["too little cpu"][0]),
    Case("D2C722", "packed well they fit", TIGHT),
    Case(
        "D2C723",
        "the large one comes last",
        TIGHT,
        (
            (
                "Deployment shop/web",
                "placed as they come, none of 2 other nodes takes it: 2 with too little cpu (3 asked, at most 2 free) (pod web-2)",
            ),
        ),
    ),
    Case("D2C723", "there is room", FITS["an ordinary pod"]),
    Case("D2C723", "there is none", ALL_BUT_ONE),
    Case("D2C724", "the only pod", scene((W1, W2), pod("web-1", "w1")), (("Deployment shop/web", "its only pod runs here (pod web-1)"),)),
    Case(
        "D2C724",
        "all pods",
        scene((W1, W2), pod("web-1", "w1"), pod("web-2", "w1")),
        (("Deployment shop/web", "all 2 of its pods run here (pods web-1, web-2)"),),
    ),
    Case("D2C724", "another pod elsewhere", scene((W1, W2), pod("web-1", "w1"), ELSEWHERE)),
    Case("D2C724", "a budget covers it", scene((W1, W2), pod("web-1", "w1"), budgets=(make.budget(),))),
    Case("D2C724", "nobody waits for a Job", scene((W1, W2), pod("job-1", "w1", owner=("Job", "job")))),
    Case("D2C724", "it waits for its node, which is told", LOCAL),
    Case("D2C725", "a local volume", LOCAL, (("StatefulSet shop/db", "it can run on this node only (pod db-0)"),)),
    Case(
        "D2C725",
        "a node selector",
        scene((W1, W2), pod("web-1", "w1", nodeSelector={HOSTNAME: "w1"})),
        (("Deployment shop/web", "it can run on this node only (pod web-1)"),),
    ),
    Case("D2C725", "a selector that another node meets", scene((W1, W2), pod("web-1", "w1", nodeSelector={ZONE: "a"}))),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_nodes_that_are_drained_together_are_no_place_for_each_other() -> None:
    cluster = scene((W1, W2, W3), pod("web-1", "w1", "3"), pod("web-2", "w2", "3"), ELSEWHERE).cluster
    assert cluster is not None
    assert foresee(cluster, ("w1",)).stuck == foresee(cluster, ("w2",)).stuck == ()
    assert [(one.pod.key, one.why, one.alone) for one in foresee(cluster, ("w1", "w2")).stuck] == [
        ("shop/web-2", "the only other node does not take it: 1 with too little cpu (3 asked, at most 1 free)", False)
    ]


def spec(**given: Any) -> PodSpec:
    return msgspec.convert(given, PodSpec)


def asking(cpu: str = "", memory: str = "", **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": {name: text for name, text in (("cpu", cpu), ("memory", memory)) if text}}, **more}


@pytest.mark.parametrize(
    ("of", "cpu", "memory"),
    [
        (spec(containers=[asking("100m", "1Gi"), asking("0.5", "512Mi")]), 600, 1536 * 2**20),
        (spec(containers=[asking("100m")], initContainers=[asking("1"), asking("2", "1Gi")]), 2000, 2**30),
        # one that goes on beside counts with all that come after it, and with the containers
        (spec(containers=[asking("1")], initContainers=[asking("1", restartPolicy="Always"), asking("3")]), 4000, 0),
        (spec(containers=[asking("1")], initContainers=[asking("3"), asking("1", restartPolicy="Always")]), 3000, 0),
        (spec(containers=[asking("100m")], overhead={"cpu": "250m", "memory": "120Mi"}), 350, 120 * 2**20),
        (spec(containers=[{"name": "c"}]), 0, 0),
        (spec(containers=[asking("1u")]), 1, 0),
    ],
)
def test_what_a_pod_asks_for(of: PodSpec, cpu: int, memory: int) -> None:
    asks = demand(of)
    assert (asks.get("cpu", 0), asks.get("memory", 0), asks["pods"]) == (cpu, memory, 1)


def test_amounts_are_told_as_kubernetes_writes_them() -> None:
    amounts = (("cpu", 1500), ("cpu", 2000), ("memory", 2**30), ("memory", 1000), ("example.com/gpu", 2))
    assert [told(name, amount) for name, amount in amounts] == ["1500m", "2", "1024Mi", "1000", "2"]
