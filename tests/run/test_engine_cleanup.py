"""A run that removes Docker: done, killed and continued, given up while it can be, refused a rollback afterwards, and told."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.errors import Refused
from migrate.rules import check
from migrate.rules.cleanup import CLEANUP_RULES
from migrate.run import preflight
from migrate.run.cleaned import carry_out
from migrate.run.rollback import rollback
from migrate.run.standing import standing
from migrate.run.work import Work
from tests.node.scratch import Scratch
from tests.node.test_cleanup import CLEAN, PLAN, SIMULATED, VIEW, gone, left_docker
from tests.run.engine import NODE, Killed, ScratchWork, World, ended

POINTS = 4  # boundaries of an apply


def keep() -> None:
    """What keeps the plan on this machine."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A node that has left Docker; what is left of it is read as it was when the plan was made."""
    monkeypatch.setattr(ScratchWork, "facts", lambda work: VIEW.facts)
    monkeypatch.setattr(preflight, "_refuse_new_blockers", lambda work, facts: (VIEW, check(VIEW, CLEANUP_RULES)))
    return World(tmp_path / "root", tmp_path / "state", made=lambda root: left_docker(Scratch(root, plan=PLAN, simulated=SIMULATED)))


def applied(work: Work) -> tuple[str, int, str]:
    return ended(carry_out(work, keep))


def test_docker_is_removed_and_stays_removed(world: World) -> None:
    state, code, said = applied(world.work())
    assert (state, code) == ("cleaned", 0)
    assert said.startswith("Docker is removed from it")
    assert said.endswith("\n  now: it cannot be rolled back, there is no Docker to return to")
    assert world.boundaries.count == POINTS
    assert gone(world.scratch) == CLEAN
    assert not world.cordoned()
    assert applied(world.work()) == (state, code, said)
    assert ended(standing(world.work()))[:2] == ("cleaned", 0)
    with pytest.raises(Refused) as refused:
        rollback(world.work())
    assert "is the removal of Docker, and cannot be rolled back: there is no Docker to return to" in str(refused.value)
    assert gone(world.scratch) == CLEAN


@pytest.mark.parametrize("at", range(1, POINTS + 1))
def test_killed_and_continued(world: World, at: int) -> None:
    with pytest.raises(Killed):
        carry_out(world.work(at), keep)
    assert applied(world.work())[:2] == ("cleaned", 0)
    assert gone(world.scratch) == CLEAN


def test_what_fails_is_told_and_left_and_the_same_command_goes_on(world: World) -> None:
    (world.root / ".state/more").touch()  # the package manager would remove the kubelet too
    state, code, said = applied(world.work())
    assert (state, code) == ("needs attention", 6)
    assert "would remove kubelet too, which the plan does not have" in said
    assert ended(standing(world.work()))[:2] == ("needs attention", 6)
    (world.root / ".state/more").unlink()
    assert applied(world.work())[:2] == ("cleaned", 0)
    assert gone(world.scratch) == CLEAN


def test_pods_that_lean_on_dockers_rules_keep_them_and_the_cleanup_can_be_given_up(world: World) -> None:
    (world.root / ".state/leans").touch()
    before = (world.root / ".state/filter").read_text()
    state, code, _ = applied(world.work())
    assert (state, code) == ("needs attention", 6)
    assert (world.root / ".state/filter").read_text() == before
    state, code, said = ended(rollback(world.work()))
    assert (state, code) == ("rolled back", 0)
    assert "the cleanup is given up" in said
    assert f"docker2cri plan --to containerd {NODE}" not in said
    assert (world.root / ".state/package").exists()
