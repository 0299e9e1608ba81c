"""Findings of one plan as text: a block a rule, nodes and subjects below it, the remedy last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from migrate.report.style import Style
from migrate.report.table import COLORS
from migrate.rules import Finding, Severity


def findings_text(findings: Iterable[Finding], severity: Severity, style: Style) -> str:
    """Findings of one severity, one block a rule, nodes and subjects below it, the remedy last."""
    ordered = sorted(findings, key=lambda finding: (finding.code, finding.node, finding.subject))
    blocks = [style.paint(f"{severity.upper()}S" if severity is not Severity.INFO else "INFO", "bold")]
    for code, group in groupby(ordered, key=lambda finding: finding.code):
        blocks.append("\n".join(_block(code, list(group), style)))
    return "\n".join(blocks)


def _block(code: str, group: list[Finding], style: Style) -> Iterator[str]:
    first = group[0]
    yield style.paint(code, COLORS[first.severity], "bold") + style.wrap(f"{first.slug}: {first.what}", 1, 8)
    for finding in group:
        accepted = f" [accepted: {finding.accepted}]" if finding.accepted is not None else ""
        yield style.wrap(f"{finding.node}  {finding.subject}: {finding.evidence}{accepted}", 8, 10)
    for remedy in dict.fromkeys(finding.remedy for finding in group):
        yield style.paint(style.wrap(f"-> {remedy}", 8, 11), "dim")
