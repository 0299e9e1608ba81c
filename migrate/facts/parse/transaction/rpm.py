"""dnf and yum: a table for people, and rpm's list of what is installed.

The table has five columns (package, architecture, version, repository, size: one word or two); after a cell that is too long for its column
the row goes on in the next line. An obsoleted package stands under the one that replaces it. Only new versions are shown.
Sources: listTransaction of yum's output.py (3.4.3) and list_transaction of dnf/cli/output.py (4.2 to 4.14).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

from migrate.facts.package_managers import INSTALLED
from migrate.facts.parse.transaction.answer import Simulation, complaint, merged
from migrate.facts.transaction import Change

_SECTIONS: Mapping[str, str] = {
    "Installing": "Install",
    "Installing group/module packages": "Install",
    "Installing group packages": "Install",
    "Installing dependencies": "Install",
    "Installing weak dependencies": "Install",
    "Installing for dependencies": "Install",
    "Upgrading": "Upgrade",
    "Updating": "Upgrade",
    "Updating for dependencies": "Upgrade",
    "Reinstalling": "Reinstall",
    "Downgrading": "Downgrade",
    "Removing": "Remove",
    "Removing dependent packages": "Remove",
    "Removing unused dependencies": "Remove",
    "Removing for dependencies": "Remove",
}
_TABLE_END = "Transaction Summary"
_COUNT = "([0-9]{1,9})"
_SUM = re.compile(
    rf"(Install|Upgrade|Reinstall|Downgrade|Remove) ++(?:{_COUNT} +Packages?)? *+(?:\( *+\+? *+{_COUNT} Dependent packages?\))?"
)
_REPLACING = re.compile(r"     replacing  (\S+)\.(\S+) (\S+)")
_MISSING = re.compile(r"No match for argument: |No package \S{1,200} available|All matches were filtered out")
_ERROR = re.compile(rf"{_MISSING.pattern}|[Ee]rror:|\S{{1,200}} already locked by|Another app is currently holding")
_ADVICE = ("(try to add ", " You could try ")
_FOREIGN = re.compile(r"i[3-6]86")

_Installed = Mapping[tuple[str, str], str]


def read_rpm(text: str, rc: int) -> Simulation | str:
    """The answer, or what of it is not understood.

    A 32-bit package keeps its architecture (`glibc.i686`), as it may be installed beside the other one. A name that is not found is a
    problem even where the manager would go on without it (yum 3, dnf with strict=0).
    """
    answer, _, listed = text.partition(f"{INSTALLED}\n")
    lines = [line for line in answer.splitlines() if not line.startswith(_ADVICE)]
    missing = any(map(_MISSING.match, lines))
    if _TABLE_END in lines and not missing:
        words = [line.split() for line in listed.splitlines()]
        return _changes(lines, {(row[0], row[1]): row[2].removeprefix("0:") for row in words if len(row) == 3})
    if rc == 0 and not missing and any(line.startswith("Nothing to do") for line in lines):
        return Simulation()
    return complaint(_ERROR, lines, ("Traceback ", "Resolving Dependencies", "Dependencies resolved"))


def _changes(lines: Sequence[str], installed: _Installed) -> Simulation | str:
    end = lines.index(_TABLE_END)
    changes: list[Change] = []
    counted: Counter[str] = Counter()
    for section, row in _rows(lines[:end]):
        if found := _REPLACING.fullmatch(row):
            changes.append(Change(_name(found[1], found[2]), found[3], None))
            continue
        cells = row.split()
        if len(cells) not in (5, 6):
            return f"a row of its table has {len(cells)} words: {row.strip()}"
        name, arch, version = cells[:3]
        counted[section] += 1
        if section == "Remove":
            changes.append(Change(_name(name, arch), version, None))
            continue
        before = installed.get((name, arch)) or (None if section == "Install" else _any(installed, name))
        if before is None and section != "Install":
            return f"{name} would change, and rpm does not list it"
        changes.append(Change(_name(name, arch), before, version))
    total = {found[1]: int(found[2] or 0) + int(found[3] or 0) for line in lines[end:] if (found := _SUM.fullmatch(line.rstrip()))}
    if total != counted:
        return f"its table has {dict(counted)}, its sum is another: {total}"
    return Simulation(merged(changes))


def _rows(lines: Sequence[str]) -> list[tuple[str, str]]:
    """The rows of the sections that change packages, each in one line; others (module streams, skipped packages) are left out."""
    rows: list[tuple[str, str]] = []
    section: str | None = None
    for line in lines:
        if not line.startswith(" "):
            section = _SECTIONS.get(line.removesuffix(":"))
        elif section is None:
            continue
        elif not line.startswith("  ") or _REPLACING.fullmatch(line):
            rows.append((section, line))
        elif rows:
            rows[-1] = (section, rows[-1][1] + line)
    return rows


def _name(name: str, arch: str) -> str:
    return f"{name}.{arch}" if _FOREIGN.fullmatch(arch) else name


def _any(installed: _Installed, name: str) -> str | None:
    """Its version with whatever architecture: an upgrade may change that."""
    return next((version for (other, _), version in installed.items() if other == name), None)
