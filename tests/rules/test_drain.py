"""What a drain would get back, D2C333 and D2C334; the smoke pod that never ran, D2C335; grace periods, D2C137, D2C139."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from migrate.facts.cluster import SMOKE_ANNOTATION as SMOKE
from migrate.facts.cluster import ClusterFacts, Node, Owner, PersistentVolume
from migrate.facts.placement import only_here
from migrate.facts.pod import SMOKE_NAMESPACE, Pod, smoke_name
from migrate.plan.drain import classify
from migrate.plan.steps import DrainPolicy
from migrate.rules import NodeView
from tests.rules import make
from tests.rules.case import Case

ALL = [{"operator": "Exists"}]
CORDON = [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}]
WEB = "Deployment shop/web"
TOLERATES = "it tolerates node.kubernetes.io/unschedulable"
NO_OTHER = f"{TOLERATES}, and its node selector, affinity, tolerations and volumes fit no other node (pod web-1)"
MAY = f"{TOLERATES}; 1 other node would take it too (pod web-1)"
CLAIM = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}
HERE = {"kubernetes.io/hostname": "w1"}


def w2(**spec: Any) -> Node:
    labels = spec.pop("labels", {"kubernetes.io/hostname": "w2", "cores": "8"})
    return msgspec.convert({"metadata": {"name": "w2", "labels": labels}, "spec": spec}, Node)


def owner(kind: str, name: str, **spec: Any) -> Owner:
    return msgspec.convert({"kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": {"template": {"spec": spec}}}, Owner)


def scene(
    *, other: Node | None = None, template: dict[str, Any] | None = None, volume: dict[str, Any] | None = None, **pod: Any
) -> NodeView:
    """`web-1` on w1, beside w2 (`other`); `template` is its ReplicaSet's, `volume` the one that its claim is bound to."""
    owners = (make.OWNERS[0], msgspec.structs.replace(make.OWNERS[1], spec=owner("ReplicaSet", "x", **template).spec)) if template else ()
    the_pod = make.pod(**pod)
    claimed = {"metadata": {"name": "pv"}, "spec": {**(volume or {}), "claimRef": {"name": "data", "namespace": "shop"}}}
    cluster = ClusterFacts(
        server="v1.23.17",
        taken=1_700_000_000,
        nodes=(make.node(), other or w2()),
        pods=(the_pod,),
        owners=owners or make.OWNERS,
        volumes=(msgspec.convert(claimed, PersistentVolume),) if volume is not None else (),
    )
    return make.view(the_pod, cluster=cluster)


