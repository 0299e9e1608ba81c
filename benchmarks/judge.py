"""Judging every workload of a cluster that was read: how long the rules and Pod Security levels take.

    python -m benchmarks.judge [NODES PODS]

A third of the pods are of ten DaemonSets, the others five to a Deployment, each Deployment with a form of its own; one of a hundred mounts
Docker's socket. CPU time of one run, with the cluster in memory.
"""

import gc
import sys
import time
from typing import Any

import msgspec

from migrate.facts.cluster import ClusterFacts, Node, Owner
from migrate.facts.pod import Pod
from migrate.rules.judge import judge_workloads
from migrate.targets.containerd import CONTAINERD

DAEMONS = 10
REPLICAS = 5
TOKEN = {"name": "kube-api", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}}


def spec(n: int, node: str, *paths: str) -> dict[str, Any]:
    """A pod's spec as clusters have them, of a form of its own; `paths` are host paths."""
    mounts = [{"name": "kube-api", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}]
    container = {
        "name": "app",
        "image": f"registry.example/team{n % 50}/app{n}:1.{n % 20}.0",
        "imagePullPolicy": "IfNotPresent",
        "args": ["serve", f"--port={8000 + n % 100}"],
        "env": [{"name": f"SETTING_{at}"} for at in range(8)],
        "ports": [{"containerPort": 8080}],
        "volumeMounts": [*mounts, *({"name": f"host-{at}", "mountPath": f"/host{path}"} for at, path in enumerate(paths))],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}} if n % 2 else {},
        "livenessProbe": {"httpGet": {"port": 8080}, "timeoutSeconds": 1},
        "readinessProbe": {"exec": {"command": ["/check"]}, "timeoutSeconds": 5},
    }
    volumes = [TOKEN, *({"name": f"host-{at}", "hostPath": {"path": path}} for at, path in enumerate(paths))]
    return {"nodeName": node, "containers": [container], "volumes": volumes}


def pod(name: str, namespace: str, owner: tuple[str, str], form: dict[str, Any]) -> Pod:
    """A running pod."""
    references = [{"kind": owner[0], "name": owner[1], "controller": True}]
    labels = {"app": owner[1], "pod-template-hash": "5d8f7c9b6d"}
    meta = {"name": name, "namespace": namespace, "labels": labels, "ownerReferences": references}
    return msgspec.convert({"metadata": meta, "spec": form, "status": {"phase": "Running"}}, Pod)


def cluster(nodes: int, pods: int) -> ClusterFacts:
    """A cluster of so many nodes and pods."""
    names = [f"node-{n}" for n in range(nodes)]
    made = [
        pod(f"agent{daemon}-{name}", "kube-system", ("DaemonSet", f"agent{daemon}"), spec(daemon, name, "/var/log"))
        for daemon in range(DAEMONS)
        for name in names
    ][: pods // 3]
    owners: list[dict[str, Any]] = [
        {"kind": "DaemonSet", "metadata": {"name": f"agent{daemon}", "namespace": "kube-system"}} for daemon in range(DAEMONS)
    ]
    for n in range((pods - len(made)) // REPLICAS):
        namespace, name, form = f"team-{n % 200}", f"web{n}", ("/var/run/docker.sock",) if n % 100 == 0 else ()
        above = [{"kind": "Deployment", "name": name, "controller": True}]
        owners.append({"kind": "Deployment", "metadata": {"name": name, "namespace": namespace}, "spec": {"replicas": REPLICAS}})
        owners.append({"kind": "ReplicaSet", "metadata": {"name": f"{name}-x", "namespace": namespace, "ownerReferences": above}})
        for at in range(REPLICAS):
            on = names[(n * REPLICAS + at) % nodes]
            made.append(pod(f"{name}-x-{at}", namespace, ("ReplicaSet", f"{name}-x"), spec(100 + n, on, *form)))
    info = {"containerRuntimeVersion": "docker://20.10.24", "kubeletVersion": "v1.23.17"}
    objects = (msgspec.convert({"metadata": {"name": name}, "status": {"nodeInfo": info}}, Node) for name in names)
    listed = tuple(msgspec.convert(one, Owner) for one in owners)
    return ClusterFacts(server="v1.23.17", taken=0, nodes=tuple(objects), pods=tuple(made), owners=listed)


def main() -> None:
    """Measure and say."""
    sizes = [(int(sys.argv[1]), int(sys.argv[2]))] if len(sys.argv) == 3 else [(170, 5_000), (5_000, 150_000)]
    for nodes, pods in sizes:
        facts = cluster(nodes, pods)
        gc.collect()
        gc.freeze()
        start = time.process_time()
        found = judge_workloads(facts, (), CONTAINERD, {})
        spent = time.process_time() - start
        told = sum(bool(one.findings) for one in found)
        print(f"{len(facts.pods):,} pods on {nodes:,} nodes: {len(found):,} workloads judged in {spent:.2f} s, {told:,} with findings")


if __name__ == "__main__":
    main()
