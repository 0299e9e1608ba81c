"""Static pods that lean on Docker's files, and the other control planes: D2C180 to D2C184."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from migrate.facts.cluster import RUN_ANNOTATION, NodeAddress
from migrate.facts.pod import MIRROR, Pod
from migrate.rules import NodeView
from tests.rules import make
from tests.rules.case import Case
from tests.rules.test_etcd import WELL, member, view

LABELS = {"node-role.kubernetes.io/control-plane": ""}


def static(name: str, path: str = "/etc/ssl", kind: str = "etcd", mirror: bool = True, docker_root: str = "/var/lib/docker") -> NodeView:
    """A node with one static pod that mounts a path of the host."""
    volume = make.host_path(path)
    volume["container"] = {**volume["container"], "name": kind}
    pod = make.pod(name, "kube-system", None, annotations={MIRROR: "x"} if mirror else {}, **volume)
    return replace(make.view(of=make.facts(docker=make.docker(data_root=docker_root))), pods=(pod,))


def beside(own: bool = True, ready: str = "True", pod_ready: str = "True", mark: str = "") -> NodeView:
    """A control plane w1 beside cp2 with its apiserver; `mark` is that of a run which holds cp2."""
    found = make.view(the_node=make.node(labels=LABELS if own else {}))
    assert found.cluster is not None
    assert found.node is not None
    other = make.node(labels=LABELS, ready={"type": "Ready", "status": ready})
    annotations = {RUN_ANNOTATION: mark} if mark else None
    other = msgspec.structs.replace(other, metadata=msgspec.structs.replace(other.metadata, name="cp2", annotations=annotations))
    pod = make.pod(
        "kube-apiserver-cp2", "kube-system", None, annotations={MIRROR: "x"}, nodeName="cp2", container={"name": "kube-apiserver"}
    )
    conditions = msgspec.convert({"phase": "Running", "conditions": [{"type": "Ready", "status": pod_ready}]}, type(pod.status))
    pod = msgspec.structs.replace(pod, status=conditions)
    pods: tuple[Pod, ...] = (pod,)
    return replace(found, cluster=msgspec.structs.replace(found.cluster, nodes=(found.node, other), pods=pods))


def reached(endpoint: str, alone: bool = False, own: bool = True) -> NodeView:
    """Control plane w1 (10.0.0.1) beside cp2 (10.0.0.2), as a kubeconfig with this server shows them."""
    found = beside(own=own)
    assert found.cluster is not None
    nodes = []
    for node, address in zip(found.cluster.nodes, ("10.0.0.1", "10.0.0.2"), strict=True):
        addresses = (NodeAddress("Hostname", node.name), NodeAddress("InternalIP", address))
        nodes.append(msgspec.structs.replace(node, status=msgspec.structs.replace(node.status, addresses=addresses)))
    kept = tuple(nodes[:1] if alone else nodes)
    return replace(found, node=nodes[0], cluster=msgspec.structs.replace(found.cluster, nodes=kept, endpoint=endpoint))


def only(endpoint: str = "") -> NodeView:
    """The only control plane, with the only member of etcd, as a kubeconfig with this server shows it."""
    found = view(member(1), planes=1)
    assert found.cluster is not None
    return replace(found, cluster=msgspec.structs.replace(found.cluster, endpoint=endpoint))


DOWN = "it is the only control plane, without an API for about 20 s"
OTHERS = "other control planes: cp2 (10.0.0.2)"
CASES = (
    Case("D2C183", "the load balancer", reached("https://10.0.0.9:6443")),
    Case("D2C183", "another control plane", reached("https://10.0.0.2:6443")),
    Case("D2C183", "not told", reached("")),
    Case("D2C183", "a worker", reached("https://10.0.0.1:6443", own=False)),
    Case("D2C183", "one alone", reached("https://10.0.0.1:6443", alone=True)),
    Case(
        "D2C183", "its address", reached("https://10.0.0.1:6443"), (("Node w1", f"https://10.0.0.1:6443 is its own API server; {OTHERS}"),)
    ),
    Case("D2C183", "its name", reached("https://W1:6443/"), (("Node w1", f"https://W1:6443/ is its own API server; {OTHERS}"),)),
    Case(
        "D2C183",
        "here",
        reached("https://127.0.0.1:6443"),
        (("Node w1", f"https://127.0.0.1:6443 is an address of the machine that docker2cri runs on; {OTHERS}"),),
    ),
    Case("D2C180", "its own files", static("kube-vip-w1")),
    Case(
        "D2C180",
        "Docker's socket",
        static("agent-w1", "/var/run/docker.sock"),
        (("Pod kube-system/agent-w1", "it mounts /run/docker.sock"),),
    ),
    Case("D2C180", "no static pod, which is D2C301", static("agent-w1", "/var/run/docker.sock", mirror=False)),
    Case("D2C181", "/var/lib/etcd", static("etcd-w1", "/var/lib/etcd")),
    Case(
        "D2C181",
        "below the data root",
        static("etcd-w1", "/srv/docker/etcd/", docker_root="/srv/docker"),
        (("Pod kube-system/etcd-w1", "its volume /srv/docker/etcd lies below /srv/docker"),),
    ),
    Case("D2C181", "another pod's", static("logs-w1", "/var/lib/docker/containers", kind="logs")),
    Case("D2C182", "ready", beside()),
    Case("D2C182", "a worker", beside(own=False, ready="Unknown")),
    Case("D2C182", "the Node", beside(ready="Unknown"), (("Node cp2", "Ready is Unknown"),)),
    Case("D2C182", "it is moved", beside(mark="run-7,cordoned-before=false"), (("Node cp2", "run run-7 holds it"),)),
    Case("D2C184", "one of three", WELL),
    Case("D2C184", "a worker", make.view()),
    Case("D2C184", "its etcd was not read, which is D2C105", reached("https://10.0.0.1:6443", alone=True)),
    Case("D2C184", "the only one", only(), (("Node w1", DOWN),)),
    Case(
        "D2C184",
        "its kubeconfig leads to it",
        only("https://10.0.0.1:6443"),
        (("Node w1", f"{DOWN}; the kubeconfig leads to https://10.0.0.1:6443"),),
    ),
    Case("D2C182", "its apiserver", beside(pod_ready="False"), (("Pod kube-system/kube-apiserver-cp2", "it is not ready"),)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()
