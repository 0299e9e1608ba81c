"""Every output format by its name, written from the one published model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from migrate.report.html import html
from migrate.report.junit import junit
from migrate.report.markdown import markdown
from migrate.report.model import Report, dump_report
from migrate.report.plain import plain
from migrate.report.records import columns, csv_text, json_lines
from migrate.report.sarif import sarif
from migrate.report.style import Style
from migrate.report.table import table
from migrate.report.yaml_text import yaml_text
from migrate.rules import Severity

PLAIN = Style()
CUSTOM = "custom-columns="


@dataclass(frozen=True, slots=True)
class Wish:
    """How it is to be said. `fail_on` is what `--fail-on` says, None for never; `headers` are those of tables and CSV."""

    style: Style = PLAIN
    show_info: bool = False
    headers: bool = True
    fail_on: Severity | None = Severity.BLOCKER


Writer = Callable[[Report, Wish], str]

FORMS: dict[str, Writer] = {
    "table": lambda report, wish: table(report, wish.style, show_info=wish.show_info, headers=wish.headers),
    "wide": lambda report, wish: table(report, wish.style, headers=wish.headers, wide=True),
    "json": lambda report, _: dump_report(report),
    "yaml": lambda report, _: yaml_text(_builtins(report)),
    "jsonl": lambda report, _: json_lines(report),
    "csv": lambda report, wish: csv_text(report, headers=wish.headers),
    "markdown": lambda report, _: markdown(report),
    "html": lambda report, _: html(report),
    "sarif": lambda report, _: sarif(report),
    "junit": lambda report, wish: junit(report, wish.fail_on),
}


def write_report(report: Report, form: str, wish: Wish | None = None) -> str:
    """The report in one of FORMS, or in `custom-columns=SPEC`. Raises ValueError for another form and for a SPEC that cannot be used."""
    clean, wanted = plain(report), wish or Wish()
    if form.startswith(CUSTOM):
        return columns(clean, form.removeprefix(CUSTOM), headers=wanted.headers)
    if form not in FORMS:
        raise ValueError(f"{form!r} is none of {', '.join(FORMS)}, {CUSTOM}SPEC")
    return FORMS[form](clean, wanted)


def _builtins(report: Report) -> Any:
    return msgspec.to_builtins(report)
