"""Our drain and `kubectl drain` of the same node with the same pods, in turns, on the lab: `python -m benchmarks.drain [ROUNDS]`.

Four web pods under a PodDisruptionBudget of maxUnavailable 1, readiness every 2 s, preStop of 5 s, all on one worker; both move them to
the others. A worker of its own is added for it and taken away. A watch of the API, apart from both, proves that the budget held.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from migrate.plan.mark import Mark
from migrate.plan.steps import DrainPolicy
from migrate.run.clock import SystemClock
from migrate.run.kube.client import connect
from migrate.run.kube.drain import drain
from migrate.run.kube.writes import acting
from tests.lab import cluster as lab
from tests.lab.cache import only_one
from tests.lab.shell import LabError
from tests.lab.spec import ACCESS, BUSYBOX, Node

WORKER = Node(8, "lab-w8", "clean")
SPACE = "drain-bench"
PODS = 4
KUBECTL = (str(ACCESS / "kubectl"), "--kubeconfig", str(ACCESS / "kubeconfig"))


def kubectl(*argv: str, stdin: str | None = None) -> str:
    return subprocess.run([*KUBECTL, *argv], input=stdin, text=True, check=True, stdout=subprocess.PIPE).stdout


def manifests() -> str:
    labels = {"app": "web"}
    prefers = {
        "weight": 100,
        "preference": {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [WORKER.name]}]},
    }
    container = {
        "name": "web",
        "image": BUSYBOX,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", "mkdir /www; echo ok > /www/ready; trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait $!"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 2},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", "5"]}}},
    }
    pod = {
        "terminationGracePeriodSeconds": 20,
        "automountServiceAccountToken": False,
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [prefers]}},
        "containers": [container],
    }
    spec = {"replicas": PODS, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}}
    meta = {"name": "web", "namespace": SPACE}
    budget = {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    items = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": budget},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec},
    ]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


@dataclass
class Witness:
    """A watch of the pods. `left` is how many were Ready and not told to end right after one was told to, at the least.

    `lost` counts pods that became unready by themselves (a slow machine), which no budget prevents.
    """

    left: int = PODS
    lost: int = 0
    events: int = 0
    healthy: dict[str, bool] = field(default_factory=dict)
    ending: set[str] = field(default_factory=set)

    def __enter__(self) -> Witness:
        argv = [*KUBECTL, "-n", SPACE, "get", "pods", "-w", "--output-watch-events", "-o", "json"]
        self.watch = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._read)
        self.thread.start()
        deadline = time.monotonic() + 10
        while len(self.healthy) < PODS and time.monotonic() < deadline:
            time.sleep(0.05)
        return self

    def __exit__(self, *exc: object) -> None:
        time.sleep(0.5)
        self.watch.terminate()
        self.thread.join()
        self.watch.wait()

    def _read(self) -> None:
        assert self.watch.stdout is not None
        for line in self.watch.stdout:
            event = json.loads(line)
            self._take(event["type"], event["object"])

    def _take(self, kind: str, pod: dict[str, Any]) -> None:
        uid, conditions = pod["metadata"]["uid"], {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
        ends, ready = "deletionTimestamp" in pod["metadata"], conditions.get("Ready") == "True"
        self.events += 1
        self.lost += self.healthy.get(uid, False) and not ready and not ends
        self.healthy[uid] = ready and not ends and kind != "DELETED"
        if ends and uid not in self.ending:
            self.ending.add(uid)
            self.left = min(self.left, sum(self.healthy.values()))


def place() -> None:
    """All pods on the worker, Ready, the budget counted."""
    kubectl("delete", "namespace", SPACE, "--ignore-not-found", "--wait=true")
    kubectl("apply", "-f", "-", stdin=manifests())
    kubectl("-n", SPACE, "rollout", "status", "deployment/web", "--timeout=120s")
    where = kubectl("-n", SPACE, "get", "pods", "-o", "jsonpath={.items[*].spec.nodeName}").split()
    if where != [WORKER.name] * PODS:
        raise SystemExit(f"the pods are on {where}, not all on {WORKER.name}: no comparison")
    while kubectl("-n", SPACE, "get", "pdb", "web", "-o", "jsonpath={.status.disruptionsAllowed}") != "1":
        time.sleep(0.2)


def by_kubectl() -> None:
    kubectl("cordon", WORKER.name)
    subprocess.run([*KUBECTL, "drain", WORKER.name, "--ignore-daemonsets"], check=True, capture_output=True)


def by_us() -> None:
    cluster = acting(
        connect(kubeconfig=str(ACCESS / "kubeconfig"), context=None, environ=os.environ, clock=SystemClock()), lambda event: None
    )
    cluster.cordon(WORKER.name, Mark(run="drain-bench", cordoned_before=False))
    drain(cluster, WORKER.name, DrainPolicy(timeout=300), SystemClock(), lambda event: None)


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    alone(lambda: lab.reset(WORKER))
    try:
        return compare(rounds)
    finally:
        kubectl("delete", "namespace", SPACE, "--ignore-not-found", "--wait=true")
        alone(lambda: lab.dismiss(WORKER))


def compare(rounds: int) -> int:
    taken: dict[str, list[float]] = {"docker2cri": [], "kubectl drain": []}
    broken = False
    for number in range(rounds):
        for name, run in (("kubectl drain", by_kubectl), ("docker2cri", by_us)):
            place()
            with Witness() as witness:
                begun = time.monotonic()
                run()
                seconds = time.monotonic() - begun
            taken[name].append(seconds)
            broken |= witness.left < PODS - 1
            held = f"after each eviction at least {witness.left} of {PODS} Ready"
            seen = f"{witness.events} watch events, {witness.lost} lost Ready alone, load {os.getloadavg()[0]:.0f}"
            print(f"round {number + 1}: {name:14} {seconds:6.1f} s, {held} ({seen})", flush=True)
            kubectl("uncordon", WORKER.name)
            kubectl("annotate", "node", WORKER.name, "docker2cri.io/run-")
    ours, theirs = (statistics.median(taken[name]) for name in ("docker2cri", "kubectl drain"))
    print(f"median: docker2cri {ours:.1f} s, kubectl drain {theirs:.1f} s, ratio {ours / theirs:.2f} (goal: at most 0.5)")
    print(f"budget broken: {'YES' if broken else 'no'}")
    return 0 if not broken and ours <= 0.5 * theirs else 1


def alone(work: Callable[[], None], seconds: float = 300) -> None:
    """Do it as soon as no other lab command is at work."""
    end = time.monotonic() + seconds
    while True:
        try:
            with only_one():
                return work()
        except LabError as busy:
            if "another lab command" not in str(busy) or time.monotonic() > end:
                raise
        time.sleep(1)


if __name__ == "__main__":
    raise SystemExit(main())
