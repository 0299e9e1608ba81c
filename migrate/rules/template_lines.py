"""Rules about workloads on text alone: a line of a Helm template, or of YAML that does not parse, that says what a rule looks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from migrate.manifests.model import FileLine
from migrate.rules import Confidence, Finding, Rule, Seen
from migrate.rules.workload_rule import WorkloadRule

_LONGEST = 120


def line_findings(line: FileLine, rules: Iterable[Rule], values: Mapping[str, str]) -> Iterator[Finding]:
    """The findings of one line, at most one of a rule; `values` fill its remedy."""
    for rule in rules:
        found = next(filter(None, (pattern.search(line.text) for pattern in rule.lines)), None) if isinstance(rule, WorkloadRule) else None
        if found:
            evidence = f"its text has `{' '.join(found[0].split())[:_LONGEST]}`"
            yield rule.finding(Seen(line.subject, evidence, confidence=Confidence.TEXT_ONLY), values, location=line.place)
