"""Every runtime that a node can be moved to."""

from __future__ import annotations

from migrate.targets import Target
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO, CRIO_OWN_DEFAULTS

TARGETS: tuple[Target, ...] = (CONTAINERD, CRIO, CRIO_OWN_DEFAULTS)


def titled(name: str) -> str:
    """What people call the target of this name; any other name stays as it is."""
    found = target_named(name)
    return found.title if found else name


def target_named(name: str) -> Target | None:
    """The target of this name, or None."""
    return next((target for target in TARGETS if target.name == name), None)
