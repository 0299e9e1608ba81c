"""One case of a rule: a node, and the whole of what the rule says of it."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.rules import NodeView, check
from migrate.rules.table import RULES


@dataclass(frozen=True)
class Case:
    """`seen` are (subject, evidence) pairs in order; empty where the rule must be silent."""

    code: str
    name: str
    view: NodeView
    seen: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.code} {self.name}"

    def verify(self) -> None:
        """Judge the node by this one rule and compare everything it says."""
        rules = [one for one in RULES if one.code == self.code]
        assert [(one.subject, one.evidence) for one in check(self.view, rules)] == sorted(self.seen)
