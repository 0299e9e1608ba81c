"""One word for one thing (docs/glossary.md): words that were given up stand in no message, no help and no page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.report.rules_page import rules_page
from tools.docs import commands_page

ROOT = Path(__file__).resolve().parent.parent
# what was given up, and what is said now
INSTEAD = {
    r"vacat(?:e|es|ed|ing)": "drain",
    r"settl(?:e|es|ed|ing)": "rejoin, or what is done: verify, uncordon, finish",
    r"(?:un)?shel(?:ve|ves|ved|ving)": "stop (Docker is stopped and kept from starting)",
    r"park(?:s|ed|ing)?": "needs attention",
    r"ways? back": "rollback, or undo",
    r"(?:go|goes|going|went|gone) back": "roll back",
    r"somebody(?:'s)?": "the one who does it: an admin, another client, a program",
    r"anew": "again",
}
GIVEN_UP = re.compile(rf"(?<![\w-])(?:{'|'.join(INSTEAD)})(?![\w-])", re.IGNORECASE)
# path -> words of another program, or of the text's own matter, that stand there rightly
ALLOWED: dict[str, tuple[str, ...]] = {}

NEWLINE = "\n"
CODE = sorted((ROOT / "migrate").rglob("*.py"))
TEXTS = sorted(
    path
    for pattern in (
        "migrate/node/*.sh",
        "migrate/node/README.txt",
        "playbooks/**/*",
        "docs/**/*.md",
        "README.md",
        "CONTRIBUTING.md",
        "tests/**/*.md",
    )
    for path in ROOT.glob(pattern)
    if path.is_file()
)


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Every string of a module with its first line, docstrings and the constant parts of f-strings too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def given_up(name: str, parts: Iterator[tuple[int, str]]) -> list[str]:
    """Where a text says what was given up. A phrase may go over the end of a line."""
    allowed = ALLOWED.get(name, ())
    return [
        f"{name}:{first + text.count(NEWLINE, 0, match.start())}: {match[0]}"
        for first, text in parts
        for match in GIVEN_UP.finditer(re.sub(r"\s", " ", text))
        if match[0] not in allowed
    ]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", CODE, ids=named)
def test_messages(path: Path) -> None:
    assert given_up(named(path), literals(path.read_text("utf-8"))) == []


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_pages_and_the_node_program(path: Path) -> None:
    assert given_up(named(path), iter([(1, path.read_text("utf-8"))])) == []


@pytest.mark.parametrize("page", [commands_page, rules_page], ids=["help", "rules"])
def test_generated_pages(page: object) -> None:
    assert callable(page)
    assert given_up(page.__name__, iter([(1, page())])) == []


@pytest.mark.parametrize("text", ["the node is parked", "it goes\nback to Docker", "The Way Back", "Docker is unshelved", "made anew"])
def test_each_is_seen(text: str) -> None:
    assert len(given_up("x", iter([(1, text)]))) == 1


@pytest.mark.parametrize("text", ["systemctl --park-it", "parker", "shelf", "back to Docker", "settlement"])
def test_others_are_let_through(text: str) -> None:
    assert given_up("x", iter([(1, text)])) == []


def test_what_is_allowed_stands_there() -> None:
    for name, words in ALLOWED.items():
        text = (ROOT / name).read_text("utf-8")
        assert [word for word in words if word not in text] == []
