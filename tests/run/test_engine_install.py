"""A run that only installs: done, killed and continued, failed, taken back, and told; the node stays free for the plan of its move."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.errors import Refused, UsageError
from migrate.plan.install import by_bundle, install_plan, lacking
from migrate.run.apply import apply
from migrate.run.bundle import named, read_bundle
from migrate.run.rollback import rollback
from migrate.run.standing import standing, verified
from migrate.targets.bundles import CRIO_BUNDLE
from tests.cli.test_install_option import NAME, summed, tarball
from tests.node.scratch import OWNER, Scratch
from tests.node.test_install import PACKAGES, PLAN, lacks_crio
from tests.plan.test_install import view
from tests.run.engine import NODE, Killed, World, ended

DONE = (
    "installed",
    0,
    "it has CRI-O now; Docker was not disturbed\n"
    "  now: stopped and disabled, pods run on Docker as before\n"
    f"  next: docker2cri plan --to crio {NODE} --out plan.json",
)
STAYS = "what was installed of CRI-O stays, stopped and disabled; /var/lib/docker2cri keeps the record of the run"
AGAIN = f"docker2cri plan --to crio {NODE} --install packages --out plan.json"
POINTS = 4  # boundaries of an apply


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "root", tmp_path / "state", made=made)


def made(root: Path) -> Scratch:
    return lacks_crio(Scratch(root, target="crio", plan=PLAN, simulated=PACKAGES))


@pytest.fixture
def with_tarball(tmp_path: Path) -> World:
    """A node that gets its CRI-O from a tarball on this machine."""
    path, digest = named(summed(tarball(tmp_path)))
    bundle = read_bundle(path, (CRIO_BUNDLE,), digest)
    one, findings = view()
    needs = lacking(one)
    assert needs is not None
    plan = install_plan(one, findings, [by_bundle(one, needs, bundle.source, bundle.version, bundle.arch)])
    simulated = f"crio() {{ echo crio version 1.23.5; }}\ncrictl() {{ echo crictl version v1.23.0; }}\nbundle_owner={OWNER}"
    return World(
        tmp_path / "root", tmp_path / "state", made=lambda root: lacks_crio(Scratch(root, target="crio", plan=plan, simulated=simulated))
    )


def laid(world: World) -> dict[str, bytes]:
    """What lies in /usr/local, by path."""
    base = world.scratch.root / "usr/local"
    return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}


FILES = {f"bin/{name}": f"bin/{name}".encode() for name in ("crio", "pinns", "conmon", "crictl")}
FILES["lib/systemd/system/crio.service"] = b"contrib/crio.service"


def test_a_tarball_is_pushed_and_laid(with_tarball: World) -> None:
    assert ended(apply(with_tarball.work())) == DONE
    assert with_tarball.boundaries.passed[2:4] == ["before put", "after put"]
    assert laid(with_tarball) == FILES
    assert not list(with_tarball.scratch.run.glob("bundle.tar.gz"))
    assert ended(apply(with_tarball.work())) == DONE
    assert with_tarball.boundaries.passed == []
    assert ended(rollback(with_tarball.work()))[2] == f"it never left Docker; {STAYS}"
    assert laid(with_tarball) == FILES


@pytest.mark.parametrize("at", range(1, 7))
def test_killed_around_the_push_and_continued(with_tarball: World, at: int) -> None:
    with pytest.raises(Killed):
        apply(with_tarball.work(at))
    assert ended(apply(with_tarball.work())) == DONE
    assert laid(with_tarball) == FILES


def test_a_tarball_that_is_another_one_now_is_refused_before_anything(with_tarball: World, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes((tmp_path / NAME).read_bytes() + b"x")
    with pytest.raises(UsageError) as refused:
        apply(with_tarball.work())
    assert refused.value.next == "put the planned file there again, or make a new plan"
    assert with_tarball.boundaries.passed == []
    assert laid(with_tarball) == {}


def is_undisturbed(world: World) -> None:
    """Docker and its pods as before, nothing of ours; the node belongs to no run."""
    assert world.scratch.tree() == world.tree
    now = world.scratch.state()
    assert {**now, "enabled": None} == {**world.machine, "enabled": None}
    assert not world.cordoned()


def test_there_and_back(world: World) -> None:
    assert ended(apply(world.work())) == DONE
    assert world.boundaries.count == POINTS
    is_undisturbed(world)
    assert world.scratch.read("/.state/enabled/crio.service") == b"disabled\n"
    assert ended(apply(world.work())) == DONE
    assert ended(standing(world.work())) == (
        "installed",
        0,
        f"it has what it lacked, and runs on Docker as before\n  next: docker2cri plan --to crio {NODE} --out plan.json",
    )
    assert ended(verified(world.work())) == ("rolled back", 0, "verified on Docker")
    assert ended(rollback(world.work())) == ("rolled back", 0, f"it never left Docker; {STAYS}")
    is_undisturbed(world)
    with pytest.raises(Refused) as refused:
        apply(world.work())
    assert refused.value.next == AGAIN


@pytest.mark.parametrize("at", range(1, POINTS + 1))
def test_killed_and_continued(world: World, at: int) -> None:
    with pytest.raises(Killed):
        apply(world.work(at))
    assert ended(apply(world.work())) == DONE
    is_undisturbed(world)


def test_what_fails_is_taken_back_and_told(world: World) -> None:
    world.scratch.write("/.state/broken", b"")
    assert ended(apply(world.work())) == (
        "rolled back",
        5,
        "install CRI-O with apt: cri-o 1.23.5-1: apt-get exited with 100: dpkg: error processing package cri-o\n"
        f"  now: it never left Docker; {STAYS}\n"
        "  expected: a node on CRI-O\n"
        f"  next: fix what was seen, then: {AGAIN}",
    )
    is_undisturbed(world)
