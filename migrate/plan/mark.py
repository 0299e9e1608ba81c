"""The annotation that says whose cordon a node carries: written in the same PATCH as the cordon, removed in the same PATCH as it."""

from __future__ import annotations

import re

import msgspec

from migrate.facts.live import LiveNode

RUN_ANNOTATION = "docker2cri.io/run"
MANAGER = "docker2cri"  # our name in managedFields
_FORM = re.compile(r"(?P<run>[A-Za-z0-9][A-Za-z0-9._-]*),cordoned-before=(?P<before>true|false)")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """The run that cordoned a node, and whether it was cordoned before; as text `RUN,cordoned-before=true`."""

    run: str
    cordoned_before: bool

    def __str__(self) -> str:
        return f"{self.run},cordoned-before={str(self.cordoned_before).lower()}"


def mark_of(node: LiveNode) -> Mark | str | None:
    """The node's mark, None when it has none, the text itself when it is none of ours."""
    text = node.metadata.annotation(RUN_ANNOTATION)
    if text is None:
        return None
    found = _FORM.fullmatch(text)
    return Mark(run=found["run"], cordoned_before=found["before"] == "true") if found else text


def stranger(node: LiveNode) -> str | None:
    """Who cordoned the node after us, as managedFields tell; None when it was us, or when the server keeps no managedFields.

    `kubectl cordon` of a cordoned node writes nothing; uncordoning it and cordoning it again does, and then it is theirs.
    """
    writer = node.writer_of("spec", "unschedulable")
    return None if writer in (None, MANAGER) else writer
