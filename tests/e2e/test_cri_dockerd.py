"""One worker whose kubelet reaches Docker through cri-dockerd, to containerd and back: the distribution's, and 2.3 if it was built.

cri-dockerd comes from the folder that LAB_CRI_DOCKERD_DIR names; without it these tests are skipped, and tests/plan/test_cri_dockerd.py
reads the capture of such a node. cri-dockerd has no flag of its own here: its sandbox image is its default, and the kubelet's flag names
one that is not on the node any more. A kubelet 1.23 lets no smoke pod run there (`Blocked`), with a migration or without: that is accepted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from migrate.facts.cluster import SMOKE_ANNOTATION
from tests.e2e.looks import Look, look, on
from tests.e2e.tool import Ran, Tool, recap
from tests.lab import cluster, containerd, cri_dockerd
from tests.lab.cache import only_one
from tests.lab.fixtures import PATIENCE, Lab
from tests.lab.spec import MOST_WORKERS, Node
from tests.lab.spec import nodes as members_of

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not os.environ.get(cri_dockerd.VARIABLE), reason=f"{cri_dockerd.VARIABLE} is not set: it names a folder with cri-dockerd"
    ),
]
NODE = "lab-w7"
DISTRIBUTION = "distribution"
ACCEPTED = "D2C335=the kubelet 1.23 blocks it"


@dataclass(frozen=True, slots=True)
class Through:
    """What was typed, and how the worker was before, on containerd and after."""

    refused: Ran
    moved: Ran
    verified: Ran
    back: Ran
    before: Look
    there: Look
    after: Look
    images: str


def worker() -> Node:
    return next(one for one in members_of(MOST_WORKERS) if one.name == NODE)


@pytest.fixture(scope="module", params=[DISTRIBUTION, "2.3"])
def through(request: pytest.FixtureRequest, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Through]:
    minor: str = request.param
    if minor != DISTRIBUTION and (reason := containerd.unbuilt(minor)):
        pytest.skip(reason)
    with only_one(patience=PATIENCE):
        cluster.reset(worker())
        if minor != DISTRIBUTION:
            containerd.install(worker(), minor)
        cri_dockerd.install(worker())
    whole = Lab(cluster.members())
    tool = Tool(whole)
    folder = tmp_path_factory.mktemp("cri-dockerd")
    reach = ("-i", str(whole.inventory), *tool.reach())
    plain, accepted = str(folder / "plain.json"), str(folder / "accepted.json")
    try:
        before = look(whole, NODE)
        tool("plan", NODE, *reach, "--to", "containerd", "--out", plain)
        refused = tool("apply", plain, "--yes", *reach, seconds=600)
        tool("plan", NODE, *reach, "--to", "containerd", f"--accept={ACCEPTED}", "--out", accepted)
        moved = tool("apply", accepted, "--yes", *reach, seconds=900)
        there = look(whole, NODE)
        images = on(whole, NODE, "ctr -n k8s.io images ls -q")
        verified = tool("verify", accepted, *reach)
        back = tool("rollback", accepted, "--yes", *reach, seconds=600)
        yield Through(refused, moved, verified, back, before, there, look(whole, NODE), images)
    finally:
        with only_one(patience=PATIENCE):
            cluster.dismiss(worker())


def test_a_smoke_pod_that_never_runs_is_told_before_anything_is_disturbed(through: Through) -> None:
    assert (through.refused.code, recap(through.refused)[:3]) == (5, [NODE, "rolled back", "5"]), through.refused.err
    assert "--accept D2C335=REASON" in through.refused.err
    assert "now: it never left Docker" in through.refused.err


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("moved", [NODE, "migrated", "0", "it runs on containerd and is verified"]),
        ("verified", [NODE, "migrated", "0", "verified on containerd"]),
        ("back", [NODE, "rolled back", "0", "it runs on Docker as before and is verified"]),
    ],
)
def test_there_and_back(through: Through, name: str, row: list[str]) -> None:
    ran: Ran = getattr(through, name)
    assert (ran.code, recap(ran)) == (0, row), ran.err


def test_its_own_sandbox_image_is_carried(through: Through) -> None:
    assert cri_dockerd.PAUSE in through.images.split()


def test_every_container_of_the_api_runs(through: Through) -> None:
    for seen, runtime in ((through.before, "docker"), (through.there, "containerd"), (through.after, "docker")):
        assert (seen.runtime, seen.reported <= seen.running, seen.leaked, seen.portal[0]) == (runtime, True, (), seen.portal[1])


def test_the_rollback_leaves_all_as_it_was(through: Through) -> None:
    assert len(through.before.files) > 500
    assert sorted(set(through.before.files) ^ set(through.after.files)) == []
    assert through.after.units == through.before.units
    assert "cri-docker.service" in through.before.units
    before, after = json.loads(through.before.node), json.loads(through.after.node)
    assert after["annotations"].pop(SMOKE_ANNOTATION) == f"{cri_dockerd.PAUSE}: pause: Blocked"  # what the next plan says of this node
    assert after == before
