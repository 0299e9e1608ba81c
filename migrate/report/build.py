"""From judged values to the published report: findings merged over nodes, stacks and file changes told once, everything counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from migrate.facts.cluster import ClusterFacts
from migrate.formats import version
from migrate.plan.model import NodePlan, Plan
from migrate.report.machines import node_of
from migrate.report.merge import merged
from migrate.report.model import (
    FORMAT,
    FileDiff,
    Location,
    NotChecked,
    PodSecurity,
    Report,
    ReportedFinding,
    ReportedNode,
    ReportedWorkload,
    RuleText,
    Stack,
    State,
    Summary,
)
from migrate.report.plain import message
from migrate.report.stack import stack
from migrate.rules import Finding, NodeRule, Severity
from migrate.rules.files import FileRule
from migrate.rules.judge import Inspected, JudgedWorkload
from migrate.rules.pod_security import checks_of
from migrate.rules.table import RULES
from migrate.rules.text import filled, values_of
from migrate.rules.workload_rule import WorkloadRule
from migrate.targets import Target
from migrate.targets.table import target_named

LEVELS: dict[str, PodSecurity] = {"privileged": "privileged", "baseline": "baseline", "restricted": "restricted"}
INSIDE = NotChecked(what="what runs inside containers", reason="specifications, files and sockets were read; no program was run or traced")


def build_report(
    nodes: tuple[Inspected, ...] = (),
    workloads: tuple[JudgedWorkload, ...] = (),
    *,
    target: Target,
    tool: str,
    taken: int,
    kind: str = "inspect",
    cluster: ClusterFacts | None = None,
    name: str = "",
    next_kubernetes: tuple[int, int] | None = None,
    kubernetes: tuple[int, int] | None = None,
    plans: tuple[NodePlan, ...] = (),
    findings: Iterable[Finding] = (),
    not_checked: Iterable[NotChecked] = (),
) -> Report:
    """The report of an inspection (`nodes` judged from redacted captures) or of a scan (`kind="scan"`, `workloads` of files).

    `kubernetes` is the version whose Pod Security checks were asked for, None for the cluster's.
    `taken` is in seconds since the epoch, `name` is what the cluster is called (a kubeconfig context). `plans` add their file changes.
    `findings` are of neither node nor workload (a script, a compose file); `not_checked` is what only the caller knows.
    """
    told = merged([(node.host, node.view.name if node.view else node.host, node.findings) for node in nodes], workloads, findings)
    stacks, of_host = _stacks(nodes, target)
    unread = (NotChecked(what=f"node {node.host}", reason=message(node.error or "").splitlines()[0]) for node in nodes if node.view is None)
    report = Report(
        format=FORMAT,
        kind="scan" if kind == "scan" else "inspect",
        tool=tool,
        taken=moment(taken),
        cluster=name,
        server=cluster.server if cluster else "",
        target=target.name,
        next_kubernetes=".".join(map(str, next_kubernetes or ())),
        pod_security_version=_pod_security_version(kubernetes, cluster) if workloads else "",
        summary=Summary(),
        nodes=tuple(node_of(node, target, of_host.get(node.host, "")) for node in nodes),
        workloads=_workloads(workloads, told),
        findings=told,
        not_checked=(*unread, *_lists(cluster), *not_checked, INSIDE),
        stacks=stacks,
        files=_files(plans),
        rules=rule_texts(told, target),
        asked=tuple(
            f"{rule.code} {rule.slug}"
            for rule in RULES
            if isinstance(rule, (WorkloadRule, FileRule) if kind == "scan" else (NodeRule, WorkloadRule))
        ),
    )
    return counted(report)


def _pod_security_version(kubernetes: tuple[int, int] | None, cluster: ClusterFacts | None) -> str:
    server = version.known(cluster.server) if cluster else None
    return ".".join(map(str, checks_of(kubernetes or (server.release if server else None))))


def plan_report(plan: Plan) -> Report:
    """The report of a saved plan: its findings and file changes. What the machines are is not in a plan, and is said to be not checked."""
    told = merged([(node.host, node.node or node.host, node.findings) for node in plan.nodes], (), ())
    report = Report(
        format=FORMAT,
        kind="plan",
        tool=plan.tool,
        taken=moment(plan.made),
        cluster="",
        server=plan.server,
        target=plan.target,
        next_kubernetes="",
        summary=Summary(),
        nodes=tuple(_planned(node) for node in plan.nodes),
        findings=told,
        not_checked=(NotChecked(what="machines and workloads", reason="a plan does not hold them; docker2cri inspect reads them"), INSIDE),
        files=_files(plan.nodes),
        rules=rule_texts(told, target_named(plan.target)),
        asked=tuple(f"{rule.code} {rule.slug}" for rule in RULES),
    )
    return counted(report)


def counted(report: Report) -> Report:
    """The report with the summary of what is in it."""
    states = [*(node.state for node in report.nodes), *(host.state for host in report.docker_hosts)]
    severities = [finding.severity for finding in report.findings]
    return replace(
        report,
        summary=Summary(
            ready=states.count("ready"),
            needs_work=states.count("needs work"),
            blocked=states.count("blocked"),
            not_read=states.count("not read"),
            nothing_to_do=states.count("nothing to do"),
            workloads=len(report.workloads),
            blockers=severities.count(Severity.BLOCKER),
            warnings=severities.count(Severity.WARNING),
            infos=severities.count(Severity.INFO),
            accepted=sum(finding.accepted is not None for finding in report.findings),
            waived=sum(finding.waived is not None for finding in report.findings),
        ),
    )


def moment(seconds: int) -> str:
    """Seconds since the epoch as RFC 3339 in UTC; empty for 0."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def _planned(plan: NodePlan) -> ReportedNode:
    blocking = [finding for finding in plan.findings if finding.blocks]
    unasked = bool(plan.refusals) and not blocking  # refused for another reason than a finding
    state: State = "blocked" if unasked or any(not finding.acceptable for finding in blocking) else "needs work" if blocking else "ready"
    state = "nothing to do" if plan.nothing else state
    blockers, warnings, infos = (sum(finding.severity is severity for finding in plan.findings) for severity in Severity)
    return ReportedNode(host=plan.host, node=plan.node, state=state, blockers=blockers, warnings=warnings, infos=infos)


