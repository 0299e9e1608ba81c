"""A DaemonSet's pod that ignores SIGTERM, with a grace period of a week, on a real node: the switch is bounded, and so is the rollback."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.fault_cases import ends
from tests.e2e.fault_runtimes import CONTAINERD
from tests.e2e.faults import Ground, dismissed, fresh, until_true, words
from tests.lab.fixtures import Lab
from tests.lab.spec import BUSYBOX

pytestmark = pytest.mark.lab

NODE, SPACE, WEEK, LIMIT = "lab-w3", "stop-test", 604800, 12
MOVED = 240.0  # seconds: a whole apply or rollback, with the limit in it; a week is longer
LOOP = "trap '' TERM; while :; do sleep 1; done"
DAEMON = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "deaf", "namespace": SPACE},
    "spec": {
        "selector": {"matchLabels": {"app": "deaf"}},
        "template": {
            "metadata": {"labels": {"app": "deaf"}},
            "spec": {
                "nodeSelector": {"kubernetes.io/hostname": NODE},
                "terminationGracePeriodSeconds": WEEK,
                "containers": [{"name": "deaf", "image": BUSYBOX, "command": ["/bin/sh", "-c", LOOP]}],
            },
        },
    },
}


@pytest.fixture
def ground(lab: Lab) -> Iterator[Ground]:
    """A new worker with this pod on it."""
    made = fresh(lab, NODE, CONTAINERD)
    lab.kubectl("create", "namespace", SPACE)
    subprocess.run([*made.kubectl(), "apply", "-f", "-"], input=json.dumps(DAEMON).encode(), check=True, capture_output=True)
    until_true("the pod runs", lambda: container(made) != "" and not made.pods_lacking("docker://"))
    yield made
    # it has to end by force
    lab.kubectl("-n", SPACE, "delete", "daemonset", "deaf", "--cascade=orphan")
    lab.kubectl("-n", SPACE, "delete", "pods", "--all", "--force", "--grace-period=0")
    lab.kubectl("delete", "namespace", SPACE, "--wait=false")
    dismissed(NODE)


def container(ground: Ground) -> str:
    """The ID of the container, as the API has it."""
    shown = ground.lab.kubectl("-n", SPACE, "get", "pods", "-o", "jsonpath={.items[*].status.containerStatuses[*].containerID}")
    return shown.strip()


def test_a_pod_that_never_ends_is_waited_for_no_longer_than_the_plan_says(ground: Ground) -> None:
    before = container(ground)
    plan = ground.plan("--stop-timeout", str(LIMIT))
    told = json.loads(Path(plan).read_text("utf-8"))["nodes"][0]["findings"]
    evidence = f"terminationGracePeriodSeconds {WEEK}, above --stop-timeout {LIMIT} (pod {pod(ground)})"
    assert [one["evidence"] for one in told if (one["code"], one["subject"]) == ("D2C139", f"DaemonSet {SPACE}/deaf")] == [evidence]
    begun = time.monotonic()
    ran = ground.tool("apply", plan)
    ends(ground, ran, "rolled back", 5, f"containers still run in Docker after their grace period or {LIMIT} s: k8s_deaf_deaf-", "D2C139")
    assert time.monotonic() - begun < MOVED
    # it lives on, and Docker does not wait to kill it
    assert container(ground) == before

    plan = ground.plan("--stop-timeout", str(LIMIT), "--accept=D2C139=it may be killed")
    begun = time.monotonic()
    ran = ground.tool("apply", plan)
    ends(ground, ran, "migrated", 0)
    assert f"stop the pods' containers in Docker, sandboxes last (killed after {LIMIT} s)" in ran.err, words(ran)
    assert time.monotonic() - begun < MOVED
    begun = time.monotonic()
    ground.roll_back()
    assert time.monotonic() - begun < MOVED


def pod(ground: Ground) -> str:
    """The name of the pod."""
    return ground.lab.kubectl("-n", SPACE, "get", "pods", "-o", "jsonpath={.items[*].metadata.name}").strip()
