"""Workloads rolled up page by page: the same as when the whole cluster is held, whatever the pages, the order and the refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from migrate.errors import ClusterUnreachable
from migrate.rules.judge import judge_workloads
from migrate.rules.table import RULES
from migrate.run.clock import SystemClock
from migrate.run.kube import lists
from migrate.run.kube.client import connect
from migrate.run.kube.roll import roll
from migrate.targets.containerd import CONTAINERD

from .api_server import ApiServer, serving
from .test_kube import kubeconfig

SOCKET = [{"name": "s", "hostPath": {"path": "/var/run/docker.sock"}}]


def ref(kind: str, name: str) -> list[dict[str, Any]]:
    return [{"kind": kind, "name": name, "controller": True, "apiVersion": "v1", "uid": name}]


def spec(**given: Any) -> dict[str, Any]:
    return {"containers": [{"name": "a", "image": "registry.example/a:1"}], **given}


def pod(name: str, owner: tuple[str, str] | None, node: str, phase: str = "Running", revision: str = "", **given: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "n", "labels": {"pod-template-hash": revision} if revision else {}}
    return {
        "metadata": {**meta, **({"ownerReferences": ref(*owner)} if owner else {})},
        "spec": spec(nodeName=node, **given),
        "status": {"phase": phase},
    }


def owner(name: str, above: tuple[str, str] | None = None, replicas: int | None = None, **given: Any) -> dict[str, Any]:
    made = {"template": {"spec": spec(**given)}, **({} if replicas is None else {"replicas": replicas})}
    return {"metadata": {"name": name, "namespace": "n", **({"ownerReferences": ref(*above)} if above else {})}, "spec": made}


def node(name: str, runtime: str = "docker://20.10.24") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"nodeInfo": {"containerRuntimeVersion": runtime, "kubeletVersion": "v1.23.17"}}}


VOLUME = {
    "metadata": {"name": "pv"},
    "spec": {"hostPath": {"path": "/var/lib/docker"}, "claimRef": {"namespace": "n", "name": "data"}},
}
LISTS: dict[str, list[dict[str, Any]]] = {
    "/api/v1/nodes": [node("w1"), node("w2"), node("done", "containerd://1.6.20")],
    "/api/v1/persistentvolumes": [VOLUME, {"metadata": {"name": "other"}, "spec": {}}],
    "/apis/apps/v1/replicasets": [
        owner("web-1", ("Deployment", "web"), 0, volumes=SOCKET),
        owner("web-2", ("Deployment", "web"), 2),
        owner("alone", None, 0, hostPID=True),
        owner("roll-1", ("Rollout", "roll"), 1),
    ],
    "/apis/apps/v1/deployments": [
        owner("web", None, 3),
        owner("idle", None, 0, volumes=SOCKET),
        owner("managed", ("App", "x"), 0, volumes=SOCKET),
    ],
    "/apis/apps/v1/daemonsets": [owner("agent", volumes=SOCKET), owner("settled")],
    "/apis/batch/v1/jobs": [owner("nightly-1", ("CronJob", "nightly")), owner("once", volumes=SOCKET)],
    "/apis/batch/v1/cronjobs": [
        {"metadata": {"name": "nightly", "namespace": "n"}, "spec": {"jobTemplate": {"spec": {"template": {"spec": spec(hostIPC=True)}}}}}
    ],
    "/api/v1/pods": [
        pod("agent-a", ("DaemonSet", "agent"), "w1", volumes=SOCKET),
        pod("agent-b", ("DaemonSet", "agent"), "w2", volumes=SOCKET),
        pod("agent-c", ("DaemonSet", "agent"), "done", volumes=SOCKET),
        pod("bare", None, "w1", runtimeClassName="docker"),
        pod("claims", None, "w2", volumes=[{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}]),
        pod("finished", ("Job", "once"), "w1", phase="Succeeded", volumes=SOCKET),
        pod("roll-1-a", ("ReplicaSet", "roll-1"), "w1", revision="1", hostPID=True),
        pod("settled-a", ("DaemonSet", "settled"), "done", volumes=SOCKET),
        {
            **pod("static-w1", ("Node", "w1"), "w1"),
            "metadata": {
                "name": "static-w1",
                "namespace": "n",
                "annotations": {"kubernetes.io/config.mirror": "x"},
                "ownerReferences": ref("Node", "w1"),
            },
        },
        pod("waiting", None, ""),
        pod("web-1-a", ("ReplicaSet", "web-1"), "w1", revision="1", volumes=SOCKET),
        pod("web-2-a", ("ReplicaSet", "web-2"), "w1", revision="2"),
        pod("web-2-b", ("ReplicaSet", "web-2"), "w2", revision="2"),
    ],
}


def served(**given: Any) -> ApiServer:
    server = ApiServer(**given)
    server.lists = {**server.lists, **LISTS}
    return server


def shown(workloads: Any) -> list[Any]:
    """What a report takes of them."""
    return [
        (
            (one.workload.title, one.workload.replicas, one.workload.pods, one.workload.nodes, one.pod_security),
            [(finding.code, finding.subject, finding.evidence) for finding in one.findings],
        )
        for one in workloads
    ]


def both(server: ApiServer, tmp_path: Path) -> tuple[list[Any], list[Any]]:
    with serving(server):
        cluster = connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=SystemClock())
        rolled = roll(cluster, CONTAINERD, RULES)
        held = judge_workloads(cluster.read(), (), CONTAINERD, {})
    return shown(rolled.workloads), shown(held)


@pytest.mark.parametrize("page", [1, 2, 5, 500])
def test_it_says_what_judging_the_whole_cluster_says(page: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE", page)
    rolled, held = both(served(), tmp_path)
    assert sorted(rolled, key=str) == sorted(held, key=str)
    assert [one for (one, *_), _ in rolled] == sorted((one for (one, *_), _ in rolled), key=lambda title: title.split(" ")[0])
    told = {title: [code for code, _, _ in findings] for (title, *_), findings in rolled if findings}
    assert told["DaemonSet n/agent"].count("D2C301") == 1
    assert "D2C301" in told["Deployment n/idle"]
    assert "D2C302" in told["Pod n/claims"]
    assert "DaemonSet n/settled" not in told


def test_a_list_that_starts_again_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "PAGE", 3)
    server = served()
    server.expire["/api/v1/pods"] = 1
    rolled, held = both(server, tmp_path)
    assert sorted(rolled, key=str) == sorted(held, key=str)


def test_lists_that_are_refused_are_named_and_pods_are_told_by_what_is_known(tmp_path: Path) -> None:
    server = served()
    server.refuse = {"/apis/apps/v1/replicasets": (403, "no"), "/api/v1/persistentvolumes": (403, "no")}
    with serving(server):
        cluster = connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=SystemClock())
        found = roll(cluster, CONTAINERD, RULES)
    assert [(one.what, one.reason) for one in found.cluster.unreadable] == [
        ("persistentvolumes", "HTTP 403: no"),
        ("replicasets", "HTTP 403: no"),
    ]
    assert "ReplicaSet n/web-2" in [one.workload.title for one in found.workloads]
    assert found.cluster.pods == ()


@pytest.mark.parametrize("path", ["/api/v1/pods", "/api/v1/nodes"])
def test_without_pods_or_nodes_it_fails_and_says_what_is_lacking(path: str, tmp_path: Path) -> None:
    server = served()
    server.refuse = {path: (403, "no")}
    with serving(server):
        cluster = connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=SystemClock())
        with pytest.raises(ClusterUnreachable, match=f"GET {path} with HTTP 403: no"):
            roll(cluster, CONTAINERD, RULES)


def test_older_paths_are_asked_where_the_newer_ones_are_not_served(tmp_path: Path) -> None:
    server = served()
    server.lists["/apis/batch/v1beta1/cronjobs"] = server.lists.pop("/apis/batch/v1/cronjobs")
    with serving(server):
        cluster = connect(kubeconfig=str(kubeconfig(tmp_path / "config", server.url)), context=None, environ={}, clock=SystemClock())
        found = roll(cluster, CONTAINERD, RULES)
    assert "CronJob n/nightly" in [one.workload.title for one in found.workloads]
    assert found.cluster.unreadable == ()
