"""What to fix, by cause: one card a rule, the heaviest and farthest reaching first."""

from __future__ import annotations

from migrate.report.causes import Cause, causes, shown, where
from migrate.report.html.parts import finding_line, prose, rule_summary
from migrate.report.markup import Markup, element, join
from migrate.report.model import Report, ReportedFinding
from migrate.rules import Severity

FIRST = 8
HOSTS = 6
TITLES = {Severity.BLOCKER: "Must be fixed or accepted", Severity.WARNING: "Should be read", Severity.INFO: "For the record"}


def fix(report: Report) -> Markup:
    """All causes in three groups; blockers stand open."""
    told = causes(report.findings)
    parts = []
    for severity in Severity:
        group = [cause for cause in told if cause.severity is severity]
        if group:
            parts.append(element("h3", TITLES[severity]))
            parts += [_card(cause, _name(cause, told)) for cause in group]
    return join(*parts) if parts else element("p", "There are no findings.", class_="calm")


def _name(cause: Cause, told: tuple[Cause, ...]) -> str:
    """What links lead to: the code, for the heaviest cause of it."""
    first = next(other for other in told if other.code == cause.code)
    return cause.code if cause is first else f"{cause.code}-{cause.severity.value}"


def _card(cause: Cause, name: str) -> Markup:
    summary = rule_summary(cause.severity, cause.what, f"{cause.code} {cause.slug} · {cause.extent}")
    lines = [finding_line(finding, hosts(finding)) for finding in shown(cause.findings, None)]
    more = element("details", element("summary", f"{len(lines) - FIRST:,} more"), element("ul", *lines[FIRST:])) if lines[FIRST:] else ""
    remedies = [prose(remedy) for remedy in cause.remedies[:1]]
    if len(cause.remedies) > 1:
        remedies.append(element("p", f"{len(cause.remedies) - 1:,} more, each for its own finding.", class_="meta"))
    rule = element("p", element("a", f"Why: rule {cause.code}", href=f"#rule-{cause.code}"), class_="meta")
    answered = "" if cause.open else " answered"
    return element(
        "details",
        summary,
        element("ul", *lines[:FIRST], class_="findings"),
        more,
        element("div", element("h4", "What to do"), *remedies, rule, class_="remedy"),
        id=name,
        class_=f"cause {cause.severity.value}{answered}",
        open=cause.severity is Severity.BLOCKER,
    )


def hosts(finding: ReportedFinding) -> Markup:
    """The nodes of a finding, the first few by name."""
    return element("span", where(finding, HOSTS), class_="hosts") if finding.nodes else Markup("")
