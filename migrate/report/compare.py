"""Two reports beside each other: what is fixed, what is new, what is unchanged; which nodes and workloads were added and removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from migrate.formats.listing import few
from migrate.report.causes import machines, verdict
from migrate.report.model import FORMAT, Report, ReportedFinding
from migrate.report.plain import one_line
from migrate.report.style import Style
from migrate.rules import Severity


class FindingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A finding in the view of time: the same rule and subject, on these nodes (none for a workload by itself)."""

    code: str
    slug: str
    severity: Severity
    subject: str
    nodes: tuple[str, ...]


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A node whose state is another now."""

    host: str
    before: str
    after: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What changed from one report to another; `old` and `new` tell when each was taken and how it ended."""

    format: str
    kind: str
    old: str
    new: str
    fixed: tuple[FindingChange, ...]
    appeared: tuple[FindingChange, ...]
    still: tuple[FindingChange, ...]
    nodes_moved: tuple[StateChange, ...]
    nodes_came: tuple[str, ...]
    nodes_went: tuple[str, ...]
    workloads_came: tuple[str, ...]
    workloads_went: tuple[str, ...]
    unknown: tuple[str, ...]


Key = tuple[str, str, str]


def compare(old: Report, new: Report) -> Comparison:
    """What changed. Findings of a node that is gone, or was not read, are not called fixed: the node is in `nodes_went` or `unknown`."""
    before, after = _keys(old.findings), _keys(new.findings)
    hosts_before, hosts_after = _states(old), _states(new)
    read = {host for host, state in hosts_after.items() if state != "not read"}
    titles_before, titles_after = {workload.title for workload in old.workloads}, {workload.title for workload in new.workloads}
    gone = [key for key in before if key not in after]
    return Comparison(
        format=FORMAT,
        kind="comparison",
        old=_told(old),
        new=_told(new),
        fixed=_changes({key: before[key] for key in gone if not key[2] or key[2] in read}),
        appeared=_changes({key: finding for key, finding in after.items() if key not in before}),
        still=_changes({key: finding for key, finding in after.items() if key in before}),
        nodes_moved=tuple(
            StateChange(host=host, before=hosts_before[host], after=state)
            for host, state in hosts_after.items()
            if host in hosts_before and hosts_before[host] != state
        ),
        nodes_came=tuple(host for host in hosts_after if host not in hosts_before),
        nodes_went=tuple(host for host in hosts_before if host not in hosts_after),
        workloads_came=tuple(sorted(titles_after - titles_before)),
        workloads_went=tuple(sorted(titles_before - titles_after)),
        unknown=tuple(host for host, state in hosts_after.items() if state == "not read"),
    )


def _states(report: Report) -> dict[str, str]:
    """The state of every node and Docker host."""
    return {machine.host: machine.state for machine in machines(report)}


def _told(report: Report) -> str:
    return f"{report.taken or 'unknown time'}: {verdict(report.summary)}"


def _keys(findings: Iterable[ReportedFinding]) -> dict[Key, ReportedFinding]:
    return {
        (finding.code, finding.subject, host): finding for finding in findings for host in (*finding.nodes, *finding.docker_hosts) or ("",)
    }


def _changes(found: Mapping[Key, ReportedFinding]) -> tuple[FindingChange, ...]:
    hosts: dict[tuple[str, str], list[str]] = {}
    known: dict[tuple[str, str], ReportedFinding] = {}
    for (code, subject, host), finding in found.items():
        known.setdefault((code, subject), finding)
        hosts.setdefault((code, subject), []).extend([host] if host else [])
    made = [
        FindingChange(code=finding.code, slug=finding.slug, severity=finding.severity, subject=finding.subject, nodes=tuple(hosts[key]))
        for key, finding in known.items()
    ]
    return tuple(sorted(made, key=lambda change: (change.severity.rank, change.code, change.subject)))


def compare_text(found: Comparison, style: Style) -> str:
    """The comparison on a terminal."""
    head = f"{len(found.fixed)} fixed, {len(found.appeared)} new, {len(found.still)} unchanged"
    parts = [f"{style.paint(head, 'bold')}\n  before  {found.old}\n  now     {found.new}"]
    groups = (("FIXED", found.fixed, "green"), ("NEW", found.appeared, "red"), ("UNCHANGED", found.still, "yellow"))
    for title, changes, color in groups:
        if changes:
            parts.append("\n".join([style.paint(title, color, "bold"), *(style.wrap(_line(change), 2, 10) for change in changes)]))
    lists = (
        ("NODES", [f"{node.host}: {node.before}, now {node.after}" for node in found.nodes_moved]),
        ("NODES ADDED", list(found.nodes_came)),
        ("NODES REMOVED", list(found.nodes_went)),
        ("WORKLOADS ADDED", list(found.workloads_came)),
        ("WORKLOADS REMOVED", list(found.workloads_went)),
        ("NOT READ", list(found.unknown)),
    )
    parts += ["\n".join([style.paint(title, "bold"), *(f"  {name}" for name in names)]) for title, names in lists if names]
    return "\n\n".join(parts) + "\n"


def compare_markdown(found: Comparison) -> str:
    """The comparison as Markdown."""
    parts = [
        f"## {len(found.fixed)} fixed, {len(found.appeared)} new, {len(found.still)} unchanged",
        f"- before: {found.old}\n- now: {found.new}",
    ]
    for title, changes in (("Fixed", found.fixed), ("New", found.appeared), ("Unchanged", found.still)):
        if changes:
            parts.append(f"### {title}\n\n" + "\n".join(f"- `{_safe(_line(change))}`" for change in changes))
    came = [f"- `{_safe(name)}` is new" for name in (*found.nodes_came, *found.workloads_came)]
    went = [f"- `{_safe(name)}` is removed" for name in (*found.nodes_went, *found.workloads_went)]
    moved = [f"- `{_safe(node.host)}`: {node.before}, now {node.after}" for node in found.nodes_moved]
    unknown = [f"- `{_safe(host)}` is not read" for host in found.unknown]
    if lines := [*moved, *came, *went, *unknown]:
        parts.append("### Nodes and workloads\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(change: FindingChange) -> str:
    hosts = few(change.nodes)
    return f"{change.code}  {change.slug} ({change.severity}): {change.subject}{f' ({hosts})' if hosts else ''}"


def _safe(text: str) -> str:
    return one_line(text).replace("`", "'")
