"""CRI-O: its version and the configuration that it would start with."""

from __future__ import annotations

import re

from migrate.facts.model import Crio
from migrate.facts.parse.reading import Reading
from migrate.facts.values import Unreadable
from migrate.formats import FormatError, toml_doc


def crio(reading: Reading) -> Crio | None:
    """CRI-O as found, or None where its program does not exist."""
    text = reading.output("crio version") if "crio version" in reading.capture.commands else None
    if not text:
        return None
    version = re.search(r"^(?:crio version |Version:\s*)(v?\d+\.\d+\.\d+\S*)", text, re.MULTILINE)
    return Crio(version[1] if version else text.splitlines()[0], _loaded(reading))


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
