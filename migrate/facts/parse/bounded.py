"""Text of a node, bounded: for readings that are shown as they are."""

from __future__ import annotations

from migrate.facts.parse.reading import Reading
from migrate.facts.redact import mask, printable

MOST = 200  # entries kept of one list
LONGEST = 200  # characters kept of one entry
LOOKED_AT = 2000  # characters of an entry that are looked at: a secret is masked before the cut


def asked(reading: Reading, key: str, accept: tuple[int, ...] = (0,)) -> str:
    """A command's output, empty where it failed (noted) or where the capture is older than the probe (no finding)."""
    return (reading.output(key, accept) or "") if key in reading.capture.commands else ""


def clean(text: str) -> str:
    """One entry as it may be shown: on one line, without escapes and secrets, cut."""
    return mask(printable(" ".join(text[:LOOKED_AT].split())))[:LONGEST]
