"""What kind of control plane a node is: one of several or the only one, with a member of etcd of its own or without."""

from __future__ import annotations

from migrate.facts.cluster import Node
from migrate.facts.etcd import Etcd
from migrate.facts.probes import ETCD
from migrate.rules import NodeView

APISERVER = "kube-apiserver"
SERVERS = "--etcd-servers="


def is_plane(view: NodeView) -> bool:
    """Whether the node is a control plane of the cluster that was read."""
    return view.cluster is not None and view.node is not None and view.node.control_plane


def others(view: NodeView) -> tuple[Node, ...]:
    """The other control planes of the cluster."""
    return tuple(node for node in (view.cluster.nodes if view.cluster else ()) if node.control_plane and node.name != view.name)


def alone(view: NodeView) -> bool:
    """Whether the node is the only control plane: there is no API while it is switched."""
    return is_plane(view) and not others(view)


def sole_member(view: NodeView) -> bool:
    """Whether etcd has one member, and the node runs it."""
    etcd = view.facts.etcd
    return isinstance(etcd, Etcd) and [member.id for member in etcd.members] == [etcd.own]


def etcd_servers(view: NodeView) -> tuple[str, ...]:
    """The etcd that the node's own API server uses, by the flag of its static pod."""
    own = (container for pod in view.pods if pod.mirror for container in pod.spec.containers if container.name == APISERVER)
    words = (word for container in own for word in (*(container.command or ()), *(container.args or ())))
    return next((tuple(filter(None, word.removeprefix(SERVERS).split(","))) for word in words if word.startswith(SERVERS)), ())


def etcd_elsewhere(view: NodeView) -> bool:
    """Whether the node is a control plane whose API server uses an etcd that no kubelet runs here: on other machines, or as a unit."""
    return is_plane(view) and view.facts.etcd is None and ETCD not in view.facts.marks and bool(etcd_servers(view))
