"""What a target is told of the source, for those that do not pass it yet: it goes when they call `migrate.sources.table.origin_of`."""

from __future__ import annotations

from migrate.facts.model import NodeFacts
from migrate.sources.table import origin_of as origin_of


def sandbox_image(facts: NodeFacts) -> str | None:
    """The sandbox image in use."""
    return origin_of(facts).sandbox_image


def cgroup_driver(facts: NodeFacts) -> str | None:
    """The cgroup driver in force."""
    return origin_of(facts).cgroup_driver
