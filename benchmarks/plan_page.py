"""A plan of many nodes: how long it takes, and how long its text is. Captures of the lab as replicas: names, addresses, pods of their own.

    python -m benchmarks.plan_page [NODES]

Of a hundred nodes one is a control plane, five are dirty workers, the others clean ones. `docker2cri plan --from` as a process of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from migrate.rules.table import RULES
from tests.captured import BUNDLE

DIRTY = (20, 40, 60, 80, 90)


def replicas(count: int, folder: Path) -> None:
    """Captures and an API reading of so many nodes, each of lab-cp1, lab-w1 or lab-w2."""
    cluster = json.loads((BUNDLE / "cluster.json").read_text())
    nodes: list[Any] = []
    pods: list[Any] = []
    for at in range(count):
        of = "lab-cp1" if at % 100 == 0 else "lab-w2" if at % 100 in DIRTY else "lab-w1"
        given = next(node for node in cluster["nodes"] if node["metadata"]["name"] == of)
        machine = given["status"]["nodeInfo"]["machineID"]
        address = next(each["address"] for each in given["status"]["addresses"] if each["type"] == "InternalIP")
        own = {of: f"prod-{at:04}", address: f"10.7.{at // 250}.{at % 250 + 1}", given["metadata"]["uid"]: f"uid-{at}"}
        own |= {machine: hashlib.md5(str(at).encode()).hexdigest()} if machine else {}
        pattern = re.compile("|".join(rf"(?<![\w.]){re.escape(text)}(?![\w.])" for text in own))

        def mine(text: str, own: dict[str, str] = own, pattern: re.Pattern[str] = pattern) -> str:
            return pattern.sub(lambda found: own[found[0]], text)

        nodes.append(json.loads(mine(json.dumps(given))))
        here = [pod for pod in cluster["pods"] if pod["spec"].get("nodeName") == of]
        suffix = hashlib.md5(str(at).encode()).hexdigest()[:5]
        for pod in here:
            text = mine(json.dumps(pod))
            name = pod["metadata"]["name"]
            if re.search(r"-[a-z0-9]{5}$", name):
                text = text.replace(name, f"{name[:-5]}{suffix}")
            pods.append({**(made := json.loads(text)), "metadata": {**made["metadata"], "uid": f"{made['metadata'].get('uid', '')}-{at}"}})
        (folder / f"prod-{at:04}.capture.json").write_text(mine((BUNDLE / f"{of}.capture.json").read_text()))
    (folder / "cluster.json").write_text(json.dumps({**cluster, "nodes": nodes, "pods": pods}))


def main(count: int) -> None:
    """Plan, with everything that the dirty workers need accepted."""
    with tempfile.TemporaryDirectory() as place:
        replicas(count, Path(place))
        argv = [str(Path(sys.executable).parent / "docker2cri"), "plan", "--from", place, "--out", f"{place}/plan.out"]
        for rule in RULES:
            argv += ["--accept", f"{rule.code}=measured"] if rule.acceptable else []
        begun = time.monotonic()
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "100"})
        seconds = time.monotonic() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(done.stderr[-2000:], end="")
        print(done.stdout if "-v" in sys.argv else done.stdout.splitlines()[0])
        sections = [line for line in done.stdout.splitlines() if line.startswith("== ")]
        print(f"{count} nodes: {seconds:.1f} s, {used.ru_utime + used.ru_stime:.1f} s CPU, {used.ru_maxrss // 1024} MB")
        size = Path(place, "plan.out").stat().st_size / 1e6
        print(f"text: {len(done.stdout.splitlines())} lines, {len(sections)} sections; plan: {size:.1f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdigit() else 100)
