"""Findings told once: the same on many nodes is one finding with their hosts, and a workload's is not repeated for each of its nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from migrate.facts.redact import mask
from migrate.report.model import Location, ReportedFinding
from migrate.rules import Confidence, Finding, Severity
from migrate.rules.judge import JudgedWorkload

TITLE = re.compile(r"[A-Z]\w* [^\s/]+/\S+")
NODE = re.compile(r"\bNODE\b")
UNLIKE_A_WORD = re.compile(r"[0-9.-]")

Host = tuple[str, str, tuple[Finding, ...]]
"""A host, its node's name, and its findings."""


def merged(hosts: Sequence[Host], workloads: Iterable[JudgedWorkload], others: Iterable[Finding]) -> tuple[ReportedFinding, ...]:
    """Every finding, heaviest first, then by code, subject and place.

    What a rule says of a workload on one of its nodes is that workload's finding, with the host added to it.
    """
    told = [
        (replace(_told(finding), workload=judged.workload.title), judged.workload.nodes)
        for judged in workloads
        for finding in judged.findings
    ]
    at: list[list[str]] = [[] for _ in told]
    places: dict[tuple[str, str, Confidence], list[int]] = {}
    for index, (finding, _) in enumerate(told):
        places.setdefault((finding.code, finding.subject, finding.confidence), []).append(index)
    alone: dict[ReportedFinding, list[tuple[str, str]]] = {}
    for host, name, findings in hosts:
        for judged in findings:
            same = places.get((judged.code, judged.subject, judged.confidence))
            if same is None:
                alone.setdefault(_told(judged, name), []).append((host, name))
            for index in [here for here in same or () if name in told[here][1]] or same or ():
                at[index].append(host)
    names = {host: name for host, name, _ in hosts}
    found = [_placed(finding, [(host, names[host]) for host in on]) for (finding, _), on in zip(told, at, strict=True)]
    found += [_placed(finding, on) for finding, on in alone.items()]
    found += [_told(judged) for judged in others]
    return tuple(sorted(dict.fromkeys(found), key=order))


def order(finding: ReportedFinding) -> tuple[int, str, str, str, int, int, str, tuple[str, ...]]:
    """What findings are sorted by."""
    place = finding.location or Location(path="")
    rank = Severity(finding.severity).rank
    return rank, finding.code, finding.subject, place.path, place.line or 0, place.column or 0, finding.evidence, finding.nodes


def _told(judged: Finding, name: str = "") -> ReportedFinding:
    place = judged.location
    return ReportedFinding(
        code=judged.code,
        slug=judged.slug,
        severity=judged.severity,
        subject=judged.subject,
        evidence=mask(judged.evidence),
        what=judged.what,
        remedy=_general(judged.remedy, name),
        workload=judged.subject if TITLE.fullmatch(judged.subject) else "",
        acceptable=judged.acceptable,
        accepted=judged.accepted,
        location=Location(path=place.path, line=place.line, column=place.column) if place else None,
        confidence=judged.confidence,
    )


def _general(remedy: str, name: str) -> str:
    """The remedy with NODE for the node's name; a name that could be any word stays."""
    if not UNLIKE_A_WORD.search(name):
        return remedy
    return re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", "NODE", remedy)


def _placed(finding: ReportedFinding, on: list[tuple[str, str]]) -> ReportedFinding:
    hosts = tuple(dict.fromkeys(host for host, _ in on))
    if len(on) == 1:
        return replace(finding, nodes=hosts, remedy=NODE.sub(lambda _: on[0][1], finding.remedy))
    return replace(finding, nodes=hosts)
