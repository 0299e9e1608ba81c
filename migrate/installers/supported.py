"""Installers whose nodes are migrated in place. Sources: docs/design/kubelet-flags.md names the files of each."""

from __future__ import annotations

from migrate.facts.cluster import CRI_SOCKET, Node
from migrate.facts.model import NodeFacts
from migrate.installers import Installer, any_of, marked


def _kubeadm_drop_in(facts: NodeFacts, node: Node | None) -> str | None:
    unit = facts.unit("kubelet.service")
    return next((f"kubelet.service has {path}" for path in (unit.files if unit else ()) if path.endswith("kubeadm.conf")), None)


def _kubeadm_annotation(facts: NodeFacts, node: Node | None) -> str | None:
    socket = node.metadata.annotation(CRI_SOCKET) if node else None
    return f"Node annotation {CRI_SOCKET}={socket}" if socket is not None else None


def _plain(facts: NodeFacts, node: Node | None) -> str | None:
    unit = facts.unit("kubelet.service")
    return f"kubelet.service runs from {', '.join(unit.files)}, and no installer claims it" if unit and unit.running else None


KUBESPRAY = Installer(
    name="kubespray",
    supported=True,
    detect=marked("/etc/kubernetes/kubelet.env"),
    aftercare=(
        "Set these in the inventory before the playbook runs again: it writes /etc/kubernetes/kubelet.env, kubelet.service and Docker's "
        "options again (Kubespray docs, migrate_docker2containerd).\n\n"
        "    container_manager: containerd\n"
        "    etcd_deployment_type: host     # etcd must not run in Docker\n"
        "    ansible-playbook -i INVENTORY cluster.yml --limit NODE --check --diff     # what it would change back"
    ),
)
KUBEADM = Installer(
    name="kubeadm",
    supported=True,
    detect=any_of(marked("/var/lib/kubelet/kubeadm-flags.env"), _kubeadm_drop_in, _kubeadm_annotation),
    aftercare=(
        "`kubeadm upgrade` writes /var/lib/kubelet/config.yaml from the ConfigMap kubelet-config: make cgroupDriver explicit there. Saved "
        "JoinConfiguration files for future nodes need the new nodeRegistration.criSocket.\n\n"
        "    kubectl -n kube-system get configmap -o name | grep kubelet-config\n"
        "    kubectl get node NODE -o jsonpath='{.metadata.annotations.kubeadm\\.alpha\\.kubernetes\\.io/cri-socket}'"
    ),
)
PLAIN = Installer(
    name="plain systemd",
    supported=True,
    detect=_plain,
    aftercare=(
        "Whatever wrote kubelet.service (Puppet, Ansible, an image build) writes it again: carry the change over into its source.\n\n"
        "    systemctl cat kubelet.service     # on the node"
    ),
)
