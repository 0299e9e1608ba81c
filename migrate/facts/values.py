"""Small values that facts of every kind are made of: where something was read, what could not be read, how an object is named."""

from __future__ import annotations

from dataclasses import dataclass

Title = tuple[str, str, str]
"""Namespace, kind, name: what a workload is called and ordered by."""

Pointer = tuple[str | int, ...]
"""A way into a document, keys and list indexes: `("spec", "volumes", 0, "hostPath", "path")`."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that exists or may exist and could not be read: `what` names it (a path or a command), `reason` says why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value was read: a file, its line and column (1-based), and the environment variable that carried it, if any."""

    path: str
    line: int | None = None
    variable: str | None = None
    column: int | None = None

    def __str__(self) -> str:
        line = f":{self.line}" if self.line else ""
        line += f":{self.column}" if self.line and self.column else ""
        return f"{self.path}{line}" + (f" ({self.variable})" if self.variable else "")
