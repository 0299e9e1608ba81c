"""Waivers in scanned files, applied to the findings that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Set
from datetime import date

from msgspec.structs import replace

from migrate.manifests.waivers import Waiver
from migrate.report.build import counted
from migrate.report.model import Report, ReportedFinding


def waive_inline(report: Report, waivers: Iterable[Waiver], today: date, asked: Set[str]) -> Report:
    """The report with findings waived where a waiver for their file, line and code stands.

    What has ended is noted and waives nothing; so is a waiver that matches nothing, if its rule was asked.
    """
    by_path: dict[str, list[Waiver]] = {}
    for waiver in waivers:
        by_path.setdefault(waiver.path, []).append(waiver)
    used: dict[tuple[Waiver, str], bool] = {}
    findings = tuple(_waived(finding, by_path, today, used) for finding in report.findings)
    ended = [
        f"{_at(waiver)}: the waiver of {code} ended on {waiver.until}; the finding stands" for (waiver, code), ok in used.items() if not ok
    ]
    unused = [
        f"{_at(waiver)}: the waiver of {code} matches no finding: remove it"
        for waiver in dict.fromkeys(waiver for known in by_path.values() for waiver in known)
        for code in waiver.codes
        if code in asked and (waiver, code) not in used
    ]
    return counted(replace(report, findings=findings, notes=(*report.notes, *ended, *unused)))


def _at(waiver: Waiver) -> str:
    return f"{waiver.path}:{waiver.line}"


def _waived(
    finding: ReportedFinding, by_path: dict[str, list[Waiver]], today: date, used: dict[tuple[Waiver, str], bool]
) -> ReportedFinding:
    """The finding with its waiver; `used` gets each waiver that is about a finding, and whether it still holds."""
    place = finding.location
    for waiver in by_path.get(place.path, ()) if place else ():
        if place is None or finding.code not in waiver.codes or not waiver.first <= (place.line or 1) <= waiver.last:
            continue
        holds = waiver.until is None or waiver.until >= today
        used[waiver, finding.code] = holds
        if holds:
            until = waiver.until.isoformat() if waiver.until else ""
            return replace(finding, waived=waiver.reason, waived_until=until, waived_inside=True)
    return finding
