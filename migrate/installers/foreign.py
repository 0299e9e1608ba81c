"""Installers whose nodes are not changed in place, each with its own way off Docker.

Sources: docs of each; k3s-io/k3s issue 5741; docs.k0sproject.io; rancher/rke cluster/plan.go; kops nodeup/pkg/model/kubelet.go;
awslabs/amazon-eks-ami files/bootstrap.sh; Azure/AgentBaker; openshift/machine-config-operator.
"""

from __future__ import annotations

from migrate.installers import (
    Installer,
    any_of,
    container_named,
    holding,
    labelled,
    marked,
    provided_by,
    unit_loaded,
    versioned,
    without_kubelet,
)

EKS = Installer(
    name="EKS",
    supported=False,
    detect=any_of(
        labelled("eks.amazonaws.com/nodegroup", "alpha.eksctl.io/nodegroup-name"), versioned("-eks-"), marked("/etc/eks/bootstrap.sh")
    ),
    way_out=(
        "Replace the node group by one whose AMI uses containerd: all from 1.24 on, before that by bootstrap.sh --container-runtime "
        "containerd (docs.aws.amazon.com/eks/latest/userguide/dockershim-deprecation.html).\n\n"
        "    eksctl create nodegroup --cluster CLUSTER --name NEW\n"
        "    eksctl delete nodegroup --cluster CLUSTER --name OLD     # drains its nodes first"
    ),
)
AKS = Installer(
    name="AKS",
    supported=False,
    detect=any_of(
        labelled("kubernetes.azure.com/cluster", "kubernetes.azure.com/agentpool"),
        holding("/etc/default/kubelet", "KUBELET_CONTAINERD_FLAGS=", "kubernetes.azure.com/cluster="),
        without_kubelet(marked("/etc/kubernetes/azure.json")),
    ),
    way_out=(
        "Upgrade the node pool: pools of Kubernetes 1.19 and later use containerd "
        "(learn.microsoft.com/azure/aks/cluster-configuration).\n\n"
        "    az aks nodepool upgrade --resource-group GROUP --cluster-name CLUSTER --name POOL --kubernetes-version VERSION"
    ),
)
GKE = Installer(
    name="GKE",
    supported=False,
    detect=any_of(labelled("cloud.google.com/gke-nodepool"), versioned("-gke."), marked("/home/kubernetes/kube-env")),
    way_out=(
        "Change the node pool's image to one with containerd "
        "(cloud.google.com/kubernetes-engine/docs/how-to/migrate-containerd).\n\n"
        "    gcloud container clusters upgrade CLUSTER --node-pool POOL --image-type cos_containerd     # or ubuntu_containerd"
    ),
)
OPENSHIFT = Installer(
    name="OpenShift",
    supported=False,
    detect=any_of(
        labelled("node.openshift.io/os_id"),
        marked("/etc/machine-config-daemon", "/etc/origin/node"),
        unit_loaded("atomic-openshift-node.service", "origin-node.service"),
    ),
    way_out=(
        "OpenShift 4 runs on CRI-O already, and its machine-config operator owns the node. From OpenShift 3, build a new cluster and "
        "move the workloads with its Migration Toolkit for Containers.\n\n"
        "    oc get nodes -o wide     # cri-o:// means that there is nothing to do"
    ),
)
KOPS = Installer(
    name="kops",
    supported=False,
    detect=any_of(
        labelled("kops.k8s.io/instancegroup"),
        marked("/opt/kops", "/var/lib/kops", "/opt/nodeup", "/var/cache/nodeup"),
        holding("/etc/sysconfig/kubelet", "DAEMON_ARGS="),
    ),
    way_out=(
        "Set containerRuntime in the cluster's spec: nodeup writes the node's files at each boot "
        "(kops.sigs.k8s.io/cluster_spec, containerRuntime; the default from Kubernetes 1.20 on).\n\n"
        "    kops edit cluster     # spec.containerRuntime: containerd; take spec.docker out\n"
        "    kops update cluster --yes && kops rolling-update cluster --yes"
    ),
)
MINIKUBE = Installer(
    name="minikube",
    supported=False,
    detect=any_of(labelled("minikube.k8s.io/name"), marked("/var/lib/minikube")),
    way_out=(
        "Create it again (minikube.sigs.k8s.io/docs/runtimes); what runs in it is lost.\n\n"
        "    minikube delete && minikube start --container-runtime=containerd"
    ),
)
KIND = Installer(
    name="kind",
    supported=False,
    detect=any_of(provided_by("kind://"), marked("/kind/kubeadm.conf")),
    way_out=(
        "kind runs its pods on containerd already; Docker only holds the nodes. There is nothing to migrate.\n\n"
        "    kubectl get nodes -o wide     # containerd:// in the last column"
    ),
)
RKE2 = Installer(
    name="RKE2",
    supported=False,
    detect=any_of(
        versioned("+rke2"),
        unit_loaded("rke2-server.service", "rke2-agent.service"),
        without_kubelet(marked("/etc/rancher/rke2", "/var/lib/rancher/rke2")),
    ),
    way_out=(
        "RKE2 runs its own containerd and has no Docker to leave. A Docker on its nodes serves something else.\n\n"
        "    docker ps     # on the node: what that is"
    ),
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
        "Take --docker out of the k3s command line, or `docker: true` out of /etc/rancher/k3s/config.yaml: its own containerd is the "
        "default (docs.k3s.io/advanced, Using Docker as the Container Runtime). Workers first; on a server the unit is k3s.\n\n"
        "    kubectl drain NODE --ignore-daemonsets\n"
        "    grep -e --docker /etc/systemd/system/k3s*.service     # on the node\n"
        "    systemctl edit --full k3s-agent\n"
        "    systemctl stop k3s-agent && docker ps -q --filter label=io.kubernetes.pod.uid | xargs -r docker rm -f\n"
        "    systemctl start k3s-agent\n"
        "    kubectl uncordon NODE"
    ),
)
K0S = Installer(
    name="k0s",
    supported=False,
    detect=any_of(versioned("+k0s"), unit_loaded("k0sworker.service", "k0scontroller.service"), without_kubelet(marked("/var/lib/k0s"))),
    way_out=(
        "Install the worker again without --cri-socket: its own containerd is the default (docs.k0sproject.io, Container runtime).\n\n"
        "    kubectl drain NODE --ignore-daemonsets --delete-emptydir-data\n"
        "    k0s token create --role=worker > FILE     # on a controller; copy FILE to the node\n"
        "    k0s stop && k0s reset     # on the node; it removes the worker's data, and asks for a reboot\n"
        "    k0s install worker --token-file FILE && k0s start\n"
        "    kubectl uncordon NODE"
    ),
)
RKE1 = Installer(
    name="RKE1",
    supported=False,
    detect=any_of(container_named("kubelet"), marked("/etc/kubernetes/ssl/kube-ca.pem", "/opt/rke")),
    way_out=(
        "All of RKE1 runs in Docker, the kubelet too: there is no way in place. Build new nodes (RKE2, kubeadm) in a new cluster and "
        "move the workloads (ranchermanager.docs.rancher.com, RKE1 end of life).\n\n"
        "    velero backup create before-move     # or another backup of objects and volumes\n"
        "    kubectl cordon NODE"
    ),
)
