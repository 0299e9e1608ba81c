"""Scanning a 20 MB stream of 3,500 manifests: our way against loading every document, in one run.

    python -m benchmarks.scan [DOCUMENTS]

Each way is a fresh process, so that imports and memory count. `few` has one document in fifty that mounts Docker's socket, `all` has it in
every one. The naive way loads each document with PyYAML's CSafeLoader (libyaml) and searches hostPath volumes: no other rule, no lines.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCUMENTS = 3500


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


def naive(path: str) -> tuple[int, list[int]]:
    import yaml

    documents, found = 0, list[int]()
    with Path(path).open() as file:
        for document in yaml.load_all(file, Loader=yaml.CSafeLoader):
            documents += 1
            volumes = document["spec"]["template"]["spec"].get("volumes") or []
            found += [0 for one in volumes if "docker.sock" in one.get("hostPath", {}).get("path", "")]
    return documents, found


def measure(way: str, path: str) -> None:
    start = time.perf_counter()
    documents, found = {"ours": ours, "naive": naive}[way](path)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    result = {"documents": documents, "found": len(found), "seconds": seconds}
    print(json.dumps({**result, "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss // 1024}))
    if way == "ours":
        lines = Path(path).read_text().splitlines()
        assert all("docker.sock" in lines[line - 1] for line in found)


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, every in (("few", 50), ("all", 1)):
            path = Path(folder) / f"{name}.yaml"
            path.write_text("".join(manifest(n, n % every == 0) for n in range(count)))
            size = path.stat().st_size / 1e6
            print(f"{name}: {count} documents, {size:.1f} MB; one run each, imports included")
            results = {}
            for way in ("ours", "naive"):
                argv = [sys.executable, "-m", "benchmarks.scan", way, str(path)]
                done = subprocess.run(argv, capture_output=True, text=True, check=True)
                one = results[way] = json.loads(done.stdout)
                assert one["documents"] == count
                assert one["found"] == -(-count // every)
                speed = size / one["seconds"]
                print(f"  {way:6} {one['seconds']:6.2f} s  {speed:6.1f} MB/s  {one['cpu']:6.2f} s of CPU  peak {one['peak_mb']:4} MB")
            print(f"  ratio of seconds: {results['naive']['seconds'] / results['ours']['seconds']:.1f}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["ours" | "naive" as way, path]:
            measure(way, path)
        case [count]:
            main(int(count))
        case _:
            main(DOCUMENTS)
