"""Which installer a node is taken for, by its marks, units, labels, versions and containers."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.facts.capture import PathReading
from migrate.facts.cluster import Node
from migrate.facts.model import NodeFacts
from migrate.installers.table import INSTALLERS, UNKNOWN, identify
from tests.rules import make

BARE = make.node(annotations={})


def marks(*paths: str, **given: Any) -> NodeFacts:
    return make.facts(marks=frozenset(paths), **given)


def labels(**given: str) -> Node:
    return make.node(annotations={}, labels=given)


def node(**given: Any) -> Node:
    return make.node(annotations={}, **given)


STOPPED = {"kubelet.service": make.unit("kubelet.service", active="inactive")}
KUBEADM_DROP_IN = make.unit(
    "kubelet.service", files=("/lib/systemd/system/kubelet.service", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf")
)
RKE1 = make.docker(containers=(make.container("kubelet", image="rancher/hyperkube:v1.20.15-rancher1"),))


@pytest.mark.parametrize(
    ("name", "evidence", "facts", "the_node"),
    [
        ("kubeadm", "/var/lib/kubelet/kubeadm-flags.env exists", marks("/var/lib/kubelet/kubeadm-flags.env"), None),
        (
            "kubeadm",
            "/var/lib/kubelet/kubeadm-flags.env exists",
            make.facts(files={"/var/lib/kubelet/kubeadm-flags.env": PathReading("file")}),
            BARE,
        ),
        (
            "kubeadm",
            "kubelet.service has /etc/systemd/system/kubelet.service.d/10-kubeadm.conf",
            make.facts(units={"kubelet.service": KUBEADM_DROP_IN}),
            BARE,
        ),
        ("kubeadm", "Node annotation kubeadm.alpha.kubernetes.io/cri-socket=/var/run/dockershim.sock", make.facts(), make.node()),
        (
            "kubespray",
            "/etc/kubernetes/kubelet.env exists",
            marks("/etc/kubernetes/kubelet.env", "/var/lib/kubelet/kubeadm-flags.env"),
            make.node(),
        ),
        ("plain systemd", "kubelet.service runs from /lib/systemd/system/kubelet.service, and no installer claims it", make.facts(), BARE),
        ("k3s", "kubelet version v1.23.17+k3s1", make.facts(), node(kubelet_version="v1.23.17+k3s1")),
        ("k3s", "k3s-agent.service is loaded", make.facts(units={"k3s-agent.service": make.unit("k3s-agent.service")}), BARE),
        ("k3s", "/etc/rancher/k3s exists", marks("/etc/rancher/k3s", units=STOPPED), BARE),
        (
            "plain systemd",
            "kubelet.service runs from /lib/systemd/system/kubelet.service, and no installer claims it",
            marks("/etc/rancher/k3s"),
            BARE,
        ),
        ("RKE2", "kubelet version v1.23.17+rke2r1", make.facts(), node(kubelet_version="v1.23.17+rke2r1")),
        ("k0s", "k0sworker.service is loaded", make.facts(units={"k0sworker.service": make.unit("k0sworker.service")}), BARE),
        ("RKE1", "Docker container kubelet (rancher/hyperkube:v1.20.15-rancher1)", make.facts(docker=RKE1, units={}), BARE),
        ("RKE1", "/opt/rke exists", marks("/opt/rke"), BARE),
        ("kops", "Node label kops.k8s.io/instancegroup=nodes", make.facts(), labels(**{"kops.k8s.io/instancegroup": "nodes"})),
        ("EKS", "Node label eks.amazonaws.com/nodegroup=ng", make.facts(), labels(**{"eks.amazonaws.com/nodegroup": "ng"})),
        ("EKS", "kubelet version v1.21.14-eks-fb459a0", make.facts(kubelet=make.kubelet(version="v1.21.14-eks-fb459a0")), None),
        ("AKS", "Node label kubernetes.azure.com/cluster=MC_x", make.facts(), labels(**{"kubernetes.azure.com/cluster": "MC_x"})),
        (
            "kubeadm",
            "/var/lib/kubelet/kubeadm-flags.env exists",
            marks("/etc/kubernetes/azure.json", "/var/lib/kubelet/kubeadm-flags.env"),
            BARE,
        ),
        ("GKE", "kubelet version v1.23.17-gke.1700", make.facts(), node(kubelet_version="v1.23.17-gke.1700")),
        (
            "minikube",
            "Node label minikube.k8s.io/name=minikube",
            marks("/var/lib/kubelet/kubeadm-flags.env"),
            labels(**{"minikube.k8s.io/name": "minikube"}),
        ),
        ("kind", "providerID kind://docker/kind/w1", marks("/var/lib/kubelet/kubeadm-flags.env"), node(providerID="kind://docker/kind/w1")),
        ("OpenShift", "Node label node.openshift.io/os_id=rhcos", make.facts(), labels(**{"node.openshift.io/os_id": "rhcos"})),
        ("unknown", None, make.facts(units=STOPPED), BARE),
        ("unknown", None, make.facts(units={}, kubelet=None, docker=None), None),
    ],
)
def test_identify(name: str, evidence: str | None, facts: NodeFacts, the_node: Node | None) -> None:
    found = identify(facts, the_node)
    assert (found.name, found.detect(facts, the_node)) == (name, evidence)


def test_kubeadm_on_machines_of_a_cloud_is_no_managed_node() -> None:
    for provider in ("aws:///eu-west-1a/i-0", "azure:///subscriptions/s", "gce://project/zone/w1"):
        assert identify(make.facts(), make.node(providerID=provider)).name == "kubeadm"


@pytest.mark.parametrize("installer", [*INSTALLERS, UNKNOWN], ids=lambda installer: installer.name)
def test_each_installer_says_what_to_do(installer: Any) -> None:
    """A supported one what its next run would undo, an unsupported one its way out; never both."""
    assert bool(installer.aftercare) == installer.supported
    assert bool(installer.way_out) != installer.supported


def test_names_are_unique() -> None:
    names = [installer.name for installer in (*INSTALLERS, UNKNOWN)]
    assert sorted(set(names)) == sorted(names)
