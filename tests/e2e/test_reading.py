"""inspect and capture on real nodes: what they find, and what they say when something cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.tool import Tool
from tests.lab.fixtures import Lab

pytestmark = pytest.mark.lab


@pytest.fixture
def tool(lab: Lab) -> Tool:
    return Tool(lab)


def blockers(document: dict[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    """Node -> codes of its blockers."""
    blocking = [one for one in document["findings"] if one["severity"] == "blocker"]
    return {node["host"]: {one["code"] for one in blocking if node["host"] in one["nodes"]} for node in document["nodes"]}


def inventory(lab: Lab, tmp_path: Path, hosts: str, **variables: str) -> str:
    """An inventory of these host lines with the lab's key and host keys."""
    defaults = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(lab.key),
        "ansible_ssh_common_args": f"-o UserKnownHostsFile={lab.known_hosts} -o IdentitiesOnly=yes",
    }
    lines = [f"{name}={value}" for name, value in (defaults | variables).items()]
    path = tmp_path / "inventory.ini"
    path.write_text("\n".join([hosts, "[all:vars]", *lines, ""]))
    return str(path)


def address(lab: Lab, name: str) -> str:
    return lab.node(name).ip


def test_the_whole_lab(tool: Tool) -> None:
    ran = tool("inspect", "-o", "json", *tool.reach())
    assert (ran.code, ran.err) == (3, "")
    document = json.loads(ran.out)
    assert [document["summary"][state] for state in ("ready", "needs_work", "blocked", "not_read")] == [1, 1, 1, 0]
    assert blockers(document) == {
        "lab-cp1": {"D2C105", "D2C170"},  # its image of etcd has no etcdctl
        "lab-w1": set(),
        "lab-w2": {"D2C113", "D2C301", "D2C320", "D2C321"},
    }


# what the workloads of the lab show on each node
EVERYWHERE = ("D2C215", "D2C304", "D2C403")


def test_the_dirty_worker_shows_each_planted_problem_and_nothing_else(tool: Tool) -> None:
    ran = tool("inspect", "lab-w2", "-o", "json", *tool.reach())
    found = json.loads(ran.out)["findings"]
    planted = {(one["code"], one["subject"]) for one in found if one["severity"] in ("blocker", "warning")}
    everywhere = {subject for code, subject in planted if code in EVERYWHERE}
    assert {one for one in planted if one[0] not in EVERYWHERE} == {
        ("D2C113", "container debug-shell"),
        ("D2C113", "container legacy-forwarder"),
        ("D2C130", "/etc/cron.d/docker-prune"),
        ("D2C301", "DaemonSet ops/image-builder"),
        ("D2C302", "DaemonSet ops/log-agent"),
        ("D2C320", "Pod shop/legacy-import"),
        ("D2C321", "Pod shop/legacy-import"),
        ("D2C325", "DaemonSet ops/log-agent"),
        ("D2C604", "CRI plugin"),
    }
    assert "DaemonSet kube-system/kube-proxy" in everywhere


def test_no_secret_leaves_by_any_output(tool: Tool, lab: Lab, tmp_path: Path) -> None:
    bundle, plan = tmp_path / "bundle", tmp_path / "plan.json"
    accepted = [f"--accept={code}=test" for code in ("D2C113", "D2C301", "D2C320", "D2C321")]
    outputs = [
        tool("inspect", *tool.reach(), "--info"),
        tool("inspect", *tool.reach(), "-o", "json"),
        tool("plan", *tool.reach(), *accepted, "--out", str(plan)),
        tool("plan", *tool.reach(), *accepted, "-o", "json"),
        tool("plan", *tool.reach(), "--check", str(plan)),
        tool("capture", *tool.reach(), "--out", str(bundle)),
    ]
    texts = [ran.out + ran.err for ran in outputs] + [path.read_text() for path in (plan, *bundle.iterdir())]
    assert len(texts) == 11
    assert [secret for secret in lab.secrets() for text in texts if secret in text] == []


def test_sudo_without_a_password_with_one_and_not_at_all(tool: Tool, lab: Lab, tmp_path: Path) -> None:
    password = tmp_path / "sudo"
    password.write_text("lab-sudo-secret\n")
    hosts = "\n".join(
        f"lab-{node} ansible_host={address(lab, f'lab-{node}')} ansible_user={user}"
        for node, user in (("cp1", "nosudo"), ("w1", "ops"), ("w2", "admin"))
    )
    given = inventory(lab, tmp_path, hosts)
    without = tool("inspect", "-i", given, "-o", "json")
    assert without.code == 4
    assert [node["state"] for node in json.loads(without.out)["nodes"]] == ["not read", "ready", "not read"]
    with_password = tool("inspect", "-i", given, "-o", "json", "--become-password-file", str(password))
    assert with_password.code == 3
    nodes = json.loads(with_password.out)["nodes"]
    assert [node["state"] for node in nodes] == ["not read", "ready", "needs work"]
    assert nodes[0]["error"].startswith("lab-cp1: ")
    assert "\n  next: " in nodes[0]["error"]


