"""Every workload of a cluster judged, whether something of it runs or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from migrate.facts.cluster import ClusterFacts, Node, Owner
from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.model import Endpoint
from migrate.facts.pod import Pod
from migrate.rules import NodeView
from migrate.rules.judge import JudgedWorkload, judge_workloads
from migrate.targets.containerd import CONTAINERD
from tests.rules import make

SOCK = make.host_path("/var/run/docker.sock", "Socket")
MOUNT = "hostPath /var/run/docker.sock (type Socket) at /mnt of container web"


def template(**spec: Any) -> dict[str, Any]:
    pod = msgspec.to_builtins(make.pod(**spec))
    return {"metadata": {"labels": pod["metadata"].get("labels")}, "spec": {**pod["spec"], "nodeName": ""}}


def owner(kind: str, name: str, parent: tuple[str, str] | None = None, **spec: Any) -> Owner:
    references = [{"kind": parent[0], "name": parent[1], "controller": True}] if parent else []
    return msgspec.convert(
        {"kind": kind, "metadata": {"name": name, "namespace": "shop", "ownerReferences": references}, "spec": spec}, Owner
    )


def node(name: str, runtime: str = "docker://20.10.24", kubelet: str = "v1.23.17") -> Node:
    info = {"containerRuntimeVersion": runtime, "kubeletVersion": kubelet}
    return msgspec.convert({"metadata": {"name": name}, "status": {"nodeInfo": info}}, Node)


def cluster(*pods: Pod, **given: Any) -> ClusterFacts:
    return ClusterFacts(**{"server": "v1.23.17", "taken": 0, "nodes": (node("w1"), node("w2")), "pods": pods, **given})


def judged(facts: ClusterFacts, *views: NodeView, **reasons: str) -> tuple[JudgedWorkload, ...]:
    return judge_workloads(facts, views, CONTAINERD, reasons)


def told(facts: ClusterFacts, *views: NodeView) -> list[tuple[str, str, list[str]]]:
    return [(one.workload.title, one.pod_security, [found.code for found in one.findings]) for one in judged(facts, *views)]


def test_what_has_nothing_running_is_judged_by_its_template() -> None:
    facts = cluster(
        owners=(
            owner("Deployment", "off", replicas=0, template=template(**SOCK)),
            owner("ReplicaSet", "off-1", ("Deployment", "off"), replicas=0, template=template(**SOCK)),
            owner("CronJob", "nightly", jobTemplate={"spec": {"template": template(container={"args": ["docker system prune"]})}}),
            owner("Job", "nightly-1", ("CronJob", "nightly"), template=template(container={"args": ["docker system prune"]})),
            owner("ReplicaSet", "canary-1", ("Rollout", "canary"), replicas=0, template=template(**SOCK)),
        )
    )
    assert told(facts) == [
        ("CronJob shop/nightly", "baseline", ["D2C303"]),
        ("Deployment shop/off", "privileged", ["D2C301"]),
        ("Rollout shop/canary", "privileged", ["D2C301"]),
    ]
    off = judged(facts)[1]
    assert (off.workload.replicas, off.workload.pods) == (0, ())
    assert [(found.subject, found.node, found.evidence) for found in off.findings] == [("Deployment shop/off", "", MOUNT)]


def test_pods_of_every_owner_are_rolled_up_and_static_ones_stand_alone() -> None:
    mirror = {"kubernetes.io/config.mirror": "x"}
    facts = cluster(
        make.pod("web-1", **SOCK),
        make.pod("web-2", nodeName="w2", **SOCK),
        make.pod("old-1", phase="Succeeded", **SOCK),
        make.pod("etcd-w1", owner=("Node", "w1"), annotations=mirror, hostNetwork=True),
        owners=make.OWNERS,
    )
    found = judged(facts)
    assert [(one.workload.title, one.workload.pods, one.workload.nodes) for one in found] == [
        ("Deployment shop/web", ("web-1", "web-2"), ("w1", "w2")),
        ("Pod shop/etcd-w1", ("etcd-w1",), ("w1",)),
    ]
    assert [(one.code, one.evidence) for one in found[0].findings] == [("D2C301", MOUNT)]


def test_an_accepted_code_keeps_its_reason() -> None:
    (found,) = judged(cluster(make.pod(**SOCK)), D2C301="builds moved")
    assert [(one.code, one.accepted, one.blocks) for one in found.findings] == [("D2C301", "builds moved", False)]


def test_where_every_node_of_a_workload_is_off_docker_there_is_nothing_to_say() -> None:
    off = node("w2", "containerd://1.6.20")
    facts = cluster(
        make.pod("here", owner=None, **SOCK),
        make.pod("there", owner=None, nodeName="w2", **SOCK),
        nodes=(node("w1"), off),
        owners=(owner("Deployment", "idle", replicas=0, template=template(**SOCK)),),
    )
    assert told(facts) == [
        ("Deployment shop/idle", "privileged", ["D2C301"]),
        ("Pod shop/here", "privileged", ["D2C301"]),
        ("Pod shop/there", "privileged", []),
    ]
    assert [findings for _, _, findings in told(cluster(nodes=(off,), owners=facts.owners))] == [[]]


def test_what_was_read_on_a_node_counts_before_what_the_api_tells_of_it() -> None:
    view = make.view(make.pod(**SOCK))
    moved = replace(view, facts=make.facts(endpoint=Endpoint("containerd", "unix:///run/containerd/containerd.sock", "x")))
    facts = cluster(make.pod(**SOCK), nodes=(node("w1"),))
    assert told(facts, view) == [("ReplicaSet shop/web-5d", "privileged", ["D2C301"])]
    assert told(facts, moved) == [("ReplicaSet shop/web-5d", "privileged", [])]


def test_the_nodes_that_were_read_say_how_docker_treated_pods() -> None:
    pod = make.pod(container={"livenessProbe": {"exec": {"command": ["check"]}, "timeoutSeconds": 1}})
    view = make.view(pod, of=make.facts(docker=make.docker(daemon_json={"init": True})))
    assert told(cluster(pod, owners=make.OWNERS), view) == [("Deployment shop/web", "baseline", ["D2C330"])]
    old = cluster(pod, owners=make.OWNERS, nodes=(node("w1", kubelet="v1.19.16"),))
    assert told(old) == [("Deployment shop/web", "baseline", ["D2C308"])]


def test_levels_are_those_of_the_servers_version() -> None:
    good = {
        "allowPrivilegeEscalation": False,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
        "capabilities": {"drop": ["ALL"]},
    }
    pod = make.pod(container={"securityContext": {**good, "runAsUser": 0}})
    assert [one.pod_security for one in judged(cluster(pod))] == ["baseline"]
    assert [one.pod_security for one in judged(cluster(pod, server="v1.22.0"))] == ["restricted"]


def test_config_maps_are_told_by_who_uses_them_and_by_themselves_where_nobody_does() -> None:
    def line(name: str, use: ConfigUseKind) -> ConfigUse:
        return ConfigUse(namespace="shop", name=name, key="run.sh", line=2, use=use, words="docker ps")

    facts = cluster(
        make.pod(volumes=[{"name": "s", "configMap": {"name": "scripts"}}]),
        owners=make.OWNERS,
        config_uses=(line("scripts", ConfigUseKind.CALL), line("dashboard", ConfigUseKind.QUERY)),
    )
    assert told(facts) == [("ConfigMap shop/dashboard", "", ["D2C316"]), ("Deployment shop/web", "baseline", ["D2C315"])]
    assert [one.evidence for one in judged(facts)[0].findings] == ["run.sh:2: docker ps"]


def test_owners_that_own_each_other_end_somewhere() -> None:
    ring = (owner("ReplicaSet", "a", ("ReplicaSet", "b")), owner("ReplicaSet", "b", ("ReplicaSet", "a")))
    assert [title for title, _, _ in told(cluster(make.pod(owner=("ReplicaSet", "a")), owners=ring))] == ["ReplicaSet shop/b"]