def _stacks(nodes: tuple[Inspected, ...], target: Target) -> tuple[tuple[Stack, ...], dict[str, str]]:
    """The distinct stacks, most frequent first, and which one each host has."""
    of_host = {node.host: stack(node.view.facts, target) for node in nodes if node.view}
    distinct = [pair for pair, _ in Counter(of_host.values()).most_common()]
    names = {pair: f"stack-{index}" for index, pair in enumerate(distinct, 1)}
    return tuple(Stack(name=names[pair], before=pair[0], after=pair[1]) for pair in distinct), {
        host: names[pair] for host, pair in of_host.items()
    }


def _workloads(workloads: Iterable[JudgedWorkload], told: tuple[ReportedFinding, ...]) -> tuple[ReportedWorkload, ...]:
    counts = Counter((finding.workload, finding.severity) for finding in told)
    return tuple(_workload(judged, *(counts[judged.workload.title, severity] for severity in Severity)) for judged in workloads)


def _workload(judged: JudgedWorkload, blockers: int, warnings: int, infos: int) -> ReportedWorkload:
    known, place = judged.workload, judged.workload.place
    return ReportedWorkload(
        namespace=known.namespace,
        kind=known.kind,
        name=known.name,
        pod_security=LEVELS.get(judged.pod_security, ""),
        replicas=known.replicas,
        pods=len(known.pods),
        nodes=known.nodes,
        blockers=blockers,
        warnings=warnings,
        infos=infos,
        location=Location(path=place.path, line=place.line, column=place.column) if place else None,
    )


def _lists(cluster: ClusterFacts | None) -> Iterable[NotChecked]:
    return (NotChecked(what=f"API: {unreadable.what}", reason=unreadable.reason) for unreadable in (cluster.unreadable if cluster else ()))


def _files(plans: Iterable[NodePlan]) -> tuple[FileDiff, ...]:
    found: dict[tuple[str, bool, str, str], list[str]] = {}
    for node in plans:
        for step in node.files:
            found.setdefault((step.path, step.before is None, step.why, step.diff), []).append(node.host)
    return tuple(FileDiff(path=path, new=new, why=why, diff=diff, nodes=tuple(on)) for (path, new, why, diff), on in found.items())


def rule_texts(told: tuple[ReportedFinding, ...], target: Target | None) -> tuple[RuleText, ...]:
    """The texts of all rules with findings, their remedies filled for the target."""
    codes = {finding.code for finding in told}
    values = values_of(target) if target else {}
    return tuple(
        RuleText(
            code=rule.code,
            slug=rule.slug,
            severity=rule.severity,
            acceptable=rule.acceptable,
            what=rule.what,
            why=rule.why,
            remedy=filled(rule.remedy, values),
            sources=rule.sources,
        )
        for rule in RULES
        if rule.code in codes
    )
