"""What the other tests count on: the lab is as its README says."""

import base64
import json
import tomllib
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from .fixtures import Lab
from .logs import API_COMMANDS, NODE_COMMANDS, collect
from .spec import HERE, Node, nodes

pytestmark = pytest.mark.lab


def test_every_node_runs_docker_through_dockershim(lab: Lab) -> None:
    found = json.loads(lab.kubectl("get", "nodes", "-o", "json"))["items"]
    seen = {node["metadata"]["name"]: (node["status"]["nodeInfo"], node["metadata"]["annotations"], node["spec"]) for node in found}
    assert set(seen) >= {node.name for node in nodes(2)}
    for node in nodes(2):
        info, annotations, spec = seen[node.name]
        assert info["kubeletVersion"] == "v1.23.17"
        assert info["containerRuntimeVersion"].startswith("docker://20.10.")
        assert annotations["kubeadm.alpha.kubernetes.io/cri-socket"] == "/var/run/dockershim.sock"
        assert spec["podCIDR"] == node.pods
    assert len({info["machineID"] for info, _, _ in seen.values()}) == len(seen)


def test_workers_are_told_apart_by_label(lab: Lab) -> None:
    assert lab.kubectl("get", "nodes", "-l", "lab=clean", "-o", "name").split()[:1] == ["node/lab-w1"]
    assert lab.kubectl("get", "nodes", "-l", "lab=dirty", "-o", "name").split() == ["node/lab-w2"]


def test_the_node_port_is_answered_by_pods_of_other_nodes(lab: Lab) -> None:
    """Asked on the control plane, which runs no web pod: the answers come over the routes between nodes."""
    names: set[str] = set()
    for _ in range(40):
        with urllib.request.urlopen(f"http://{lab.nodes[0].ip}:30080/hostname", timeout=5) as answer:
            names.add(answer.read().decode())
    placed = lab.kubectl(
        "get", "pods", "-n", "shop", "-l", "app=web", "-o", "jsonpath={range .items[*]}{.metadata.name} {.spec.nodeName}{'\\n'}{end}"
    )
    where = dict(line.split() for line in placed.splitlines())
    assert {where[name] for name in names} == {"lab-w1", "lab-w2"}


@pytest.mark.parametrize("user", ["root", "admin", "ops", "nosudo"])
def test_each_user_logs_in_with_the_key(lab: Lab, user: str) -> None:
    assert lab.ssh("lab-w1", "hostname; id -un", user=user) == (0, f"lab-w1\n{user}\n")


@pytest.mark.parametrize(("user", "command", "code"), [
    ("ops", "sudo -n true", 0),
    ("admin", "sudo -n true", 1),
    ("admin", "echo lab-sudo-secret | sudo -S -p '' true", 0),
    ("nosudo", "echo lab-sudo-secret | sudo -S -p '' true", 1),
])  # fmt: skip
def test_sudo_is_as_each_user_has_it(lab: Lab, user: str, command: str, code: int) -> None:
    assert lab.ssh("lab-w1", command, user=user)[0] == code


def test_the_cri_plugin_is_off_on_the_dirty_worker_only(lab: Lab) -> None:
    assert " ok" in lab.inside("lab-w1", "sh", "-c", "ctr plugins ls | grep 'io.containerd.grpc.v1 *cri '")
    config = tomllib.loads(lab.inside("lab-w2", "cat", "/etc/containerd/config.toml"))
    assert config == {"disabled_plugins": ["cri"]}
    assert "cri" not in lab.inside("lab-w2", "ctr", "plugins", "ls").split()


def test_what_no_kubelet_knows_of_is_on_the_dirty_worker_only(lab: Lab) -> None:
    listing = ("sh", "-c", "docker ps --format '{{.Names}}' | grep -v ^k8s_ | sort")
    assert lab.inside("lab-w2", *listing).split() == ["debug-shell", "legacy-forwarder"]
    assert lab.inside("lab-w1", *listing).split() == []


def test_one_image_was_pulled_and_the_others_were_not(lab: Lab) -> None:
    listing = lab.inside("lab-w1", "docker", "images", "--digests", "--format", "{{.Repository}} {{.Digest}}").splitlines()
    digests = dict(line.split() for line in listing)
    assert digests["registry.lab:5000/team/portal"].startswith("sha256:")
    assert {digest for name, digest in digests.items() if name != "registry.lab:5000/team/portal"} == {"<none>"}


def test_nothing_bare_or_with_data_to_lose_is_on_the_clean_worker(lab: Lab) -> None:
    pods = json.loads(lab.kubectl("get", "pods", "-A", "--field-selector=spec.nodeName=lab-w1", "-o", "json"))["items"]
    assert pods
    for pod in pods:
        kinds = {kind for volume in pod["spec"].get("volumes", []) for kind in volume if kind != "name"}
        assert pod["metadata"]["ownerReferences"], pod["metadata"]["name"]
        assert "emptyDir" not in kinds, pod["metadata"]["name"]
        assert not any(
            volume.get("hostPath", {}).get("path", "").startswith("/var/run/docker") for volume in pod["spec"].get("volumes", [])
        )


def test_every_listed_secret_is_planted_somewhere(lab: Lab) -> None:
    texts = [file.read_text() for part in ("node", "manifests") for file in (HERE / part).rglob("*") if file.is_file()]
    texts += [(HERE / "standalone.sh").read_text(), lab.kubectl("get", "secret", "web", "-n", "shop", "-o", "yaml")]
    texts += [base64.b64decode(secret).decode() for secret in lab.secrets() if secret.endswith("=")]
    assert [secret for secret in lab.secrets() if not any(secret in text for text in texts)] == []


def test_a_failed_test_would_find_its_logs(lab: Lab, tmp_path: Path) -> None:
    collect(tmp_path, lab.nodes, lab.kubeconfig.with_name("kubectl"))
    for node in lab.nodes:
        assert {file.name for file in (tmp_path / node.name).iterdir()} == set(NODE_COMMANDS)
        assert "dockerd" in (tmp_path / node.name / "docker.log").read_text()
    assert {file.name for file in (tmp_path / "api").iterdir()} == set(API_COMMANDS)
    assert "pod/web-" in (tmp_path / "api" / "all.txt").read_text()


def test_a_fresh_worker_is_given_and_taken_away(lab: Lab, lab_node: Callable[[str], Node]) -> None:
    node = lab_node("lab-w3")
    assert lab.kubectl("get", "node", node.name, "-o", "jsonpath={.metadata.labels.lab}") == "clean"
    assert lab.ssh(node.name, "hostname") == (0, "lab-w3\n")
