"""Foreseeing where the pods of each node could go: how long it takes for every node of a cluster.

    python -m benchmarks.capacity [NODES PODS]

Each cluster is measured with room (60 % of the cores are asked for) and nearly full (97 %), where many pods find no node at once. A tenth
of the Deployments keep their pods on nodes apart, a tenth spread them. CPU time of one run over all nodes, with the cluster in memory.
"""

import gc
import sys
import time
from typing import Any

import msgspec

from benchmarks.judge import DAEMONS, REPLICAS, pod, spec
from migrate.facts.cluster import ClusterFacts, Node, Owner
from migrate.rules.foresight import foresee

CORES = 16


def rules(n: int) -> dict[str, Any]:
    """How the pods of a Deployment want to be placed."""
    selector, label = {"matchLabels": {"app": f"web{n}-x"}}, "kubernetes.io/hostname"
    if n % 10 == 1:
        term = {"topologyKey": label, "labelSelector": selector}
        return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    if n % 10 == 2:
        one = {"maxSkew": 2, "topologyKey": label, "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector}
        return {"topologySpreadConstraints": [one]}
    return {}


def cluster(nodes: int, pods: int, share: float) -> ClusterFacts:
    """A cluster whose Deployments ask for this share of its cores."""
    names = [f"node-{n}" for n in range(nodes)]
    daemons = [
        pod(f"agent{at}-{name}", "kube-system", ("DaemonSet", f"agent{at}"), spec(at, name)) for at in range(DAEMONS) for name in names
    ]
    made, owners = (
        daemons[: pods // 3],
        [{"kind": "DaemonSet", "metadata": {"name": f"agent{n}", "namespace": "kube-system"}} for n in range(DAEMONS)],
    )
    millis = int(1000 * CORES * nodes * share / (pods - len(made)))
    for n in range((pods - len(made)) // REPLICAS):
        namespace, name = f"team-{n % 200}", f"web{n}-x"
        owners.append({"kind": "ReplicaSet", "metadata": {"name": name, "namespace": namespace}})
        for at in range(REPLICAS):
            form = spec(100 + n, names[(n * REPLICAS + at) % nodes]) | rules(n)
            form["containers"][0]["resources"] = {"requests": {"cpu": f"{millis}m", "memory": "64Mi"}}
            made.append(pod(f"{name}-{at}", namespace, ("ReplicaSet", name), form))
    ready = [{"type": "Ready", "status": "True"}]
    status = {"conditions": ready, "allocatable": {"cpu": str(CORES), "memory": "64Gi", "pods": "110"}}
    labels = {"pool": "workers"}
    objects = ({"metadata": {"name": name, "labels": labels | {"kubernetes.io/hostname": name}}, "status": status} for name in names)
    return ClusterFacts(
        server="v1.23.17",
        taken=0,
        nodes=tuple(msgspec.convert(one, Node) for one in objects),
        pods=tuple(made),
        owners=tuple(msgspec.convert(one, Owner) for one in owners),
    )


def main() -> None:
    """Measure and say."""
    sizes = [(int(sys.argv[1]), int(sys.argv[2]))] if len(sys.argv) == 3 else [(170, 5_000), (1_000, 30_000), (5_000, 150_000)]
    for nodes, pods in sizes:
        for share in (0.6, 0.97):
            facts = cluster(nodes, pods, share)
            gc.collect()
            gc.freeze()
            start = time.process_time()
            found = [foresee(facts, (node.name,)) for node in facts.nodes]
            spent = time.process_time() - start
            stuck, tight = sum(bool(one.stuck) for one in found), sum(bool(one.tight) for one in found)
            print(f"{len(facts.pods):,} pods on {nodes:,} nodes, {share:.0%} asked for: {spent:.2f} s; {stuck:,} stuck, {tight:,} tight")


if __name__ == "__main__":
    main()
