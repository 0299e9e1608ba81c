"""The one way to a terminal: what nodes, files and clusters wrote is made printable, masked where it is a message, and never markup.

What does that is imported where it is used: `--help` pays for every import.
"""

from __future__ import annotations

import re

import click

STYLED = r"(\x1b\[(?:{code})(?:;(?:{code}))*m)"


def say(text: str, *, err: bool = True, nl: bool = True) -> None:
    """Print a message, on standard error unless told otherwise."""
    from migrate.report.plain import message

    click.echo(message(text), nl=nl, err=err)


def show(text: str) -> None:
    """Print a result whose text is masked already; of terminal escapes only those of report/style.py stay."""
    from migrate.facts.redact import printable
    from migrate.report.style import CODES

    styled = re.compile(STYLED.format(code="|".join(["0", *CODES.values()])))
    click.echo("".join(part if at % 2 else printable(part) for at, part in enumerate(styled.split(text))), nl=False, color=True)


def ask(question: str) -> bool:
    """Ask yes or no, on standard error."""
    from migrate.report.plain import message

    return click.confirm(message(question), err=True)
