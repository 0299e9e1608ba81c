"""Waivers in scanned files, applied to the findings that they are about."""

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
    for waiver in waivers:
        by_path.setdefault(waiver.path, []).append(waiver)
    ended: dict[str, None] = {}
    findings = tuple(_waived(finding, by_path, today, ended) for finding in report.findings)
    return counted(replace(report, findings=findings, notes=(*report.notes, *ended)))


def _waived(finding: ReportedFinding, by_path: dict[str, list[Waiver]], today: date, ended: dict[str, None]) -> ReportedFinding:
    place = finding.location
    for waiver in by_path.get(place.path, ()) if place else ():
        if place is None or finding.code not in waiver.codes or not waiver.first <= (place.line or 1) <= waiver.last:
            continue
        if waiver.until is None or waiver.until >= today:
            return replace(finding, waived=waiver.reason, waived_until=waiver.until.isoformat() if waiver.until else "")
        ended[f"{waiver.path}:{waiver.line}: the waiver of {finding.code} ended on {waiver.until}; the finding stands"] = None
    return finding
