"""Waivers that stand in scanned files, put to the findings that they are about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from msgspec.structs import replace

from migrate.manifests.waivers import Waiver
from migrate.report.build import counted
from migrate.report.model import Report, ReportedFinding


def waive_inline(report: Report, waivers: Iterable[Waiver], today: date) -> Report:
    """The report with findings waived where a waiver for their file, line and code stands; what has ended is noted and waives nothing."""
    by_path: dict[str, list[Waiver]] = {}
    for one in waivers:
        by_path.setdefault(one.path, []).append(one)
    ended: dict[str, None] = {}
    findings = tuple(_waived(one, by_path, today, ended) for one in report.findings)
    return counted(replace(report, findings=findings, notes=(*report.notes, *ended)))


def _waived(finding: ReportedFinding, by_path: dict[str, list[Waiver]], today: date, ended: dict[str, None]) -> ReportedFinding:
    place = finding.location
    for one in by_path.get(place.path, ()) if place else ():
        if place is None or finding.code not in one.codes or not one.first <= (place.line or 1) <= one.last:
            continue
        if one.until is None or one.until >= today:
            return replace(finding, waived=one.reason, waived_until=one.until.isoformat() if one.until else "")
        ended[f"{one.path}:{one.line}: the waiver of {finding.code} ended on {one.until}; the finding stands"] = None
    return finding
