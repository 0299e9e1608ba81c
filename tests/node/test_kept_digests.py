"""A source that keeps its images in containerd: they are copied with their digests, and get the name by which a pod asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.plan.model import PlannedStep
from migrate.plan.steps import CarriedImage, CarryImage
from tests.node.scratch import Scratch, planned

# the simulated ctr tells a manifest by these first digits
DIGEST = f"sha256:fe{'a' * 62}"
TAG, NAME = "registry.example/web:1", f"registry.example/web@{DIGEST}"


@pytest.fixture
def node(tmp_path: Path) -> Scratch:
    """A node whose plan carries one image by its digest, which the source's containerd has under its tag."""
    plan, _ = planned()
    image = CarriedImage(reference=NAME, id=DIGEST, size=1, why="x")
    step = PlannedStep(segment="prepare", step=CarryImage(image=image, name=NAME, why="x"))
    steps = [one for one in plan.steps if not isinstance(one.step, CarryImage)]
    made = Scratch(tmp_path / "root", plan=replace(plan, steps=(step, *steps)))
    made.write("/.state/keeps-digests", b"")
    made.write(f"/.state/images/docker-{NAME.replace('/', '_')}", f"{DIGEST}\n".encode())
    made.write(f"/.state/moby/{TAG.replace('/', '_')}", f"{DIGEST}\n".encode())
    return made


def digest_of(node: Scratch, name: str) -> str:
    return node.tool("ctr", "-n", "k8s.io", "images", "ls", f"name=={name}").split()[2]


def test_it_has_its_digest_and_both_names(node: Scratch) -> None:
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    assert {name: digest_of(node, name) for name in (TAG, NAME)} == dict.fromkeys((TAG, NAME), DIGEST)
