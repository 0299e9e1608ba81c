"""How a report leaves the process: its format, its file, what counts as a failure, what is waived; one way for every command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migrate.cli.options import result, style
from migrate.errors import UsageError

if TYPE_CHECKING:
    from migrate.report.model import Report
    from migrate.report.waivers import FindingWaiver

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = "table|wide|json|yaml|jsonl|csv|markdown|html|sarif|junit|custom-columns=SPEC"


def report_options(command: F) -> F:
    """The options of commands that write a report; `say` takes them."""
    options = [
        click.option("-o", "--output", "form", metavar="FORMAT", default="table", show_default=True, help=f"{FORMATS}."),
        click.option("--out", type=click.Path(), metavar="FILE", help="Write the report to this file."),
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
            "--waive",
            multiple=True,
            metavar="CODE[:SUBJECT]=REASON",
            help="Waive for --fail-on; @2027-01-31 at the end is the last day.",
        ),
        click.option("--waivers", type=click.Path(), metavar="FILE", help="Waivers in YAML: a list of code, subject, reason, until."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def say(report: Report, options: dict[str, Any]) -> int:
    """Write the report as the options want it; 3 when a finding at or above --fail-on stands, else 0. Raises UsageError."""
    from migrate.report.causes import fails
    from migrate.report.waivers import waived
    from migrate.report.write import Wish, write_report
    from migrate.rules import Severity
    from migrate.run.clock import SystemClock

    waivers = _waivers(options)
    if waivers:
        report = waived(report, waivers, SystemClock().now().date())
    fail_on = None if options["fail_on"] == "never" else Severity(options["fail_on"])
    wish = Wish(
        style=style(options["color"], options["out"]),
        show_info=options["show_info"],
        headers=not options["no_headers"],
        fail_on=fail_on,
    )
    try:
        text = write_report(report, options["form"], wish)
    except ValueError as wrong:
        again = f"-o html --out {options['form']}" if "." in options["form"] and "=" not in options["form"] else "-o table"
        raise UsageError(seen=f"-o {options['form']}: {wrong}", expected=f"-o {FORMATS}", next=again) from wrong
    result(text, options["out"])
    # that the API was not read is told, and weighs, by itself
    return 3 if any(fails(one, fail_on) and one.slug != "cluster-not-read" for one in report.findings) else 0


def _waivers(options: dict[str, Any]) -> list[FindingWaiver]:
    from migrate.formats import FormatError, yaml_read
    from migrate.report.waivers import inline, read_waivers

    found: list[FindingWaiver] = []
    if path := options["waivers"]:
        try:
            found += read_waivers(yaml_read.load(Path(path).read_text("utf-8")))
        except OSError as wrong:
            raise _unusable(path, wrong.strerror or str(wrong)) from wrong
        except (FormatError, ValueError) as wrong:
            raise _unusable(path, str(wrong)) from wrong
    for text in options["waive"]:
        try:
            found.append(inline(text))
        except ValueError as wrong:
            raise UsageError(
                seen=f"--waive {text}: {wrong}",
                expected='CODE="reason", or CODE:SUBJECT="reason"',
                next='--waive D2C130="the job is removed"',
            ) from wrong
    return found


def _unusable(path: str, seen: str) -> UsageError:
    return UsageError(
        seen=f"{path}: {seen}", expected="a YAML list of waivers: code, reason, and if wanted subject and until", next="mend the file"
    )
