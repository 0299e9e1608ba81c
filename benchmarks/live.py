"""Judging every workload of a cluster through its API alone: our way against `kubectl get pods -A -o json | jq`, in one run.

    python -m benchmarks.live [PODS NODES]

The API server is a process of its own on loopback that makes its pages as they are asked for, some 7 KB a pod. Ten pods to a ReplicaSet,
each with its Deployment; one Deployment in fifty mounts Docker's socket. kubectl and jq look for that mount in pods alone: no owners, no
other rule. Beyond 20,000 pods kubectl is left out: it holds the whole list. `all` includes the start of Python and imports, `read` is
reading and judging.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.cluster import pod

PER_OWNER = 10
SOCKET_EACH = 50
KUBECTL_MOST = 20_000
QUERY = '[.items[] | select(any(.spec.volumes[]?; (.hostPath.path // "") | test("docker.sock"))) | .metadata.name] | length'


def forms() -> tuple[str, str]:
    """A pod as text, without and with the socket; N, OWNER and NODE stand for what differs."""
    made = []
    for socket in (False, True):
        one = pod(0)
        one["metadata"] |= {"name": "web-OWNER-N", "namespace": "team", "uid": "uid-N"}
        one["metadata"]["ownerReferences"][0]["name"] = "web-OWNER-5d8f7c9b6d"
        one["spec"] |= {"nodeName": "node-NODE"}
        if socket:
            one["spec"]["volumes"][1]["hostPath"] = {"path": "/var/run/docker.sock", "type": "Socket"}
        made.append(json.dumps(one))
    return made[0], made[1]


def lists(pods: int, nodes: int) -> dict[str, tuple[int, Callable[[int], str]]]:
    """Each path with how many items it has and how one is written."""
    plain, socket = forms()
    spec = json.dumps(pod(0)["spec"])

    def one_pod(n: int) -> str:
        owner = n // PER_OWNER
        text = socket if owner % SOCKET_EACH == 0 else plain
        return text.replace("OWNER", f"{owner:06}").replace("NODE", str(n % nodes)).replace("-N", f"-{n % PER_OWNER}")

    def owner(suffix: str, above: str) -> Callable[[int], str]:
        def made(n: int) -> str:
            meta = f'{{"name":"web-{n:06}{suffix}","namespace":"team"{above.replace("N", f"{n:06}")}}}'
            return f'{{"metadata":{meta},"spec":{{"replicas":{PER_OWNER},"template":{{"spec":{spec}}}}}}}'

        return made

    above = ',"ownerReferences":[{"kind":"Deployment","name":"web-N","controller":true}]'
    owners = -(-pods // PER_OWNER)
    info = '"nodeInfo":{"containerRuntimeVersion":"docker://20.10.24","kubeletVersion":"v1.23.17"}'
    images = json.dumps([{"names": [f"registry.example/image-{n}@sha256:{'0' * 64}"], "sizeBytes": 10**8} for n in range(50)])
    return {
        "/api/v1/pods": (pods, one_pod),
        "/api/v1/nodes": (nodes, lambda n: f'{{"metadata":{{"name":"node-{n}"}},"status":{{{info},"images":{images}}}}}'),
        "/apis/apps/v1/replicasets": (owners, owner("-5d8f7c9b6d", above)),
        "/apis/apps/v1/deployments": (owners, owner("", "")),
    }


FOUND = {
    "/version": {"major": "1", "minor": "23", "gitVersion": "v1.23.17"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get", "list"]}],
    },
}


def serve(pods: int, nodes: int) -> None:
    """Serve until the parent ends; the port is printed."""
    known = lists(pods, nodes)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if parts.path in FOUND:
                body = json.dumps(FOUND[parts.path]).encode()
            else:
                count, made = known.get(parts.path, (0, str))
                start = int(query.get("continue", 0))
                end = min(start + int(query.get("limit", count)), count)
                token = f'"continue":"{end}"' if end < count else ""
                items = ",".join(map(made, range(start, end)))
                body = f'{{"kind":"PodList","apiVersion":"v1","metadata":{{{token}}},"items":[{items}]}}'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


def ours(kubeconfig: str) -> None:
    """Read and judge; what was found is printed."""
    from migrate.rules import Severity
    from migrate.rules.table import RULES
    from migrate.run.clock import SystemClock
    from migrate.run.kube.client import connect
    from migrate.run.kube.roll import roll
    from migrate.targets.containerd import CONTAINERD

    cluster = connect(kubeconfig=kubeconfig, context=None, environ={}, clock=SystemClock())
    start = time.perf_counter()
    found = roll(cluster, CONTAINERD, tuple(one for one in RULES if one.severity is not Severity.INFO))
    read = time.perf_counter() - start
    mounted = [one for one in found.workloads if any(finding.code == "D2C301" for finding in one.findings)]
    pods = sum(len(one.workload.pods) for one in mounted)
    used = resource.getrusage(resource.RUSAGE_SELF)
    result = {"found": pods, "workloads": len(found.workloads), "read": read, "cpu": used.ru_utime + used.ru_stime}
    print(json.dumps({**result, "peak_mb": used.ru_maxrss // 1024}))


def theirs(kubeconfig: str) -> None:
    """The pipe that people type."""
    pipe = f"kubectl --kubeconfig '{kubeconfig}' get pods -A -o json | jq '{QUERY}'"
    done = subprocess.run(["sh", "-c", pipe], capture_output=True, text=True, check=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"found": int(done.stdout), "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss // 1024}))


def main(pods: int, nodes: int) -> None:
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.live", "serve", str(pods), str(nodes)], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            kubeconfig = Path(folder) / "config"
            document = {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
            kubeconfig.write_text(json.dumps(document))
            print(f"{pods} pods on {nodes} nodes; one run each")
            ways = ["ours", *(["theirs"] if pods <= KUBECTL_MOST and shutil.which("kubectl") and shutil.which("jq") else [])]
            for way in ways:
                start = time.perf_counter()
                argv = [sys.executable, "-m", "benchmarks.live", way, str(kubeconfig)]
                environment = {**os.environ, "HOME": folder}
                done = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
                seconds = time.perf_counter() - start
                one = json.loads(done.stdout)
                assert one["found"] == sum(n // PER_OWNER % SOCKET_EACH == 0 for n in range(pods))
                read = f"read {one['read']:5.2f} s, " if "read" in one else ""
                print(f"  {way:6} {read}all {seconds:5.2f} s, {one['cpu']:5.2f} s of CPU, peak {one['peak_mb']} MB (largest process)")
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", pods, nodes]:
            serve(int(pods), int(nodes))
        case ["ours", path]:
            ours(path)
        case ["theirs", path]:
            theirs(path)
        case [pods, nodes]:
            main(int(pods), int(nodes))
        case _:
            main(5000, 200)
            main(150_000, 5000)
