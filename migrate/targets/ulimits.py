"""The limits that Docker gives each container: `default-ulimits`.

Sources: moby daemon/daemon_unix.go (mergeUlimits) at v20.10.24; docker/go-units ulimit.go (names, -1 for no limit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.facts.model import NodeFacts
from migrate.formats import FormatError
from migrate.formats.number import whole

KEY = "default-ulimits"
UNLIMITED = -1
NAMES = "core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack"
_NAMES = frozenset(NAMES.split())


@dataclass(frozen=True, slots=True)
class Ulimit:
    """One limit by its name in `ulimit`, UNLIMITED for none; a name that Docker does not know is not one."""

    name: str
    soft: int
    hard: int

    @property
    def text(self) -> str:
        """As `docker run --ulimit` and CRI-O have it."""
        return f"{self.name}={self.soft}:{self.hard}"


def ulimits(facts: NodeFacts) -> tuple[Ulimit, ...]:
    """The limits of this node's Docker, by name. Raises FormatError for one that is no pair of numbers."""
    given = facts.daemon_settings.get(KEY)
    pairs = sorted(given.items()) if isinstance(given, Mapping) else []
    return tuple(_ulimit(name, limit) for name, limit in pairs if name in _NAMES and isinstance(limit, Mapping))


def readable_ulimits(facts: NodeFacts) -> tuple[Ulimit, ...]:
    """The same for what only tells of them; none where they cannot be read, for then the edit is refused."""
    try:
        return ulimits(facts)
    except FormatError:
        return ()


def _ulimit(name: str, limit: Mapping[str, Any]) -> Ulimit:
    # Go takes the names of JSON's keys in any case
    values = {str(key).lower(): value for key, value in limit.items()}
    return Ulimit(name, *(_number(name, key, values.get(key)) for key in ("soft", "hard")))


def _number(name: str, key: str, value: Any) -> int:
    number = whole(value)
    if number is None or number < UNLIMITED:
        raise FormatError(KEY, f"{key} of {name} is {str(value)[:40]!r}, expected a number; correct it in Docker's configuration")
    return number
