"""The quieter sections: file changes, what was not checked, the rules' own words."""

from __future__ import annotations

from migrate.report.causes import plural
from migrate.report.html.parts import prose, rule_summary
from migrate.report.markup import Markup, element, join
from migrate.report.model import FileDiff, Report, RuleText

KINDS = {"+": "add", "-": "del", "@": "hunk"}


def files(report: Report) -> Markup:
    """Every file that would be written, with its diff."""
    return join(*(_file(index, file) for index, file in enumerate(report.files)))


def _file(index: int, file: FileDiff) -> Markup:
    count = ", ".join(file.nodes) if len(file.nodes) <= 3 else plural(len(file.nodes), "node")
    summary = element(
        "summary", element("code", file.path), element("span", f"{'new' if file.new else 'edited'} · {count}", class_="extent")
    )
    lines = [_line(line) for line in file.diff.splitlines()]
    return element("details", summary, element("p", file.why, class_="meta"), element("pre", *lines, class_="diff"), id=f"f{index}")


def _line(line: str) -> Markup:
    kind = "head" if line.startswith(("+++", "---")) else KINDS.get(line[:1])
    return join(element("span", line, class_=kind) if kind else line, "\n")


def not_checked(report: Report) -> Markup:
    """What was not looked at: neither a pass nor a finding."""
    intro = element("p", "These were not looked at, or could not be read: neither a pass nor a finding.", class_="meta")
    return join(intro, element("ul", *(element("li", element("b", unseen.what), f": {unseen.reason}") for unseen in report.not_checked)))


def rules(report: Report) -> Markup:
    """The text of every rule that has findings here; how many others were asked."""
    quiet = len(report.asked) - len(report.rules)
    intro = element(
        "p",
        f"{plural(len(report.rules), 'rule')} {'has' if len(report.rules) == 1 else 'have'} findings, {quiet:,} more have none.",
        class_="meta",
    )
    return join(intro, *(_rule(rule) for rule in report.rules))


def _rule(rule: RuleText) -> Markup:
    summary = rule_summary(rule.severity, rule.what, f"{rule.code} {rule.slug}{' · acceptable' if rule.acceptable else ''}")
    why = f"{rule.why[:1].upper()}{rule.why[1:]}"
    parts = (element("h4", "Why"), prose(why), element("h4", "Remedy"), prose(rule.remedy), element("h4", "Sources"), prose(rule.sources))
    return element("details", summary, *parts, id=f"rule-{rule.code}")
