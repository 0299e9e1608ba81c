"""Every regular expression of the package is linear: four times the text takes about four times as long, whatever the text."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import pytest

from migrate.run.limit import TooLong, limited
from tests.patterns import attacks, patterns

SMALL, LARGE = 1000, 4000
SOON = 0.003  # CPU seconds in which a text of LARGE is done, whatever the machine: a quadratic search takes 20 times as long
RATIO = 9.0  # linear is 4, quadratic 16
LATE = 0.25
ROUNDS = 3
# patterns that are only asked about texts of this many characters, or about our own
BOUNDED = {"migrate.facts.redact._OPEN_BEFORE.0": 120, "migrate.rules.text.DOCSTRING.0": 0}
FOUND = patterns()


def taken(pattern: re.Pattern[Any], text: str, ways: Collection[str], tries: int = 1) -> float:
    given = text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text
    times = []
    for _ in range(tries):
        began = time.thread_time()
        with suppress(TooLong), limited(LATE, signal.ITIMER_VIRTUAL):
            for way in ways:
                if way == "search":
                    for _ in pattern.finditer(given):
                        pass
                else:
                    getattr(pattern, way)(given)
        times.append(time.thread_time() - began)
    return min(times)


def _grows(pattern: re.Pattern[Any], small: str, large: str, ways: Collection[str]) -> bool:
    slow = taken(pattern, large, ways, tries=3)
    return slow > 0.8 * LATE or (slow > SOON and slow > RATIO * taken(pattern, small, ways, tries=3))


def superlinear(pattern: re.Pattern[Any], ways: Collection[str]) -> str:
    """The first text that takes more than its share, in words; empty for none."""
    for small, large in zip(attacks(pattern, SMALL), attacks(pattern, LARGE), strict=True):
        # in every round: others use this machine, and its caches
        if taken(pattern, large, ways) > SOON and all(_grows(pattern, small, large, ways) for _ in range(ROUNDS)):
            return f"{taken(pattern, large, ways) * 1000:.1f} ms for {large[:40]!r}..."
    return ""


def test_every_pattern_is_linear() -> None:
    assert len(FOUND) > 200
    assert set(BOUNDED) <= set(FOUND)
    told = {name: superlinear(pattern, ways) for name, (pattern, ways) in FOUND.items() if name not in BOUNDED}
    assert {name: said for name, said in told.items() if said} == {}


@pytest.mark.parametrize(
    ("pattern", "way"),
    [
        (r"(?:---)?\s*(?:#[^\r\n]*\s*)*\Z", "match"),  # exponential: no scan of a comment banner ended
        (r"\s*\w+\s*:?\s*x", "match"),
        (r"([a-z-]+)=", "search"),
        (r"\"(?:[^\"\\]|\\.)*\"", "search"),
        (r"<(to-[a-z]+)>(.*?)</\1>", "search"),
    ],
)
def test_the_measure_finds_what_is_not(pattern: str, way: str) -> None:
    assert superlinear(re.compile(pattern, re.DOTALL), {way})


def test_bounded_patterns_end_soon_on_the_longest_text_that_they_are_asked_about() -> None:
    for name, size in BOUNDED.items():
        pattern, ways = FOUND[name]
        assert all(taken(pattern, text, ways, tries=3) < 10 * SOON for text in (attacks(pattern, size) if size else ()))
