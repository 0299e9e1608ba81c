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
        "tool": {"driver": {"name": "docker2cri", "version": report.tool, "rules": [_rule(one) for one in report.rules]}},
        "invocations": [
            {
                "executionSuccessful": report.summary.not_read == 0,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": f"not checked: {one.what}: {one.reason}"}} for one in report.not_checked
                ],
            }
        ],
        "columnKind": "unicodeCodePoints",
        "properties": {"headline": headline(report), "target": report.target},
        "results": [_result(one, index) for one in report.findings],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode() + "\n"


def _rule(one: RuleText) -> dict[str, Any]:
    return {
        "id": one.code,
        "name": one.slug,
        "shortDescription": {"text": one.what},
        "fullDescription": {"text": f"{one.what} {one.why[:1].upper()}{one.why[1:]}"},
        "help": {"text": f"{one.remedy}\n\nSources: {one.sources}"},
        "defaultConfiguration": {"level": LEVELS[one.severity]},
        "properties": {"severity": one.severity.value, "acceptable": one.acceptable},
    }


def _result(one: ReportedFinding, index: dict[str, int]) -> dict[str, Any]:
    made: dict[str, Any] = {"ruleId": one.code}
    if one.code in index:
        made["ruleIndex"] = index[one.code]
    made |= {
        "level": LEVELS[one.severity],
        "message": {"text": f"{one.what} {one.subject}: {one.evidence}"},
        "locations": _locations(one),
        "partialFingerprints": {"finding/v1": fingerprint(one)},
        "properties": {"subject": one.subject, "nodes": list(one.nodes), "remedy": one.remedy},
    }
    if one.accepted is not None:
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": one.accepted}]
    elif one.waived is not None:
        made["suppressions"] = [{"kind": "external", "status": "accepted", "justification": one.waived}]
    return made


def _locations(one: ReportedFinding) -> list[dict[str, Any]]:
    logical = [{"name": host, "fullyQualifiedName": f"node/{host}", "kind": "node"} for host in one.nodes]
    if one.workload:
        logical.append({"name": one.workload, "fullyQualifiedName": f"workload/{one.workload}", "kind": "workload"})
    if not logical and one.location is None:
        logical.append({"name": one.subject, "kind": "resource"})
    made: dict[str, Any] = {"logicalLocations": logical} if logical else {}
    if one.location is not None:
        physical: dict[str, Any] = {"artifactLocation": {"uri": quote(one.location.path, safe="/")}}
        if one.location.line is not None:
            physical["region"] = {"startLine": one.location.line}
            if one.location.column is not None:
                physical["region"]["startColumn"] = one.location.column
        made["physicalLocation"] = physical
    return [made]


def fingerprint(one: ReportedFinding) -> str:
    """What names the same finding in another run: rule, subject and file, not line, wording or node."""
    key = "\0".join((one.code, one.subject, one.location.path if one.location else ""))
    return hashlib.sha256(key.encode()).hexdigest()[:32]
