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
    for one in report.findings:
        found.setdefault(one.workload, []).append(one)
    ordered = sorted(report.workloads, key=lambda one: (-one.blockers, -one.warnings, -one.infos))
    busy = [one for one in ordered if one.title in found]
    quiet = [one for one in ordered if one.title not in found]
    levels = ["privileged", "baseline", "restricted"]
    counts = ", ".join(f"{sum(one.pod_security == level for one in ordered):,} {level}" for level in levels)
    intro = element("p", f"{plural(len(ordered), 'workload')}: {counts}. {len(busy):,} with findings.", class_="meta")
    rows = [_row(one, found[one.title]) for one in busy]
    table = join(search("workloads-table", "Find a workload"), rows_table(HEADER, rows, name="workloads", numbers=(2,))) if busy else ""
    names = element("ul", *(element("li", f"{one.title} ({one.pod_security or 'no pods'})") for one in quiet), class_="brief")
    rest = element("details", element("summary", f"{len(quiet):,} without findings"), names) if quiet else ""
    return join(intro, table, rest)


def _row(one: ReportedWorkload, found: list[ReportedFinding]) -> Markup:
    place = element("code", str(one.location), class_="place") if one.location else ""
    wanted = "" if one.replicas is None else f" of {one.replicas}"
    return element(
        "tbody",
        element(
            "tr",
            element("th", one.title, place, scope="row"),
            element("td", element("span", one.pod_security or "-", class_=f"level {one.pod_security}")),
            element("td", f"{one.pods}{wanted}", data_v=str(one.pods)),
            element("td", element("ul", *(_finding(each) for each in found), class_="brief")),
        ),
        data_s=one.pod_security,
    )


def _finding(one: ReportedFinding) -> Markup:
    said = element("span", answer(one), class_="answer") if one.settled else ""
    place = f"{one.location}: " if one.location else ""
    return element("li", element("a", one.code, href=f"#{one.code}"), f" {place}{one.evidence} ", said)
