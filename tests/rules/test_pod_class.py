"""What a pod is to a drain: rules and plan decide by one classification, and agree on every pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from migrate.plan.drain import EVICT, KEEP, REFUSE, classify
from migrate.plan.steps import DrainPolicy
from migrate.rules import Allow, check
from migrate.rules.drain import bare_pod, emptydir_data_lost
from migrate.rules.pod_class import PodClass, classified
from tests.rules import make

CACHE = {"volumes": [{"name": "cache", "emptyDir": {}}]}
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "x"}}
DAEMON, GONE = ("DaemonSet", "agent"), ("DaemonSet", "gone")


@dataclass(frozen=True)
class Row:
    """A pod, what it is, and what must be allowed before a drain evicts it; None where it stays."""

    name: str
    given: dict[str, Any]
    is_a: PodClass
    needs: frozenset[Allow] | None


NOTHING = frozenset[Allow]()
FORCE, DATA = frozenset({Allow.FORCE}), frozenset({Allow.DELETE_EMPTYDIR_DATA})
ROWS = (
    Row("managed", {}, PodClass.MANAGED, NOTHING),
    Row("managed, with data", CACHE, PodClass.MANAGED, DATA),
    Row("unmanaged", {"owner": None}, PodClass.UNMANAGED, FORCE),
    Row("unmanaged, with data", {"owner": None, **CACHE}, PodClass.UNMANAGED, FORCE | DATA),
    Row("unmanaged, finished", {"owner": None, "phase": "Failed", **CACHE}, PodClass.FINISHED, NOTHING),
    Row("unmanaged, pending", {"owner": None, "phase": "Pending"}, PodClass.UNMANAGED, FORCE),
    Row("unmanaged, being deleted", {"owner": None, "deletion": "2024-01-01T00:00:00Z", **CACHE}, PodClass.DELETING, None),
    Row("static", {"owner": None, **MIRROR}, PodClass.STATIC, None),
    Row("static, of the Node, with data", {"owner": ("Node", "w1"), **MIRROR, **CACHE}, PodClass.STATIC, None),
    Row("static, finished", {"owner": None, "phase": "Succeeded", **MIRROR}, PodClass.STATIC, None),
    Row("of a DaemonSet", {"owner": DAEMON, **CACHE}, PodClass.DAEMON, None),
    Row("of a DaemonSet, finished", {"owner": DAEMON, "phase": "Failed", **CACHE}, PodClass.FINISHED, NOTHING),
    Row("of a deleted DaemonSet", {"owner": GONE}, PodClass.ORPHAN, FORCE),
    Row("of a deleted DaemonSet, with data", {"owner": GONE, **CACHE}, PodClass.ORPHAN, FORCE | DATA),
    Row("of a deleted DaemonSet, being deleted", {"owner": GONE, "deletion": "2024-01-01T00:00:00Z"}, PodClass.DELETING, None),
    Row("of a kind that nobody lists", {"owner": ("Database", "db")}, PodClass.MANAGED, NOTHING),
)
by_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


@by_row
def test_a_pod_is_of_one_class(row: Row) -> None:
    view = make.view(make.pod(**row.given))
    (found,) = classified(view.pods, view.cluster)
    assert found.is_a is row.is_a
    assert bool(found.empty_dirs) == (Allow.DELETE_EMPTYDIR_DATA in (row.needs or NOTHING))


@by_row
def test_the_rules_ask_to_accept_what_the_drain_needs(row: Row) -> None:
    found = check(make.view(make.pod(**row.given)), [bare_pod, emptydir_data_lost])
    assert {finding.allows for finding in found} == (row.needs or NOTHING)


@by_row
@pytest.mark.parametrize("allowed", [NOTHING, FORCE, DATA, FORCE | DATA], ids=lambda allowed: "+".join(sorted(allowed)) or "nothing")
def test_the_drain_evicts_once_that_is_allowed(row: Row, allowed: frozenset[Allow]) -> None:
    view = make.view(make.pod(**row.given))
    assert view.cluster is not None
    policy = DrainPolicy(force=Allow.FORCE in allowed, delete_emptydir_data=Allow.DELETE_EMPTYDIR_DATA in allowed)
    (decision,) = classify(view.pods, view.cluster, policy)
    assert decision.action == (KEEP if row.needs is None else EVICT if row.needs <= allowed else REFUSE)


def test_without_a_cluster_every_daemon_set_is_taken_to_exist() -> None:
    assert [found.is_a for found in classified((make.pod(owner=GONE),), None)] == [PodClass.DAEMON]
