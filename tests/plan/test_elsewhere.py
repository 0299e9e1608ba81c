"""A plan that is checked against another cluster, or another Node of the same name."""

from __future__ import annotations

from msgspec.structs import replace

from migrate.facts.cluster import ClusterIdentity
from migrate.plan.inputs import Moved, elsewhere
from migrate.plan.model import FORMAT, Plan
from tests import captured
from tests.node.scratch import planned


def test_another_cluster_and_another_node_are_told() -> None:
    node, _ = planned()
    cluster = captured.cluster()
    plan = Plan(format=FORMAT, made=0, tool="", target="containerd", server="", nodes=(node,), cluster=ClusterIdentity(uid="a"))
    there = cluster.node(node.node)
    assert there is not None
    assert elsewhere(plan, node, replace(cluster, identity=ClusterIdentity(uid="a")), there) == ()
    assert elsewhere(plan, node, cluster, None) == elsewhere(plan, node, None, None) == ()
    other = replace(there, metadata=replace(there.metadata, uid="2"))
    assert elsewhere(plan, node, replace(cluster, identity=ClusterIdentity(uid="b")), other) == (
        Moved(what="UID of kube-system (another cluster)", planned="a", now="b"),
        Moved(what=f"UID of the Node {node.node}", planned=there.metadata.uid, now="2"),
    )
