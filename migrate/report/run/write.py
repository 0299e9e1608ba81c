"""Every format of a run's report by its name."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from migrate.report.html.run import run_html
from migrate.report.plain import messages
from migrate.report.run.junit import run_junit
from migrate.report.run.markdown import run_markdown
from migrate.report.run.model import RunReport
from migrate.report.run.text import run_text
from migrate.report.style import Style
from migrate.report.yaml_text import yaml_text

RUN_FORMS: dict[str, Callable[[RunReport, Style], str]] = {
    "table": run_text,
    "json": lambda report, _: msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n",
    "yaml": lambda report, _: yaml_text(msgspec.to_builtins(report)),
    "markdown": lambda report, _: run_markdown(report),
    "html": lambda report, _: run_html(report),
    "junit": lambda report, _: run_junit(report),
}


def write_run(report: RunReport, form: str, style: Style) -> str:
    """The report in one of RUN_FORMS; no text in it holds a secret or a terminal's order."""
    return RUN_FORMS[form](messages(report), style)
