"""docs/security.md names a test for each attack; each of them is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_every_test_that_the_page_names_is_there() -> None:
    named = NAMED.findall((ROOT / "docs" / "security.md").read_text("utf-8"))
    assert len(named) > 20
    missing = []
    for path, function in named:
        file = ROOT / path
        tree = ast.parse(file.read_text("utf-8")) if file.exists() else ast.parse("")
        found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        if not found or (function and function not in found):
            missing.append(f"{path}::{function}")
    assert missing == []


def test_every_row_of_an_attack_names_a_test() -> None:
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.count(" | ") == 3 and not line.startswith(("| hostile", "|---"))]
    assert len(rows) > 10
    assert [row for row in rows if not NAMED.search(row)] == []
