"""What else acts on the machine: configuration management, update tools, watchdogs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.model import HostActors, HostUse, Service
from migrate.facts.parse.bounded import MOST, asked, clean
from migrate.facts.parse.reading import Reading

_CALL = re.compile(r"([^:\n]{1,300}):(\d{1,9}):(.*)")
_ASSIGNED = re.compile(r"(\w{1,40})='(.{0,200})'")
_NEEDRESTART = re.compile(r"^\s*\$nrconf\{restart\}\s*=\s*['\"]?(\w)")
APT_SETTINGS = {"unattended": "APT::Periodic::Unattended-Upgrade", "reboot": "Unattended-Upgrade::Automatic-Reboot"}


def actors(reading: Reading) -> HostActors:
    """Units, calls and managed resources; what a capture of an earlier version did not ask about is empty."""
    return HostActors(
        services=tuple(_services(asked(reading, "actor units"))),
        calls=calls(asked(reading, "actor calls", (0, 1, 123))),
        managed=tuple(_managed(reading)),
        settings=dict(_settings(reading)),
    )


def calls(text: str) -> tuple[HostUse, ...]:
    """`PATH:LINE:WORDS` lines of grep; a file below /lib and its twin below /usr/lib are one."""
    found: dict[HostUse, None] = {}
    for line in text.splitlines():
        if match := _CALL.fullmatch(line):
            path = f"/usr{match[1]}" if match[1].startswith("/lib/") else match[1]
            words = clean(match[3]).strip(";|&()`\"' ")
            found[HostUse(clean(path), int(match[2]), words)] = None
    return tuple(found)[:MOST]


def _services(text: str) -> Iterator[Service]:
    """Blocks of `Property=value` lines; units that are not loaded are left out."""
    for block in text.split("\n\n")[:MOST]:
        values = dict(line.partition("=")[::2] for line in block.splitlines())
        if values.get("LoadState") == "loaded" and values.get("Id"):
            yield Service(clean(values["Id"]), clean(values.get("ActiveState", "")), clean(values.get("UnitFileState", "")))


def _managed(reading: Reading) -> Iterator[str]:
    lines = asked(reading, "puppet resources", (0, 1, 2)).splitlines()
    cookbooks = asked(reading, "chef cookbooks", (0, 1)).splitlines()
    yield from sorted({clean(line).lower() for line in lines if line.strip()})[:MOST]
    yield from sorted({f"cookbook[{clean(line.rpartition('/')[2])}]" for line in cookbooks if line.strip()})[:MOST]


def _settings(reading: Reading) -> Iterator[tuple[str, str]]:
    for line in asked(reading, "apt settings").splitlines():
        if (match := _ASSIGNED.fullmatch(line)) and match[1] in APT_SETTINGS:
            yield APT_SETTINGS[match[1]], clean(match[2])
    modes = [match[1] for line in asked(reading, "needrestart", (0, 1, 2)).splitlines() if (match := _NEEDRESTART.match(line))]
    if modes:
        yield "needrestart restart", modes[-1]
