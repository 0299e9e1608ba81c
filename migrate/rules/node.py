"""D2C105 to D2C109: what the cluster says of the node."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.etcd import Etcd
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.planes import alone, etcd_elsewhere, sole_member

FEWEST = 3  # members of etcd: two bear the loss of none


def movable(view: NodeView) -> bool:
    """Whether this control plane can be moved, the gates of etcd apart: the one place where D2C105 is lifted."""
    etcd = view.facts.etcd
    several = isinstance(etcd, Etcd) and len(etcd.voters) >= FEWEST
    stacked = several or (alone(view) and sole_member(view))
    return view.node is not None and view.node.control_plane and (stacked or etcd_elsewhere(view))


@node_rule("D2C105", "control-plane-node", Severity.BLOCKER, forbids_install=True)
def control_plane_node(view: NodeView) -> Iterator[Seen]:
    """The node is part of a control plane that is not moved.

    Why: control planes are moved one after the other where each of three or more has its own member of etcd as kubeadm makes it, or where
    etcd runs outside of Kubernetes; a single one, with the only member or with such an etcd, where D2C184 is accepted. Of two members
    neither can be stopped. What has an etcd that was not read, or an API server that is no static pod, is not moved.

    Remedy: Migrate the workers. Add a third control plane beside two; for an etcd that was not read see D2C170:

        kubectl get nodes -l '!node-role.kubernetes.io/control-plane,!node-role.kubernetes.io/master'
        docker2cri plan TARGET WORKER --out plan.json

    Sources: kubernetes.io, Upgrading kubeadm clusters (control-plane nodes one at a time); etcd.io FAQ (quorum).
    """
    marks = ("/etc/kubernetes/manifests/kube-apiserver.yaml", "/etc/kubernetes/manifests/etcd.yaml", "/var/lib/etcd/member")
    seen = [f"{mark} exists" for mark in marks if mark in view.facts.marks]
    if view.node and view.node.control_plane:
        seen.insert(0, "the Node carries a control-plane label or taint")
    if seen and not movable(view):
        yield Seen(f"Node {view.name}", "; ".join(seen))


@node_rule("D2C106", "cluster-not-read", Severity.BLOCKER, forbids_install=True, own_exit_code=True)
def cluster_not_read(view: NodeView) -> Iterator[Seen]:
    """The Kubernetes API was not read, so the node's workloads are unknown.

    Why: only the API knows which pods use Docker, lose data in a drain or cannot be evicted. That no pods were read does not mean that
    there are none.

    Remedy: Use a kubeconfig that may list nodes, pods, volumes, PodDisruptionBudgets and controllers:

        docker2cri inspect --kubeconfig ~/.kube/config NODE

    Sources: kubernetes.io, Safely drain a node; kubernetes.io, Using RBAC Authorization.
    """
    if view.cluster is None:
        yield Seen("Kubernetes API", "it was not read")


@node_rule("D2C107", "node-not-in-cluster", Severity.BLOCKER, forbids_install=True)
def node_not_in_cluster(view: NodeView) -> Iterator[Seen]:
    """No Node object of the cluster matches this machine.

    Why: it can be neither cordoned, drained nor verified. Most often the inventory and the kubeconfig belong to different clusters.

    Remedy: Compare names and addresses, and use the kubeconfig of the cluster that this machine belongs to:

        kubectl get nodes -o wide

    Sources: kubernetes.io, Nodes (a Node is identified by its name).
    """
    if view.cluster is not None and view.node is None:
        names = few(sorted(node.name for node in view.cluster.nodes)) or "none"
        yield Seen(f"host {view.facts.host}", f"hostname {view.facts.os.hostname}; the cluster's nodes: {names}")


@node_rule("D2C108", "node-not-ready", Severity.BLOCKER)
def node_not_ready(view: NodeView) -> Iterator[Seen]:
    """The node is not Ready while it runs on Docker.

    Why: a drain does not end on a node whose kubelet does not confirm that pods are gone, and after the migration nobody could tell what it
    broke from what was broken before. A rollback restores the state that the node has now.

    Remedy: Find the cause and fix it first:

        kubectl describe node NODE
        journalctl -u kubelet -n 100 --no-pager     # on the node

    Sources: kubernetes.io, Safely drain a node; kubernetes.io, Node status (conditions).
    """
    if view.node and view.node.ready != "True":
        ready = next((condition for condition in view.node.status.conditions or () if condition.type == "Ready"), None)
        reason = f": {ready.reason} {ready.message}".rstrip() if ready else ", the Node has no such condition"
        yield Seen(f"Node {view.name}", f"Ready is {view.node.ready}{reason}")


@node_rule("D2C109", "node-cordoned", Severity.INFO)
def node_cordoned(view: NodeView) -> Iterator[Seen]:
    """The node is already cordoned.

    Why: someone cordoned it for a reason. The migration leaves it cordoned, as it was found.

    Remedy: Nothing for the migration. Uncordon the node when the reason no longer holds:

        kubectl uncordon NODE

    Sources: kubernetes.io, Safely drain a node; kubectl cordon.
    """
    if view.node and view.node.spec.unschedulable:
        yield Seen(f"Node {view.name}", "spec.unschedulable is true")


@node_rule("D2C123", "api-list-unread", Severity.WARNING)
def api_list_unread(view: NodeView) -> Iterator[Seen]:
    """A list of the API besides nodes and pods could not be read.

    Why: what was not read is not judged: without the PodDisruptionBudgets a drain that cannot end is not predicted, without the controllers
    a pod may look unmanaged. The Eviction API respects budgets all the same.

    Remedy: Use an account that has the roles that are printed, and inspect the node again:

        docker2cri rbac inspect
        docker2cri inspect NODE

    Sources: kubernetes.io, Using RBAC Authorization.
    """
    for unread in view.cluster.unreadable if view.cluster else ():
        if not unread.what.startswith("configmap "):
            yield Seen(unread.what, unread.reason)
