"""Reading 5,000 pods: our way (raw pages, msgspec) against the official client's typed objects.

    python -m benchmarks.cluster [PODS]

The API server is a process of its own on loopback that serves encoded pages; each way is a fresh process, so that imports and memory count.
One run each: the ratio is the point, the seconds are this machine's. CPU time is the client's alone, start of Python included.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ENV = [{"name": f"SETTING_{n}", "value": f"some-value-{n}" * 3} for n in range(20)]


def pod(n: int) -> dict:
    """A pod of the size that real clusters have: some 7 KB with managedFields."""
    name = f"web-{n // 10:04}-{n % 10}"
    container = {
        "name": "app",
        "image": f"registry.example/team/app:{n % 50}",
        "args": ["serve", f"--shard={n % 7}"],
        "env": ENV,
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "token", "mountPath": "/var/run/secrets", "readOnly": True}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "timeoutSeconds": 1, "periodSeconds": 10},
        "imagePullPolicy": "IfNotPresent",
    }
    fields = {f"f:{key}": {".": {}, "f:name": {}, "f:value": {}} for key in (f'k:{{"name":"SETTING_{i}"}}' for i in range(40))}
    return {
        "metadata": {
            "name": name,
            "namespace": f"team-{n % 40}",
            "uid": f"00000000-0000-0000-0000-{n:012}",
            "resourceVersion": str(n),
            "creationTimestamp": "2024-05-01T00:00:00Z",
            "labels": {"app": "web", "pod-template-hash": "5d8f7c9b6d", "shard": str(n % 7)},
            "annotations": {"prometheus.io/scrape": "true", "checksum/config": "0" * 64},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"web-{n // 10}", "uid": f"{n:036}", "controller": True}
            ],
            "managedFields": [
                {
                    "manager": "kube-controller-manager",
                    "operation": "Update",
                    "apiVersion": "v1",
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {"f:spec": fields},
                }
            ],
        },
        "spec": {
            "nodeName": f"node-{n % 200}",
            "containers": [container],
            "volumes": [{"name": "data", "emptyDir": {}}, {"name": "token", "hostPath": {"path": "/var/lib/x", "type": ""}}],
            "terminationGracePeriodSeconds": 30,
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.244.{n % 250}.{n % 200}",
            "startTime": "2024-05-01T00:00:00Z",
            "conditions": [
                {"type": kind, "status": "True", "lastTransitionTime": "2024-05-01T00:00:00Z"} for kind in ("Ready", "PodScheduled")
            ],
            "containerStatuses": [
                {
                    "name": "app",
                    "ready": True,
                    "restartCount": 0,
                    "image": f"registry.example/team/app:{n % 50}",
                    "imageID": "docker-pullable://registry.example/team/app@sha256:" + "0" * 64,
                    "containerID": f"docker://{n:064}",
                }
            ],
        },
    }


def serve(count: int) -> None:
    """Serve the pods (and every other list empty) until the parent ends; the port is printed."""
    pods = [json.dumps(pod(n)) for n in range(count)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            items = pods if parts.path == "/api/v1/pods" else []
            start = int(query.get("continue", 0))
            end = min(start + int(query.get("limit", len(items))), len(items))
            token = f'"continue":"{end}"' if end < len(items) else ""
            body = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{{token}}},"items":[{",".join(items[start:end])}]}}'.encode()
            if parts.path == "/version":
                body = b'{"major":"1","minor":"23","gitVersion":"v1.23.17"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, sum(map(len, pods)), flush=True)
    server.serve_forever()


def ours(kubeconfig: str) -> int:
    from migrate.run.clock import SystemClock
    from migrate.run.kube.client import connect

    return len(connect(kubeconfig=kubeconfig, context=None, environ={}, clock=SystemClock()).read().pods)


def typed(kubeconfig: str) -> int:
    from kubernetes import client, config

    api = client.CoreV1Api(config.new_client_from_config(kubeconfig))
    found: list[object] = []
    token = None
    while True:
        page = api.list_pod_for_all_namespaces(limit=500, _continue=token)
        found += page.items
        token = page.metadata._continue
        if not token:
            return len(found)


def measure(way: str, kubeconfig: str) -> None:
    start = time.perf_counter()
    count = {"ours": ours, "typed": typed}[way](kubeconfig)
    seconds = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"pods": count, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss // 1024}))


def main(count: int) -> None:
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.cluster", "serve", str(count)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port, size = server.stdout.readline().split()
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = Path(folder) / "config"
            entry = {"cluster": "c", "user": "u"}
            document = {
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "x", "context": entry}],
                "current-context": "x",
            }
            kubeconfig.write_text(json.dumps(document))
            print(f"{count} pods, {int(size) / 1e6:.1f} MB of JSON; one run each, imports included")
            results = {}
            for way in ("ours", "typed"):
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.cluster", way, str(kubeconfig)],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=os.environ,
                )
                results[way] = json.loads(done.stdout)
                assert results[way]["pods"] == count
                one = results[way]
                print(f"  {way:6} {one['seconds']:6.2f} s   {one['cpu']:6.2f} s of CPU   peak {one['peak_mb']:4} MB")
            for what in ("seconds", "cpu", "peak_mb"):
                print(f"  ratio of {what}: {results['typed'][what] / results['ours'][what]:.1f}")
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", count]:
            serve(int(count))
        case ["ours" | "typed" as way, path]:
            measure(way, path)
        case [count]:
            main(int(count))
        case _:
            main(5000)
