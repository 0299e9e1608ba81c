"""pytest fixtures of the lab, and what a failed test of it leaves behind."""

import json
import os
import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import access, cluster, logs, machine, nodes
from .cache import only_one
from .shell import LabError, attempt
from .spec import ACCESS, CHECKOUT, CONTROLS, HERE, MOST_WORKERS, PLACE, Node
from .spec import nodes as members_of

PATIENCE = 600.0  # seconds that another lab command is waited for


@dataclass(frozen=True, slots=True)
class Lab:
    """The running lab: its nodes (the control plane first) and the files that tell how to reach it."""

    nodes: tuple[Node, ...]
    kubeconfig: Path = ACCESS / "kubeconfig"
    inventory: Path = ACCESS / "inventory.ini"
    ssh_config: Path = ACCESS / "ssh_config"
    key: Path = ACCESS / "id_ed25519"
    known_hosts: Path = ACCESS / "known_hosts"

    def inside(self, node: str, *argv: str) -> str:
        """Run a command on a node as root, not over SSH; LabError when it fails."""
        return nodes.inside(self.node(node), *argv)

    def ssh(self, node: str, *argv: str, user: str = "root") -> tuple[int, str]:
        """Run a command line on a node over plain `ssh`: (exit code, stdout and stderr)."""
        return attempt("ssh", "-F", self.ssh_config, "-o", "BatchMode=yes", f"{user}@{node}", *argv)

    def kubectl(self, *argv: str) -> str:
        """Run kubectl as the cluster's admin; LabError when it fails."""
        return access.kubectl(ACCESS, *argv)

    def node(self, name: str) -> Node:
        """The node of that name."""
        return next(node for node in self.nodes if node.name == name)

    def secrets(self) -> tuple[str, ...]:
        """Every secret planted on the lab's nodes and in its workloads: no output of ours may hold one."""
        return tuple(json.loads((HERE / "secrets.json").read_text()))


def missing() -> str:
    """Why there is no lab to test on, or nothing."""
    if not (ACCESS / "kubeconfig").exists():
        return f"the lab is not up: {ACCESS} is missing (`make lab` brings it up)"
    if not machine.docker_answers():
        return "the lab is not up: no dockerd answers (`make lab` starts one)"
    for node in members_of(PLACE.workers):  # those besides come and go with the tests that take them
        if nodes.state(node) != "running" or not nodes.whole(node):
            return f"the lab is not whole: {node.name} is {nodes.state(node)} (`make lab` mends it)"
    code, said = attempt(ACCESS / "kubectl", "--kubeconfig", ACCESS / "kubeconfig", "get", "--raw", "/readyz", timeout=10)
    return "" if code == 0 else f"the lab's API does not answer ({said.strip().splitlines()[-1:]}); `make lab` mends it"


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The running lab; without one the test is skipped with the reason, or fails where LAB_REQUIRED=1. Never in two processes at once."""
    if int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1:
        pytest.fail("tests of the lab share one cluster: run them in one process, without -n", pytrace=False)
    reason = missing()
    if reason and os.environ.get("LAB_REQUIRED") == "1":
        pytest.fail(reason, pytrace=False)
    if reason:
        pytest.skip(reason)
    return Lab(cluster.members())


@pytest.fixture
def lab_node(lab: Lab) -> Generator[Callable[[str], Node]]:
    """Give a new worker, by its name: lab-w1 and lab-w2 as `make lab` makes them, lab-w3 to lab-w8 as clean ones.

    It takes 12 s each, once no other lab command is at work.
    Those besides are taken away after the test; lab-w1 and lab-w2 are left as the test leaves them.
    """
    extra: list[Node] = []

    def give(name: str = "lab-w3") -> Node:
        node = next((node for node in members_of(MOST_WORKERS) if node not in CONTROLS and node.name == name), None)
        if node is None:
            raise LabError(f"{name} is not a worker's name; workers are {PLACE.name}-w1 to {PLACE.name}-w{MOST_WORKERS}")
        with only_one(patience=PATIENCE):
            cluster.reset(node)
        if node.n > PLACE.workers:
            extra.append(node)
        return node

    yield give
    with only_one(patience=PATIENCE):
        for node in extra:
            cluster.dismiss(node)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Leave journals, containers and events of a failed lab test in test-logs/TEST/."""
    report = yield
    if report.failed and report.when in ("setup", "call") and item.get_closest_marker("lab") and not missing():
        folder = CHECKOUT / "test-logs" / re.sub(r"[^\w.-]+", "_", item.nodeid)
        logs.collect(folder, cluster.members(), ACCESS / "kubectl")
        report.sections.append(("lab", f"what the nodes and the API say is in {folder}"))
    return report
