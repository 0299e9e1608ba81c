"""The report as GitHub-flavoured Markdown, for $GITHUB_STEP_SUMMARY, pull requests and chats: verdict, causes, nodes, workloads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.report.causes import Cause, answer, by_weight, causes, counts, headline, plural, shown, subtitle, where
from migrate.report.markdown_text import code, prose, row, table_head
from migrate.report.model import Report, ReportedFinding
from migrate.rules import Severity

MOST = 10  # a step summary holds 1 MiB
MOST_NODES = 200
SIGNS = {Severity.BLOCKER: "⛔", Severity.WARNING: "⚠️", Severity.INFO: "ℹ️"}


def markdown(report: Report) -> str:
    """The report as Markdown. What a node says stands in code spans, where nothing is markup, a link, or a mention of a user."""
    parts = [f"## docker2cri: {prose(headline(report))}", prose(subtitle(report)), *(f"> {prose(note)}" for note in report.notes)]
    told = causes(report.findings)
    for severity in (Severity.BLOCKER, Severity.WARNING):
        group = [cause for cause in told if cause.severity is severity]
        if group:
            parts += [f"### {'Must be fixed' if severity is Severity.BLOCKER else 'Should be read'}", *(_cause(cause) for cause in group)]
    infos = [cause for cause in told if cause.severity is Severity.INFO]
    if infos:
        lines = "\n".join(f"- `{cause.code}` {prose(cause.what)} ({cause.extent})" for cause in infos)
        parts.append(f"<details><summary>{plural(report.summary.infos, 'info finding')}</summary>\n\n{lines}\n\n</details>")
    if report.nodes:
        parts += ["### Nodes", "\n".join(_nodes(report))]
    if report.docker_hosts:
        parts += ["### Docker hosts", "\n".join(_docker_hosts(report))]
    if report.workloads:
        parts += ["### Workloads", "\n".join(_workloads(report))]
    if report.not_checked:
        parts += ["### Not checked", "\n".join(f"- {code(unseen.what)}: {code(unseen.reason)}" for unseen in report.not_checked)]
    return "\n\n".join(parts) + "\n"


def _cause(cause: Cause) -> str:
    head = f"{SIGNS[cause.severity]} **{cause.code} {prose(cause.slug)}** ({cause.extent}). {prose(cause.what)}"
    lines = [f"- {_finding_place(finding)}{code(finding.evidence)}{_said(answer(finding))}" for finding in shown(cause.findings, MOST)]
    if len(cause.findings) > MOST:
        lines.append(f"- and {len(cause.findings) - MOST:,} more")
    remedy = cause.remedies[0] if cause.remedies else ""
    return "\n".join([head, "", *lines]) + (f"\n\n{_remedy(remedy)}" if remedy else "")


def _finding_place(finding: ReportedFinding) -> str:
    place = f"{code(str(finding.location))} " if finding.location else ""
    at = where(finding, 4)
    return f"{place}{code(finding.subject)}{f' ({code(at)})' if at else ''}: "


def _said(text: str) -> str:
    return f" _{prose(text)}_" if text else ""


def _remedy(text: str) -> str:
    """Paragraphs as text, those indented by four as code."""
    made = []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("    "):
            lines = "\n".join(line.removeprefix("    ") for line in paragraph.splitlines())
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", lines)), default=0))
            made.append(f"{fence}sh\n{lines}\n{fence}")
        else:
            made.append(prose(paragraph))
    return "\n\n".join(made)


def _nodes(report: Report) -> Iterator[str]:
    yield from table_head(("Node", "Kubelet", "Runtime now", "To", "Blockers / warnings / info", "State"))
    ordered = by_weight(report.nodes)
    for node in ordered[:MOST_NODES]:
        machine = node.machine
        now = f"{machine.runtime} {machine.runtime_version}".strip() if machine else "-"
        then = f"{machine.next_runtime} {machine.next_version}".strip() if machine else "-"
        kubelet = (machine.kubelet or "?") if machine else "-"
        found = counts(node.blockers, node.warnings, node.infos)
        yield row((code(node.host), code(kubelet), code(now), code(then), found, f"**{node.state}**"))
    if len(ordered) > MOST_NODES:
        yield f"\n{len(ordered) - MOST_NODES:,} more nodes"


def _docker_hosts(report: Report) -> Iterator[str]:
    yield from table_head(("Docker host", "Engine", "API", "Store", "Containers", "Blockers / warnings / info", "State"))
    for host in report.docker_hosts[:MOST_NODES]:
        found = counts(host.blockers, host.warnings, host.infos) if not host.error else "-"
        kept = f"{host.running}/{len(host.containers)} running" if not host.error else "-"
        cells = (host.host, host.version or "-", host.api or "-", f"{host.storage} ({host.store})" if host.storage else "-", kept)
        yield row((*map(code, cells), found, f"**{host.state}**"))
    if len(report.docker_hosts) > MOST_NODES:
        yield f"\n{len(report.docker_hosts) - MOST_NODES:,} more Docker hosts"


def _workloads(report: Report) -> Iterator[str]:
    found = [workload for workload in report.workloads if workload.blockers or workload.warnings]
    yield f"{plural(len(report.workloads), 'workload')}, {len(found):,} with blockers or warnings.\n"
    if found:
        yield from table_head(("Workload", "Pod security", "Pods", "Blockers / warnings / info"))
    for workload in sorted(found, key=lambda workload: (-workload.blockers, -workload.warnings))[:MOST_NODES]:
        yield row(
            (
                code(workload.title),
                workload.pod_security or "-",
                str(workload.pods),
                counts(workload.blockers, workload.warnings, workload.infos),
            )
        )
