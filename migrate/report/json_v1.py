"""Results as JSON, format `docker2cri/v1`: fields are only added, never renamed or reused."""

from __future__ import annotations

from typing import Any

import msgspec

from migrate.facts.model import NodeFacts
from migrate.plan.model import Plan
from migrate.rules import Finding, Severity
from migrate.rules.judge import STATES, Inspected

FORMAT = "docker2cri/v1"


def inspect_json(nodes: tuple[Inspected, ...], target: str) -> str:
    """The report of an inspection. The facts must come from redacted captures."""
    document = {
        "format": FORMAT,
        "kind": "inspect",
        "target": target,
        "summary": {state: sum(node.state == state for node in nodes) for state in STATES},
        "nodes": [_node(node) for node in nodes],
    }
    return _text(document)


def plan_json(plan: Plan) -> str:
    """The plan as `plan -o` writes it."""
    return _text(plan)


def _node(node: Inspected) -> dict[str, Any]:
    return {
        "host": node.host,
        "node": node.view.node.name if node.view and node.view.node else None,
        "state": node.state,
        "error": node.error,
        "counts": {severity.value: node.count(severity) for severity in Severity},
        "findings": [finding_json(finding) for finding in node.findings],
        "facts": facts_json(node.view.facts) if node.view else None,
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """One finding as plain values."""
    built: dict[str, Any] = msgspec.to_builtins(finding)
    return built


def facts_json(facts: NodeFacts) -> dict[str, Any]:
    """The facts of one machine as plain values, without the raw files."""
    built: dict[str, Any] = {
        name: msgspec.to_builtins(getattr(facts, name), order="sorted") for name in facts.__dataclass_fields__ if name != "files"
    }
    return built


def _text(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=2).decode() + "\n"
