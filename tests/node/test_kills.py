"""The node program killed at its journal points, before and after each write, in the executor model's three scenarios: none ends mixed."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.node.conftest import Known
from tests.node.scratch import SHELLS, Scratch

Prepared = Callable[..., Scratch]
FULL = os.environ.get("FULL") == "1"
THERE = 52  # points of `forward switch` and a few more; those beyond its end are told apart by its exit code
BACK = 90
SKIPPED = [pytest.param(0, marks=pytest.mark.skip(reason="the whole set of kills takes minutes: FULL=1"))]


def ended_new(node: Scratch, known: Known) -> None:
    assert node.tree() == known.tree_after
    assert node.state() == known.state_after


def ended_old(node: Scratch, known: Known) -> None:
    assert node.tree() == known.tree_before
    assert node.state() == {**known.state_before, "current": False}
    assert node.status()["state"] == "rolled-back"


def continued(node: Scratch, known: Known, there: int) -> None:
    """Killed, and continued."""
    killed = node.verb("forward", "switch", kill_at=there).code == -9
    assert node.verb("forward", "switch").code == 0
    assert killed or node.status()["state"] == "switched"
    ended_new(node, known)


def rolled_back(node: Scratch, known: Known, there: int) -> None:
    """Killed, and rolled back."""
    node.verb("forward", "switch", kill_at=there)
    assert node.verb("rollback").code == 0
    ended_old(node, known)


def rolled_back_and_forward_typed(node: Scratch, known: Known, there: int, back: int) -> None:
    """Killed, the rollback killed too, and then `forward` is typed: only the journal's direction is open."""
    node.verb("forward", "switch", kill_at=there)
    node.verb("rollback", kill_at=back)
    typed = node.verb("forward", "switch").code
    if node.progress().direction == "forward":
        assert typed == 0
        ended_new(node, known)
        return
    assert typed == 7
    assert node.verb("rollback").code == 0
    ended_old(node, known)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("there", [12, 33])
def test_killed_and_continued(shell: str, there: int, prepared: Prepared, known: Known) -> None:
    continued(prepared(shell), known, there)


@pytest.mark.parametrize("there", [2, 14, 28, 44])
def test_killed_and_rolled_back(there: int, prepared: Prepared, known: Known) -> None:
    rolled_back(prepared(), known, there)


@pytest.mark.parametrize(("there", "back"), [(7, 12), (15, 1), (47, 5), (99, 40)])
def test_killed_rolled_back_killed_and_forward_typed(there: int, back: int, prepared: Prepared, known: Known) -> None:
    rolled_back_and_forward_typed(prepared(), known, there, back)


@pytest.mark.full
@pytest.mark.parametrize("there", range(1, THERE) if FULL else SKIPPED)
def test_every_point_continued_and_rolled_back(there: int, prepared: Prepared, known: Known) -> None:
    continued(prepared(), known, there)
    rolled_back(prepared(), known, there)


@pytest.mark.full
@pytest.mark.parametrize("there", (*range(1, THERE, 3), 99) if FULL else SKIPPED)
def test_every_third_point_rolled_back_killed_and_forward_typed(there: int, prepared: Prepared, known: Known) -> None:
    for back in range(1 + there % 2, BACK, 5):
        rolled_back_and_forward_typed(prepared(), known, there, back)
