"""The node program on nodes that are furnished otherwise: with a crictl, and with a Docker that runs a containerd of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.test_node_program import NAME, Worker, furnished, is_old
from tests.lab import images
from tests.lab.fixtures import Lab
from tests.lab.spec import Node

pytestmark = [pytest.mark.lab, pytest.mark.full]

# a packaged docker.service without its ties to containerd.service, as Docker 18.06 and older had it
OWN_CONTAINERD = """
sed -e 's/ --containerd=[^ ]*//' -e 's/ containerd.service//g' /lib/systemd/system/docker.service >/etc/systemd/system/docker.service
systemctl daemon-reload
systemctl stop kubelet
docker ps -q | xargs -r docker stop -t 2 >/dev/null
systemctl stop docker.socket docker containerd
systemctl disable -q containerd
rm -f /run/containerd/containerd.sock*
systemctl start docker kubelet
"""
CHILD = "pgrep -P $(cat /run/docker.pid) -a containerd"


@pytest.fixture
def node(lab_node: Callable[[str], Node]) -> Node:
    """A worker made again."""
    return lab_node(NAME)


def inside(node: Node, script: str) -> None:
    subprocess.run(["docker", "exec", node.name, "sh", "-ec", script], check=True)


def test_pods_are_removed_by_crictl_where_it_is(lab: Lab, node: Node, tmp_path: Path) -> None:
    crictl = images.crictl()
    if crictl is None:
        pytest.skip("no crictl in the lab's cache; tests/lab/build-crictl.sh CHECKOUT builds one")
    subprocess.run(["docker", "cp", "-q", str(crictl), f"{node.name}:/usr/bin/crictl"], check=True)
    worker = furnished(lab, node, tmp_path)
    before = worker.listing()
    run = worker.run()
    assert run.forward("switch") == "0 run-1: switch is finished"
    worker.pods_up("containerd://")
    pods = set(worker.sh("crictl pods -q --no-trunc").split())
    containers = set(worker.sh("crictl ps -q --no-trunc").split())
    since = worker.sh("date '+%F %T'").strip()
    assert run.verb("rollback").splitlines()[-2:] == ["run-1: the node is rolled back", "0"]
    log = worker.sh(f"journalctl -o cat -u containerd --since '{since}'")
    assert len(pods) >= 3
    assert [one for one in pods if f'RemovePodSandbox \\"{one}\\" returns successfully' not in log] == [], log
    assert [one for one in containers if f'StopContainer for \\"{one}\\" returns successfully' not in log] == [], log
    is_old(worker, before)


def test_docker_with_a_containerd_of_its_own(lab: Lab, node: Node, tmp_path: Path) -> None:
    inside(node, OWN_CONTAINERD)
    worker = furnished(lab, node, tmp_path)
    before, units = worker.listing(), states(worker)
    assert units == ["inactive", "disabled"]
    assert "/docker/containerd/containerd.toml" in worker.sh(CHILD)
    run = worker.run()
    assert states(worker) == ["active", "enabled"]
    assert run.forward("switch") == "0 run-1: switch is finished"
    worker.pods_up("containerd://")
    assert run.verb("disarm").splitlines() == ["run-1: disarmed", "0"]
    worker.reboot()
    worker.pods_up("containerd://")
    assert run.verb("rollback").splitlines()[-2:] == ["run-1: the node is rolled back", "0"]
    assert states(worker) == units
    assert "/docker/containerd/containerd.toml" in worker.sh(CHILD)
    is_old(worker, before)


def test_docker_that_took_to_the_systems_containerd_at_a_boot_keeps_it(lab: Lab, node: Node, tmp_path: Path) -> None:
    """Prepared and then booted: Docker finds containerd's socket and starts none of its own. The rollback must not stop that below it."""
    inside(node, OWN_CONTAINERD)
    worker = furnished(lab, node, tmp_path)
    run = worker.run()
    worker.sh("systemctl stop docker.socket docker; systemctl start docker")
    worker.pods_up("docker://")
    assert "containerd" not in worker.sh(f"{CHILD}; true")
    assert run.verb("rollback").splitlines()[-2:] == ["run-1: the node is rolled back", "0"]
    assert states(worker) == ["active", "disabled"]
    assert worker.sh("docker run --rm lab/busybox:1.35 echo alive").strip() == "alive"
    assert [entry.text for entry in run.journal() if entry.event == "note"] == [
        "Docker's containers run in containerd.service now, so it stays started; Docker has its own again after a boot"
    ]


def states(worker: Worker) -> list[str]:
    """Whether containerd.service runs, and whether it starts at boot."""
    return worker.sh("systemctl is-active containerd; systemctl is-enabled containerd; true").split()