def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def asked(key: str, operator: str, *values: str, field: bool = False) -> dict[str, Any]:
    return {"matchFields" if field else "matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


CERTAIN = {
    "nodeName in the template": scene(template={"nodeName": "w1"}),
    "a selector": scene(tolerations=ALL, nodeSelector=HERE),
    "a selector in the template": scene(template={"tolerations": ALL, "nodeSelector": HERE}),
    "only the cordon is tolerated": scene(tolerations=CORDON, nodeSelector=HERE),
    "the cordon by its value": scene(tolerations=[{"key": "node.kubernetes.io/unschedulable"}], nodeSelector=HERE),
    "affinity to a label": scene(tolerations=ALL, affinity=affinity(asked("kubernetes.io/hostname", "In", "w1"))),
    "affinity to a name": scene(tolerations=ALL, affinity=affinity(asked("metadata.name", "In", "w1", field=True))),
    "affinity against the others": scene(tolerations=ALL, affinity=affinity(asked("cores", "DoesNotExist"))),
    "affinity to fewer cores": scene(tolerations=ALL, affinity=affinity(asked("cores", "NotIn", "8"))),
    "a local volume": scene(tolerations=ALL, **CLAIM, volume={"local": {"path": "/srv"}}),
    "a volume of this zone": scene(
        tolerations=ALL,
        **CLAIM,
        volume={"nodeAffinity": {"required": {"nodeSelectorTerms": [asked("kubernetes.io/hostname", "In", "w1")]}}},
    ),
    "the others are tainted": scene(tolerations=CORDON, other=w2(taints=[{"key": "dedicated", "value": "db", "effect": "NoSchedule"}])),
    "a StatefulSet": make.view(make.pod(owner=("StatefulSet", "db"), labels={}), owners=(owner("StatefulSet", "db", nodeName="w1"),)),
    "a Job": make.view(make.pod(owner=("Job", "db"), labels={}), owners=(owner("Job", "db", nodeName="w1"),)),
    "an owner of a kind that is not read": scene(owner=("CloneSet", "db"), tolerations=ALL, nodeSelector=HERE),
    "the only node": make.view(make.pod(tolerations=ALL), others=()),
}
SILENT = {
    "an ordinary pod": scene(),
    "a selector alone": scene(nodeSelector=HERE),
    "a local volume alone": scene(**CLAIM, volume={"local": {"path": "/srv"}}),
    "other taints": scene(tolerations=[{"key": "dedicated", "operator": "Exists"}], nodeSelector=HERE),
    "another effect": scene(tolerations=[{"operator": "Exists", "effect": "NoExecute"}], nodeSelector=HERE),
    "another value": scene(tolerations=[{"key": "node.kubernetes.io/unschedulable", "value": "x"}], nodeSelector=HERE),
    "nodeName that the scheduler set": scene(template={"containers": []}),
    "a template that no longer names it": scene(template={"nodeSelector": HERE}, tolerations=ALL),
    "a DaemonSet": make.view(make.pod(owner=("DaemonSet", "agent"), tolerations=ALL)),
    "bare": make.view(make.pod(owner=None, tolerations=ALL, nodeSelector=HERE)),
    "finished": scene(tolerations=ALL, nodeSelector=HERE, phase="Succeeded"),
    "it does not fit here any more": scene(tolerations=ALL, nodeSelector={"kubernetes.io/hostname": "w3"}),
}
MAYBE = {
    "tolerates everything": scene(tolerations=ALL),
    "a selector that two nodes meet": scene(tolerations=ALL, affinity=affinity(asked("kubernetes.io/hostname", "Exists"))),
    "one of two alternatives": scene(
        tolerations=ALL, affinity=affinity(asked("kubernetes.io/hostname", "In", "w1"), asked("cores", "Gt", "4"))
    ),
    "a taint that it tolerates": scene(tolerations=ALL, other=w2(taints=[{"key": "dedicated", "effect": "NoExecute"}])),
    "a taint that only asks": scene(tolerations=CORDON, other=w2(taints=[{"key": "dedicated", "effect": "PreferNoSchedule"}])),
    "a volume of both": scene(
        tolerations=ALL,
        **CLAIM,
        volume={"nodeAffinity": {"required": {"nodeSelectorTerms": [asked("cores", "Lt", "9"), asked("x", "NotIn", "y")]}}},
    ),
}
WHY = {
    "nodeName in the template": (WEB, "its template sets nodeName: w1 (pod web-1)"),
    "a StatefulSet": ("StatefulSet shop/db", "its template sets nodeName: w1 (pod web-1)"),
    "a Job": ("Job shop/db", "its template sets nodeName: w1 (pod web-1)"),
    "an owner of a kind that is not read": ("CloneSet shop/db", NO_OTHER),
    "the only node": (WEB, f"{TOLERATES}, and the cluster has no other node (pod web-1)"),
}


def noted(text: str) -> NodeView:
    node = make.node()
    return make.view(the_node=msgspec.structs.replace(node, metadata=msgspec.structs.replace(node.metadata, annotations={SMOKE: text})))


def slow(grace: int, owner_: tuple[str, str] = ("DaemonSet", "agent"), server: str = "v1.23.17", *more: Pod) -> NodeView:
    view = make.view(make.pod("slow", owner=owner_, terminationGracePeriodSeconds=grace), *more)
    assert view.cluster is not None
    return replace(view, cluster=msgspec.structs.replace(view.cluster, server=server))


MANAGER = make.pod(
    "kube-controller-manager-cp1", "kube-system", None, container={"command": ["x", "--node-monitor-grace-period=1m30s"]}, phase="Succeeded"
)


def standalone(timeout: int) -> NodeView:
    return make.view(of=make.facts(docker=make.docker(containers=(make.container("proxy", stop_timeout=timeout),))))


def within(seconds: int, view: NodeView) -> NodeView:
    return replace(view, stop_timeout=seconds)


def late(grace: int, seconds: int, where: str = "the default of --node-monitor-grace-period") -> tuple[tuple[str, str], ...]:
    said = f"it is stopped for up to {grace} s while shop/slow end; the node is NotReady after {seconds} s ({where})"
    return (("kubelet", said),)


CASES = (
    Case("D2C137", "longer than the default", slow(41), late(41, 40)),
    Case("D2C137", "the default", slow(40)),
    Case("D2C137", "the default since 1.32", slow(51, server="v1.32.0"), late(51, 50)),
    Case("D2C137", "within that", slow(50, server="v1.32.0")),
    Case("D2C137", "it is evicted before", slow(3600, ("ReplicaSet", "web-5d"))),
    Case("D2C137", "a longer one is set", slow(90, ("DaemonSet", "agent"), "v1.23.17", MANAGER)),
    Case(
        "D2C137",
        "longer than what is set",
        slow(91, ("DaemonSet", "agent"), "v1.23.17", MANAGER),
        late(91, 90, "--node-monitor-grace-period=1m30s of kube-controller-manager-cp1"),
    ),
    Case("D2C137", "a week, of which the plan waits a part", slow(604800), late(600, 40)),
    Case("D2C137", "the plan waits no longer than the control plane", within(40, slow(604800))),
    Case(
        "D2C139",
        "a week",
        slow(604800),
        (("DaemonSet shop/agent", "terminationGracePeriodSeconds 604800, above --stop-timeout 600 (pod slow)"),),
    ),
    Case("D2C139", "ten minutes", slow(600)),
    Case(
        "D2C139",
        "above another limit",
        within(30, slow(31)),
        (("DaemonSet shop/agent", "terminationGracePeriodSeconds 31, above --stop-timeout 30 (pod slow)"),),
    ),
    Case("D2C139", "the limit is longer", within(604800, slow(604800))),
    Case("D2C139", "it is evicted before", slow(3600, ("ReplicaSet", "web-5d"))),
    Case(
        "D2C139",
        "a container of nobody's",
        standalone(3600),
        (("container proxy", "its stop timeout is 3600 s, above --stop-timeout 600"),),
    ),
    Case("D2C139", "one that ends soon", standalone(60)),
    *(Case("D2C333", name, view, (WHY.get(name, (WEB, NO_OTHER)),)) for name, view in CERTAIN.items()),
    *(Case("D2C333", name, view) for name, view in {**SILENT, **MAYBE}.items()),
    *(Case("D2C334", name, view, ((WEB, MAY),)) for name, view in MAYBE.items()),
    *(Case("D2C334", name, view) for name, view in {**SILENT, **CERTAIN}.items()),
    Case("D2C335", "told by an earlier run", noted("pause: c: \x1b[2JBlocked"), (("Node w1", f"annotation {SMOKE}: pause: c: Blocked"),)),
    Case("D2C335", "nothing is told", make.view()),
)


def test_the_smoke_pod_that_an_interrupted_run_left_is_not_the_nodes() -> None:
    left = make.pod(smoke_name("w1"), SMOKE_NAMESPACE, owner=None)
    others = (make.pod(smoke_name("w2"), SMOKE_NAMESPACE, owner=None), make.pod(smoke_name("w1"), "shop", owner=None))
    cluster = ClusterFacts(server="v1.23.17", taken=1_700_000_000, nodes=(make.node(),), pods=(left, *others))
    assert cluster.pods_on("w1") == others


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


@pytest.mark.parametrize("name", CERTAIN)
def test_what_would_come_back_is_refused_or_stays_and_is_never_evicted(name: str) -> None:
    view = CERTAIN[name]
    assert view.cluster is not None
    assert [one.action for one in classify(view.pods, view.cluster, DrainPolicy(force=True, delete_emptydir_data=True))] == ["refuse"]
    (kept,) = classify(view.pods, view.cluster, DrainPolicy(leave_returning=True))
    assert (kept.action, kept.reason.partition(":")[0]) == ("keep", "it would come back here")


def test_many_pods_are_named_by_five() -> None:
    pods = [make.pod(f"web-{number}") for number in range(1200)]
    view = make.view(*pods, owners=(make.OWNERS[0], msgspec.structs.replace(make.OWNERS[1], spec=owner("x", "x", nodeName="w1").spec)))
    Case(
        "D2C333",
        "many",
        view,
        ((WEB, "its template sets nodeName: w1 (pods web-0, web-1, web-2, web-3, web-4 and 1,195 more)"),),
    ).verify()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a selector", True),
        ("affinity to a name", True),
        ("a local volume", True),
        ("a volume of this zone", True),
        ("nodeName in the template", False),
        ("only the cordon is tolerated", True),
    ],
)
def test_what_can_run_only_here(name: str, expected: bool) -> None:
    view = CERTAIN[name]
    assert view.cluster is not None
    assert view.node is not None
    assert only_here(view.pods[0], view.node, view.cluster) is expected
