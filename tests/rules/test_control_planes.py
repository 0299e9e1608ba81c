"""Static pods that lean on Docker's files, and the other control planes: D2C180 to D2C182."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from migrate.facts.pod import MIRROR, Pod
from migrate.rules import NodeView
from tests.rules import make
from tests.rules.case import Case

LABELS = {"node-role.kubernetes.io/control-plane": ""}


def static(name: str, path: str = "/etc/ssl", kind: str = "etcd", mirror: bool = True, docker_root: str = "/var/lib/docker") -> NodeView:
    """A node with one static pod that mounts a path of the host."""
    volume = make.host_path(path)
    volume["container"] = {**volume["container"], "name": kind}
    pod = make.pod(name, "kube-system", None, annotations={MIRROR: "x"} if mirror else {}, **volume)
    return replace(make.view(of=make.facts(docker=make.docker(data_root=docker_root))), pods=(pod,))


def beside(own: bool = True, ready: str = "True", pod_ready: str = "True", **given: Any) -> NodeView:
    """A control plane w1 beside cp2 with its apiserver."""
    found = make.view(the_node=make.node(labels=LABELS if own else {}))
    assert found.cluster is not None
    assert found.node is not None
    other = make.node(labels=LABELS, ready={"type": "Ready", "status": ready})
    other = msgspec.structs.replace(other, metadata=msgspec.structs.replace(other.metadata, name="cp2"))
    pod = make.pod(
        "kube-apiserver-cp2", "kube-system", None, annotations={MIRROR: "x"}, nodeName="cp2", container={"name": "kube-apiserver"}
    )
    conditions = msgspec.convert({"phase": "Running", "conditions": [{"type": "Ready", "status": pod_ready}]}, type(pod.status))
    pod = msgspec.structs.replace(pod, status=conditions)
    pods: tuple[Pod, ...] = (pod,)
    return replace(found, cluster=msgspec.structs.replace(found.cluster, nodes=(found.node, other), pods=pods))


CASES = (
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
    Case("D2C182", "its apiserver", beside(pod_ready="False"), (("Pod kube-system/kube-apiserver-cp2", "it is not ready"),)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()
