"""Pod networking as it lies in files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from migrate.facts.model import Cni
from migrate.facts.parse.reading import Reading
from migrate.facts.probes import CNI_ASKED, CNI_BINS
from migrate.facts.values import Unreadable
from migrate.formats import FormatError, json_doc

CONFIGS = "/etc/cni/net.d"
LEASES = "/var/lib/cni/networks/"


def cni(reading: Reading, config_dir: str, bin_dirs: tuple[str, ...]) -> Cni:
    """The CNI configuration in force is the first by name of *.conf, *.conflist and *.json (libcni ConfFiles); later ones are ignored."""
    files = tuple(
        path
        for path, found in reading.capture.under(config_dir.rstrip("/") + "/")
        if found.kind == "file" and path.endswith((".conf", ".conflist", ".json"))
    )
    listed = (path.rpartition("/") for path in (reading.output("cni plugins", (0, 1)) or "").split())
    plugins = {name for folder, _, name in listed if folder.rstrip("/") in bin_dirs}
    return Cni(
        config_dir=config_dir,
        bin_dirs=bin_dirs,
        files=files,
        config=_config(reading, files[0]) if files else None,
        plugins=tuple(sorted(plugins)),
        leases=_leases(reading),
        speaks=_speaks(reading, bin_dirs),
        unread=tuple(path for path in (config_dir, *bin_dirs) if path not in (*CNI_BINS, CONFIGS) and path not in reading.capture.paths),
    )


def _speaks(reading: Reading, bin_dirs: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """`supportedVersions` of the answer to VERSION; an earlier version's capture did not ask, or only in the first of CNI_BINS."""
    found: dict[str, tuple[str, ...]] = {}
    if CNI_BINS[0] not in bin_dirs and not any(folder in reading.capture.paths for folder in bin_dirs):
        return found
    for name in CNI_ASKED:
        key = f"cni {name} speaks"
        if key in reading.capture.commands and (answer := reading.json(key)) is not None:
            versions = answer.get("supportedVersions")
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
        value = json_doc.loose(text or "")
    except FormatError as wrong:
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
