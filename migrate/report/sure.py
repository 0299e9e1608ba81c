"""Findings of little confidence, left out of a report where they are not wanted (`--min-confidence`), and counted."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from migrate.report.build import counted
from migrate.report.causes import plural
from migrate.report.model import NotChecked, Report, ReportedNode, ReportedWorkload
from migrate.rules import Confidence, Severity


def sure_enough(report: Report, least: Confidence) -> Report:
    """The report without findings of less confidence than `least`; how many were left out is in its `not_checked`."""
    gone = [finding for finding in report.findings if finding.confidence.rank > least.rank]
    if not gone:
        return report
    hosts = Counter((host, finding.severity) for finding in gone for host in finding.nodes)
    titles = Counter((finding.workload, finding.severity) for finding in gone)

    def fewer(one: ReportedNode | ReportedWorkload, name: str, lost: Counter[tuple[str, Severity]]) -> dict[str, int]:
        had = ((Severity.BLOCKER, one.blockers), (Severity.WARNING, one.warnings), (Severity.INFO, one.infos))
        return {f"{severity.value}s": max(0, count - lost[name, severity]) for severity, count in had}

    said = NotChecked(what=f"{plural(len(gone), 'finding')} of less confidence", reason=f"--min-confidence {least} leaves them out")
    return counted(
        replace(
            report,
            nodes=tuple(replace(node, **fewer(node, node.host, hosts)) for node in report.nodes),
            workloads=tuple(replace(workload, **fewer(workload, workload.title, titles)) for workload in report.workloads),
            findings=tuple(finding for finding in report.findings if finding.confidence.rank <= least.rank),
            not_checked=(*report.not_checked, said),
        )
    )
