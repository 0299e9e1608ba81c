"""The switch of a lab worker, compared with a script that was written for this one node: same steps, same grace periods, same run.

    python -m benchmarks.switch [ROUNDS]

Needs the lab (`make lab`) with lab-w1 on Docker. Each round switches the drained node and rolls it back, once with the script
(tests/e2e/hand_made.sh) and once with docker2cri, each first in turn. Images are in containerd before. systemd says when the kubelet
stopped and started. The API says Ready and pods, and one observer asks it ten times a second for both: Ready by a heartbeat of the new
kubelet on the new runtime, every DaemonSet pod of the node Ready in a container of that runtime. Medians; all three from the beginning of
the kubelet's stop.
"""

import base64
import http.client
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from ruamel.yaml import YAML

from migrate.run.session import Access, look
from migrate.run.ssh.config import SshFlags
from migrate.sources.table import origin_of
from migrate.targets.compose import compose
from migrate.targets.containerd import CONTAINERD
from tests.e2e.looks import on
from tests.lab import cluster
from tests.lab.fixtures import Lab, missing

NODE = "lab-w1"
ROUNDS = 3
DIR = "/run/hand-made"
SCRIPT = Path(__file__).resolve().parent.parent / "tests" / "e2e" / "hand_made.sh"
LIMIT = 120.0  # seconds until the pods have to be back
STOP_TO_START, READY, PODS = "kubelet stop to start", "kubelet stop to Ready", "kubelet stop to pods back"
MORE, TIMES = 1.0, 1.2  # the targets: at most so many seconds more, and so many times as long


@dataclass(frozen=True, slots=True)
class Switched:
    """One switch: seconds from the beginning of the kubelet's stop to its start, to Ready, to the pods."""

    start: float
    ready: float
    pods: float


