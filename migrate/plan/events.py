"""What happens while nodes are changed, as values: the live view, plain lines and the JSON stream all read these.

The stream's form follows Terraform's machine-readable UI: one object a line, the first of type `version`; fields are only added.
"""

from __future__ import annotations

import msgspec

VERSION = "1.0"
TYPES = ("version", "run.start", "node.start", "step.start", "step.end", "wait", "note", "node.end", "run.end")


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened: `at` in seconds since the epoch, `step` of `steps` of a segment, `text` for people, `data` for programs."""

    at: float
    type: str
    run: str = ""
    node: str = ""
    segment: str = ""
    step: int = 0
    steps: int = 0
    text: str = ""
    status: str = ""
    data: dict[str, str | int | float | bool] = {}

    @property
    def changes(self) -> bool:
        """Whether a step of a plan or of its rollback begins; in `preflight` a node is only looked at."""
        return self.type == "step.start" and self.segment not in ("", "preflight")
