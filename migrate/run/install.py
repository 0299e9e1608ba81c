"""What nodes lack, asked of their own package managers or taken from bundles, and the plans that install it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from migrate.errors import MigrateError, UsageError
from migrate.facts.model import Unreadable
from migrate.facts.package_managers import question
from migrate.facts.parse.transaction import transaction
from migrate.facts.transaction import Transaction
from migrate.plan.install import Lacking, NotInstallable, by_bundle, by_packages, install_plan, lacking, without
from migrate.plan.model import NodePlan
from migrate.plan.steps import InstallRuntime
from migrate.rules import Finding, NodeView
from migrate.rules.judge import Inspected
from migrate.run.bundle import Bundle, read_bundle
from migrate.run.fleet import map_hosts
from migrate.run.ports import Host, HostTarget
from migrate.run.session import Look
from migrate.run.ssh.connect import Connector

ASK_SECONDS = 300.0  # a package manager may fetch its repositories' lists first


@dataclass(frozen=True, slots=True)
class Sources:
    """Where missing things may come from: the nodes' package managers, and bundles on this machine."""

    packages: bool
    bundles: tuple[Bundle, ...]


def install_plans(seen: Look, found: Sequence[Inspected], sources: Sources, *, forks: int, saved: str | None = None) -> dict[str, NodePlan]:
    """A plan for every node that lacks something, by host; none for the others. `forks` nodes are asked at a time.

    Raises UsageError when package managers are to be asked and there are `saved` readings (their directory) instead of nodes.
    """
    views = {inspected.host: inspected.view for inspected in found if inspected.view is not None}
    findings = {inspected.host: inspected.findings for inspected in found}
    wanted = {host: needs for host, view in views.items() if (needs := lacking(view)) is not None}
    if sources.packages and saved and wanted:
        raise UsageError(
            seen=f"--install packages with --from {saved}",
            expected="nodes, whose package managers are asked what they would do",
            next="leave --from out, or name a static tarball: --install FILE",
        )
    begun = {host: _from_bundles(views[host], needs, sources.bundles) for host, needs in wanted.items()}
    asked = {host: rest for host, (_, rest, refused) in begun.items() if rest and not refused} if sources.packages else {}
    answers = _ask([machine.target for machine in seen.machines if machine.target and machine.host in asked], asked, forks)
    plans = {}
    for host, (steps, rest, refused) in begun.items():
        if rest and not refused:
            more, refused = _rest(views[host], rest, answers.get(host))
            steps += more
        plans[host] = install_plan(views[host], findings[host], steps, refused)
    return plans


def install_again(view: NodeView, findings: tuple[Finding, ...], plan: NodePlan, connect: Callable[[], Host]) -> NodePlan:
    """What would be planned for a node now that lacks something, from where the plan took it.

    Raises UsageError for a tarball that cannot be used, and what `connect` raises.
    """
    wanted = lacking(view)
    if wanted is None:
        return install_plan(view, findings, ())
    bundles = tuple(read_bundle(step.bundle.path, (view.target.bundle,), step.bundle.sha256) for step in plan.installs if step.bundle)
    steps, rest, refused = _from_bundles(view, wanted, bundles)
    if rest and not refused:
        asked = any(step.bundle is None for step in plan.installs)
        more, refused = _rest(view, rest, _transaction(connect, rest) if asked else None)
        steps += more
    return install_plan(view, findings, steps, refused)


Begun = tuple[list[InstallRuntime], Lacking | None, list[NotInstallable]]


def _from_bundles(view: NodeView, wanted: Lacking, bundles: Iterable[Bundle]) -> Begun:
    """What comes from the bundle of this target, and what is still lacking then."""
    mine = next((bundle for bundle in bundles if bundle.layout == view.target.bundle), None)
    if mine is None or not wanted.runtime:
        return [], wanted, []
    try:
        step = by_bundle(view, wanted, mine.source, mine.version, mine.arch)
    except NotInstallable as wrong:
        return [], wanted, [wrong]
    return [step], without(wanted, step), []


def _rest(
    view: NodeView, rest: Lacking, answer: Transaction | Unreadable | MigrateError | None
) -> tuple[list[InstallRuntime], list[NotInstallable]]:
    code = rest.code
    needs = ", ".join(rest.packages)
    match answer:
        case None:
            what = f"{view.target.title} and its tools" if rest.runtime else ", ".join(program for program, _ in rest.tools)
            wrong = NotInstallable(code, f"{what}: not in the tarballs that were named", "add --install packages, or install it by hand")
        case MigrateError():
            wrong = NotInstallable(code, f"its package manager was not asked about {needs}: {answer.seen}", answer.next)
        case Unreadable():
            wrong = NotInstallable(
                code, f"its package manager's answer about {needs} cannot be read: {answer.reason}", "install it by hand"
            )
        case Transaction():
            try:
                return [by_packages(view, rest, answer)], []
            except NotInstallable as refused:
                wrong = refused
    return [], [wrong]


def _ask(targets: Sequence[HostTarget], wanted: Mapping[str, Lacking], forks: int) -> dict[str, Transaction | Unreadable | MigrateError]:
    connector = Connector()

    def ask(target: HostTarget) -> Transaction | Unreadable:
        return _transaction(lambda: connector.open(target), wanted[target.name])

    return map_hosts(targets, ask, forks=forks)


def _transaction(connect: Callable[[], Host], wanted: Lacking) -> Transaction | Unreadable:
    with connect() as host:
        done = host.run(question(wanted.packages).encode(), timeout=ASK_SECONDS)
    return transaction(done.stdout.decode("utf-8", "replace"), done.rc)
