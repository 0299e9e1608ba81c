"""Static pods that lean on Docker's files, and the other control planes: D2C180 to D2C184."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from migrate.facts.cluster import RUN_ANNOTATION, NodeAddress
from migrate.facts.model import Listener
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


def external(
    *servers: str, planes: int = 2, listens: tuple[Listener, ...] = (), marks: tuple[str, ...] = (), static: bool = True
) -> NodeView:
    """Control plane w1 (10.0.0.1) of so many, whose API server uses an etcd outside of Kubernetes."""
    found = reached("https://10.0.0.9:6443", alone=planes == 1)
    facts = replace(found.facts, marks=found.facts.marks | {*marks}, listeners=listens)
    command = ["kube-apiserver", "--secure-port=6443", f"--etcd-servers={','.join(servers)}"]
    annotations = {MIRROR: "x"} if static else {}
    pod = make.pod(
        "kube-apiserver-w1", "kube-system", None, annotations=annotations, container={"name": "kube-apiserver", "command": command}
    )
    return replace(found, facts=facts, pods=(pod,))


FAR = ("https://10.0.0.7:2379", "https://10.0.0.8:2379")
OWN_ETCD = (Listener("10.0.0.1", 2379, "etcd"), Listener("10.0.0.1", 2380, "etcd"))
DOWN = "it is the only control plane: no API for 20 to 75 s, as measured"
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
    Case("D2C105", "its etcd runs elsewhere", external(*FAR)),
    Case("D2C105", "its etcd runs elsewhere, it is alone", external(*FAR, planes=1)),
    Case(
        "D2C105",
        "a manifest of etcd that was not read",
        external(*FAR, marks=("/etc/kubernetes/manifests/etcd.yaml",)),
        (("Node w1", "the Node carries a control-plane label or taint; /etc/kubernetes/manifests/etcd.yaml exists"),),
    ),
    Case(
        "D2C105",
        "its API server is no static pod",
        external(*FAR, static=False),
        (("Node w1", "the Node carries a control-plane label or taint"),),
    ),
    Case("D2C105", "no flag tells of etcd", external(), (("Node w1", "the Node carries a control-plane label or taint"),)),
    Case("D2C171", "two with an etcd elsewhere", external(*FAR)),
    Case("D2C184", "one of two with an etcd elsewhere", external(*FAR)),
    Case(
        "D2C184",
        "alone with an etcd elsewhere",
        external(*FAR, planes=1),
        (("Node w1", f"{DOWN}; the kubeconfig leads to https://10.0.0.9:6443"),),
    ),
    Case("D2C185", "a member of its own", WELL),
    Case("D2C185", "a worker", make.view()),
    Case("D2C185", "elsewhere", external(*FAR), (("Node w1", f"its API server uses {FAR[0]}, {FAR[1]}"),)),
    Case(
        "D2C185",
        "a unit of the host",
        external("https://10.0.0.1:2379", FAR[0], listens=OWN_ETCD),
        (("Node w1", f"its API server uses https://10.0.0.1:2379, {FAR[0]}; etcd listens on port 2379, 2380 of this host"),),
    ),
    Case("D2C186", "elsewhere", external(*FAR)),
    Case("D2C186", "a member of its own", WELL),
    Case("D2C186", "it listens", external("https://10.0.0.1:2379", listens=OWN_ETCD)),
    Case(
        "D2C186",
        "it does not",
        external("https://10.0.0.1:2379", "https://127.0.0.1:4001", FAR[0]),
        (
            ("https://10.0.0.1:2379", "nothing listens on port 2379 of this host"),
            ("https://127.0.0.1:4001", "nothing listens on port 4001 of this host"),
        ),
    ),
    Case("D2C182", "its apiserver", beside(pod_ready="False"), (("Pod kube-system/kube-apiserver-cp2", "it is not ready"),)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()
