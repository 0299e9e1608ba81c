"""Rules about Docker hosts that are no nodes: what such a rule is, and how a host is judged by them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from migrate.facts.docker_host import DockerHost
from migrate.rules import Finding, Rule, Seen, Severity, accept
from migrate.rules.text import rule_text

Judge = Callable[[DockerHost], Iterable[Seen]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerHostRule(Rule):
    """A rule about Docker hosts; of a node it sees nothing."""

    judge: Judge


def docker_host_rule(code: str, slug: str, severity: Severity, *, acceptable: bool = False) -> Callable[[Judge], DockerHostRule]:
    """Make a DockerHostRule of a function with the docstring of `rule_text`."""

    def made(judge: Judge) -> DockerHostRule:
        return DockerHostRule(code=code, slug=slug, severity=severity, acceptable=acceptable, judge=judge, **rule_text(code, judge.__doc__))

    return made


def check_docker_host(host: DockerHost, rules: Iterable[Rule], reasons: Mapping[str, str]) -> tuple[Finding, ...]:
    """Every finding on one host, heaviest first, then by code and subject; `reasons` are accepted codes.

    HOST stays in the remedies: several hosts may have the same finding.
    """
    asked = [rule for rule in rules if isinstance(rule, DockerHostRule)]
    found = {rule.finding(seen, {}, host.name) for rule in asked for seen in rule.judge(host)}
    return accept(sorted(found, key=lambda one: (one.severity.rank, one.code, one.subject, one.evidence)), reasons)
