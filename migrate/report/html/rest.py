"""The quieter sections: file changes, what was not checked, the rules' own words."""

from __future__ import annotations

from migrate.report.causes import plural
from migrate.report.html.parts import prose, rule_summary
from migrate.report.markup import Markup, element, join
from migrate.report.model import FileDiff, Report, RuleText

KINDS = {"+": "add", "-": "del", "@": "hunk"}


def files(report: Report) -> Markup:
    """Every file that would be written, with its diff."""
    return join(*(_file(index, one) for index, one in enumerate(report.files)))


def _file(index: int, one: FileDiff) -> Markup:
    count = ", ".join(one.nodes) if len(one.nodes) <= 3 else plural(len(one.nodes), "node")
    summary = element("summary", element("code", one.path), element("span", f"{'new' if one.new else 'edited'} · {count}", class_="extent"))
    lines = [_line(line) for line in one.diff.splitlines()]
    return element("details", summary, element("p", one.why, class_="meta"), element("pre", *lines, class_="diff"), id=f"f{index}")


def _line(line: str) -> Markup:
    kind = "head" if line.startswith(("+++", "---")) else KINDS.get(line[:1])
    return join(element("span", line, class_=kind) if kind else line, "\n")


def not_checked(report: Report) -> Markup:
    """What nobody looked at: it is neither good nor bad."""
    intro = element("p", "Neither good nor bad: nobody looked, or it could not be read.", class_="meta")
    return join(intro, element("ul", *(element("li", element("b", one.what), f": {one.reason}") for one in report.not_checked)))


def rules(report: Report) -> Markup:
    """The text of every rule that has findings here; how many others were asked."""
    quiet = len(report.asked) - len(report.rules)
    intro = element("p", f"{plural(len(report.rules), 'rule')} found something, {quiet:,} more found nothing.", class_="meta")
    return join(intro, *(_rule(one) for one in report.rules))


def _rule(one: RuleText) -> Markup:
    summary = rule_summary(one.severity, one.what, f"{one.code} {one.slug}{' · acceptable' if one.acceptable else ''}")
    why = f"{one.why[:1].upper()}{one.why[1:]}"
    parts = (element("h4", "Why"), prose(why), element("h4", "Remedy"), prose(one.remedy), element("h4", "Sources"), prose(one.sources))
    return element("details", summary, *parts, id=f"rule-{one.code}")
