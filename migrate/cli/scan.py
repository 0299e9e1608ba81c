"""The scan command: manifests, charts, Compose files, Dockerfiles, scripts, CI and unit files, before they reach a cluster."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from migrate import __version__
from migrate.cli.kubernetes_version import KubernetesMinor
from migrate.cli.options import debug_option, only, target_options
from migrate.cli.saying import Saying, report_options
from migrate.cli.terminal import say
from migrate.errors import NodeUnreadable, UsageError, worst

if TYPE_CHECKING:
    from migrate.report.model import Report
    from migrate.rules import Rule
    from migrate.run.render import Renderers
    from migrate.run.scan import Files
    from migrate.run.walk import LeftOut
    from migrate.targets import Target

BOTH = (
    "target",
    "crio_defaults",
    "all_workloads",
    "form",
    "out",
    "no_headers",
    "show_info",
    "fail_on",
    "waive",
    "waivers",
    "color",
    "min_confidence",
    "kubernetes",
)

PIPED = "kubectl get all,cm -A -o json | docker2cri scan -"
OF_LIVE = ("live", "kubeconfig", "context")
OF_FILES = ("values", "sets", "kube_version", "no_render", "exclude", "gitignore")


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...|-")
@click.option("--live", is_flag=True, help="Judge the workloads of a cluster in place of files: through the API alone, no node is read.")
@click.option("--kubeconfig", type=click.Path(), help="With --live: kubeconfig (default: KUBECONFIG, then ~/.kube/config).")
@click.option("--context", help="With --live: kubeconfig context.")
@target_options
@click.option("--all-workloads", is_flag=True, help="Parse every document, and list workloads without findings too.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out paths, as a line of a .gitignore in each PATH would.")
@click.option("--gitignore", is_flag=True, help="Leave out what .gitignore files below each PATH leave out.")
@click.option("-f", "--values", multiple=True, type=click.Path(), metavar="FILE", help="Values for Helm charts.")
@click.option(
    "--kubernetes",
    type=KubernetesMinor(),
    metavar="1.NN",
    help="Version of the Pod Security levels (default: the cluster's, or the newest).",
)
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Values for Helm charts, as helm takes them.")
@click.option(
    "--kube-version", metavar="1.NN", help="The version of Kubernetes that charts are rendered for (default: that of --kubernetes)."
)
@click.option("--no-render", is_flag=True, help="Start neither helm nor kubectl: read charts and kustomizations by their files.")
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
    sets: tuple[str, ...],
    kube_version: str | None,
    no_render: bool,
    exclude: tuple[str, ...],
    gitignore: bool,
    kubernetes: tuple[int, int] | None,
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
    only(
        (*BOTH, *(OF_LIVE if live else OF_FILES)),
        "scan --live" if live else "scan PATH",
    )
    infos = saying.info or saying.fail_on is Severity.INFO
    asked = tuple(rule for rule in RULES if infos or rule.severity is not Severity.INFO)
    unseen = [] if infos else [("rules of severity info", "they are asked with --info")]
    if live:
        return saying.say(_live(target, asked, unseen, all_workloads, kubeconfig, context, kubernetes))
    from migrate.manifests.ignore import patterns
    from migrate.run.render import Renderers
    from migrate.run.walk import LeftOut

    for file in values:
        if not os.path.isfile(file):
            raise UsageError(seen=f"--values {file}: no such file", expected="a file of values", next=f"ls {shlex.quote(file)}")
    rendered_for = kube_version or (f"{kubernetes[0]}.{kubernetes[1]}" if kubernetes else "")
    renderers = Renderers(values=values, sets=sets, kube_version=rendered_for, off=no_render)
    return _files(paths, target, asked, unseen, all_workloads, renderers, LeftOut(patterns(exclude), gitignore), kubernetes, saying)


def _live(
    target: Target,
    asked: tuple[Rule, ...],
    unseen: list[tuple[str, str]],
    everything: bool,
    kubeconfig: str | None,
    context: str | None,
    kubernetes: tuple[int, int] | None,
) -> Report:
    from migrate.report.build import build_report
    from migrate.report.model import NotChecked
    from migrate.run.clock import SystemClock
    from migrate.run.kube.client import connect
    from migrate.run.kube.roll import roll

    cluster = connect(kubeconfig=kubeconfig, context=context, environ=os.environ, clock=SystemClock(), role="scan")
    found = roll(cluster, target, asked, kubernetes=kubernetes)
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
        kubernetes=kubernetes,
        not_checked=[NotChecked(what=what, reason=reason) for what, reason in unseen],
    )


def _files(
    paths: tuple[str, ...],
    target: Target,
    asked: tuple[Rule, ...],
    unseen: list[tuple[str, str]],
    everything: bool,
    renderers: Renderers,
    limits: LeftOut,
    kubernetes: tuple[int, int] | None,
    saying: Saying,
) -> int:
    from migrate.rules.ground import Ground
    from migrate.rules.scan import Scan
    from migrate.run.scan import Files

    files = Files(Scan(Ground(target, kubernetes=kubernetes), asked, everything=everything), renderers, limits)
    files.paths(paths, sys.stdin.buffer)
    code = saying.say(_report(files, unseen))
    for file in files.unreadable:
        to_do = f"ls -l {shlex.quote(file.path)}" if file.path else PIPED
        told = NodeUnreadable(seen=f"{file.what}: {file.reason}", expected="a file that can be read", next=to_do)
        say(str(told))
    return worst([code, NodeUnreadable.exit_code if files.unreadable else 0])


def _report(files: Files, unseen: list[tuple[str, str]]) -> Report:
    from msgspec.structs import replace

    from migrate.report.build import build_report
    from migrate.report.inline import waive_inline
    from migrate.report.model import NotChecked
    from migrate.run.clock import SystemClock

    now = SystemClock().now()
    judged, scan = files.scan.judged, files.scan
    told = files.told
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
        kubernetes=scan.ground.kubernetes,
        not_checked=[NotChecked(what=what, reason=reason) for what, reason in (*told, *unseen)],
    )
    report = replace(report, files_read=files.ledger.read, documents_read=scan.documents)
    return waive_inline(report, judged.waivers, now.date(), {rule.code for rule in scan.rules})
