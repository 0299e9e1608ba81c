"""Waived findings: by rule and subject, with a reason and a last day.

A waiver takes a finding out of `--fail-on` and out of failing tests. It never lets a plan go on: that is what `--accept` is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

from msgspec.structs import replace

from migrate.report.build import counted
from migrate.report.model import Report, ReportedFinding

KEYS = ("code", "subject", "reason", "until")


@dataclass(frozen=True, slots=True)
class FindingWaiver:
    """One waiver: `subject` is a shell pattern, `until` the last day that it holds, None for no end."""

    code: str
    reason: str
    subject: str = "*"
    until: date | None = None

    def covers(self, finding: ReportedFinding) -> bool:
        """Whether it is about this finding."""
        return finding.code == self.code and fnmatchcase(finding.subject, self.subject)


def waived(report: Report, waivers: Iterable[FindingWaiver], today: date) -> Report:
    """The report with waived findings marked. An expired one leaves its finding standing, with a note."""
    known = tuple(waivers)
    holding = [waiver for waiver in known if waiver.until is None or waiver.until >= today]
    findings = tuple(_marked(finding, holding) for finding in report.findings)
    notes = [note for waiver in known if (note := _note(waiver, report.findings, today))]
    return counted(replace(report, findings=findings, notes=(*report.notes, *notes)))


def _marked(finding: ReportedFinding, holding: list[FindingWaiver]) -> ReportedFinding:
    found = next((waiver for waiver in holding if waiver.covers(finding)), None)
    if found is None or finding.accepted is not None:
        return finding
    return replace(finding, waived=found.reason, waived_until=found.until.isoformat() if found.until else "")


def _note(waiver: FindingWaiver, findings: Iterable[ReportedFinding], today: date) -> str:
    about = sum(waiver.covers(finding) for finding in findings)
    name = waiver.code if waiver.subject == "*" else f"{waiver.code} {waiver.subject}"
    if not about:
        return f"the waiver of {name} matches no finding: remove it"
    if waiver.until is not None and waiver.until < today:
        stands = "its finding stands again" if about == 1 else f"its {about} findings stand again"
        return f"the waiver of {name} ended on {waiver.until.isoformat()}: {stands}"
    return ""


def read_waivers(value: Any) -> tuple[FindingWaiver, ...]:
    """The waivers of a decoded file, a list of mappings with KEYS; raises ValueError that names the entry."""
    if not isinstance(value, list):
        raise ValueError(f"it is no list of waivers, each with {', '.join(KEYS)}")
    return tuple(_entry(f"waiver {number}", entry) for number, entry in enumerate(value, 1))


def _entry(where: str, value: Any) -> FindingWaiver:
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError(f"{where} is no mapping of texts")
    if unknown := sorted(set(value) - set(KEYS)):
        raise ValueError(f"{where}: {', '.join(unknown)} is none of {', '.join(KEYS)}")
    if not str(value.get("code", "")).strip() or not str(value.get("reason", "")).strip():
        raise ValueError(f"{where}: a code and a reason are needed")
    return FindingWaiver(value["code"].strip(), value["reason"].strip(), value.get("subject") or "*", _day(where, value.get("until")))


def inline(text: str) -> FindingWaiver:
    """A waiver as it is typed: `CODE=REASON` or `CODE:SUBJECT=REASON`, with `@2027-01-31` at the end for a last day; raises ValueError."""
    head, equals, reason = text.partition("=")
    code, _, subject = head.partition(":")
    words, at, day = reason.rpartition("@")
    until = _day(text, day) if at and day[:1].isdigit() else None
    reason = (words if until else reason).strip()
    if not equals or not reason or not code.strip():
        raise ValueError("no code or no reason")
    return FindingWaiver(code.strip(), reason, subject or "*", until)


def _day(where: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError as wrong:
        raise ValueError(f"{where}: {text} is no day such as 2027-01-31") from wrong
