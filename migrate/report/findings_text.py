"""Findings of one plan as text: a block a rule, nodes and subjects below it, the remedy last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from migrate.plan.model import NodePlan
from migrate.report.alike import merged, own, seen_by
from migrate.report.style import Style
from migrate.report.table import COLORS
from migrate.rules import Finding, Severity


def findings_text(findings: Iterable[Finding], severity: Severity, style: Style, nodes: Mapping[str, NodePlan] | None = None) -> str:
    """Findings of one severity, one block a rule, nodes and subjects below it, the remedy last.

    With several `nodes`, by name, what was seen on many of them is one line.
    """
    ordered = sorted(findings, key=lambda finding: (finding.code, finding.node, finding.subject))
    blocks = [style.paint(f"{severity.upper()}S" if severity is not Severity.INFO else "INFO", "bold")]
    for code, group in groupby(ordered, key=lambda finding: finding.code):
        blocks.append("\n".join(_block(code, list(group), style, nodes or {})))
    return "\n".join(blocks)


def _block(code: str, group: list[Finding], style: Style, nodes: Mapping[str, NodePlan]) -> Iterator[str]:
    first = group[0]
    yield style.paint(code, COLORS[first.severity], "bold") + style.wrap(f"{first.slug}: {first.what}", 1, 8)
    for line in merged(group, nodes) if len(nodes) > 1 else (f"{finding.node}  {seen_by(finding)}" for finding in group):
        yield style.wrap(line, 8, 10)
    for remedy in dict.fromkeys(_remedy(finding, nodes) for finding in group):
        yield style.paint(style.wrap(f"-> {remedy}", 8, 11), "dim")


def _remedy(finding: Finding, nodes: Mapping[str, NodePlan]) -> str:
    return own(nodes[finding.node], finding.remedy) if len(nodes) > 1 and finding.node in nodes else finding.remedy
