"""Every installer, the telling ones first: kubespray, minikube and kind use kubeadm below, and all of them run a kubelet."""

from __future__ import annotations

from migrate.facts.cluster import Node
from migrate.facts.model import NodeFacts
from migrate.installers import Installer
from migrate.installers.foreign import AKS, EKS, GKE, K0S, K3S, KIND, KOPS, MINIKUBE, OPENSHIFT, RKE1, RKE2
from migrate.installers.supported import KUBEADM, KUBESPRAY, PLAIN

INSTALLERS: tuple[Installer, ...] = (EKS, AKS, GKE, OPENSHIFT, KOPS, MINIKUBE, KIND, RKE2, K3S, K0S, RKE1, KUBESPRAY, KUBEADM, PLAIN)
UNKNOWN = Installer(
    name="unknown",
    supported=False,
    detect=lambda facts, node: None,
    way_out=(
        "docker2cri changes nodes whose kubelet runs as kubelet.service. See what runs the kubelet here, and use that tool's own way.\n\n"
        "    pgrep -a kubelet     # on the node\n"
        "    systemctl list-units --all '*kube*' '*docker*'"
    ),
)


def identify(facts: NodeFacts, node: Node | None) -> Installer:
    """The first installer that claims this node, `UNKNOWN` when none does; `node` is None where the API was not read."""
    return next((installer for installer in INSTALLERS if installer.detect(facts, node) is not None), UNKNOWN)
