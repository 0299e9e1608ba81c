"""Which pool and zone a node belongs to, by the labels of clouds and installers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migrate.facts.cluster import Node

ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
POOLS = (
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "kops.k8s.io/instancegroup",
    "karpenter.sh/nodepool",
    "node.kubernetes.io/pool",
    "node-pool",
    "nodepool",
    "pool",
)


def pool_of(node: Node) -> str:
    """The pool that its labels name, empty without one."""
    return _first(node.metadata.labels or {}, POOLS)


def zone_of(node: Node) -> str:
    """The zone that its labels name, empty without one."""
    return _first(node.metadata.labels or {}, ZONES)


def _first(labels: dict[str, str], keys: tuple[str, ...]) -> str:
    return next((labels[key] for key in keys if labels.get(key)), "")
