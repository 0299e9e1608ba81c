"""SARIF 2.1.0 (OASIS Standard, 27 March 2020): one run, a result for each finding, its rule, its place, its answer."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import msgspec

from migrate.report.causes import headline
from migrate.report.model import Report, ReportedFinding, RuleText
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
        "results": [_result(finding, index) for finding in report.findings],
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


def _result(finding: ReportedFinding, index: dict[str, int]) -> dict[str, Any]:
    made: dict[str, Any] = {"ruleId": finding.code}
    if finding.code in index:
        made["ruleIndex"] = index[finding.code]
    made |= {
        "level": LEVELS[finding.severity],
        "message": {"text": f"{finding.what} {finding.subject}: {finding.evidence}"},
        "locations": _locations(finding),
        "partialFingerprints": {"finding/v1": fingerprint(finding)},
        "properties": {"subject": finding.subject, "nodes": list(finding.nodes), "remedy": finding.remedy},
    }
    if finding.accepted is not None:
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.accepted}]
    elif finding.waived is not None:
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.waived}]
    return made


def _locations(finding: ReportedFinding) -> list[dict[str, Any]]:
    logical = [{"name": host, "fullyQualifiedName": f"node/{host}", "kind": "node"} for host in finding.nodes]
    if finding.workload:
        logical.append({"name": finding.workload, "fullyQualifiedName": f"workload/{finding.workload}", "kind": "workload"})
    if not logical and finding.location is None:
        logical.append({"name": finding.subject, "kind": "resource"})
    made: dict[str, Any] = {"logicalLocations": logical} if logical else {}
    if finding.location is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(finding.location.path, safe="/")}}
        if finding.location.line is not None:
            physical["region"] = {"startLine": finding.location.line}
            if finding.location.column is not None:
                physical["region"]["startColumn"] = finding.location.column
        made["physicalLocation"] = physical
    return [made]


def fingerprint(finding: ReportedFinding) -> str:
    """What names the same finding in another run: rule, subject and file, not line, wording or node."""
    key = "\0".join((finding.code, finding.subject, finding.location.path if finding.location else ""))
    return hashlib.sha256(key.encode()).hexdigest()[:32]
