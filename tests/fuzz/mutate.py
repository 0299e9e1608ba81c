"""Mutations of a text: what a broken or hostile writer makes of it, a few at a time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

ODD = (
    *(
        "²",
        "٣",
        "९",
        "\x00",
        "\x1b[31m",
        "\x1b]0;t\x07",
        "\ufeff",
        "\u202e",
        "\u2028",
        "\x85",
        "\ud7ff",
        "\U0001f600",
        "\ufffd",
        "é",
        "\xa0",
    ),
    *(
        "-",
        "--",
        "-1",
        "+1",
        "0",
        "08",
        "0x",
        "1e999",
        "NaN",
        "Infinity",
        "-0",
        "1_000",
        "9" * 20,
        "9" * 4400,
        "٣" * 4400,
        "x97",
        "null",
        "true",
    ),
    *("[", "]", "{", "}", "[" * 70, "[" * 3000, "{" * 3000, '{"a":' * 2000, "(" * 3000, "a." * 500, "- " * 300, "? " * 200),
    *('"', "'", '"""', "\\", "\\u0000", "\\ud800", "\\x", "`", "$", "${", "$(", "{{", "}}", "%s", "%", "*", "&a ", "*a ", "!!x ", "<<: "),
    *("\n", "\r", "\r\n", "\n\n", "\t", " " * 50, "#", ";", ":", "=", ",", "|", "@", "..", "/", "//", "~", "---\n", "\n---\n", "...\n"),
    *("=" * 300, "-" * 300, "#" * 300, "a" * 3000, "\\" * 301, "A=" * 300, "//@" * 100, "[a:c]" * 8),
)


def mutated(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """The text with one to four changes; `others` are texts to take parts of."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4))):
        text = rng.choice(_WAYS)(rng, text, others)[:200_000]
    return text


def _span(rng: random.Random, text: str) -> tuple[int, int]:
    start = rng.randint(0, len(text))
    return start, min(len(text), start + rng.choice((0, 1, 1, 2, 4, 16, 200)))


def _put(rng: random.Random, text: str, others: Sequence[str]) -> str:
    start, end = _span(rng, text)
    return text[:start] + rng.choice(ODD) + text[end:]


def _word(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """One word between blanks, quotes or signs becomes another."""
    start, _ = _span(rng, text)
    end = start
    while end < len(text) and text[end] not in ' \t\n",=:[]{}<>|/':
        end += 1
    return text[:start] + rng.choice(ODD) + text[end:]


def _cut(rng: random.Random, text: str, others: Sequence[str]) -> str:
    start, end = _span(rng, text)
    return text[:start] + (text[end:] if rng.random() < 0.7 else "")


def _again(rng: random.Random, text: str, others: Sequence[str]) -> str:
    start, end = _span(rng, text)
    return text[:end] + text[start:end] * rng.choice((1, 2, 100)) + text[end:]


def _spliced(rng: random.Random, text: str, others: Sequence[str]) -> str:
    other = rng.choice(others)
    return text[: rng.randint(0, len(text))] + other[rng.randint(0, len(other)) :]


def _line(rng: random.Random, text: str, others: Sequence[str]) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    lines[at : at + 1] = rng.choice(([], [lines[at]] * 2, [rng.choice(lines)], ["  " + lines[at]], [rng.choice(ODD)]))
    return "\n".join(lines)


def _letter(rng: random.Random, text: str, others: Sequence[str]) -> str:
    start = rng.randint(0, max(0, len(text) - 1))
    return text[:start] + chr(rng.choice((rng.randrange(128), rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)))) + text[start + 1 :]


def _typed(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """In JSON: one value becomes one of another type."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _put(rng, text, others)
    places: list[Callable[[object], None]] = []

    def walk(node: object) -> None:
        for key, inner in list(node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()):
            places.append(lambda new, node=node, key=key: node.__setitem__(key, new))  # type: ignore[misc]
            walk(inner)

    walk(value)
    if places:
        odd = ("", "²", "x" * 300, 0, -1, 2**63, 10**30, 1.5, 1e308, True, None, [], {}, [[]], {"": None}, ["\ud83d\ude00", 3], "1" * 5000)
        rng.choice(places)(rng.choice(odd))
    return json.dumps(value)


_WAYS = (_put, _put, _word, _word, _cut, _again, _spliced, _line, _letter, _typed)