class Api:
    """GETs with the admin's certificate on one kept connection."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        config = YAML(typ="safe").load(kubeconfig.read_text())
        cluster_, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        for name, data in (
            ("ca", cluster_["certificate-authority-data"]),
            ("crt", user["client-certificate-data"]),
            ("key", user["client-key-data"]),
        ):
            (folder / name).write_bytes(base64.b64decode(data))
        context = ssl.create_default_context(cafile=str(folder / "ca"))
        context.load_cert_chain(folder / "crt", folder / "key")
        self._connection = http.client.HTTPSConnection(urlsplit(cluster_["server"]).netloc, context=context, timeout=10)

    def get(self, path: str) -> dict:
        self._connection.request("GET", path)
        return json.loads(self._connection.getresponse().read())


class Observer(threading.Thread):
    """Notes when the node is Ready and when its pods are back on the runtime of `prefix`; times are of the machine's monotonic clock."""

    def __init__(self, api: Api, lab: Lab, prefix: str) -> None:
        super().__init__()
        self.api, self.lab, self.prefix = api, lab, prefix
        self.ready = self.pods = 0.0
        self.ended = False

    def run(self) -> None:
        deadline = time.monotonic() + LIMIT
        while not (self.ready and self.pods) and time.monotonic() < deadline and not self.ended:
            now = time.monotonic()
            node = self.api.get(f"/api/v1/nodes/{NODE}")
            if not self.ready and node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith(self.prefix) and self._fresh(node):
                self.ready = now
            pods = self.api.get(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{NODE}")["items"]
            own = [pod for pod in pods if pod["metadata"].get("ownerReferences", [{}])[0].get("kind") == "DaemonSet"]
            if not self.pods and own and all(self._back(pod) for pod in own):
                self.pods = now
            time.sleep(max(0.0, 0.1 - (time.monotonic() - now)))

    def _fresh(self, node: dict) -> bool:
        ready = next(one for one in node["status"]["conditions"] if one["type"] == "Ready")
        _, started = kubelet(self.lab)
        beat = datetime.fromisoformat(ready["lastHeartbeatTime"]).timestamp() - (time.time() - time.monotonic())
        return ready["status"] == "True" and beat >= started - 1  # the API cuts off fractions of a second

    def _back(self, pod: dict) -> bool:
        found = pod["status"].get("containerStatuses") or [{}]
        return all(one.get("containerID", "").startswith(self.prefix) and one["ready"] for one in found)


def kubelet(lab: Lab) -> tuple[float, float]:
    """When systemd last began to stop the kubelet, and when it was last started."""
    said = on(lab, NODE, "systemctl show -p ActiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic kubelet")
    found = dict(line.split("=") for line in said.split())
    return int(found["ActiveExitTimestampMonotonic"]) / 1e6, int(found["ActiveEnterTimestampMonotonic"]) / 1e6


@contextmanager
def measured(api: Api, lab: Lab, prefix: str, into: list[Switched]) -> Iterator[None]:
    observer = Observer(api, lab, prefix)
    observer.start()
    try:
        yield
    except BaseException:
        observer.ended = True
        raise
    finally:
        observer.join()
    stopped, started = kubelet(lab)
    assert observer.ready, "the node is not Ready"
    assert observer.pods, "its pods are not Ready"
    into.append(Switched(started - stopped, observer.ready - stopped, observer.pods - stopped))


def lay(lab: Lab, name: str = NODE) -> None:
    """Put the hand-made script and the files of the plan, before and after, onto the node; carry the images over."""
    (seen,) = look(
        Access(kubeconfig=str(lab.kubeconfig), ssh=SshFlags(config_file=str(lab.ssh_config))), (name,), lambda text: None
    ).machines
    assert seen.facts is not None
    changes, refused = compose(CONTAINERD, seen.facts, origin_of(seen.facts))
    assert not refused
    lines = [
        f"rm -rf {DIR}; mkdir -p {DIR}/before {DIR}/after; echo {base64.b64encode(SCRIPT.read_bytes()).decode()} | base64 -d >{DIR}/script"
    ]
    for change in changes:
        for side, data in (("before", change.before), ("after", change.after)):
            path = f"{DIR}/{side}{change.path}"
            if data is None:
                lines.append(f"echo {change.path} >>{DIR}/new")
            else:
                lines.append(
                    f"mkdir -p {Path(path).parent}; echo {base64.b64encode(data).decode()} | base64 -d >{path}; chmod {change.mode} {path}"
                )
    lines.append("docker save $(docker images --format '{{.Repository}}:{{.Tag}}') | ctr -n k8s.io images import - >/dev/null")
    on(lab, name, "set -e\n" + "\n".join(lines))


def by_hand(api: Api, lab: Lab, there: list[Switched], back: list[Switched]) -> None:
    lab.kubectl("drain", NODE, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s")
    with measured(api, lab, "containerd://", there):
        on(lab, NODE, f"sh {DIR}/script there {DIR}")
    with measured(api, lab, "docker://", back):
        on(lab, NODE, f"sh {DIR}/script back {DIR}")
    lab.kubectl("uncordon", NODE)


def with_docker2cri(api: Api, lab: Lab, folder: Path, there: list[Switched], back: list[Switched]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER2CRI_", "KUBE", "SSH_"))}
    environment["KUBECONFIG"] = str(lab.kubeconfig)
    plan = str(folder / "plan.json")

    def tool(*argv: str) -> None:
        words = [str(Path(sys.executable).parent / "docker2cri"), *argv, "--ssh-config", str(lab.ssh_config)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"

    tool("plan", NODE, "--to", "containerd", "--out", plan)
    with measured(api, lab, "containerd://", there):
        tool("apply", plan, "--yes")
    with measured(api, lab, "docker://", back):
        tool("rollback", plan, "--yes")


def whole(lab: Lab) -> None:
    """Until what was evicted is back, so that each measurement begins alike."""
    lab.kubectl("-n", "shop", "rollout", "status", "statefulset/db", "--timeout=60s")
    time.sleep(5)


def row(what: str, hand: list[float], ours: list[float], allowed: Callable[[float], float], words: str) -> str:
    one, two = statistics.median(hand), statistics.median(ours)
    each = f"{' '.join(f'{value:.2f}' for value in hand)} | {' '.join(f'{value:.2f}' for value in ours)}"
    verdict = "held" if two <= allowed(one) else "MISSED"
    return f"{what:38} {one:7.2f} s {two:7.2f} s {two - one:+7.2f} s {two / one:6.2f}x  {words}: {verdict:7} ({each})"


def main() -> int:
    if reason := missing():
        print(f"not measured: {reason}", file=sys.stderr)
        return 1
    rounds, lab = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS, Lab(cluster.members())
    hand: tuple[list[Switched], list[Switched]] = ([], [])
    ours: tuple[list[Switched], list[Switched]] = ([], [])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        api = Api(lab.kubeconfig, folder)
        lay(lab)
        ways = [lambda: by_hand(api, lab, *hand), lambda: with_docker2cri(api, lab, folder, *ours)]
        for number in range(rounds):
            for way in ways if number % 2 == 0 else reversed(ways):
                whole(lab)
                way()
                print(f"round {number + 1}: load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    on(lab, NODE, f"rm -rf {DIR}")
    print(f"{'':38} {'script':>9} {'docker2cri':>9}")
    for title, one, two in (("apply", hand[0], ours[0]), ("rollback", hand[1], ours[1])):
        print(row(f"{title}: {STOP_TO_START}", [x.start for x in one], [x.start for x in two], lambda x: x + MORE, f"+{MORE} s"))
        print(row(f"{title}: {READY}", [x.ready for x in one], [x.ready for x in two], lambda x: x * TIMES, f"{TIMES}x"))
        print(row(f"{title}: {PODS}", [x.pods for x in one], [x.pods for x in two], lambda x: x * TIMES, f"{TIMES}x"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
