"""Workloads: what they are, the Pod Security level that they meet, and what was found about them."""

from __future__ import annotations

from migrate.report.causes import answer, plural
from migrate.report.html.parts import rows_table, search
from migrate.report.markup import Markup, element, join
from migrate.report.model import Report, ReportedFinding, ReportedWorkload

HEADER = ("Workload", "Pod security", "Pods", "Findings")


def workloads(report: Report) -> Markup:
    """Those with findings first; the others below, folded."""
    found: dict[str, list[ReportedFinding]] = {}
    for finding in report.findings:
        found.setdefault(finding.workload, []).append(finding)
    ordered = sorted(report.workloads, key=lambda workload: (-workload.blockers, -workload.warnings, -workload.infos))
    busy = [workload for workload in ordered if workload.title in found]
    quiet = [workload for workload in ordered if workload.title not in found]
    levels = ["privileged", "baseline", "restricted"]
    counts = ", ".join(f"{sum(workload.pod_security == level for workload in ordered):,} {level}" for level in levels)
    intro = element("p", f"{plural(len(ordered), 'workload')}: {counts}. {len(busy):,} with findings.", class_="meta")
    rows = [_row(workload, found[workload.title]) for workload in busy]
    table = join(search("workloads-table", "Find a workload"), rows_table(HEADER, rows, name="workloads", numbers=(2,))) if busy else ""
    names = element(
        "ul", *(element("li", f"{workload.title} ({workload.pod_security or 'no pods'})") for workload in quiet), class_="brief"
    )
    rest = element("details", element("summary", f"{len(quiet):,} without findings"), names) if quiet else ""
    return join(intro, table, rest)


def _row(workload: ReportedWorkload, found: list[ReportedFinding]) -> Markup:
    place = element("code", str(workload.location), class_="place") if workload.location else ""
    wanted = "" if workload.replicas is None else f" of {workload.replicas}"
    return element(
        "tbody",
        element(
            "tr",
            element("th", workload.title, place, scope="row"),
            element("td", element("span", workload.pod_security or "-", class_=f"level {workload.pod_security}")),
            element("td", f"{workload.pods}{wanted}", data_v=str(workload.pods)),
            element("td", element("ul", *(_finding(each) for each in found), class_="brief")),
        ),
        data_s=workload.pod_security,
    )


def _finding(finding: ReportedFinding) -> Markup:
    said = element("span", answer(finding), class_="answer") if finding.answered else ""
    place = f"{finding.location}: " if finding.location else ""
    return element("li", element("a", finding.code, href=f"#{finding.code}"), f" {place}{finding.evidence} ", said)
