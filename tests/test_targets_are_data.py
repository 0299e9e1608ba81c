"""What a source or a target is stands in its value: nobody else asks for its name, or each runtime would need an `if` in each place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.sources.table import SOURCES
from migrate.targets.table import TARGETS

PACKAGE = Path(__file__).resolve().parent.parent / "migrate"
# what they are decided by, and rules that are about one runtime's own mistakes
THEIRS = ("sources/", "targets/", "rules/")
NAMES = {name for runtime in (*SOURCES, *TARGETS) for name in (runtime.name, runtime.runtime, runtime.prefix, runtime.title)}
NAMES |= {option.name for target in TARGETS for option in target.options}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if not path.relative_to(PACKAGE).as_posix().startswith(THEIRS))


def asked(source: str) -> Iterator[int]:
    """The lines that compare something of a target or a source with the name of one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            of_runtime = any(_of_runtime(side) for side in sides)
            names = {part.value for side in sides for part in ast.walk(side) if isinstance(part, ast.Constant)} & NAMES
            if names and of_runtime:
                yield node.lineno
        elif isinstance(node, ast.Match) and _of_runtime(node.subject):
            yield node.lineno


def _of_runtime(node: ast.AST) -> bool:
    text = ast.unparse(node).lower()
    return "target" in text or "source" in text


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nobody_asks_for_a_runtime_s_name(path: Path) -> None:
    assert [f"{path.relative_to(PACKAGE)}:{line}" for line in asked(path.read_text("utf-8"))] == []


@pytest.mark.parametrize("text", [
    'if target.name == "crio": pass',
    'x = 1 if view.target.name != "containerd" else 2',
    'if target in ("containerd", "crio"): pass',
    'if view.target.prefix == "cri-o://": pass',
    'if source.name == "dockershim": pass',
    'if plan.source != "cri-dockerd": pass',
    'match self.target.name:\n    case "crio": pass',
])  # fmt: skip
def test_each_way_to_ask_is_seen(text: str) -> None:
    assert [*asked(text)] == [1]


@pytest.mark.parametrize("text", ['if endpoint.kind == "containerd": pass', "if target.name == other: pass", 'target = "crio"'])
def test_what_does_not_ask_is_let_through(text: str) -> None:
    assert [*asked(text)] == []
