"""Pod networking as it lies in files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from migrate.facts.model import Cni
from migrate.facts.parse.reading import Reading
from migrate.facts.probes import CNI_ASKED
from migrate.facts.values import Unreadable

LEASES = "/var/lib/cni/networks/"


def cni(reading: Reading, config_dir: str, bin_dirs: tuple[str, ...]) -> Cni:
    """The CNI configuration in force is the first by name of *.conf, *.conflist and *.json (libcni ConfFiles); later ones are ignored."""
    files = tuple(
        path
        for path, found in reading.capture.under(config_dir.rstrip("/") + "/")
        if found.kind == "file" and path.endswith((".conf", ".conflist", ".json"))
    )
    plugins = (reading.output("cni plugins", (0, 1)) or "").split()
    return Cni(
        config_dir=config_dir,
        bin_dirs=bin_dirs,
        files=files,
        config=_config(reading, files[0]) if files else None,
        plugins=tuple(sorted({path.rpartition("/")[2] for path in plugins})),
        leases=_leases(reading),
        speaks=_speaks(reading),
    )


def _speaks(reading: Reading) -> dict[str, tuple[str, ...]]:
    """`supportedVersions` of the answer to VERSION; an earlier version's capture did not ask."""
    found = {}
    for name in CNI_ASKED:
        key = f"cni {name} speaks"
        if key in reading.capture.commands and (answer := reading.json(key)) is not None:
            versions = answer.get("supportedVersions") if isinstance(answer, dict) else None
            if isinstance(versions, list):
                found[name] = tuple(map(str, versions))
            else:
                reading.note(key, "it does not list supportedVersions")
    return found


def _config(reading: Reading, path: str) -> Mapping[str, Any] | Unreadable:
    text = reading.file(path)
    if isinstance(text, Unreadable):
        return text
    try:
        value = json.loads(text or "")
    except ValueError as wrong:
        return reading.note(path, f"not JSON: {wrong}")
    return value if isinstance(value, dict) else reading.note(path, "it is no JSON object")


def _leases(reading: Reading) -> tuple[tuple[str, str, str], ...]:
    """host-local keeps one file per address below the network's name; its first line is the sandbox's container ID."""
    found = []
    for line in (reading.output("cni leases", (0, 1, 2)) or "").splitlines():
        path, _, owner = line.partition(":")
        if path.startswith(LEASES):
            network, _, address = path.removeprefix(LEASES).partition("/")
            if re.fullmatch(r"[0-9a-f.:]+", address):
                found.append((network, address, owner.strip()))
    return tuple(sorted(found))
