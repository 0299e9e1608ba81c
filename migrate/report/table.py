"""The report on a terminal: the verdict, what to fix by cause, the nodes, the workloads, what was not checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.plan.steps import size
from migrate.report.causes import Cause, answer, by_weight, causes, counts, headline, machines, plural, shown, subtitle, where
from migrate.report.docker_model import ReportedContainer, ReportedDockerHost
from migrate.report.machine_text import machines_text
from migrate.report.model import Report, ReportedNode, ReportedWorkload
from migrate.report.style import Style
from migrate.rules import Severity

COLORS = {Severity.BLOCKER: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
TITLES = {Severity.BLOCKER: "BLOCKERS", Severity.WARNING: "WARNINGS", Severity.INFO: "INFO"}
HEADER = ("NODE", "KUBELET", "RUNTIME NOW", "VERSION", "B/W/I", "STATE")
WIDE = (*HEADER[:4], "NEXT", "OS", "KERNEL", "CGROUP", "INSTALLER", "IMAGES", "PODS", *HEADER[4:])
DOCKER_HOSTS = ("DOCKER HOST", "ENGINE", "API", "STORE", "CONTAINERS", "IMAGES", "SWARM", "B/W/I", "STATE")
CONTAINERS = ("CONTAINER", "IMAGE", "STATE", "RESTART", "PROJECT", "CLOSE TO THE HOST")
WORKLOADS = ("WORKLOAD", "POD SECURITY", "PODS", "B/W/I")


@dataclass(frozen=True, slots=True)
class TableLimits:
    """How much of long lists is shown; None is all."""

    findings: int | None = 6
    nodes: int | None = 30
    workloads: int | None = 20
    hosts: int = 4


ALL = TableLimits(None, None, None, 1000)


def table(report: Report, style: Style, *, show_info: bool = False, headers: bool = True, wide: bool = False) -> str:
    """The whole report as text; `wide` leaves nothing out and has more columns. What machines are is told there, and of a single node."""
    limits = ALL if wide else TableLimits()
    parts = [f"{style.paint(headline(report), 'bold')}\n{style.paint(style.wrap(subtitle(report)), 'dim')}"]
    parts += [style.paint(style.wrap(f"note: {note}", 0, 6), "yellow") for note in report.notes]
    parts += _causes(report, style, limits, show_info=show_info or wide)
    if report.nodes:
        parts.append(_nodes(report.nodes, style, limits, headers, wide))
    if report.docker_hosts:
        parts += _docker_hosts(report.docker_hosts, style, limits, headers, wide)
    if wide or len(report.nodes) == 1:
        parts += machines_text(report.nodes, style, headers=headers)
    if report.workloads:
        parts.append(_workloads(report.workloads, style, limits, headers))
    unread = [machine for machine in machines(report) if machine.error]
    if unread:
        parts.append(_unread(unread, style, limits))
    told = {f"{kind} {node.host}" for node in unread for kind in ("node", "Docker host")}
    lines = [style.wrap(f"{unseen.what}: {unseen.reason}", 2, 4) for unseen in report.not_checked if unseen.what not in told]
    if lines:
        parts.append("\n".join([style.paint("NOT CHECKED", "bold"), *lines]))
    return "\n\n".join(parts) + "\n"


def _causes(report: Report, style: Style, limits: TableLimits, *, show_info: bool) -> Iterator[str]:
    told = causes(report.findings)
    for severity in Severity:
        group = [cause for cause in told if cause.severity is severity]
        if not group:
            continue
        if severity is Severity.INFO and not show_info:
            infos = report.summary.infos
            yield style.paint(f"{plural(infos, 'info finding')} {'is' if infos == 1 else 'are'} not shown (--info shows them)", "dim")
            continue
        yield "\n".join([style.paint(TITLES[severity], "bold"), *(_cause(cause, style, limits) for cause in group)])


def _cause(cause: Cause, style: Style, limits: TableLimits) -> str:
    head = style.wrap(f"{cause.code} {cause.slug} ({cause.extent}): {cause.what}", 0, 8)
    head = head.replace(cause.code, style.paint(cause.code, COLORS[cause.severity], "bold"), 1)
    lines = [head]
    for finding in shown(cause.findings, limits.findings):
        at = where(finding, limits.hosts)
        place = f"{finding.location}: " if finding.location else ""
        said = f" [{answer(finding)}]" if finding.answered else ""
        lines.append(style.wrap(f"{place}{finding.subject}{f' ({at})' if at else ''}: {finding.evidence}{said}", 8, 10))
    if limits.findings is not None and len(cause.findings) > limits.findings:
        lines.append(f"        {len(cause.findings) - limits.findings:,} more (-o wide shows all)")
    remedies = cause.remedies if limits.findings is None else cause.remedies[:1]
    lines += [style.paint(_remedy(remedy, style), "dim") for remedy in remedies]
    if len(remedies) < len(cause.remedies):
        lines.append(style.paint(f"        -> and {len(cause.remedies) - 1:,} more (-o wide shows all)", "dim"))
    return "\n".join(lines)


def _remedy(text: str, style: Style) -> str:
    """Prose is wrapped; commands are kept as they are typed."""
    lines = []
    for index, paragraph in enumerate(text.split("\n\n")):
        if paragraph.startswith("    "):
            lines += [f"       {line}" for line in paragraph.splitlines()]
        else:
            lines.append(style.wrap(paragraph if index else f"-> {paragraph}", 11 if index else 8, 11))
    return "\n".join(lines)


def _nodes(nodes: Sequence[ReportedNode], style: Style, limits: TableLimits, headers: bool, wide: bool) -> str:
    ordered = by_weight(nodes)
    kept = ordered[: limits.nodes]
    lines = [style.table(WIDE if wide else HEADER, [_wide(node) if wide else _row(node) for node in kept], headers=headers)]
    if rest := ordered[len(kept) :]:
        states = ", ".join(f"{sum(node.state == state for node in rest):,} {state}" for state in dict.fromkeys(node.state for node in rest))
        lines.append(f"{len(rest):,} more: {states} (-o wide shows all)")
    return "\n".join(lines)


def _row(node: ReportedNode) -> tuple[str, ...]:
    machine, found = node.machine, counts(node.blockers, node.warnings, node.infos)
    if machine is None:
        return (node.host, "-", "-", "-", found if not node.error else "-", node.state)
    return (node.host, machine.kubelet or "?", machine.runtime, machine.runtime_version or "?", found, node.state)


def _wide(node: ReportedNode) -> tuple[str, ...]:
    row, machine = _row(node), node.machine
    if machine is None:
        return (*row[:4], *("-",) * 7, *row[4:])
    images = "?" if machine.images is None else f"{machine.images} ({size(machine.image_bytes or 0)})"
    runtime = f"{machine.next_runtime} {machine.next_version}".strip()
    cgroup = f"{machine.cgroup} {machine.cgroup_driver or '?'}"
    return (*row[:4], runtime, machine.os, machine.kernel, cgroup, machine.installer, images, str(machine.pods), *row[4:])


def _docker_hosts(hosts: Sequence[ReportedDockerHost], style: Style, limits: TableLimits, headers: bool, wide: bool) -> Iterator[str]:
    kept = hosts[: limits.nodes]
    lines = [style.table(DOCKER_HOSTS, [_docker_host(host) for host in kept], headers=headers)]
    if len(kept) < len(hosts):
        lines.append(f"{len(hosts) - len(kept):,} more (-o wide shows all)")
    yield "\n".join(lines)
    for host in hosts if wide or len(hosts) == 1 else ():
        if host.disk:
            parts = (("images", host.disk.images), ("containers", host.disk.containers), ("volumes", host.disk.volumes))
            told = ", ".join(f"{size(count)} of {what}" for what, count in (*parts, ("build cache", host.disk.build_cache)))
            yield style.wrap(f"{host.host}: {told} on the disk below {host.root}", 0, 4)
        if host.containers:
            yield style.table(CONTAINERS, [_container(container) for container in host.containers[: limits.workloads]], headers=headers)


def _docker_host(host: ReportedDockerHost) -> tuple[str, ...]:
    if host.error:
        return (host.host, *("-",) * 7, host.state)
    images = "?" if host.images is None else str(host.images)
    kept = f"{host.running}/{len(host.containers)} running"
    found = counts(host.blockers, host.warnings, host.infos)
    return (
        host.host,
        host.version or "?",
        host.api or "?",
        f"{host.storage} ({host.store})",
        kept,
        images,
        host.swarm or "-",
        found,
        host.state,
    )


def _container(container: ReportedContainer) -> tuple[str, ...]:
    close = "; ".join((*(("privileged",) if container.privileged else ()), *container.close)) or "-"
    owner = container.project or container.swarm_service or "-"
    return (container.name, container.image, container.state, container.restart or "-", owner, close)


def _unread(nodes: Sequence[ReportedNode | ReportedDockerHost], style: Style, limits: TableLimits) -> str:
    """The whole message of each: what was seen, what was expected, what to type next."""
    told = [[line.strip() for line in node.error.splitlines()] for node in nodes]
    lines = ["\n".join([style.wrap(first, 2, 6), *(style.wrap(line, 6) for line in rest)]) for first, *rest in told]
    shown = lines[: limits.findings]
    more = [f"  {len(lines) - len(shown):,} more (-o wide shows all)"] if len(lines) > len(shown) else []
    return "\n".join([style.paint("NOT READ", "bold"), *shown, *more])


def _workloads(workloads: Sequence[ReportedWorkload], style: Style, limits: TableLimits, headers: bool) -> str:
    ordered = sorted(
        workloads, key=lambda workload: (-workload.blockers, -workload.warnings, -workload.infos, workload.pod_security != "privileged")
    )
    kept = ordered[: limits.workloads]
    rows = [
        (workload.title, workload.pod_security or "-", str(workload.pods), counts(workload.blockers, workload.warnings, workload.infos))
        for workload in kept
    ]
    lines = [style.table(WORKLOADS, rows, headers=headers)]
    if rest := ordered[len(kept) :]:
        found = sum(workload.blockers + workload.warnings + workload.infos > 0 for workload in rest)
        lines.append(f"{len(rest):,} more, {found:,} of them with findings (-o wide shows all)")
    return "\n".join(lines)
