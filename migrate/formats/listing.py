"""Lists and counts in one line of text: a few names, and how many more there are."""

from collections.abc import Iterable

MOST = 5


def few(names: Iterable[str], most: int = MOST, joint: str = ", ") -> str:
    """The names in one line, at most so many: `a, b, c, d, e and 1,043 more`."""
    known = list(names)
    more = len(known) - most
    return joint.join(known[:most]) + (f" and {more:,} more" if more > 0 else "")


def plural(count: int, word: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
