"""Which variables the parts of the node program set and read: enough of sh for what is written in migrate/node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

STRINGS = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'", re.DOTALL)
FUNCTION = re.compile(r"([a-z_0-9]+)\(\) [{(]")
# words like `a=b` are assignments only where a command begins
ASSIGNED = re.compile(
    r"(?:^|[;&|({)!]|\b(?:then|do|else|if|while|until|eval \"))[ \t]*((?:[a-z][a-z_0-9]*=(?:\"[^\"]*\"|[^\s;&|()\"])*[ \t]*)+)",
    re.MULTILINE,
)
NAME = re.compile(r"(?<!\S)([a-z][a-z_0-9]*)=")
LISTED = re.compile(r"\bread -r ([a-z_0-9 ]+)|\bfor ([a-z_0-9]+)\b")
READ = re.compile(r"(?<!\\)\$\{?#?([a-z][a-z_0-9]*)")
SUM = re.compile(r"\$\(\((.*?)\)\)")
IN_SUM = re.compile(r"(?<![\w$.{*])([a-z][a-z_0-9]*)")


@dataclass(frozen=True, slots=True)
class Use:
    """The parts that set a variable, and those of which a function reads it without setting it."""

    sets: frozenset[str]
    reads: frozenset[str]


def functions(text: str) -> Iterator[str]:
    """The text of each function, and what stands outside of functions; without comments and literal strings."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    bare = STRINGS.sub(lambda found: found.group() if found.group().startswith('"') else "''", "\n".join(lines))
    outside: list[str] = []
    inside: list[str] = []
    for line in bare.splitlines():
        if inside:
            inside.append(line)
            if line in ("}", ")"):
                yield "\n".join(inside)
                inside = []
        elif FUNCTION.match(line):
            if line.endswith(("}", ")")):
                yield line
            else:
                inside = [line]
        else:
            outside.append(line)
    assert not inside, inside[0]
    yield "\n".join(outside)


def names_set(text: str) -> set[str]:
    """The variables that a piece of sh sets."""
    assigned = {name for found in ASSIGNED.finditer(text) for name in NAME.findall(found.group(1))}
    return assigned | {name for found in LISTED.finditer(text) for name in (found.group(1) or found.group(2)).split()}


def names_read(text: str) -> set[str]:
    """The variables that a piece of sh reads."""
    return set(READ.findall(text)) | {name for found in SUM.finditer(text) for name in IN_SUM.findall(found.group(1))}


def shared(parts: Mapping[str, str], apart: frozenset[str]) -> dict[str, Use]:
    """The variables that one part hands to another: read by a function that does not set it, set in another part.

    Of the parts in `apart` only one is in a program: they hand nothing to each other.
    """
    sets: dict[str, set[str]] = {}
    reads: dict[str, set[str]] = {}
    for part, text in parts.items():
        for one in functions(text):
            for name in names_set(one):
                sets.setdefault(name, set()).add(part)
            for name in names_read(one) - names_set(one):
                reads.setdefault(name, set()).add(part)
    return {
        name: Use(frozenset(sets[name]), frozenset(reads[name]))
        for name in sorted(sets.keys() & reads.keys())
        if any(setter != reader and not {setter, reader} <= apart for setter in sets[name] for reader in reads[name])
    }
