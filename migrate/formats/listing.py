"""Lists and counts in one line of text: a few names, and how many more there are."""

from collections.abc import Iterable

MOST = 5


def few(names: Iterable[str], most: int = MOST, joint: str = ", ") -> str:
    """The names in one line, at most so many: `a, b, c, d, e and 1,043 more`."""
    known = list(names)
    more = len(known) - most
    return joint.join(known[:most]) + (f" and {more:,} more" if more > 0 else "")


def duration(least: int, most: int) -> str:
    """Two numbers of seconds as a range of minutes: `1 to 3 min`, `2 min`; hours from 2 h on: `2 h to 3 h 20 min`."""
    begin, end = (max(1, round(seconds / 60)) for seconds in (least, most))
    if end < 120:
        return f"{begin} min" if begin == end else f"{begin} to {end} min"
    first, last = (f"{at // 60} h {at % 60} min".replace(" 0 min", "").removeprefix("0 h ") for at in (begin, end))
    return first if first == last else f"{first} to {last}"


def plural(count: int, word: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"