def test_a_wrong_host_key_and_an_unreachable_host_leave_the_others_done(tool: Tool, lab: Lab, tmp_path: Path) -> None:
    lines = [line.split(" ", 1) for line in lab.known_hosts.read_text().splitlines()]
    keys = {name: key for names, key in lines for name in names.split(",")}
    wrong = tmp_path / "known_hosts"
    shown = {"lab-w1": "lab-w1", "lab-w2": "lab-cp1"}
    wrong.write_text("".join(f"{address(lab, node)} {keys[address(lab, other)]}\n" for node, other in shown.items()))
    hosts = "\n".join(
        [
            f"lab-w1 ansible_host={address(lab, 'lab-w1')}",
            f"lab-w2 ansible_host={address(lab, 'lab-w2')}",
            "gone ansible_host=127.0.0.1 ansible_port=9",
        ]
    )
    given = inventory(lab, tmp_path, hosts, ansible_ssh_common_args=f"-o UserKnownHostsFile={wrong}")
    ran = tool("inspect", "-i", given, "-o", "json")
    assert ran.code == 4
    nodes = {node["host"]: node for node in json.loads(ran.out)["nodes"]}
    assert {name: node["state"] for name, node in nodes.items()} == {"lab-w1": "ready", "lab-w2": "not read", "gone": "not read"}
    assert "SHA256:" in nodes["lab-w2"]["error"]
    assert f"ssh-keygen -f {wrong} -R {address(lab, 'lab-w2')}; ssh-keyscan" in nodes["lab-w2"]["error"]
    assert nodes["gone"]["error"].startswith("gone: ")


def test_an_api_that_is_down_still_reports_the_nodes(tool: Tool, lab: Lab, tmp_path: Path) -> None:
    dead = tmp_path / "kubeconfig"
    text = lab.kubeconfig.read_text()
    server = next(line.split("server:")[1].strip() for line in text.splitlines() if "server:" in line)
    dead.write_text(text.replace(server, "https://127.0.0.1:9"))
    worker = inventory(lab, tmp_path, f"lab-w1 ansible_host={address(lab, 'lab-w1')}")
    ran = tool("inspect", "-i", worker, kubeconfig=str(dead))
    assert ran.code == 4
    assert "lab-w1" in ran.out
    assert "https://127.0.0.1:9" in ran.err
    assert "\n  next: " in ran.err
    from_cluster = tool("inspect", kubeconfig=str(dead))
    assert (from_cluster.code, from_cluster.out) == (4, "")


def test_a_machine_that_is_no_node_and_a_node_that_is_no_machine(tool: Tool, lab: Lab, tmp_path: Path) -> None:
    hosts = f"lab-w1 ansible_host={address(lab, 'lab-w1')}\nbuildbox ansible_connection=local"
    ran = tool("inspect", "-i", inventory(lab, tmp_path, hosts), "-o", "json")
    assert ran.code == 4
    nodes = {node["host"]: node for node in json.loads(ran.out)["nodes"]}
    assert nodes["lab-w1"]["state"] == "ready"
    assert nodes["buildbox"]["error"].splitlines() == [
        "buildbox: no Node object has its machine-id, name or address",
        "  expected: exactly one Node for each machine",
        "  next: kubectl get nodes -o wide, and compare it with the inventory",
    ]
    for name in ("lab-cp1", "lab-w2"):
        assert f"{name}: a node of the cluster that no machine of the inventory is\n" in ran.err


def test_sixty_aliases_of_one_node_at_once(tool: Tool, lab: Lab, tmp_path: Path) -> None:
    hosts = "\n".join(f"alias-{n} ansible_host={address(lab, 'lab-w1')}" for n in range(60))
    bundle = tmp_path / "bundle"
    ran = tool("capture", "-i", inventory(lab, tmp_path, hosts), "--forks", "60", "--command-timeout", "600", "--out", str(bundle))
    assert len(list(bundle.glob("alias-*.capture.json"))) == 60, ran.err[-2000:]


def test_reading_changes_nothing(tool: Tool, lab: Lab) -> None:
    listing = "find /etc /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env -type f -exec sha256sum {} + | sort -k2"
    before = {node.name: lab.inside(node.name, "sh", "-c", listing) for node in lab.nodes}
    assert tool("inspect", *tool.reach()).code == 3
    assert {node.name: lab.inside(node.name, "sh", "-c", listing) for node in lab.nodes} == before
