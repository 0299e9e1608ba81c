"""Rules about workloads on text alone: a line of a Helm template, or of YAML that does not parse, that says what a rule looks for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from migrate.facts.texts import CALL
from migrate.manifests.model import Line
from migrate.rules import Finding, Rule

_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("docker-socket-mounted", re.compile(r"(?:/var)?/run/(?:docker|dockershim|cri-dockerd)\.sock\b|\bDOCKER_(?:HOST|SOCK|SOCKET)\b")),
    ("docker-socket-mounted", re.compile(r"\bpath[\"']?\s*:\s*[\"']?(?:/var)?/(?:run|var)?/?[\"']?\s*(?:#.*)?$")),
    ("docker-data-mounted", re.compile(r"/var/lib/docker(?:shim)?(?![\w-])|(?<![\w/])/etc/docker\b")),
    ("docker-tool-in-pod", CALL),
    ("docker-tool-in-pod", re.compile(r"\bimage[\"']?\s*:\s*[\"']?\S*(?:\bdind\b|watchtower|portainer|docker-gc)\S*")),
    ("privileged-pod", re.compile(r"\bprivileged[\"']?\s*:\s*true\b")),
    ("near-privileged-pod", re.compile(r"\bhost(?:PID|IPC)[\"']?\s*:\s*true\b|\bSYS_ADMIN\b")),
    ("docker-apparmor-profile", re.compile(r"\blocalhost/docker-default\b")),
    ("runtime-class-set", re.compile(r"\bruntimeClassName[\"']?\s*:\s*[\"']?[\w-]+")),
)
_LONGEST = 120


def line_findings(line: Line, rules: Mapping[str, Rule]) -> Iterator[Finding]:
    """The findings of one line, one of a rule; `rules` by slug."""
    seen: set[str] = set()
    for slug, pattern in _PATTERNS:
        one = rules.get(slug)
        if one is None or slug in seen or not (found := pattern.search(line.text)):
            continue
        seen.add(slug)
        said = " ".join(found[0].split())[:_LONGEST]
        yield Finding(
            one.code,
            one.slug,
            one.severity,
            one.acceptable,
            "",
            line.subject,
            f"its text has `{said}`",
            one.what,
            one.remedy,
            location=line.place,
        )
