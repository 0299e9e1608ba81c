"""Installers whose nodes are not changed in place, each with its own way off Docker.

Sources: docs of each; k3s-io/k3s issue 5741; docs.k0sproject.io; rancher/rke cluster/plan.go; kops nodeup/pkg/model/kubelet.go;
awslabs/amazon-eks-ami files/bootstrap.sh; Azure/AgentBaker; openshift/machine-config-operator.
"""

from __future__ import annotations

from migrate.installers import Installer, any_of, container_named, labelled, marked, provided_by, unit_loaded, versioned, without_kubelet

EKS = Installer(
    name="EKS",
    supported=False,
    detect=any_of(labelled("eks.amazonaws.com/nodegroup"), versioned("-eks-"), marked("/etc/eks/bootstrap.sh")),
    way_out=(
        "Replace the node group by one whose AMI uses containerd: all from 1.24 on, before that by bootstrap.sh --container-runtime.\n\n"
        "    eksctl create nodegroup --cluster CLUSTER --name NEW\n"
        "    eksctl delete nodegroup --cluster CLUSTER --name OLD"
    ),
)
AKS = Installer(
    name="AKS",
    supported=False,
    detect=any_of(labelled("kubernetes.azure.com/cluster"), without_kubelet(marked("/etc/kubernetes/azure.json"))),
    way_out=(
        "Upgrade the node pool: pools of Kubernetes 1.19 and later use containerd.\n\n"
        "    az aks nodepool upgrade --resource-group GROUP --cluster-name CLUSTER --name POOL --kubernetes-version VERSION"
    ),
)
GKE = Installer(
    name="GKE",
    supported=False,
    detect=any_of(labelled("cloud.google.com/gke-nodepool"), versioned("-gke."), marked("/home/kubernetes/kube-env")),
    way_out=(
        "Change the node pool's image to one with containerd.\n\n"
        "    gcloud container clusters upgrade CLUSTER --node-pool POOL --image-type cos_containerd"
    ),
)
OPENSHIFT = Installer(
    name="OpenShift",
    supported=False,
    detect=any_of(labelled("node.openshift.io/os_id"), marked("/etc/machine-config-daemon")),
    way_out="OpenShift 4 runs on CRI-O already, and its machine-config operator owns the node. From OpenShift 3, build a new cluster.",
)
KOPS = Installer(
    name="kops",
    supported=False,
    detect=any_of(labelled("kops.k8s.io/instancegroup"), marked("/opt/kops", "/var/lib/kops")),
    way_out=(
        "Set containerRuntime in the cluster's spec: nodeup writes the node's files at each boot.\n\n"
        "    kops edit cluster     # spec.containerRuntime: containerd\n"
        "    kops update cluster --yes && kops rolling-update cluster --yes"
    ),
)
MINIKUBE = Installer(
    name="minikube",
    supported=False,
    detect=any_of(labelled("minikube.k8s.io/name"), marked("/var/lib/minikube")),
    way_out="Make it anew.\n\n    minikube delete && minikube start --container-runtime=containerd",
)
KIND = Installer(
    name="kind",
    supported=False,
    detect=any_of(provided_by("kind://"), marked("/kind/kubeadm.conf")),
    way_out="kind runs its pods on containerd already; Docker only holds the nodes. There is nothing to migrate.",
)
RKE2 = Installer(
    name="RKE2",
    supported=False,
    detect=any_of(
        versioned("+rke2"),
        unit_loaded("rke2-server.service", "rke2-agent.service"),
        without_kubelet(marked("/etc/rancher/rke2", "/var/lib/rancher/rke2")),
    ),
    way_out="RKE2 runs its own containerd and has no Docker to leave.",
)
K3S = Installer(
    name="k3s",
    supported=False,
    detect=any_of(
        versioned("+k3s"),
        unit_loaded("k3s.service", "k3s-agent.service"),
        without_kubelet(marked("/etc/rancher/k3s", "/var/lib/rancher/k3s")),
    ),
    way_out=(
        "Take --docker out of the k3s command line: its own containerd is the default.\n\n"
        "    kubectl drain NODE --ignore-daemonsets\n"
        "    systemctl edit --full k3s-agent     # on the node\n"
        "    systemctl restart k3s-agent\n"
        "    kubectl uncordon NODE"
    ),
    kubelet_unit="k3s-agent.service",
)
K0S = Installer(
    name="k0s",
    supported=False,
    detect=any_of(versioned("+k0s"), unit_loaded("k0sworker.service", "k0scontroller.service"), without_kubelet(marked("/var/lib/k0s"))),
    way_out=(
        "Install the worker again without --cri-socket: its own containerd is the default.\n\n"
        "    kubectl drain NODE --ignore-daemonsets\n"
        "    k0s stop && k0s reset     # on the node, then k0s install worker --token-file FILE && k0s start"
    ),
    kubelet_unit="k0sworker.service",
)
RKE1 = Installer(
    name="RKE1",
    supported=False,
    detect=any_of(container_named("kubelet"), marked("/etc/kubernetes/ssl/kube-ca.pem", "/opt/rke")),
    way_out=(
        "All of RKE1 runs in Docker, the kubelet too: there is no way in place. Build new nodes (RKE2, kubeadm) and move the workloads.\n\n"
        "    kubectl cordon NODE"
    ),
)
