"""What a package manager would do: the answer to a simulated installation, whichever manager gave it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One package: its full version before (None: not installed) and after (None: removed), as its manager writes it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Transaction:
    """Everything that one installation would change, sorted by name; none when all is there already.

    `manager` is a name of `migrate.facts.package_managers`; `held` are packages among them that are held at their version; `problem` is
    what the manager said when it cannot do it, in one line, empty when it can.
    """

    manager: str
    changes: tuple[Change, ...]
    held: tuple[str, ...] = ()
    problem: str = ""

    @property
    def removed(self) -> tuple[str, ...]:
        """The packages that it would remove."""
        return tuple(change.name for change in self.changes if change.after is None)
