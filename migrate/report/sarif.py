"""SARIF 2.1.0 (OASIS Standard, 27 March 2020): one run, a result for each finding, its rule, its place, its answer."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec

from migrate.report.causes import headline
from migrate.report.model import Location, Report, ReportedFinding, RuleText
from migrate.rules import Severity

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Severity.BLOCKER: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def sarif(report: Report) -> str:
    """The report as a SARIF log. What was not checked are notifications, so that a quiet log is not taken for a clean one."""
    index = {rule.code: position for position, rule in enumerate(report.rules)}
    run = {
        "tool": {"driver": {"name": "docker2cri", "version": report.tool, "rules": [_rule(rule) for rule in report.rules]}},
        "invocations": [
            {
                "executionSuccessful": report.summary.not_read == 0,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": f"not checked: {unseen.what}: {unseen.reason}"}}
                    for unseen in report.not_checked
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {"headline": headline(report), "target": report.target},
        "results": [_result(finding, index, name) for finding, name in zip(report.findings, fingerprints(report.findings), strict=True)],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _rule(rule: RuleText) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.slug,
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why[:1].upper()}{rule.why[1:]}"},
        "help": {"text": f"{rule.remedy}\n\nSources: {rule.sources}"},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"severity": rule.severity.value, "acceptable": rule.acceptable},
    }


def _result(finding: ReportedFinding, index: dict[str, int], name: str) -> dict[str, Any]:
    made: dict[str, Any] = {"ruleId": finding.code}
    if finding.code in index:
        made["ruleIndex"] = index[finding.code]
    made |= {
        "level": LEVELS[finding.severity],
        "message": {"text": f"{finding.what} {finding.subject}: {finding.evidence}"},
        "locations": _locations(finding),
        "partialFingerprints": {"finding/v1": name},
        "properties": {
            "subject": finding.subject,
            "nodes": [*finding.nodes, *finding.docker_hosts],
            "remedy": finding.remedy,
            "confidence": finding.confidence.value,
        },
    }
    if finding.accepted is not None:
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.accepted}]
    elif finding.waived is not None:
        kind = "inSource" if finding.waived_inside else "external"
        made["suppressions"] = [{"kind": kind, "status": "accepted", "justification": finding.waived}]
    return made


def _locations(finding: ReportedFinding) -> list[dict[str, Any]]:
    logical = [{"name": host, "fullyQualifiedName": f"node/{host}", "kind": "node"} for host in finding.nodes]
    logical += [{"name": host, "fullyQualifiedName": f"docker-host/{host}", "kind": "docker-host"} for host in finding.docker_hosts]
    if finding.workload:
        logical.append({"name": finding.workload, "fullyQualifiedName": f"workload/{finding.workload}", "kind": "workload"})
    if not logical and finding.location is None:
        logical.append({"name": finding.subject, "kind": "resource"})
    made: dict[str, Any] = {"logicalLocations": logical} if logical else {}
    if finding.location is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": uri(finding.location.path)}}
        if finding.location.line is not None:
            physical["region"] = {"startLine": finding.location.line}
            if finding.location.column is not None:
                physical["region"]["startColumn"] = finding.location.column
        made["physicalLocation"] = physical
    return [made]


def uri(path: str) -> str:
    """A file's path as RFC 3986 has it: an absolute path with its scheme, another one relative to where the scan was started."""
    clean = posixpath.normpath(path)
    return ("file://" if clean.startswith("/") else "") + quote(clean, safe="/")


def fingerprints(findings: Sequence[ReportedFinding]) -> list[str]:
    """What names each finding in another run: rule, subject and file, and which of their places there it is; not line, wording or node."""
    places: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for finding in findings:
        if finding.location:
            known = places.setdefault(_key(finding), [])
            if _spot(finding.location) not in known:
                known.append(_spot(finding.location))
    ranks = {key: {spot: rank for rank, spot in enumerate(sorted(known))} for key, known in places.items()}
    return [_hashed(_key(finding), ranks[_key(finding)][_spot(finding.location)] if finding.location else 0) for finding in findings]


def _key(finding: ReportedFinding) -> tuple[str, str, str]:
    return finding.code, finding.subject, finding.location.path if finding.location else ""


def _spot(location: Location) -> tuple[int, int]:
    return location.line or 0, location.column or 0


def _hashed(key: tuple[str, str, str], rank: int) -> str:
    return hashlib.sha256("\0".join((*key, *([str(rank)] if rank else []))).encode()).hexdigest()[:32]
