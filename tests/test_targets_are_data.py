"""What a target is stands in its `Target` value: nobody else asks for its name, or each runtime would need an `if` in each place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.targets.table import TARGETS

PACKAGE = Path(__file__).resolve().parent.parent / "migrate"
# what the target is decided by, and rules that are about one runtime's own mistakes
THEIRS = ("targets/", "rules/")
NAMES = {one.name for one in TARGETS}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if not path.relative_to(PACKAGE).as_posix().startswith(THEIRS))


def asked(source: str) -> Iterator[int]:
    """The lines that compare a target's name, or anything called a target, with a text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            of_target = any("target" in ast.unparse(side).lower() for side in sides)
            names = {part.value for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)} & NAMES
            if names and of_target:
                yield node.lineno
        elif isinstance(node, ast.Match) and "target" in ast.unparse(node.subject).lower():
            yield node.lineno


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nobody_asks_for_a_target_s_name(path: Path) -> None:
    assert [f"{path.relative_to(PACKAGE)}:{line}" for line in asked(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("text", [
    'if target.name == "crio": pass',
    'x = 1 if view.target.name != "containerd" else 2',
    'if target in ("containerd", "crio"): pass',
    'match self.target.name:\n    case "crio": pass',
])  # fmt: skip
def test_each_way_to_ask_is_seen(text: str) -> None:
    assert [*asked(text)] == [1]


@pytest.mark.parametrize("text", ['if endpoint.kind == "containerd": pass', "if target.name == other: pass", 'target = "crio"'])
def test_what_does_not_ask_is_let_through(text: str) -> None:
    assert [*asked(text)] == []
