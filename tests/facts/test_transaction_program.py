"""The node program judges a simulation as the plan does: on every captured answer its reading and the parser's are the same."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from migrate.facts.package_managers import INSTALLED
from migrate.facts.parse.transaction import transaction
from migrate.facts.transaction import Transaction
from migrate.node import __file__ as node
from tests.facts.test_transactions import FIXTURES, NAMES, SHELLS, code_of

NODE = Path(node).parent
# the program says `downgrade` of these, which no version that is compared as a text tells
DOWNGRADED = {"apt-downgrade.0.txt", "dnf-downgrade.1.txt"}


@dataclass(frozen=True, slots=True)
class Ended:
    """How a function of the program ended: its exit code, its reason (empty with 0), and what it noted in the journal."""

    code: int
    reason: str
    notes: str


def call(run: Path, environment: Mapping[str, str], function: str, *words: str) -> Ended:
    """One function of packages.sh, with a lock held on descriptor 9 as the program does."""
    run.mkdir(exist_ok=True)
    parts = (
        (NODE / "base.sh").read_text("utf-8"),
        'note() { printf "%s\\n" "$*" >&2; }',
        (NODE / "packages.sh").read_text("utf-8"),
        'exec 9>"$run/lock"\n"$@" || { code=$?; printf %s "$reason"; exit $code; }\n',
    )
    (run / "program.sh").write_text("\n".join(parts), "utf-8")
    ran = subprocess.run(["sh", str(run / "program.sh"), function, *words], env=environment, capture_output=True, text=True, check=False)
    return Ended(ran.returncode, ran.stdout, ran.stderr)


def read_by_program(shell: tuple[str, ...], path: Path) -> dict[str, frozenset[str]]:
    """What actions_of says of each answer, all of them in one shell."""
    script = [(NODE / "base.sh").read_text("utf-8"), (NODE / "packages.sh").read_text("utf-8")]
    for name in NAMES:
        manager, _, text = (FIXTURES / name).read_text("utf-8").partition("\n")
        (path / name).write_text(text.partition(f"{INSTALLED}\n")[0], "utf-8")
        script.append(f"echo '== {name}'; actions_of {manager} <'{path / name}'")
    (path / "program.sh").write_text("\n".join((*script, "")), "utf-8")
    program = shutil.which(shell[0]) or shell[0]
    ran = subprocess.run([program, *shell[1:], str(path / "program.sh")], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    parts = (part.splitlines() for part in ran.stdout.split("== ")[1:])
    return {name: frozenset(line for line in lines if name not in DOWNGRADED or not line.startswith("install ")) for name, *lines in parts}


def planned(name: str) -> frozenset[str]:
    """The same, by the parser; empty where it cannot be done."""
    found = transaction((FIXTURES / name).read_text("utf-8"), code_of(name))
    assert isinstance(found, Transaction)
    if found.problem:
        return frozenset()
    if name in DOWNGRADED:
        return frozenset({f"downgrade {change.name}" for change in found.changes} | {"end"})
    actions = {f"remove {change.name}" if change.after is None else f"install {change.name}={change.after}" for change in found.changes}
    return frozenset(actions | {f"unhold {name}" for name in found.held} | {"end"})


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_program_and_parser_read_the_same(shell: tuple[str, ...], tmp_path: Path) -> None:
    assert read_by_program(shell, tmp_path) == {name: planned(name) for name in NAMES}
