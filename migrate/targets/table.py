"""Every runtime that a node can be moved to."""

from __future__ import annotations

from migrate.targets import JOIN, Target, with_options
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO

TARGETS: tuple[Target, ...] = (CONTAINERD, CRIO)


def titled(name: str) -> str:
    """What people call the target of this name, and whether Docker keeps running; any other name stays as it is."""
    found = target_named(name)
    return f"{found.title}{', Docker keeps running' if found.keeps_source else ''}" if found else name


def target_named(name: str) -> Target | None:
    """The target of this name, with the options that the name has (`crio+own-defaults`), or None."""
    runtime, *chosen = name.split(JOIN)
    found = next((target for target in TARGETS if target.name == runtime), None)
    try:
        return with_options(found, chosen) if found else None
    except ValueError:
        return None


def runtime_title(runtime: str) -> str:
    """What people call the runtime of a kubelet's endpoint; the name itself where no target is that runtime."""
    return next((target.title for target in TARGETS if target.runtime == runtime), runtime)
