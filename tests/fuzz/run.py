"""Runs parsers over mutated seeds for a while, and tells what they raised that they may not, and what took them too long."""

from __future__ import annotations

import random
import signal
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field

from migrate.run.limit import TooLong, limited
from tests.fuzz.mutate import mutated
from tests.fuzz.parsers import Parser

SLOWEST = 5.0  # CPU seconds that one text may take


@dataclass
class Tally:
    """What came of one parser: texts tried, texts refused, and the failures, one of each kind."""

    tried: int = 0
    refused: int = 0
    slowest: float = 0.0
    failures: dict[str, str] = field(default_factory=dict)


def fuzz(parsers: Iterable[Parser], seconds: float, seed: int) -> dict[str, Tally]:
    """Give each parser its share of `seconds` of CPU time; the same seed makes the same texts in the same order."""
    chosen = tuple(parsers)
    return {parser.name: _one(parser, seconds / len(chosen), random.Random(f"{seed} {parser.name}")) for parser in chosen}


def _one(parser: Parser, seconds: float, rng: random.Random) -> Tally:
    tally = Tally()
    seeds = tuple(parser.seeds)
    end = time.thread_time() + seconds
    while tally.tried < 3 or time.thread_time() < end:
        text = mutated(rng, rng.choice(seeds), seeds) if tally.tried >= len(seeds) else seeds[tally.tried]
        began = time.thread_time()
        try:
            with limited(2 * SLOWEST, signal.ITIMER_PROF):  # of CPU
                parser.read(text)
        except parser.refusals:
            tally.refused += 1
        except TooLong as late:
            places = [f"{place.filename.rpartition('/')[2]}:{place.lineno}" for place in traceback.extract_tb(late.__traceback__)[-4:-1]]
            tally.failures.setdefault("endless", f"no end in {' '.join(places)} for {text[:2000]!r}")
        except Exception as wrong:
            place = traceback.extract_tb(wrong.__traceback__)[-1]
            kind = f"{type(wrong).__name__} in {place.filename.rpartition('/')[2]}:{place.lineno}: {str(wrong)[:120]}"
            tally.failures.setdefault(kind.partition(": ")[0], f"{kind} for {text[:2000]!r}")
        spent = time.thread_time() - began
        tally.slowest = max(tally.slowest, spent)
        if spent > SLOWEST:
            tally.failures.setdefault("slow", f"{spent:.1f} s for {len(text)} characters: {text[:2000]!r}")
        tally.tried += 1
    return tally


def lines(tallies: dict[str, Tally]) -> list[str]:
    """The counts, a line for each parser."""
    return [
        f"{name:32} {tally.tried:9,} texts, {tally.refused:9,} refused, slowest {tally.slowest * 1000:7.1f} ms, "
        f"{len(tally.failures)} failures"
        for name, tally in tallies.items()
    ]
