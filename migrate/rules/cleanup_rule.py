"""Rules about what Docker left on a node: they judge before it is removed, and at no other time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from migrate.facts.remains import Remains
from migrate.rules import NodeView, Rule, Seen, Severity
from migrate.rules.text import rule_text

LookAtRemains = Callable[[NodeView, Remains], Iterable[Seen]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupRule(Rule):
    """A rule about the removal of Docker: `look` judges a node and what Docker left on it."""

    look: LookAtRemains

    def asked_of(self, view: NodeView) -> bool:
        """Whether it judges this node: where its remains were read."""
        return view.remains is not None

    def see(self, view: NodeView) -> Iterable[Seen]:
        """What it sees of a node."""
        return self.look(view, view.remains) if view.remains is not None else ()


def cleanup_rule(code: str, slug: str, severity: Severity, *, acceptable: bool = False) -> Callable[[LookAtRemains], CleanupRule]:
    """Make a CleanupRule of a function with the docstring of `rule_text`, as `node_rule` does."""

    def made(look: LookAtRemains) -> CleanupRule:
        return CleanupRule(code=code, slug=slug, severity=severity, acceptable=acceptable, look=look, **rule_text(code, look.__doc__))

    return made
