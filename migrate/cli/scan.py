"""The scan command: manifests, charts, Compose files, Dockerfiles, scripts, CI and unit files, before they reach a cluster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from migrate import __version__
from migrate.cli.options import debug_option, only, target_options
from migrate.cli.saying import Saying, report_options
from migrate.errors import NodeUnreadable, UsageError, worst

if TYPE_CHECKING:
    from migrate.report.model import Report
    from migrate.rules import Rule
    from migrate.run.scan import Files
    from migrate.targets import Target

BOTH = ("target", "crio_defaults", "all_workloads", "form", "out", "no_headers", "show_info", "fail_on", "waive", "waivers", "color")


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...|-")
@click.option("--live", is_flag=True, help="Judge the workloads of a cluster in place of files: through the API alone, no node is read.")
@click.option("--kubeconfig", type=click.Path(), help="With --live: kubeconfig (default: KUBECONFIG, then ~/.kube/config).")
@click.option("--context", help="With --live: kubeconfig context.")
@target_options
@click.option("--all-workloads", is_flag=True, help="Parse every document, and list workloads without findings too.")
@click.option("-f", "--values", multiple=True, type=click.Path(), metavar="FILE", help="Values for Helm charts.")
@report_options
@debug_option
def scan(
    paths: tuple[str, ...],
    live: bool,
    kubeconfig: str | None,
    context: str | None,
    target: Target,
    all_workloads: bool,
    values: tuple[str, ...],
    saying: Saying,
) -> int:
    """Say what in files would break when nodes leave Docker, with file, line and column. Reads; without --live it asks no cluster.

    Rules of severity info are asked with --info or --fail-on info only.
    """
    from migrate.rules import Severity
    from migrate.rules.table import RULES

    if live == bool(paths):
        seen = "--live and paths" if live else "nothing to scan"
        raise UsageError(seen=seen, expected="files, folders or - for standard input; or --live", next="docker2cri scan PATH")
    only((*BOTH, "live", "kubeconfig", "context") if live else (*BOTH, "values"), "scan --live" if live else "scan PATH")
    infos = saying.info or saying.fail_on is Severity.INFO
    asked = tuple(rule for rule in RULES if infos or rule.severity is not Severity.INFO)
    unseen = [] if infos else [("rules of severity info", "they are asked with --info")]
    if live:
        return saying.say(_live(target, asked, unseen, all_workloads, kubeconfig, context))
    return _files(paths, target, asked, unseen, all_workloads, values, saying)


def _live(
    target: Target, asked: tuple[Rule, ...], unseen: list[tuple[str, str]], everything: bool, kubeconfig: str | None, context: str | None
) -> Report:
    import os

    from migrate.report.build import build_report
    from migrate.report.model import NotChecked
    from migrate.run.clock import SystemClock
    from migrate.run.kube.client import connect
    from migrate.run.kube.roll import roll

    cluster = connect(kubeconfig=kubeconfig, context=context, environ=os.environ, clock=SystemClock())
    found = roll(cluster, target, asked)
    told = tuple(workload for workload in found.workloads if everything or workload.findings)
    unseen.append((f"{len(found.cluster.nodes)} nodes", "only the API was asked; inspect reads nodes"))
    unseen.append(("ConfigMaps", "they are not read here; inspect --config-maps does"))
    if quiet := len(found.workloads) - len(told):
        unseen.append((f"{quiet} workloads without findings", "they were judged and are not listed; --all-workloads does"))
    return build_report(
        workloads=told,
        target=target,
        tool=__version__,
        taken=found.cluster.taken,
        kind="scan",
        cluster=found.cluster,
        name=context or "",
        not_checked=[NotChecked(what=what, reason=reason) for what, reason in unseen],
    )


def _files(
    paths: tuple[str, ...],
    target: Target,
    asked: tuple[Rule, ...],
    unseen: list[tuple[str, str]],
    everything: bool,
    values: tuple[str, ...],
    saying: Saying,
) -> int:
    from migrate.rules.ground import Ground
    from migrate.rules.scan import Scan
    from migrate.run.render import Renderers
    from migrate.run.scan import Files

    files = Files(Scan(Ground(target), asked, everything=everything), Renderers(values=values))
    files.paths(paths, sys.stdin.buffer)
    code = saying.say(_report(files, unseen))
    for file in files.unreadable:
        told = NodeUnreadable(seen=f"{file.what}: {file.reason}", expected="a file that can be read", next=f"ls -l {file.what}")
        click.echo(str(told), err=True)
    return worst([code, NodeUnreadable.exit_code if files.unreadable else 0])


def _report(files: Files, unseen: list[tuple[str, str]]) -> Report:
    from msgspec.structs import replace

    from migrate.report.build import build_report
    from migrate.report.inline import waive_inline
    from migrate.report.model import NotChecked
    from migrate.run.clock import SystemClock

    now = SystemClock().now()
    judged, scan = files.scan.judged, files.scan
    told = [(file.what, file.reason) for file in files.unreadable]
    if passed := scan.documents - scan.parsed:
        reason = "they hold no word that a rule looks for; --all-workloads reads them too"
        told.append((f"{passed} of {scan.documents} documents", reason))
    report = build_report(
        workloads=judged.workloads,
        findings=judged.findings,
        target=scan.ground.target,
        tool=__version__,
        taken=int(now.timestamp()),
        kind="scan",
        not_checked=[NotChecked(what=what, reason=reason) for what, reason in (*told, *unseen)],
    )
    return waive_inline(replace(report, notes=(*report.notes, *files.rendered)), judged.waivers, now.date())
