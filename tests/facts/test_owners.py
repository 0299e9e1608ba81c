"""Rolling up to the topmost owner: known ones, unlisted kinds, and owners that own each other."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from migrate.facts.api import Metadata, OwnerReference
from migrate.facts.cluster import ClusterFacts, Owner
from tests.captured import cluster


def owned(name: str, kind: str = "", by: str = "") -> Metadata:
    references = (OwnerReference(kind=kind, name=by, controller=True),) if kind else None
    return Metadata(name=name, namespace="shop", owner_references=references)


def facts(*owners: Owner) -> ClusterFacts:
    return replace(cluster(), owners=owners)


@pytest.mark.parametrize(
    ("owners", "top"),
    [
        ((), "ReplicaSet shop/web-1"),
        ((Owner(metadata=owned("web-1"), kind="ReplicaSet"),), "ReplicaSet shop/web-1"),
        ((Owner(metadata=owned("web-1", "Rollout", "web"), kind="ReplicaSet"),), "Rollout shop/web"),
        (
            (
                Owner(metadata=owned("web-1", "Deployment", "web"), kind="ReplicaSet"),
                Owner(metadata=owned("web", "ReplicaSet", "web-1"), kind="Deployment"),
            ),
            "Deployment shop/web",
        ),
    ],
    ids=("unknown", "known", "unlisted kind", "a circle"),
)
def test_a_pod_s_topmost_owner(owners: tuple[Owner, ...], top: str) -> None:
    assert facts(*owners).owner_of(owned("web-1-x", "ReplicaSet", "web-1")) == top


def test_a_pod_of_its_own() -> None:
    assert facts().owner_of(owned("alone")) == "Pod shop/alone"
