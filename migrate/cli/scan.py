"""The scan command: manifests, charts, Compose files, Dockerfiles, scripts, CI and unit files, before they reach a cluster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from migrate import __version__
from migrate.cli.options import result, style
from migrate.errors import NodeUnreadable, UsageError, worst

if TYPE_CHECKING:
    from migrate.report.model import Report
    from migrate.run.scan import Files
    from migrate.targets import Target


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...|-", required=True)
@click.option("--to", "target", type=click.Choice(["containerd"]), default="containerd", show_default=True, help="Runtime to move to.")
@click.option("--all-workloads", is_flag=True, help="Parse every document, and list workloads without findings too.")
@click.option("-f", "--values", multiple=True, type=click.Path(), metavar="FILE", help="Values for Helm charts.")
@click.option(
    "-o",
    "--output",
    "form",
    default="table",
    show_default=True,
    metavar="FORM",
    help="table, wide, json, yaml, jsonl, csv, markdown, html, sarif, junit.",
)
@click.option("--out", type=click.Path(), metavar="FILE", help="Write the report to this file.")
@click.option("--info", "show_info", is_flag=True, help="Look for info findings too.")
@click.option(
    "--fail-on",
    type=click.Choice(["blocker", "warning", "info", "never"]),
    default="blocker",
    show_default=True,
    help="Findings that exit with 3.",
)
@click.option(
    "--color", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True, help="Colours (NO_COLOR is honoured)."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an unexpected error.")
def scan(
    paths: tuple[str, ...],
    target: str,
    all_workloads: bool,
    values: tuple[str, ...],
    form: str,
    out: str | None,
    show_info: bool,
    fail_on: str,
    color: str,
) -> int:
    """Say what in files would break when nodes leave Docker, with file, line and column. Reads; asks no cluster."""
    from migrate.report.write import Wish, write_report
    from migrate.rules import Severity
    from migrate.rules.ground import Ground
    from migrate.rules.scan import Scan
    from migrate.rules.table import RULES
    from migrate.run.render import Renderers
    from migrate.run.scan import Files
    from migrate.targets.table import target_named

    chosen = target_named(target)
    assert chosen is not None  # click checked the choice
    asked = tuple(one for one in RULES if show_info or fail_on == "info" or one.severity is not Severity.INFO)
    files = Files(Scan(Ground(chosen), asked, everything=all_workloads), Renderers(values=values))
    files.paths(paths, sys.stdin.buffer)
    made = _report(files, chosen)
    limit = None if fail_on == "never" else Severity(fail_on)
    try:
        result(write_report(made, form, Wish(style(color, out), show_info, fail_on=limit)), out)
    except ValueError as wrong:
        raise UsageError(seen=f"-o {form}: {wrong}", expected="one of the forms", next="docker2cri scan --help") from wrong
    for one in files.unreadable:
        click.echo(
            str(NodeUnreadable(seen=f"{one.what}: {one.reason}", expected="a file that can be read", next=f"ls -l {one.what}")), err=True
        )
    heavy = limit is not None and any(one.severity.rank <= limit.rank and not one.settled for one in made.findings)
    return worst([3 if heavy else 0, 4 if files.unreadable else 0])


def _report(files: Files, target: Target) -> Report:
    from msgspec.structs import replace

    from migrate.report.build import build_report
    from migrate.report.inline import waive_inline
    from migrate.report.model import NotChecked
    from migrate.run.clock import SystemClock

    now = SystemClock().now()
    judged, scan = files.scan.judged, files.scan
    unread = [NotChecked(what=one.what, reason=one.reason) for one in files.unreadable]
    passed = scan.documents - scan.parsed
    if passed:
        unread.append(
            NotChecked(
                what=f"{passed} of {scan.documents} documents",
                reason="they hold no word that a rule looks for; --all-workloads reads them too",
            )
        )
    report = build_report(
        workloads=judged.workloads,
        findings=judged.findings,
        target=target,
        tool=__version__,
        taken=int(now.timestamp()),
        kind="scan",
        not_checked=unread,
    )
    return waive_inline(replace(report, notes=(*report.notes, *files.rendered)), judged.waivers, now.date())
