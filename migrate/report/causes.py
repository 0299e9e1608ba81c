"""The findings by cause, one rule each: what terminal, Markdown and HTML show, so that their numbers agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from migrate.formats.listing import few
from migrate.formats.listing import plural as plural
from migrate.report.docker_model import ReportedDockerHost
from migrate.report.model import Report, ReportedFinding, ReportedNode, Summary
from migrate.rules import Severity
from migrate.targets.table import titled

STATES = ("blocked", "not read", "needs work", "ready", "nothing to do")


@dataclass(frozen=True, slots=True)
class Cause:
    """One rule and all that it found of one severity. `nodes` and `remedies` are distinct, in order; `open` findings have no answer."""

    code: str
    slug: str
    severity: Severity
    what: str
    findings: tuple[ReportedFinding, ...]
    nodes: tuple[str, ...]
    docker_hosts: tuple[str, ...]
    remedies: tuple[str, ...]

    @property
    def open(self) -> int:
        """How many of its findings are neither accepted nor waived."""
        return sum(not finding.answered for finding in self.findings)

    @property
    def extent(self) -> str:
        """How far it reaches: `3 findings on 2 nodes`."""
        found = plural(len(self.findings), "finding")
        if self.docker_hosts:
            return f"{found} on {plural(len(self.docker_hosts), 'Docker host')}"
        return f"{found} on {plural(len(self.nodes), 'node')}" if self.nodes else found


def causes(findings: Iterable[ReportedFinding]) -> tuple[Cause, ...]:
    """One cause for each rule and severity, heaviest first, in each severity those that reach farthest first."""
    ordered = sorted(findings, key=lambda finding: (finding.code, finding.severity.rank))
    made = [_cause(list(group)) for _, group in groupby(ordered, key=lambda finding: (finding.code, finding.severity))]
    return tuple(
        sorted(
            made,
            key=lambda cause: (
                cause.severity.rank,
                cause.open == 0,
                -len(cause.nodes or cause.docker_hosts),
                -len(cause.findings),
                cause.code,
            ),
        )
    )


def _cause(group: list[ReportedFinding]) -> Cause:
    first = group[0]
    return Cause(
        code=first.code,
        slug=first.slug,
        severity=first.severity,
        what=first.what,
        findings=tuple(group),
        nodes=_distinct(host for finding in group for host in finding.nodes),
        docker_hosts=_distinct(host for finding in group for host in finding.docker_hosts),
        remedies=_distinct(finding.remedy for finding in group if finding.remedy),
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))


def verdict(summary: Summary) -> str:
    """The verdict in one line: `142 ready, 9 need work, 3 blocked, 2 not read`."""
    counts = (
        (summary.ready, "ready"),
        (summary.needs_work, "needs work" if summary.needs_work == 1 else "need work"),
        (summary.blocked, "blocked"),
        (summary.not_read, "not read"),
        (summary.nothing_to_do, "with nothing to do"),
    )
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "no nodes"


def headline(report: Report) -> str:
    """What the report is about and how it ends, in one line."""
    if report.kind == "scan":
        found = report.summary
        counts = f"{plural(found.blockers, 'blocker')}, {plural(found.warnings, 'warning')}, {found.infos} info"
        return f"To {titled(report.target)}: {counts} in {plural(found.workloads, 'workload')}"
    if report.kind == "docker-host":
        return f"Docker hosts: {verdict(report.summary)}"
    return f"To {titled(report.target)}: {verdict(report.summary)}"


def subtitle(report: Report) -> str:
    """Where and when it was read: cluster, version, time, tool."""
    parts = (
        f"cluster {report.cluster}" if report.cluster else "",
        f"Kubernetes {report.server}" if report.server else "",
        f"next {report.next_kubernetes}" if report.next_kubernetes else "",
        plural(report.files_read, "file") if report.files_read is not None else "",
        plural(report.documents_read, "document") if report.documents_read is not None else "",
        plural(len(report.nodes), "node") if report.nodes else "",
        plural(len(report.docker_hosts), "Docker host") if report.docker_hosts else "",
        plural(len(report.workloads), "workload") if report.workloads else "",
        f"Pod Security {report.pod_security_version}" if report.kind == "scan" and report.pod_security_version else "",
        f"taken {report.taken.replace('T', ' ').replace('Z', ' UTC')}" if report.taken else "",
        f"docker2cri {report.tool}",
    )
    return ", ".join(part for part in parts if part)


def machines(report: Report) -> tuple[ReportedNode | ReportedDockerHost, ...]:
    """Nodes and Docker hosts."""
    return (*report.nodes, *report.docker_hosts)


def by_weight(nodes: Iterable[ReportedNode]) -> tuple[ReportedNode, ...]:
    """Nodes, those that need attention first, otherwise in their order."""
    return tuple(sorted(nodes, key=lambda node: STATES.index(node.state)))


def counts(blockers: int, warnings: int, infos: int) -> str:
    """Counts as the tables have them: `1/6/4`."""
    return f"{blockers}/{warnings}/{infos}"


def answer(finding: ReportedFinding) -> str:
    """That the finding is accepted or waived, with the reason; empty when it is neither."""
    if finding.accepted is not None:
        return f"accepted: {finding.accepted}"
    if finding.waived is not None:
        until = f" until {finding.waived_until}" if finding.waived_until else ""
        return f"waived{until}: {finding.waived}"
    return ""


def fails(finding: ReportedFinding, fail_on: Severity | None) -> bool:
    """Whether a finding counts for `--fail-on` (None: never): heavy enough, and without an answer."""
    return fail_on is not None and finding.severity.rank <= fail_on.rank and not finding.answered


def where(finding: ReportedFinding, most: int) -> str:
    """On which nodes or Docker hosts it was seen, at most so many by name: `lab-w1, lab-w2 and 7 more`; empty when on none."""
    return few(finding.nodes or finding.docker_hosts, most)


def shown(items: tuple[ReportedFinding, ...], most: int | None) -> Iterator[ReportedFinding]:
    """The first findings of a long list, those without an answer first."""
    ordered = sorted(items, key=lambda finding: finding.answered)
    return iter(ordered if most is None else ordered[:most])
