"""Every reader of what others write, at four sizes: a text twice as long may take twice as long, not more.

    python -m benchmarks.readers [NAME]

Each reader of tests/fuzz/parsers.py reads texts of 16, 32, 64 and 128 KiB: pieces of its seeds and marks of the formats, repeated.
The growth is that of the last two doublings, as a power of the size: 1.0 is linear, 2.0 the square. Only texts that take 20 ms at the last
size count. CPU time, the least of three.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from tests.fuzz.parsers import Parser, table

SIZES = (16, 32, 64, 128)  # KiB
LEAST = 0.02  # seconds
ALLOWED = 1.45  # some readers sort
PIECES = 6  # of each parser's seeds
MARKS = (
    *(
        "a=b\n",
        "# x\n",
        "a \\\n",
        "\\",
        '"',
        "'",
        "[",
        "{",
        "]",
        "- ",
        "- a\n",
        "a: b\n",
        "a:\n ",
        "  ",
        "\n",
        "\t",
        "a.b=1\n",
        "[a.b]\n",
        "[[a]]\n",
    ),
    *(
        "x_key=",
        "a:bb@",
        "--a=b ",
        "$A ",
        "${A",
        "%",
        "*",
        "&a ",
        "<<: *a\n",
        "|\n",
        "{{",
        "}}",
        '{"a":',
        "[[",
        ",",
        "\0",
        "é",
        "host[1:9]\n",
        "[all:children]\n",
    ),
)


def texts(parser: Parser) -> Iterator[str]:
    """The pieces that are repeated."""
    rng = random.Random(parser.name)
    lines = sorted({line for seed in parser.seeds for line in seed.splitlines(keepends=True) if 1 < len(line) < 2000})
    yield from rng.sample(lines, min(PIECES, len(lines)))
    yield from MARKS
    yield from (
        "\n".join(str(n) for n in range(2000)),
        "".join(f"a{n}=b\n" for n in range(2000)),
        "".join(f"k{n}: v\n" for n in range(2000)),
    )


def spent(read: Callable[[str], object], text: str) -> float:
    """Seconds of CPU for one text, refused or not."""
    began = time.process_time()
    with suppress(Exception):
        read(text)
    return time.process_time() - began


def growth(parser: Parser, piece: str) -> tuple[float, float]:
    """The power of the size, 0 where it is quick; and the seconds at the last size."""
    head = parser.seeds[0].partition("\n")[0] + "\n" if parser.name.startswith("facts") else ""
    made = [head + piece * max(1, size * 1024 // len(piece)) for size in SIZES]  # whole pieces: a cut one may be refused early
    if spent(parser.read, made[-1]) < LEAST:
        return 0.0, 0.0
    times = [min(spent(parser.read, text) for _ in range(3)) for text in made]
    return math.log(max(times[-1], 1e-6) / max(times[-3], 1e-6)) / math.log(len(made[-1]) / len(made[-3])), times[-1]


def main() -> int:
    """Print a line for each reader: the worst growth, its time and its text; the exit code is 1 where one grows faster than allowed."""
    worst = 0.0
    print(f"{'reader':32} {'texts':>5} {'growth':>6} {'128 KiB':>9}  of")
    for parser in table():
        if len(sys.argv) > 1 and sys.argv[1] not in parser.name:
            continue
        found = [(*growth(parser, piece), piece) for piece in texts(parser)]
        power, seconds, piece = max(found)
        if power > ALLOWED:  # once more: others use this machine
            power, seconds = min((power, seconds), growth(parser, piece))
        worst = max(worst, power)
        print(f"{parser.name:32} {len(found):5} {power:6.2f} {seconds * 1000:6.0f} ms  {piece[:40]!r}", flush=True)
    return 1 if worst > ALLOWED else 0


if __name__ == "__main__":
    sys.exit(main())
