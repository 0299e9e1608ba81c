"""A bounded run of the fuzzer: no reader raises what it may not, and none takes long. FUZZ_SECONDS and FUZZ_SEED change it."""

from __future__ import annotations

import os
import random

import pytest

from tests.fuzz.parsers import Parser, table
from tests.fuzz.run import fuzz, lines

SECONDS = float(os.environ.get("FUZZ_SECONDS", "20"))
SEED = int(os.environ.get("FUZZ_SEED", "") or random.SystemRandom().randrange(2**32))
PARSERS = tuple(table())


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_no_reader_raises_what_it_may_not(parser: Parser) -> None:
    tallies = fuzz([parser], SECONDS / len(PARSERS), SEED)
    print(f"seed {SEED}", *lines(tallies), sep="\n")
    assert tallies[parser.name].tried >= 3
    assert not tallies[parser.name].failures, f"FUZZ_SEED={SEED}"


def test_the_fuzzer_sees_a_defect() -> None:
    broken = Parser("broken", lambda text: int(text), ["1", "2"], ())
    (tally,) = fuzz([broken], 0.2, 1).values()
    assert any("ValueError" in failure for failure in tally.failures)
