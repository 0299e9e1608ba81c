"""What the commands that change nodes have in common: how they ask, and where they tell it."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import click

from migrate.cli.options import group
from migrate.cli.output import Form
from migrate.cli.terminal import ask
from migrate.errors import Refused, UsageError

FORM = Form("text", "json")
form_option = click.option(
    "-o", "--output", "form", type=FORM, metavar="FORMAT", default="text", show_default=True, help=f"{FORM.metavar}."
)


@dataclass(frozen=True, slots=True)
class Acting:
    """How a command that changes nodes asks and tells."""

    form: str
    yes: bool
    events: str | None

    def confirm(self, question: str, again: str) -> None:
        """Ask, unless --yes was given; raises Refused where nobody can be asked or the answer is no."""
        if self.yes:
            return
        if not sys.stdin.isatty():
            raise Refused(seen="no terminal to ask on", expected="--yes, or a terminal", next=again)
        if not ask(question):
            raise Refused(seen="not confirmed", expected="yes", next=again)


def _acting(form: str, yes: bool, events: str | None) -> Acting:
    if form == "json" and events == "-":
        raise UsageError(seen="--events - with -o json", expected="one of them on standard output", next="--events FILE")
    return Acting(form, yes, events)


check_option = click.option(
    "--check", is_flag=True, help="Tell what would be done; look at all that is looked at before, and change nothing."
)

acting_options = group(
    "acting",
    _acting,
    form_option,
    click.option("--yes", is_flag=True, help="Do not ask."),
    click.option("--events", metavar="FILE", help="Write every event as a line of JSON (- is standard output)."),
)
