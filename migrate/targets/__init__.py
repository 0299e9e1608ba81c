"""Where to: each target runtime is one `Target` value in a module of its own, listed in `migrate.targets.table.TARGETS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from migrate.facts.model import NodeFacts
from migrate.formats.version import Version


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file of one node; edits of the same path are composed in order into one write.

    `rewrite` makes the new text from the old one (None when the file does not exist) and answers the same text, or None for a file that
    need not exist, to leave it alone; it raises FormatError for a file that it cannot edit with certainty.
    `why` stands beside the diff; `base` is where the old text comes from when the file itself does not exist yet (a packaged unit file
    that a copy in /etc overrides); `mode` is for a file that is new.
    """

    name: str
    path: str
    why: str
    rewrite: Callable[[str | None], str | None]
    base: str | None = None
    mode: str = "644"


@dataclass(frozen=True, slots=True)
class Target:
    """A runtime to move to: what the rules judge by and the plan is made of.

    `prefix` starts a node's runtimeVersion and its container IDs; `endpoint` is what the kubelet, crictl and the node's annotation are
    given; `data_root` is where its images lie; `unsupported` says why a kubelet and a version of the runtime cannot work together;
    `edits` are all the file changes that one node needs (it raises FormatError where they are not certain).
    """

    name: str
    prefix: str
    unit: str
    socket: str
    endpoint: str
    data_root: str
    minimum: Version
    installed: Callable[[NodeFacts], str | None]
    unsupported: Callable[[Version, Version], str | None]
    edits: Callable[[NodeFacts], tuple[Edit, ...]]
