"""Whole numbers in what others write: `int()` alone takes digits of every script, underscores, and fails on more than 4,300 digits."""

from __future__ import annotations

import re

MOST_DIGITS = 18  # of a number that is taken for one: all fit 64 bits
_WHOLE = re.compile(rf"-?[0-9]{{1,{MOST_DIGITS}}}")


def whole(value: object) -> int | None:
    """The number of a text of ASCII digits, `-` before them allowed, or of a value that is a whole number; None for anything else."""
    if isinstance(value, str):
        return int(value) if _WHOLE.fullmatch(value) else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**MOST_DIGITS else None
