"""Patterns of paths as gitignore(5) has them; git itself is the judge where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from migrate.manifests.ignore import left_out, patterns

PATHS = (
    "a.yaml",
    "sub/a.yaml",
    "sub/deep/b.json",
    "build/x.yaml",
    "sub/build/x.yaml",
    "doc/keep/c.yaml",
    "#odd",
    "sub/!odd",
    "sub/ab.yaml",
)
LINES = (
    ["*.yaml"],
    ["/a.yaml"],
    ["build/"],
    ["sub/**"],
    ["**/build/*.yaml"],
    ["sub/*/b.json", "# a comment", ""],
    ["*.yaml", "!sub/a.yaml"],
    ["\\#odd", "\\!odd"],
    ["a/**/b", "sub/**/b.json   "],
    ["[a-b].yaml"],
    ["doc/*", "!doc/keep/"],
)


def _left_out(lines: list[str], path: str) -> bool:
    """As a walk does it: a folder that is left out takes all that is in it along."""
    known, parts = patterns(lines), tuple(path.split("/"))
    return any(left_out(known, parts[:end], end < len(parts)) for end in range(1, len(parts) + 1))


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("lines", LINES, ids=" ".join)
def test_git_leaves_out_the_same(lines: list[str], tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(lines) + "\n")
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    asked = subprocess.run(["git", "-C", str(tmp_path), "check-ignore", "--stdin"], input="\n".join(PATHS), capture_output=True, text=True)
    assert {path for path in PATHS if _left_out(lines, path)} == set(asked.stdout.splitlines())


def test_a_long_name_and_many_stars_are_fast() -> None:
    known = patterns(["*a" * 60 + "b", "**/" * 40 + "x"])
    assert left_out(known, ("a" * 255,) * 50, False) is None
