"""Whether a cluster is as well as before: what was well and is not is a reason, what never was is not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from migrate.facts.api import Condition
from migrate.facts.cluster import ClusterFacts
from migrate.verify.health import ailing, unwell
from tests.fakes import FakeClock, FakeCluster, _ready

WEB, DB = "ReplicaSet shop/web", "StatefulSet shop/db"


@pytest.fixture
def cluster() -> FakeCluster:
    """Three nodes, a Deployment of two, a database, a Job; the pod of `ill` was never Ready."""
    made = FakeCluster(FakeClock())
    for name in ("w1", "w2", "w3"):
        made.add_node(name)
    made.add_owner(WEB, ["w1", "w2"])
    made.add_owner(DB, ["w3"])
    made.add_owner("ReplicaSet shop/ill", ["w1"], ready=False)
    made.add_owner("Job shop/once", ["w1"], ready=False)
    return made


def not_ready(cluster: FakeCluster, name: str) -> None:
    node = cluster.nodes[name]
    cluster.nodes[name] = replace(node, status=replace(node.status, conditions=(Condition(type="Ready", status="False"),)))


def of(cluster: FakeCluster, key: str) -> list[str]:
    return [uid for uid, pod in cluster.alive.items() if pod.key.startswith(key)]


def test_what_is_not_well_before_is_named(cluster: FakeCluster) -> None:
    not_ready(cluster, "w3")
    assert unwell(cluster.read()) == ("node w3 is not Ready", "ReplicaSet shop/ill has 0 of 1 pods Ready")


def test_a_cluster_is_as_well_as_it_was(cluster: FakeCluster) -> None:
    before = cluster.read()
    assert ailing(before, before, ()) == ()
    cluster.add_node("w4")
    not_ready(cluster, "w4")  # nobody knew it
    assert ailing(before, cluster.read(), ()) == ()


def test_a_node_that_was_well_is_demanded_unless_it_is_being_changed(cluster: FakeCluster) -> None:
    before = cluster.read()
    not_ready(cluster, "w2")
    assert ailing(before, cluster.read(), ("w2",)) == ()
    assert ailing(before, cluster.read(), ()) == ("node w2 is not Ready",)


def test_pods_are_counted_while_no_node_is_being_changed(cluster: FakeCluster) -> None:
    before = cluster.read()
    cluster.change(cluster.alive[of(cluster, "shop/web")[0]], conditions=_ready(False))
    del cluster.alive[of(cluster, "shop/db")[0]]
    now = cluster.read()
    assert ailing(before, now, ("w1",)) == ()
    assert ailing(before, now, ()) == (
        "ReplicaSet shop/web has 1 of 2 pods Ready, 2 before the run",
        "StatefulSet shop/db has no pod, 1 were Ready before the run",
    )


def test_what_was_scaled_down_meanwhile_is_not_missed(cluster: FakeCluster) -> None:
    before = cluster.read()
    del cluster.alive[of(cluster, "shop/web")[0]]
    scaled = tuple(
        replace(owner, spec=replace(owner.spec, replicas=1)) if owner.metadata.name == "web" else owner for owner in cluster.owners
    )
    assert ailing(before, replace(cluster.read(), owners=scaled), ()) == ()
    assert ailing(before, replace(cluster.read(), owners=()), ()) == ()


def test_nothing_is_demanded_of_an_empty_reading() -> None:
    empty = ClusterFacts(server="v1.23.17", taken=0)
    assert (unwell(empty), ailing(empty, empty, ())) == ((), ())
