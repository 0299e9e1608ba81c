"""How a node stands, as a value: the engine gives it, report/ makes text and JSON of it (docs/glossary.md has the words)."""

from __future__ import annotations

import msgspec

# How a command ends on a node
MIGRATED, ROLLED_BACK, INSTALLED, CLEANED, NEEDS_ATTENTION = "migrated", "rolled back", "installed", "cleaned", "needs attention"
REFUSED, SKIPPED, INTERRUPTED, UNREACHABLE, LOST, FAILED = "refused", "skipped", "interrupted", "unreachable", "lost", "failed"
RELEASED = "released"
END_STATES = (
    *(MIGRATED, ROLLED_BACK, INSTALLED, CLEANED, RELEASED, NEEDS_ATTENTION),
    *(REFUSED, SKIPPED, INTERRUPTED, UNREACHABLE, LOST, FAILED),
)
# What `status` says of a node between the ends
UNTOUCHED, PREPARED, SWITCHING, SWITCHED, ROLLING_BACK = "untouched", "prepared", "switching", "switched", "rolling back"
CLEANING = "cleaning"
STATES = (*END_STATES, UNTOUCHED, PREPARED, SWITCHING, SWITCHED, ROLLING_BACK, CLEANING)


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a node stands so: `code` is one word for programs (`verified`, `step-failed`, `guard` ...), `seen` what was seen, in one
    sentence or several lines; `now` how the node was left; `expected` and `next` (the command to type) where a person has to act.
    """

    code: str
    seen: str
    now: str = ""
    expected: str = ""
    next: str = ""


class NodeState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one node stands: `state` is one of STATES, `exit_code` what the process ends with for this node alone.

    `changed`: whether this command began a step on the node or through the API for it (with --check: whether it would).
    `details` are what `status` read of the node program (guard, gate, docker, generation, last, holder, operator), as words.
    """

    node: str
    state: str
    exit_code: int
    reason: Reason
    run: str = ""
    changed: bool = False
    details: dict[str, str] = {}
