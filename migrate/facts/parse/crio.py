"""CRI-O: its version and the configuration that it would start with."""

from __future__ import annotations

import re
from collections.abc import Mapping

from migrate.facts.model import Crio, Unit
from migrate.facts.parse.docker import flag
from migrate.facts.parse.kubelet import unit_arguments
from migrate.facts.parse.reading import Reading
from migrate.facts.values import Unreadable
from migrate.formats import FormatError, nested, toml_doc

UNIT = "crio.service"
SOCKET = "/var/run/crio/crio.sock"
STORAGE = "/etc/containers/storage.conf"


def crio(reading: Reading, units: Mapping[str, Unit]) -> Crio | None:
    """CRI-O as found, or None where its program does not exist."""
    text = reading.output("crio version") if "crio version" in reading.capture.commands else None
    if not text:
        return None
    version = re.search(r"^(?:crio version |Version:\s*)(v?\d+\.\d+\.\d+\S*)", text, re.MULTILINE)
    argv, loaded = reading.argv(UNIT) or unit_arguments(reading, units.get(UNIT)), _loaded(reading)
    return Crio(
        version[1] if version else text.splitlines()[0],
        loaded,
        config_path=flag(argv, "config", "c") or "/etc/crio/crio.conf",
        config_dir=flag(argv, "config-dir", "d") or "/etc/crio/crio.conf.d",
        socket=_socket(flag(argv, "listen") or nested.text(loaded, "crio", "api", "listen") or SOCKET),
        root=flag(argv, "root") or nested.text(loaded, "crio", "root") or _graphroot(reading) or "/var/lib/containers/storage",
    )


def _socket(path: str) -> str:
    """/run/crio/crio.sock by its old name, which a kubelet before 1.29 looks for (kubernetes PR 118704)."""
    return SOCKET if path == SOCKET.removeprefix("/var") else path


def _graphroot(reading: Reading) -> str:
    """Where storage.conf puts images, which CRI-O takes where it has no root of its own; empty where nothing says so."""
    text = reading.file(STORAGE) if STORAGE in reading.capture.paths else None
    try:
        return nested.text(toml_doc.load(text), "storage", "graphroot") if isinstance(text, str) else ""
    except FormatError:  # a target that reads it says so
        return ""


def _loaded(reading: Reading) -> dict[str, object] | Unreadable:
    """`crio config` merges crio.conf and crio.conf.d; newer versions comment out what is at its default."""
    if "crio config" not in reading.capture.commands:
        return Unreadable("crio config", "the capture does not hold it")
    text = reading.output("crio config")
    if text is None:
        failed = reading.capture.commands["crio config"]
        return Unreadable("crio config", failed.skipped or f"exit code {failed.rc}")
    try:
        return toml_doc.load(text)
    except FormatError as wrong:
        return reading.note("crio config", str(wrong))
