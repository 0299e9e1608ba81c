"""One capture for each installer, from the machine's raw reading to the verdict: migrate here, or refuse with a way out.

`synthetic-` ones could not be captured where this was written; kubeadm's is the lab's real node.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.model import NodeFacts
from migrate.facts.node import facts_from
from migrate.installers.table import INSTALLERS, UNKNOWN, identify
from migrate.rules import NodeView
from migrate.rules.ownership import installer_may_undo, installer_unsupported
from migrate.run.store import load_directory
from migrate.targets.containerd import CONTAINERD
from tests.captured import capture_of, cluster

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "installers"
FOUND = (
    ("synthetic-aks", "AKS", "kubelet flag --node-labels has kubernetes.azure.com/agentpool=pool1"),
    ("synthetic-eks", "EKS", "kubelet flag --node-labels has alpha.eksctl.io/nodegroup-name=ng-1"),
    ("synthetic-gke", "GKE", "kubelet flag --node-labels has cloud.google.com/gke-nodepool=default-pool"),
    ("synthetic-k0s", "k0s", "k0sworker.service is loaded"),
    ("synthetic-k3s", "k3s", "kubelet version v1.23.17+k3s1"),
    ("synthetic-kind", "kind", "providerID kind://docker/kind/worker-1"),
    ("synthetic-kops", "kops", "/etc/sysconfig/kubelet has DAEMON_ARGS="),
    ("synthetic-kubespray", "kubespray", "/etc/kubernetes/kubelet.env exists"),
    ("synthetic-minikube", "minikube", "/var/lib/minikube exists"),
    ("synthetic-openshift-3", "OpenShift", "/etc/origin/node exists"),
    ("synthetic-openshift-4", "OpenShift", "Node label node.openshift.io/os_id=rhcos"),
    (
        "synthetic-plain-systemd",
        "plain systemd",
        "kubelet.service runs from /etc/systemd/system/kubelet.service, and no installer claims it",
    ),
    ("synthetic-rke1", "RKE1", "Docker container kubelet (rancher/hyperkube:v1.20.15-rancher1)"),
    ("synthetic-rke2", "RKE2", "kubelet version v1.24.17+rke2r1"),
    ("synthetic-unknown", "unknown", "no mark of a known installer"),
)
# what a refused node's owner is told to type
WAYS = {
    "AKS": "az aks nodepool upgrade",
    "EKS": "eksctl create nodegroup",
    "GKE": "--image-type cos_containerd",
    "OpenShift": "oc get nodes -o wide",
    "RKE1": "kubectl cordon worker-1",
    "RKE2": "docker ps",
    "k0s": "kubectl drain worker-1 --ignore-daemonsets",
    "k3s": "systemctl edit --full k3s-agent",
    "kind": "kubectl get nodes -o wide",
    "kops": "spec.containerRuntime: containerd",
    "minikube": "minikube start --container-runtime=containerd",
    "unknown": "pgrep -a kubelet",
}


def read(folder: str) -> tuple[NodeFacts, Node | None, ClusterFacts | None]:
    (capture,), found = load_directory(FIXTURES / folder)
    return facts_from(capture), found.nodes[0] if found else None, found


@pytest.mark.parametrize(("folder", "name", "evidence"), FOUND)
def test_a_capture_is_taken_for_its_installer(folder: str, name: str, evidence: str) -> None:
    facts, node, found = read(folder)
    installer = identify(facts, node)
    assert installer.name == name
    view = NodeView(facts, node, (), found, CONTAINERD)
    (seen,) = (installer_may_undo if installer.supported else installer_unsupported).see(view)
    assert list((installer_unsupported if installer.supported else installer_may_undo).see(view)) == []
    assert (seen.subject, seen.evidence) == (f"installer {name}", evidence)
    if not installer.supported:
        assert WAYS[name] in (seen.remedy or "").replace("NODE", "worker-1")


def test_kubeadm_is_the_lab() -> None:
    node = cluster().node("lab-w1")
    assert identify(facts_from(capture_of()), node).name == "kubeadm"
    assert identify(facts_from(capture_of()), None).name == "kubeadm"


def test_every_installer_has_a_capture() -> None:
    assert {name for _, name, _ in FOUND} | {"kubeadm"} == {installer.name for installer in (*INSTALLERS, UNKNOWN)}
    assert {folder for folder, _, _ in FOUND} == {path.name for path in FIXTURES.iterdir()}
    assert set(WAYS) == {installer.name for installer in (*INSTALLERS, UNKNOWN) if not installer.supported}


@pytest.mark.parametrize("folder", [folder for folder, _, _ in FOUND])
def test_a_capture_read_without_the_api_is_never_taken_for_one_to_migrate_instead(folder: str) -> None:
    """A managed node must not become `plain systemd` because its labels were not read."""
    facts, node, _ = read(folder)
    assert identify(facts, None).supported <= identify(facts, node).supported
