"""`python -m tests.fuzz [--seconds N] [--seed N] [--only NAME]`: N seconds of CPU time; exit code 1 when a parser fails."""

from __future__ import annotations

import argparse
import random
import sys

from tests.fuzz.parsers import table
from tests.fuzz.run import fuzz, lines


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.fuzz")
    options.add_argument("--seconds", type=float, default=600.0)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options.add_argument("--only", default="")
    asked = options.parse_args()
    print(f"seed {asked.seed}, {asked.seconds:g} s", flush=True)
    parsers = [parser for parser in table() if asked.only in parser.name]
    tallies = {}
    for parser in parsers:
        tallies |= (found := fuzz([parser], asked.seconds / len(parsers), asked.seed))
        print(*lines(found), flush=True)
    print(f"{sum(tally.tried for tally in tallies.values()):,} texts")
    for name, tally in tallies.items():
        for failure in tally.failures.values():
            print(f"FAILED {name}: {failure}")
    return 1 if any(tally.failures for tally in tallies.values()) else 0


sys.exit(main())
