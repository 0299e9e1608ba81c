"""Scratch nodes: made once up to the end of `prepare`, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.node.scratch import SHELLS, Scratch


@dataclass(frozen=True, slots=True)
class Known:
    """What a node looks like before anything, and after a finished switch."""

    tree_before: dict[str, tuple[str, str]]
    state_before: dict[str, object]
    tree_after: dict[str, tuple[str, str]]
    state_after: dict[str, object]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node whose `prepare` is finished."""
    node = Scratch(tmp_path_factory.mktemp("template") / "root")
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.err) == (0, "")
    return node.root


@pytest.fixture
def prepared(template: Path, tmp_path: Path) -> Callable[..., Scratch]:
    """Give nodes whose `prepare` is finished; `shell` is dash or busybox."""
    made = []

    def give(shell: str = "dash") -> Scratch:
        root = tmp_path / f"root{len(made)}"
        shutil.copytree(template, root, symlinks=True)
        made.append(Scratch.at(root, SHELLS[shell]))
        return made[-1]

    return give


@pytest.fixture(scope="session")
def known(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Known:
    """The two states that a node may end in."""
    root = tmp_path_factory.mktemp("known") / "root"
    shutil.copytree(template, root, symlinks=True)
    node = Scratch.at(root, SHELLS["dash"])
    before = node.tree(), node.state()
    ended = node.verb("forward", "switch")
    assert (ended.code, ended.err) == (0, "")
    return Known(*before, node.tree(), node.state())
