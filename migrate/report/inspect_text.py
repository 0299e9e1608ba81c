"""The compatibility report on a terminal: verdict, what to fix grouped by cause, nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from migrate.facts.model import Docker, Kubelet
from migrate.report.style import Style
from migrate.rules import Finding, Severity
from migrate.rules.judge import Inspected, verdict

COLORS = {Severity.BLOCKER: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
STATE_COLORS = {"ready": "green", "needs work": "yellow", "blocked": "red", "not read": "red"}


def inspect_text(nodes: tuple[Inspected, ...], target: str, style: Style, *, show_info: bool = True) -> str:
    """The whole report as text."""
    parts = [style.paint(f"To {target}: {verdict(nodes)}", "bold")]
    parts += [node_table(nodes, style)]
    failed = [node for node in nodes if node.error]
    if failed:
        parts.append("\n".join([style.paint("NOT READ", "bold"), *(style.wrap(node.error or "", 2, 4) for node in failed)]))
    for severity in Severity:
        found = [finding for node in nodes for finding in node.findings if finding.severity is severity]
        if found and (show_info or severity is not Severity.INFO):
            parts.append(findings_text(found, severity, style))
        elif found:
            parts.append(style.paint(f"{len(found)} info findings are not shown (--info shows them)", "dim"))
    return "\n\n".join(parts) + "\n"


def node_table(nodes: tuple[Inspected, ...], style: Style) -> str:
    """One line a node: versions, runtime now, counts of findings, state."""
    rows = [_row(node) for node in nodes]
    return style.table(("NODE", "KUBELET", "RUNTIME NOW", "DOCKER", "B/W/I", "STATE"), rows)


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


def _row(node: Inspected) -> tuple[str, ...]:
    counts = "/".join(str(node.count(severity)) for severity in Severity)
    if node.view is None:
        return (node.host, "-", "-", "-", "-", node.state)
    facts = node.view.facts
    kubelet = facts.kubelet.version if isinstance(facts.kubelet, Kubelet) else "?"
    docker = facts.docker.version if isinstance(facts.docker, Docker) else "-"
    return (node.host, kubelet or "?", facts.endpoint.kind, docker or "?", counts, node.state)
