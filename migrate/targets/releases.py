"""What is known of a runtime's releases: until when its project supports each, and what in its files a later one no longer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

Release = tuple[int, int]
EVERY = "*"  # any key, in `Retired.key`


@dataclass(frozen=True, slots=True)
class Retired:
    """A setting that releases from `gone` on do not read: what comes of it, what to write instead, and which values it is about."""

    key: tuple[str, ...]
    gone: Release
    otherwise: str
    instead: str
    about: Callable[[Any], bool] = bool

    def found(self, values: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
        """The whole keys in a file's values that it is about."""
        return (key for key, value in _reached(values, self.key) if self.about(value))


def _reached(values: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not key:
        yield (), values
    elif isinstance(values, Mapping):
        for name in values if key[0] == EVERY else (key[0],) if key[0] in values else ():
            for rest, value in _reached(values[name], key[1:]):
                yield (name, *rest), value


def supported(ends: Mapping[Release, date], day: date) -> str:
    """The releases that are supported on a day, newest first, as a text."""
    there = sorted((release for release, end in ends.items() if end >= day), reverse=True)
    return ", ".join(f"{major}.{minor} until {ends[major, minor]}" for major, minor in there)
