"""The Lease as the API has it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from migrate.plan.lease import LEASE_SECONDS, Approval, ClusterLease, Pause, lease_body, lease_of

NOW = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
HELD = ClusterLease().taken("host 1 2 3", "run-1", NOW)

APPROVED = Approval(digest="sha256:run-1-and-more", by="me", at="b", stage=2)


def answered(body: dict[str, Any]) -> ClusterLease:
    """What is read after it was written to an API server, which drops what is null."""
    annotations = {key: value for key, value in body["metadata"]["annotations"].items() if value is not None}
    meta = {**body["metadata"], "annotations": annotations, "resourceVersion": "7"}
    return lease_of(json.dumps({**body, "metadata": meta}).encode())


@pytest.mark.parametrize("lease", [HELD, HELD.released(NOW), replace(HELD, paused=Pause(by="a", at="b", why='c "d"'), approved=APPROVED)])
@pytest.mark.parametrize("version", ["", "6"])
def test_what_is_written_is_read(lease: ClusterLease, version: str) -> None:
    assert answered(lease_body(replace(lease, version=version))) == replace(lease, version="7")


def test_a_patch_takes_annotations_away_and_names_its_version() -> None:
    made = lease_body(replace(HELD.released(NOW), version="6"))["metadata"]
    assert made["annotations"] == {"docker2cri.io/paused": None, "docker2cri.io/rollout": None, "docker2cri.io/approved": None}
    assert made["resourceVersion"] == "6"
    assert lease_body(HELD.released(NOW))["spec"]["holderIdentity"] is None, "an empty text is no holder that an API server must take"
    assert lease_body(HELD)["metadata"]["annotations"] == {"docker2cri.io/rollout": "run-1"}


def test_a_lease_lasts_fifteen_minutes_from_its_last_renewal() -> None:
    assert LEASE_SECONDS == 900
    assert HELD.live(NOW + timedelta(seconds=899))
    assert not HELD.live(NOW + timedelta(seconds=900))
    assert HELD.taken("host 1 2 3", "run-1", NOW + timedelta(seconds=60)).live(NOW + timedelta(seconds=900))
    assert not HELD.live(NOW - timedelta(days=1)), "a clock that is a day ahead holds no Lease for a day"
    assert not HELD.released(NOW).live(NOW)
    assert not replace(HELD, renewed="soon").live(NOW)


def test_a_pause_that_is_no_json_is_one() -> None:
    body = {"metadata": {"name": "docker2cri", "annotations": {"docker2cri.io/paused": "by hand"}}, "spec": {}}
    assert lease_of(json.dumps(body).encode()).paused == Pause(by="an unknown person", at="", why="by hand")


def test_an_approval_stays_for_its_run_and_goes_with_the_next() -> None:
    approved = replace(HELD, approved=APPROVED)
    assert approved.released(NOW).taken("other 1 2 3", "run-1", NOW).approved == APPROVED
    assert approved.taken("host 1 2 3", "run-2", NOW).approved is None
    body = {"metadata": {"name": "docker2cri", "annotations": {"docker2cri.io/approved": "all of it"}}, "spec": {}}
    assert lease_of(json.dumps(body).encode()).approved is None, "what cannot be read approves nothing"
