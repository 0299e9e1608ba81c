"""Four lab workers as one job, compared with a shell loop of `kubectl drain` and the steps of kubernetes.io, node after node.

    python -m benchmarks.rollout [ROUNDS]

Needs the lab (`make lab`); the workers are made again first. The same budgets and grace periods, images carried before, no soak. The loop
is what an administrator types: drain, the steps on the node (tests/e2e/hand_made.sh), wait until the node is Ready on containerd, uncordon,
wait until its DaemonSets' pods and the evicted Deployment are Ready. docker2cri goes one node at a time, and two at once; users ask every
node's NodePort every 20 ms all the while. Each round takes the three ways in turn, beginning with another; medians of wall seconds.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.switch import DIR, lay
from tests.e2e.looks import on
from tests.e2e.rollout import FOUR, Rollout, asked, four_workers
from tests.lab.fixtures import Lab, missing

ROUNDS = 3
LIMITS = {"one at a time": 0.75, "two at once": 0.5}  # of the loop's time


def loop(lab: Lab, way: str) -> float:
    """Bring all four to containerd (`there`) or back, one after the other; the wall seconds."""
    begun = time.monotonic()
    wanted = "containerd" if way == "there" else "docker"
    for node in FOUR:
        lab.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s")
        on(lab, node, f"sh {DIR}/script {way} {DIR}")
        _until(lambda node=node: wanted in lab.kubectl("get", "node", node, "-o", "jsonpath={.status.nodeInfo.containerRuntimeVersion}"))
        lab.kubectl("wait", "--for=condition=Ready", f"node/{node}", "--timeout=120s")
        lab.kubectl("uncordon", node)
        for daemon in ("kube-system/kube-proxy", "ops/portal", "ops/node-tuner"):
            namespace, name = daemon.split("/")
            lab.kubectl("-n", namespace, "rollout", "status", f"daemonset/{name}", "--timeout=120s")
        for namespace in ("rollout", "shop"):
            lab.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=120s")
        lab.kubectl("-n", "shop", "rollout", "status", "statefulset/db", "--timeout=120s")
    return time.monotonic() - begun


def _until(holds: object) -> None:
    assert callable(holds)
    end = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < end, "the node does not report its runtime"
        time.sleep(0.5)


def planned(tale: Rollout, folder: Path, at_once: str) -> tuple[float, float]:
    """Move all four with one plan and one apply, and back with one rollback; the wall seconds of both."""
    plan = str(folder / f"plan-{len(tale.ran)}.json")
    made = tale.typed(f"plan {len(tale.ran)}", "plan", *FOUR, "--max-in-flight", at_once, "--out", plan)
    assert made.code == 0, made.out + made.err
    seconds = []
    for command in ("apply", "rollback"):
        chapter = f"{command} {len(tale.ran)}"
        ran = tale.typed(chapter, command, plan, "--yes")
        assert ran.code == 0, ran.out + ran.err
        seconds.append(tale.took[chapter])
    return seconds[0], seconds[1]


def main() -> int:
    if reason := missing():
        print(f"not measured: {reason}", file=sys.stderr)
        return 1
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    found: dict[str, list[tuple[float, float]]] = {"loop": [], **{name: [] for name in LIMITS}}
    with tempfile.TemporaryDirectory() as name, four_workers() as lab, asked(lab, Path(name)) as probed:
        tale = Rollout(lab, probed=probed)
        for node in FOUR:
            lay(lab, node)
        ways = [
            ("loop", lambda: (loop(lab, "there"), loop(lab, "back"))),
            ("one at a time", lambda: planned(tale, Path(name), "1")),
            ("two at once", lambda: planned(tale, Path(name), "2")),
        ]
        spans: dict[str, list[tuple[float, float]]] = {way: [] for way, _ in ways}
        for number in range(rounds):
            for way, go in [*ways[number % 3 :], *ways[: number % 3]]:
                begun = time.monotonic()
                found[way].append(go())
                spans[way].append((begun, time.monotonic()))
                told = " ".join(f"{seconds:.0f}" for seconds in found[way][-1])
                print(f"round {number + 1}, {way}: there and back in {told} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    for index, direction in enumerate(("there", "back")):
        base = statistics.median(taken[index] for taken in found["loop"])
        print(f"{direction:6} {'loop':14} {base:7.1f} s")
        for way, limit in LIMITS.items():
            took = statistics.median(taken[index] for taken in found[way])
            verdict = "held" if took <= base * limit else "MISSED"
            print(f"{direction:6} {way:14} {took:7.1f} s {took / base:5.2f}x  at most {limit}x: {verdict}")
    for way, parts in spans.items():
        failed = sum(len(probed[0].seen.between(*part).failed) for part in parts)
        asked_of = sum(len(probed[0].seen.between(*part).requests) for part in parts)
        print(f"{way}: {failed} of {asked_of} requests failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
