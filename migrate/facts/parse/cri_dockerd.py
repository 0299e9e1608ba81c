"""cri-dockerd's command line: of the process where it runs, else of its unit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from migrate.facts.model import CriDockerd, Place, Unit, Unreadable
from migrate.facts.parse.kubelet import command_line
from migrate.facts.parse.reading import Reading
from migrate.formats import FormatError, flags, words

UNIT = "cri-docker.service"
BOOLEANS = frozenset(("ipv6-dual-stack", "version", "buildinfo", "help", "h"))  # Mirantis/cri-dockerd v0.4.3 config, cmd


def cri_dockerd(reading: Reading, units: Mapping[str, Unit]) -> CriDockerd | Unreadable:
    """What it was started with; Unreadable where neither a process nor a unit of it was read, or its flags are no flags."""
    version = re.search(r"cri-dockerd v?(\d+\.\d+\.\d+\S*)", reading.output("cri-dockerd version") or "")
    try:
        found = _arguments(reading, units.get(UNIT))
        if isinstance(found, Unreadable):
            return found
        arguments, place = found
        given = {flag.name: flag.value for flag in flags.parse_flags(arguments, BOOLEANS)}
    except FormatError as wrong:
        return Unreadable("cri-dockerd", str(wrong))
    return CriDockerd(version[1] if version else "", given, place)


def _arguments(reading: Reading, unit: Unit | None) -> tuple[Sequence[str], Place] | Unreadable:
    if unit and (argv := reading.argv(UNIT)):
        return argv[1:], Place(f"/proc/{unit.main_pid}/cmdline")
    for line in (reading.output("processes", (0, 1)) or "").splitlines():
        pid, *argv_words = line.split()
        if argv_words and argv_words[0].rpartition("/")[2] == "cri-dockerd":
            return argv_words[1:], Place(f"/proc/{pid}/cmdline")
    if unit is None:
        return Unreadable("cri-dockerd", f"no process of it runs, and systemd has no {UNIT}")
    line_of_unit = command_line(reading, unit)
    if isinstance(line_of_unit, Unreadable):
        return line_of_unit
    expanded = words.expand(line_of_unit.arguments, {name: one.value for name, one in line_of_unit.variables.items()})
    return [word.text for word in expanded], line_of_unit.exec_place
