"""D2C180 to D2C186: static pods that lean on Docker's files, whether the other control planes serve meanwhile, and which one is asked."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from migrate.facts.cluster import RUN_ANNOTATION, Node
from migrate.facts.pod import Pod
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.node import movable
from migrate.rules.planes import APISERVER, alone, etcd_elsewhere, etcd_servers, is_plane, others
from migrate.rules.pods import canonical_path, within
from migrate.rules.workloads import GONE, SOCKETS

HERE = ("localhost", "127.0.0.1", "::1")
DOWN_SECONDS = "20 to 75"  # without an API server, as measured (docs/design/control-planes.md)


def _static(view: NodeView) -> Iterator[Pod]:
    return (pod for pod in view.pods if pod.mirror)


def _host_paths(pod: Pod) -> Iterator[str]:
    return (canonical_path(volume.host_path.path) for volume in pod.spec.volumes or () if volume.host_path)


@node_rule("D2C180", "static-pod-holds-docker-socket", Severity.BLOCKER)
def static_pod_holds_docker_socket(view: NodeView) -> Iterator[Seen]:
    """A static pod mounts a socket of Docker.

    Why: it is not drained, and the kubelet starts it again on the new runtime, where the socket is not there. Without a type the kubelet
    makes a directory in its place, and Docker cannot come back over it. With `--keep-docker` this is so for sockets of dockershim and
    cri-dockerd alone.

    Remedy: Remove the volume from the pod's manifest, or the manifest:

        grep -l docker.sock /etc/kubernetes/manifests/*     # on the node

    Sources: kubernetes.io, Create static Pods; kubernetes.io, Volumes (hostPath).
    """
    for pod in _static(view):
        for path in _host_paths(pod):
            if path in (GONE if view.target.keeps_source else SOCKETS):
                yield Seen(f"Pod {pod.key}", f"it mounts {path}")


@node_rule("D2C181", "etcd-data-below-docker", Severity.BLOCKER)
def etcd_data_below_docker(view: NodeView) -> Iterator[Seen]:
    """The data of etcd lies below Docker's data root.

    Why: whoever removes Docker after the migration removes that folder, and with it a member's data.

    Remedy: Move etcd's data to a folder of its own first, one member after the other:

        kubectl -n kube-system get pods -l component=etcd -o jsonpath='{.items[*].spec.volumes[*].hostPath.path}'

    Sources: kubernetes.io, Options for HA topology (stacked etcd); docs.docker.com, data-root.
    """
    root = canonical_path(view.docker.data_root if view.docker else "/var/lib/docker")
    for pod in _static(view):
        if any(container.name == "etcd" for container in pod.spec.containers):
            for path in _host_paths(pod):
                if within(path, root):
                    yield Seen(f"Pod {pod.key}", f"its volume {path} lies below {root}")


@node_rule("D2C182", "other-control-plane-not-ready", Severity.BLOCKER)
def other_control_plane_not_ready(view: NodeView) -> Iterator[Seen]:
    """Another control plane is not ready to serve while this one moves.

    Why: this node's API server stops. Requests go to the others, and each of them has to be well. One that a run holds is stopped soon, or
    was stopped by it.

    Remedy: Repair it first; finish or roll back the one that another run holds:

        kubectl get nodes -l node-role.kubernetes.io/control-plane
        kubectl -n kube-system get pods -l tier=control-plane -o wide
        docker2cri status

    Sources: kubernetes.io, Upgrading kubeadm clusters (one control-plane node at a time).
    """
    if view.cluster is None or not is_plane(view):
        return
    for node in others(view):
        if node.ready != "True":
            yield Seen(f"Node {node.name}", f"Ready is {node.ready}")
        if mark := node.metadata.annotation(RUN_ANNOTATION):
            yield Seen(f"Node {node.name}", f"run {mark.partition(',')[0]} holds it")
        for pod in view.cluster.pods_on(node.name):
            if pod.mirror and not pod.ready and any(container.name == APISERVER for container in pod.spec.containers):
                yield Seen(f"Pod {pod.key}", "it is not ready")


@node_rule("D2C183", "kubeconfig-leads-to-node", Severity.BLOCKER)
def kubeconfig_leads_to_node(view: NodeView) -> Iterator[Seen]:
    """The kubeconfig leads to the API server of the very control plane that is moved.

    Why: this API server stops while the node is moved, and docker2cri would wait for it in vain. An address of this machine itself leads to
    nobody knows which API server.

    Remedy: Use a kubeconfig that leads to the load balancer, or to another control plane:

        kubectl config view --raw --minify --flatten >other.conf     # in it: server: https://OTHER:6443
        export KUBECONFIG=other.conf
        docker2cri plan TARGET NODE --out plan.json

    Sources: kubernetes.io, Creating Highly Available Clusters with kubeadm; kubernetes.io, Organizing Cluster Access Using kubeconfig
    Files.
    """
    if view.cluster is None or view.node is None or not is_plane(view):
        return
    endpoint = view.cluster.endpoint
    host = (urlsplit(endpoint).hostname or "").lower()
    if not host or not others(view):
        return
    rest = f"other control planes: {few(f'{node.name} ({_addresses(node)[0]})' for node in others(view))}"
    if host in _addresses(view.node):
        yield Seen(f"Node {view.name}", f"{endpoint} is its own API server; {rest}")
    elif host in HERE:
        yield Seen(f"Node {view.name}", f"{endpoint} is an address of the machine that docker2cri runs on; {rest}")


@node_rule("D2C184", "api-down-meanwhile", Severity.BLOCKER, acceptable=True)
def api_down_meanwhile(view: NodeView) -> Iterator[Seen]:
    """The cluster has no API while this node, its only control plane, is switched.

    Why: its API server stops, and nobody is beside it. Until it answers on the new runtime nothing can be read or written, scheduled or
    scaled; pods of the other nodes run on. Measured were 17 s by hand, and 52 to 73 s by docker2cri on a busy machine, there
    and back; up to 30 s of that are the grace period of its API server, whose watches stay open. The new one is waited for as long
    as `plan --verify-timeout` says, then the node rolls back by itself.

    Remedy: Choose a time, tell the users of the API, and accept it; or add two control planes first:

        docker2cri plan TARGET --accept D2C184="announced for Sunday 06:00" NODE --out plan.json

    Sources: kubernetes.io, Options for HA topology (stacked etcd); measured in the lab of docker2cri.
    """
    if alone(view) and movable(view):
        endpoint = f"; the kubeconfig leads to {view.cluster.endpoint}" if view.cluster and view.cluster.endpoint else ""
        yield Seen(f"Node {view.name}", f"it is the only control plane: no API for {DOWN_SECONDS} s, as measured{endpoint}")


@node_rule("D2C185", "etcd-outside-kubernetes", Severity.INFO)
def etcd_outside_kubernetes(view: NodeView) -> Iterator[Seen]:
    """The API server of this control plane uses an etcd that no kubelet runs.

    Why: the move does not touch it, neither on other machines nor as a unit of this host. It is not read: that it is well, the readiness of
    the API servers tells. No snapshot of it is kept.

    Remedy: Nothing for the migration. Keep a snapshot of your own, and see that etcd is well:

        etcdctl endpoint health --cluster     # where etcd runs

    Sources: kubernetes.io, Options for HA topology (external etcd nodes); Kubespray, etcd_deployment_type host.
    """
    if etcd_elsewhere(view):
        here = [listener for listener in view.facts.listeners if listener.process == "etcd"]
        listens = f"; etcd listens on port {few(sorted({f'{one.port}' for one in here}))} of this host" if here else ""
        yield Seen(f"Node {view.name}", f"its API server uses {few(etcd_servers(view))}{listens}")


@node_rule("D2C186", "etcd-of-host-not-listening", Severity.BLOCKER)
def etcd_of_host_not_listening(view: NodeView) -> Iterator[Seen]:
    """The API server of this control plane is told of an etcd on this host, and none listens there.

    Why: a member that is down already bears the loss of no other one, and the API server that comes back here has one etcd less to ask.

    Remedy: Start etcd, and see that it is well:

        systemctl status etcd     # on the node

    Sources: kubernetes.io, Operating etcd clusters for Kubernetes; Kubespray, etcd_deployment_type host.
    """
    if not etcd_elsewhere(view) or view.node is None:
        return
    ours = {*HERE, *_addresses(view.node)}
    for server in etcd_servers(view):
        place = urlsplit(server)
        if (place.hostname or "").lower() in ours and not any(one.port == (place.port or 2379) for one in view.facts.listeners):
            yield Seen(server, f"nothing listens on port {place.port or 2379} of this host")


def _addresses(node: Node) -> list[str]:
    """By which a node is reached, its internal address first, its name last."""
    found = sorted(node.status.addresses or (), key=lambda one: one.type != "InternalIP")
    return [*(one.address.lower() for one in found), node.name.lower()]
