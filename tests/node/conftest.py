"""Scratch nodes: made once for each target up to the end of `prepare`, copied for each test.

What a test says of the node program holds for every target; by default the second one is tried by a chosen few, with FULL=1 by all.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.node.scratch import KINDS, SHELLS, Scratch

CHOSEN = frozenset({
    "test_there_and_back",
    "test_a_runtime_that_does_not_serve_rolls_the_node_back_at_once",
    "test_a_configuration_that_the_runtime_refuses_stops_prepare_and_nothing_is_left",
    "test_a_full_disk_while_images_are_carried",
    "test_killed_and_rolled_back",
    "test_a_boot_inside_switch_rolls_back",
    "test_a_boot_after_success_stays_and_can_be_rolled_back",
    "test_the_guard_fires_and_the_slow_operator_is_fenced",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """What a node looks like before anything, after `prepare`, and after a finished switch."""

    tree_before: dict[str, tuple[str, str]]
    state_before: dict[str, object]
    tree_prepared: dict[str, tuple[str, str]]
    tree_after: dict[str, tuple[str, str]]
    state_after: dict[str, object]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The targets that a test is tried with."""
    if "target" in metafunc.fixturenames:
        name = metafunc.function.__name__
        everyone = os.environ.get("FULL") == "1" or name in CHOSEN
        metafunc.parametrize("target", tuple(KINDS) if everyone else tuple(KINDS)[:1], scope="session")


@pytest.fixture(scope="session")
def template(target: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node whose `prepare` is finished."""
    node = Scratch(tmp_path_factory.mktemp("template") / "root", target=target)
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, ""), ended.out
    return node.root


def copied(template: Path, root: Path, shell: Sequence[str], target: str) -> Scratch:
    """A copy of a node in another directory, whose record names that one."""
    shutil.copytree(template, root, symlinks=True)
    node = Scratch.at(root, shell, target)
    if (node.run / "made").exists():
        (node.run / "made").write_text((node.run / "made").read_text().replace(str(template), str(root)))
    return node


@pytest.fixture
def prepared(target: str, template: Path, tmp_path: Path) -> Callable[..., Scratch]:
    """Give nodes whose `prepare` is finished; `shell` is dash or busybox."""
    made = []

    def give(shell: str = "dash") -> Scratch:
        made.append(copied(template, tmp_path / f"root{len(made)}", SHELLS[shell], target))
        return made[-1]

    return give


@pytest.fixture
def fresh(target: str, tmp_path: Path) -> Scratch:
    """A node with which nothing has begun."""
    return Scratch(tmp_path / "fresh", target=target)


@pytest.fixture(scope="session")
def known(target: str, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The states that a node may end in."""
    untouched = Scratch(tmp_path_factory.mktemp("known") / "root", target=target)
    before = untouched.tree(), untouched.state()
    node = copied(template, tmp_path_factory.mktemp("known") / "root", SHELLS["dash"], target)
    tree_prepared = node.tree()
    ended = node.verb("forward", "switch")
    assert (ended.code, ended.err) == (0, ""), ended.out
    return Known(*before, tree_prepared, node.tree(), node.state())
