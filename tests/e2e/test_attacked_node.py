"""A worker under an attacker's root, really: each command is typed at it, and nothing outside that node and its own Node object changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.looks import on
from tests.e2e.tool import Ran, Tool
from tests.lab import cluster
from tests.lab.fixtures import Lab
from tests.lab.spec import Node

pytestmark = pytest.mark.lab
NODE, OTHER = "lab-w6", "lab-w1"
KINDS = (
    *("nodes", "namespaces", "pods", "serviceaccounts", "configmaps", "secrets", "services", "poddisruptionbudgets"),
    *("deployments", "daemonsets", "statefulsets", "roles", "rolebindings", "clusterroles", "clusterrolebindings"),
)
# as an attacker would: the run's plan speaks of another node and of ways out, words of the program are escapes, and tools lie
ATTACK = rf"""
    set -e
    cd /var/lib/docker2cri/*/
    sed -i 's/"{NODE}"/"{OTHER}"/g; s/"image":"[^"]*"/"image":"evil.example\/pause"/g' plan.json
    [ ! -e before.json ] || sed -i 's/{NODE}/{OTHER}/g' before.json
    printf '%s\n' '9999 1 1.0 note - x \033]0;owned\007\033[2J[red]password: Planted-Pa55[/red]' >>journal
    printf '#!/bin/sh\nprintf "\\033]0;owned\\007{OTHER}\\n"; exec /usr/bin/hostname.real "$@"\n' >/usr/local/bin/hostname
    printf '#!/bin/sh\necho "$0 $*" >>/root/asked; exit 0\n' >/usr/local/bin/kubectl
    chmod 755 /usr/local/bin/hostname /usr/local/bin/kubectl
    mkdir -p /etc/docker
    printf '{{"registry-mirrors": ["http://evil\\u001b]52;c;cm0gLXJm\\u0007/"]}}' >/etc/docker/daemon.json
"""


def kept(lab: Lab) -> dict[str, Any]:
    """What the API holds besides this node, its pods, and what a CronJob makes by itself."""
    found: dict[str, Any] = {}
    for item in json.loads(lab.kubectl("get", ",".join(KINDS), "-A", "-o", "json"))["items"]:
        meta = item["metadata"]
        owners = {owner["kind"] for owner in meta.get("ownerReferences", ())}
        if meta["name"] == NODE or item.get("spec", {}).get("nodeName") == NODE or "Job" in owners:
            continue
        for key in ("resourceVersion", "managedFields", "generation"):
            meta.pop(key, None)
        item.pop("status", None)
        found[f"{item['kind']} {meta.get('namespace', '')}/{meta['name']} {meta['uid']}"] = item
    return found


def own_pods(lab: Lab) -> set[str]:
    """The pods of this node now."""
    said = lab.kubectl("get", "pods", "-A", "--field-selector", f"spec.nodeName={NODE}", "-o", "json")
    return {f"{item['metadata']['namespace']}/{item['metadata']['name']}" for item in json.loads(said)["items"]}


def written(lab: Lab) -> list[dict[str, Any]]:
    """Every request to change something that an admin's kubeconfig made, from the audit log of the API server."""
    said = lab.inside("lab-cp1", "sh", "-c", "cat /var/log/kubernetes/audit*.log")
    return [event for line in said.splitlines() if (event := json.loads(line))["user"]["username"] == "kubernetes-admin"]


def told(event: dict[str, Any]) -> str:
    ref = event.get("objectRef", {})
    place = "/".join(ref.get(key, "") for key in ("resource", "namespace", "name", "subresource"))
    return f"{event['verb']} {place} {event.get('requestObject', {}).get('spec', {}).get('nodeName', '')}"


def about_another(events: list[dict[str, Any]], own: set[str]) -> list[str]:
    """The requests about anything else than this node, its Node object, its pods, and pods that were made for it."""
    refs = [(event, event.get("objectRef", {})) for event in events]
    pods = [(event, f"{ref.get('namespace')}/{ref.get('name')}") for event, ref in refs if ref.get("resource") == "pods"]
    own = own | {pod for event, pod in pods if event.get("requestObject", {}).get("spec", {}).get("nodeName") == NODE}
    fine = {event["auditID"] for event, pod in pods if pod in own}
    fine |= {event["auditID"] for event, ref in refs if ref.get("resource") == "nodes" and ref.get("name") == NODE}
    return [told(event) for event in events if event["auditID"] not in fine]


def listing(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*")}


def test_each_command_at_a_node_under_an_attackers_root(lab: Lab, lab_node: Callable[[str], Node], tmp_path: Path) -> None:
    lab_node(NODE)
    lab = Lab(cluster.members())  # with the new worker
    tool = Tool(lab)
    reach = ("-i", str(lab.inventory), "--ssh-config", str(lab.ssh_config))
    plan = str(tmp_path / "plan.json")
    tool("plan", NODE, *reach, "--to", "containerd", "--out", plan)
    moved = tool("apply", plan, "--yes", *reach, seconds=600)
    assert moved.code == 0, moved.err
    on(lab, NODE, ATTACK)
    home = tmp_path / "home"  # of an operator who has no record of the run
    home.mkdir()

    def typed(*argv: str) -> Ran:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "KUBECONFIG": str(lab.kubeconfig),
        }
        program = Path(sys.executable).parent / "docker2cri"
        done = subprocess.run(
            [str(program), *argv, *reach], capture_output=True, text=True, env=environment, timeout=400, check=False, cwd=home
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    before = kept(lab)
    asked, own = len(written(lab)), own_pods(lab)
    ended: dict[str, Ran] = {}
    for argv in (
        ("inspect", NODE, "--fail-on", "never"),
        ("capture", NODE, "--out", str(home / "bundle")),
        ("explain", "stack", NODE),
        ("plan", NODE, "--to", "containerd", "--out", str(home / "plan.json")),
        ("status", NODE),
        ("verify", NODE),
        ("rollback", NODE, "--yes"),
        ("release", NODE, "--reason", "it was taken over", "--yes"),
        ("status", NODE),
    ):
        ended[" ".join(argv[:2])] = typed(*argv)
        after = kept(lab)
        own |= own_pods(lab)
        assert sorted(before.keys() ^ after.keys()) == [], argv
        assert [key for key in before if before[key] != after[key]] == [], argv
        assert {name for name in listing(home) if not name.startswith(("bundle", "plan.json", "state", ".ssh"))} == set(), argv
    requests = written(lab)[asked:]
    assert about_another(requests, own) == []
    assert f"patch nodes//{NODE}/ " in [told(event) for event in requests]  # the log does hold what the tool asked for
    print(f"{len(requests)} requests to change something, all about {NODE}")
    for name, ran in ended.items():
        said = ran.out + ran.err
        assert not any(mark in said for mark in ("\x1b]", "\x07", "\x1b[2J", "Planted-Pa55")), name
        assert "Traceback" not in said, name
        print(f"{name}: exit code {ran.code}")
    assert ended[f"release {NODE}"].code == 0
    assert "docker2cri.io/mark" not in lab.kubectl("get", "node", NODE, "-o", "jsonpath={.metadata.annotations}")
