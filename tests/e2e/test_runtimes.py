"""Every runtime that Debian packages, on a real node: found with what it runs, and none of them started by the reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migrate.facts.capture import load
from migrate.facts.model import NodeFacts
from migrate.facts.node import facts_from
from migrate.rules import check
from migrate.rules.runtimes import other_runtime_runs
from tests.e2e.tool import Tool
from tests.lab import zoo
from tests.lab.fixtures import Lab
from tests.lab.nodes import inside
from tests.lab.spec import Node
from tests.rules import make

pytestmark = [pytest.mark.lab, pytest.mark.full]

NODE = "lab-w7"
# name -> what it runs and keeps for nobody else: kind, name, state
EXPECTED = {
    "podman": {("container", "zoo-podman", "running"), ("container", "zoo-podman-idle", "stopped")},
    "crun": {("container", "zoo-crun", "running")},
    "runc": {("container", "zoo-runc", "running")},
    "gvisor": {("container", "zoo-runsc", "running")},
    "LXC": {("container", "zoo-lxc", "running"), ("container", "zoo-lxc-idle", "stopped")},
    "LXD": {("container", "zoo-lxd", "running"), ("container", "zoo-lxd-idle", "stopped")},
    "systemd-nspawn": {("machine", "zoo-nspawn", "running"), ("machine", "zoo-nspawn-idle", "stopped")},
    "qemu": {("virtual machine", "zoo-qemu", "running")},
    "libvirt": {("virtual machine", "zoo-domain", "paused"), ("virtual machine", "zoo-domain-idle", "stopped")},
}
DAEMONS = ("lxd.service", "libvirtd.service", "podman.service", "virtlogd.service", "virtlockd.service")


def read(tool: Tool, folder: Path) -> NodeFacts:
    """The node's facts, through a redacted capture."""
    ran = tool("capture", NODE, "--out", str(folder), *tool.reach())
    assert (ran.code, ran.err) == (0, "")
    facts = facts_from(load((folder / f"{NODE}.capture.json").read_text("utf-8")))
    assert [one for one in facts.unreadable if "list" in one.what or "runtime" in one.what] == []
    return facts


def states(node: Node) -> str:
    """Whether each daemon runs, and every file that a careless question would make."""
    script = (
        f"systemctl is-active {' '.join(DAEMONS)}; find /run/runc /run/crun /run/runsc /run/libpod /var/lib/containers -maxdepth 2 2>&1"
    )
    return inside(node, "sh", "-c", f"{script}; :")


def test_each_is_found_with_what_it_runs_and_none_is_woken(lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> None:
    node = lab_node(NODE)
    tool = Tool(lab)
    zoo.populate(node, running=False)
    # their packages start both; podman's ends by itself after five idle seconds, or later on a busy machine
    inside(node, "systemctl", "stop", "libvirtd.service", "podman.service")
    before = states(node)
    assert before.split()[: len(DAEMONS)] == ["inactive"] * len(DAEMONS)
    idle = {one.name: one for one in read(tool, tmp_path / "idle").runtimes}
    assert states(node) == before
    only_kept = set(EXPECTED) - {"runc"}
    assert {name: idle[name].runs for name in only_kept} == dict.fromkeys(only_kept, ())
    assert (idle["LXD"].active, idle["libvirt"].active) == (False, False)

    zoo.populate(node)
    facts = read(tool, tmp_path / "running")
    found = {one.name: one for one in facts.runtimes}
    own = {
        name: {(of.kind, of.name, of.state) for of in one.runs if of.owner is None}
        for name, one in found.items()
        if isinstance(one.runs, tuple)
    }
    assert {name: own[name] for name in EXPECTED} == EXPECTED
    assert {name for name, one in found.items() if one.kubernetes.now} == {"dockershim", "docker", "containerd", "runc"}
    assert found["docker swarm"].active is True
    assert all(one.version for one in found.values())
    assert {one.subject for one in check(make.view(of=facts), [other_runtime_runs])} == set(EXPECTED)
