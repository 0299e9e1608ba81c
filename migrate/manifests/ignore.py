"""Patterns of paths that are left out: those of .gitignore files and of `--exclude`, which is written the same way.

Source: gitignore(5). Segments of a path are matched one by one, so that no pattern is slow whatever the tree says.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

ANY = "**"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line: `parts` are its segments, matched from the folder that it is written for; the last match of several counts."""

    parts: tuple[str, ...]
    negated: bool = False
    folders_only: bool = False

    def matches(self, path: tuple[str, ...], folder: bool) -> bool:
        """Whether the segments of a path are what it names."""
        if self.folders_only and not folder:
            return False
        states = self._opened({0})
        for segment in path:
            kept = {state for state in states if state < len(self.parts) and self.parts[state] == ANY}
            moved = {state + 1 for state in states - kept if state < len(self.parts) and fnmatchcase(segment, self.parts[state])}
            states = self._opened(kept | moved)
        return len(self.parts) in states

    def _opened(self, states: set[int]) -> set[int]:
        """The states with those that a `**` reaches without a segment."""
        opened = set(states)
        for state in sorted(states):
            while state < len(self.parts) and self.parts[state] == ANY:
                state += 1
                opened.add(state)
        return opened


def patterns(lines: Iterable[str]) -> tuple[Pattern, ...]:
    """The patterns of the lines of a .gitignore; comments and empty lines are none."""
    return tuple(pattern for line in lines if (pattern := _pattern(line)) is not None)


def left_out(known: Iterable[Pattern], path: tuple[str, ...], folder: bool) -> bool | None:
    """Whether patterns leave a path out, None where they say nothing of it."""
    said = None
    for pattern in known:
        if pattern.matches(path, folder):
            said = not pattern.negated
    return said


def _pattern(line: str) -> Pattern | None:
    text = line.rstrip("\r\n")
    while text.endswith((" ", "\t")) and not text.endswith("\\ "):
        text = text[:-1]
    if not text or text.startswith("#"):
        return None
    negated = text.startswith("!")
    text = (text[1:] if negated else text).removeprefix("\\").replace("\\ ", " ")
    folders_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anchored = "/" in text
    parts = [part for part in text.split("/") if part]
    parts = parts if anchored else [ANY, *parts]
    if parts[-1] == ANY:  # `a/**` is what lies in a, and not a itself
        parts.append("*")
    return Pattern(tuple(parts), negated, folders_only)
