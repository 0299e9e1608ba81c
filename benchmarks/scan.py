"""Scanning a 20 MB stream of 3,500 manifests, and a List of a third of them as kubectl prints JSON: our way against loading every document.

    python -m benchmarks.scan [DOCUMENTS]

Each way is a fresh process, so that imports and memory count. `few` has one document in fifty that mounts Docker's socket, `all` has it in
every one; `big` is a List of 300 MB, read by our way alone. The naive way loads each document with PyYAML's CSafeLoader (libyaml) and
searches hostPath volumes: no other rule, no lines.
"""

import importlib
import json
import resource
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

DOCUMENTS = 3500
ROUNDS = 5  # a machine's speed varies by a half from one minute to the next
BIG = 23_000


def manifest(n: int, socket: bool) -> str:
    """A Deployment of some 5.7 KB, as charts write them."""
    env = "".join(f"            - name: SETTING_{i}\n              value: some-value-{n}-{i}-{'x' * 40}\n" for i in range(40))
    labels = "".join(f"        example.com/label-{i}: value-{i}\n" for i in range(12))
    source = "hostPath: {path: /var/run/docker.sock}" if socket else "emptyDir: {}"
    return f"""---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-{n:05}
  namespace: team-{n % 40}
spec:
  replicas: 3
  selector:
    matchLabels: {{app: web-{n:05}}}
  template:
    metadata:
      labels:
        app: web-{n:05}
{labels}    spec:
      serviceAccountName: web
      containers:
        - name: app
          image: registry.example/team/app:1.{n}
          args: [serve, --shard={n % 7}]
          env:
{env}          ports:
            - {{name: http, containerPort: 8080}}
          resources:
            requests: {{cpu: 100m, memory: 128Mi}}
            limits: {{memory: 256Mi}}
          readinessProbe:
            httpGet: {{path: /healthz, port: http}}
          volumeMounts:
            - {{name: data, mountPath: /data}}
      volumes:
        - name: data
          {source}
"""


def ours(path: str) -> tuple[int, list[int]]:
    from migrate.rules import Severity
    from migrate.rules.ground import Ground
    from migrate.rules.scan import Scan
    from migrate.rules.table import RULES
    from migrate.run.render import Renderers
    from migrate.run.scan import Files
    from migrate.targets.table import TARGETS

    asked = tuple(one for one in RULES if one.severity is not Severity.INFO)
    files = Files(Scan(Ground(TARGETS[0]), asked), Renderers())
    files.paths([path], sys.stdin.buffer)
    found = [one for workload in files.scan.workloads for one in workload.findings if one.code == "D2C301"]
    return files.scan.documents, [one.location.line or 0 for one in found if one.location]


def each(documents: Iterable[Any]) -> Iterator[Any]:
    for document in documents:
        yield from document["items"] if document["kind"] == "List" else [document]


def write(path: Path, count: int, every: int) -> None:
    texts = (manifest(n, n % every == 0) for n in range(count))
    with path.open("w") as file:
        if path.suffix == ".yaml":
            file.writelines(texts)
            return
        import yaml

        known = [yaml.load(manifest(0, socket), Loader=yaml.CSafeLoader) for socket in (False, True)]
        file.write('{\n    "apiVersion": "v1",\n    "items": [\n')
        for n in range(count):
            one = {**known[n % every == 0], "metadata": {"name": f"web-{n:05}"}}
            file.write(textwrap.indent(json.dumps(one, indent=4), " " * 8) + (",\n" if n < count - 1 else "\n"))
        file.write('    ],\n    "kind": "List",\n    "metadata": {\n        "resourceVersion": ""\n    }\n}\n')


def naive(path: str) -> tuple[int, list[int]]:
    import yaml

    documents, found = 0, list[int]()
    with Path(path).open() as file:
        for document in each(yaml.load_all(file, Loader=yaml.CSafeLoader)):
            documents += 1
            volumes = document["spec"]["template"]["spec"].get("volumes") or []
            found += [0 for one in volumes if "docker.sock" in one.get("hostPath", {}).get("path", "")]
    return documents, found


def measure(way: str, path: str) -> None:
    start = time.perf_counter()
    for module in ("yaml", *(("migrate.rules.table", "migrate.run.scan", "migrate.run.render") if way == "ours" else ())):
        importlib.import_module(module)
    imported = time.process_time()
    documents, found = {"ours": ours, "naive": naive}[way](path)
    seconds = time.perf_counter() - start
    reading = time.process_time() - imported
    used = resource.getrusage(resource.RUSAGE_SELF)
    result = {"documents": documents, "found": len(found), "seconds": seconds, "reading": reading}
    print(json.dumps({**result, "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss // 1024}))
    if way == "ours":
        wanted = set(found)
        with Path(path).open() as file:
            assert all(("docker.sock" in text) == (line in wanted) for line, text in enumerate(file, 1))


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        runs = (("few.yaml", count, 50), ("all.yaml", count, 1), ("few.json", count // 3, 50), ("all.json", count // 3, 1))
        for name, count, every in (*runs, ("big.json", BIG, 50)):
            path = Path(folder) / name
            write(path, count, every)
            size = path.stat().st_size / 1e6
            print(f"{name}: {count} documents, {size:.1f} MB; medians of {ROUNDS} alternating runs, imports included")
            ways = ("ours", "naive") if name != "big.json" else ("ours",)
            results: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
            for _ in range(ROUNDS):
                for way in ways:
                    argv = [sys.executable, "-m", "benchmarks.scan", way, str(path)]
                    one = json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)
                    assert one["documents"] == count
                    assert one["found"] == -(-count // every)
                    results[way].append(one)
            for way, runs in results.items():
                one = {key: median(run[key] for run in runs) for key in runs[0]}
                speed = size / one["seconds"]
                cpu = f"CPU {one['cpu']:5.2f} s, {one['reading']:5.2f} s of it reading"
                print(f"  {way:6} {one['seconds']:6.2f} s  {speed:6.1f} MB/s  {cpu}  peak {one['peak_mb']:4.0f} MB")
            if len(ways) > 1:
                pairs = list(zip(results["naive"], results["ours"], strict=True))
                ratio, reading = (median(naive[key] / ours[key] for naive, ours in pairs) for key in ("cpu", "reading"))
                print(f"  ratio of CPU, a round: {ratio:.2f}, of reading alone {reading:.2f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours" | "naive" as way, path]:
            measure(way, path)
        case [count]:
            main(int(count))
        case _:
            main(DOCUMENTS)
