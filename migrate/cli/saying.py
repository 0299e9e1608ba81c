"""How a report leaves the process: its format, its file, what counts as a failure, what is waived; one way for every command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from migrate.cli.options import color_option, group
from migrate.cli.output import OutFile, ReportForm, result, style
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.report.model import Report
    from migrate.report.waivers import FindingWaiver
    from migrate.rules import Confidence, Severity

FORM = ReportForm()


@dataclass(frozen=True, slots=True)
class Saying:
    """How a report is to be said; `fail_on` is None where no finding counts as a failure; `least` is --min-confidence."""

    form: str
    out: str | None
    headers: bool
    info: bool
    fail_on: Severity | None
    waivers: tuple[FindingWaiver, ...]
    color: str
    least: Confidence

    def say(self, report: Report) -> int:
        """Write the report; 3 when a finding at or above --fail-on stands, else 0. Raises UsageError."""
        from migrate.report.causes import fails
        from migrate.report.sure import sure_enough
        from migrate.report.waivers import waived
        from migrate.report.write import Wish, write_report
        from migrate.rules.table import OWN_EXIT_CODE
        from migrate.run.clock import SystemClock

        report = sure_enough(report, self.least)
        if self.waivers:
            report = waived(report, self.waivers, SystemClock().now().date())
        wish = Wish(style=style(self.color, self.out), show_info=self.info, headers=self.headers, fail_on=self.fail_on)
        result(write_report(report, self.form, wish), self.out)
        # that the API was not read is told, and weighs, by itself
        return 3 if any(fails(finding, self.fail_on) and finding.code not in OWN_EXIT_CODE for finding in report.findings) else 0


def _saying(
    form: str,
    out: str | None,
    no_headers: bool,
    show_info: bool,
    fail_on: str,
    waive: tuple[str, ...],
    waivers: str | None,
    min_confidence: str,
    color: str,
) -> Saying:
    from migrate.rules import Confidence, Severity

    return Saying(
        form=form,
        out=out,
        headers=not no_headers,
        info=show_info,
        fail_on=None if fail_on == "never" else Severity(fail_on),
        waivers=(*(_in_file(waivers) if waivers else ()), *map(_inline, waive)),
        color=color,
        least=Confidence(min_confidence),
    )


report_options = group(
    "saying",
    _saying,
    click.option("-o", "--output", "form", type=FORM, metavar="FORMAT", default="table", show_default=True, help=f"{FORM.metavar}."),
    click.option("--out", type=OutFile(), metavar="FILE", help="Write the report to this file."),
    click.option("--no-headers", is_flag=True, help="No header lines in tables and CSV."),
    click.option("--info", "show_info", is_flag=True, help="Show info findings in the table too."),
    click.option(
        "--fail-on",
        type=click.Choice(["blocker", "warning", "info", "never"]),
        default="blocker",
        show_default=True,
        help="Findings that exit with 3.",
    ),
    click.option(
        "--min-confidence",
        type=click.Choice(["seen", "could-reach", "text-only"]),
        default="text-only",
        show_default=True,
        help="Leave out findings of less confidence: could-reach is a mount of a parent folder, text-only a word of a text.",
    ),
    click.option(
        "--waive", multiple=True, metavar="CODE[:SUBJECT]=REASON", help="Waive for --fail-on; @2027-01-31 at the end is the last day."
    ),
    click.option("--waivers", type=click.Path(), metavar="FILE", help="Waivers in YAML: a list of code, subject, reason, until."),
    color_option,
)


def _in_file(path: str) -> tuple[FindingWaiver, ...]:
    from migrate.formats import FormatError, yaml_read
    from migrate.report.waivers import read_waivers

    try:
        return read_waivers(yaml_read.load(Path(path).read_text("utf-8")))
    except OSError as wrong:
        raise _unusable(path, wrong.strerror or str(wrong)) from wrong
    except (FormatError, ValueError) as wrong:
        raise _unusable(path, str(wrong)) from wrong


def _inline(text: str) -> FindingWaiver:
    from migrate.report.waivers import inline

    try:
        return inline(text)
    except ValueError as wrong:
        raise UsageError(
            seen=f"--waive {text}: {wrong}",
            expected='CODE="reason", or CODE:SUBJECT="reason"',
            next='--waive D2C130="the job is removed"',
        ) from wrong


def _unusable(path: str, seen: str) -> UsageError:
    return UsageError(
        seen=f"{path}: {seen}", expected="a YAML list of waivers: code, reason, and if wanted subject and until", next="fix the file"
    )
