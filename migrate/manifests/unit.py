"""systemd units in files: those that need Docker's units, or call Docker."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.formats import FormatError, unit_file
from migrate.manifests.model import Kind, Problem, Trouble, Use
from migrate.manifests.shell import matches
from migrate.manifests.text import Text

NAME = re.compile(r".+\.(?:service|socket|timer|path|target|mount)")
DROP_IN = re.compile(r"\.(?:service|socket|timer|path|target|mount)\.d/[^/]+\.conf$")
OWN = frozenset({"docker.service", "docker.socket", "cri-docker.service", "cri-docker.socket"})
# A Wants= starts Docker too; After= and Before= only order
NEEDS = frozenset({"Requires", "Requisite", "BindsTo", "PartOf", "Wants", "Upholds"})


def unit(source: Text, name: str) -> Iterator[Use | Problem]:
    """The uses of one unit file or drop-in called `name`."""
    try:
        entries = unit_file.parse(source.text)
    except FormatError as wrong:
        offset = source.starts[min((wrong.line or 1), len(source.starts)) - 1]
        yield Problem(Trouble.BROKEN, name, wrong.message, source.place(offset))
        return
    if name in OWN:
        return
    for entry in entries:
        place = source.place(entry.start)
        if entry.section == "Unit" and entry.key in NEEDS:
            if needed := [word for word in entry.value.split() if word in OWN]:
                yield Use(Kind.UNIT, name, f"{entry.key}={' '.join(needed)}", place)
        elif entry.section == "Service" and (entry.key.startswith("Exec") or entry.key == "Environment"):
            # systemd's prefixes of a program are no part of it
            found = list(matches(entry.value.lstrip("@-:+!|")))
            heavier = [match for match in found if match[0] is not Kind.CALL]
            for kind, evidence, _ in heavier or found:
                yield Use(Kind.UNIT if kind is Kind.CALL else kind, name, f"{entry.key} {evidence}", place)
