"""The story of test_there_and_back.py: what is typed, in which order, who keeps asking meanwhile, and how the lab is tidied up."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from tests.e2e.looks import Look, look, on
from tests.e2e.prober import Seen, Users, seen_in, users
from tests.e2e.tool import Ran, Tool
from tests.lab import cluster
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.shell import run
from tests.lab.spec import HERE

WORKERS = ("lab-w1", "lab-w2")
NAMESPACE, NODE_PORT = "proof", 30081
CONTROL = 15.0  # seconds of probing before anything is done: what fails here is the lab's own
ACCEPTED = tuple(f"--accept={code}=the proof brings it back" for code in ("D2C113", "D2C301", "D2C320", "D2C321"))
EDITED = "/etc/containerd/config.toml"
TOLD = "written before the move"
TIDY = f"""
    set -e
    sed -i '/^# by hand/d' {EDITED}
    rm -rf /var/lib/docker2cri /srv/db/proof
    for image in $(ctr -n k8s.io images ls -q); do
        case " $1 " in *" $image "*) ;; *) ctr -n k8s.io images rm "$image" ;; esac
    done
"""


@dataclass
class Story:
    """What was typed and seen, by chapter; `at` is when each chapter began, by the machine's monotonic clock."""

    lab: Lab
    plan: Path
    original: bytes = b""
    at: dict[str, float] = field(default_factory=dict)
    ran: dict[str, Ran] = field(default_factory=dict)
    looks: dict[str, dict[str, Look]] = field(default_factory=dict)
    data: dict[str, list[str]] = field(default_factory=dict)
    job: dict[str, str] = field(default_factory=dict)
    probed: list[Users] = field(default_factory=list)

    def seen(self, chapter: str = "") -> Seen:
        """All that users saw, or what they saw in one chapter."""
        return seen_in(self.probed, self.at, chapter)

    def message(self, command: str) -> str:
        """What a command said on standard error, without the lines that tell how it goes on."""
        return "\n".join(line for line in self.ran[command].err.splitlines() if not re.match(r"\d\d:\d\d:\d\d ", line))


def runtime(lab: Lab, node: str) -> str:
    """The runtime that the API tells of, `docker://20.10.24`."""
    return lab.kubectl("get", "node", node, "-o", "jsonpath={.status.nodeInfo.containerRuntimeVersion}")


def images(lab: Lab, node: str) -> str:
    """The images that the kubelet would find in containerd, with blanks between."""
    return " ".join(on(lab, node, "ctr -n k8s.io images ls -q").split())


def shop(lab: Lab, folder: Path, namespace: str = NAMESPACE, port: int = NODE_PORT, workers: Sequence[str] = WORKERS) -> None:
    """The lab's web application once more, on these workers only, with a port of its own."""
    yaml = YAML()
    with (HERE / "manifests" / "10-web.yaml").open() as text:
        documents = [one for one in yaml.load_all(text) if one is not None]
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [*workers]}]}
    for one in documents:
        one["metadata"]["namespace"] = namespace
        if one["kind"] == "Service":
            one["spec"]["ports"][0]["nodePort"] = port
        if one["kind"] == "Deployment":
            required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [here]}}
            one["spec"]["template"]["spec"]["affinity"] = {"nodeAffinity": required}
    file = folder / "shop.yaml"
    with file.open("w") as text:
        yaml.dump_all([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, *documents], text)
    lab.kubectl("delete", "namespace", namespace, "--ignore-not-found")
    lab.kubectl("apply", "-f", str(file))
    lab.kubectl("-n", namespace, "rollout", "status", "deployment/web", "--timeout=60s")


def tidy(lab: Lab, known: dict[str, str]) -> None:
    """Leave the lab as it was: records and images of the run, what the accepted findings lost, the web application on both workers.

    A worker that is not back on Docker is made again.
    """
    lab.kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    for node in WORKERS:
        if runtime(lab, node).startswith("docker://") and lab.ssh(node, "test -e /var/lib/docker2cri/current")[0] == 1:
            lab.inside(node, "sh", "-c", TIDY, "sh", known[node])
        else:
            with only_one(patience=PATIENCE):
                cluster.reset(lab.node(node))
    lab.kubectl("apply", "-f", str(HERE / "manifests"))
    lab.kubectl("-n", "shop", "rollout", "restart", "deployment/web")
    lab.kubectl("-n", "shop", "rollout", "status", "deployment/web", "--timeout=90s")
    lab.kubectl("-n", "shop", "wait", "pod/legacy-import", "--for=condition=Ready", "--timeout=60s")


def live(tale: Story, folder: Path) -> None:
    """The story itself. Users outside ask every node's NodePort; users on each worker ask the Service's cluster address."""
    lab, tool, plan = tale.lab, Tool(tale.lab), str(tale.plan)
    address = lab.kubectl("-n", NAMESPACE, "get", "service", "web", "-o", "jsonpath={.spec.clusterIP}") + ":80/hostname"
    pids = [int(run("docker", "container", "inspect", "-f", "{{.State.Pid}}", node)) for node in WORKERS]
    outside = {one.name: f"{one.ip}:{NODE_PORT}/hostname" for one in lab.nodes[:3]}
    read(tale, "before")
    with (
        users(outside, folder) as first,
        users({"on lab-w1": address}, folder, namespace=pids[0]) as second,
        users({"on lab-w2": address}, folder, namespace=pids[1]) as third,
    ):
        tale.probed = [first, second, third]
        tale.at["control"] = time.monotonic()
        time.sleep(CONTROL)
        tale.at["plan"] = time.monotonic()
        tale.ran["plan"] = tool("plan", *WORKERS, "--to", "containerd", *ACCEPTED, *tool.reach(), "--out", plan)
        on(lab, "lab-w1", f"echo '# by hand' >>{EDITED}")
        tale.ran["apply, edited"] = tool("apply", plan, "--yes", *tool.reach())
        on(lab, "lab-w1", f"sed -i '/^# by hand/d' {EDITED}")
        tale.at["apply"] = time.monotonic()
        tale.ran["apply"] = tool("apply", plan, "--yes", *tool.reach())
        read(tale, "there")
        tale.ran["apply again"] = tool("apply", plan, "--yes", *tool.reach())
        tale.ran["verify there"] = tool("verify", plan, *tool.reach())
        on(lab, "lab-w1", f"echo '# by hand, later' >>{EDITED}")
        tale.ran["rollback, edited"] = tool("rollback", plan, "lab-w1", "--yes", *tool.reach())
        tale.at["rollback"] = time.monotonic()
        tale.ran["rollback"] = tool("rollback", plan, "--overwrite", EDITED, "--yes", *tool.reach())
        read(tale, "back")
        tale.ran["rollback again"] = tool("rollback", plan, "--yes", *tool.reach())
        tale.ran["verify back"] = tool("verify", plan, *tool.reach())
        tale.at["end"] = time.monotonic()


def read(tale: Story, chapter: str) -> None:
    """Begin a chapter with a look at everything."""
    tale.at[chapter] = time.monotonic()
    tale.looks[chapter] = {node: look(tale.lab, node) for node in WORKERS}
    tale.data[chapter] = tale.lab.kubectl("-n", "shop", "exec", "db-0", "--", "cat", "/data/proof", "/data/starts").splitlines()
    fields = "{.metadata.uid} {.status.startTime} {.status.completionTime} {.status.succeeded} {.status.failed}"
    tale.job[chapter] = tale.lab.kubectl("-n", "shop", "get", "job", "migrate-schema", "-o", f"jsonpath={fields}")
