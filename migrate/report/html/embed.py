"""The report inside its own page: JSON that no HTML parser takes for markup, and short, for a fleet's page has to stay small.

It is the published model with three abbreviations: what has its default is left out, a finding's `what` and `remedy` where they are its
rule's own, and lists that many have alike (hosts, a node's `settings`, a machine's `runtimes`) are an index into `sets`, where each
stands once.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from migrate.formats import json_doc
from migrate.report.markup import Markup
from migrate.report.model import FORMAT, Report, ReportedFinding, ReportedNode, RuleText

SHARED = ("nodes", "settings", "runtimes")
SCRIPT = '<script type="application/json" id="report">'


def embedded(report: Report) -> Markup:
    """The report as the content of a script element."""
    texts = {rule.code: rule for rule in report.rules}
    sets: dict[tuple[Any, ...], int] = {}
    short = _short(replace(report, findings=tuple(_without(finding, texts.get(finding.code)) for finding in report.findings)), sets)
    text = msgspec.json.encode({**short, "sets": [_short(shared, sets) for shared in sets]}).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def load_page(text: str) -> Report:
    """The report that a page holds; raises ValueError when it is no page of ours, or of another format."""
    _, found, rest = text.partition(SCRIPT)
    data, ended, _ = rest.partition("</script>")
    if not found or not ended:
        raise ValueError("it is no docker2cri report page")
    try:
        value = json_doc.loose(data)
        if value.get("format") != FORMAT:
            raise ValueError(f"it has format {value.get('format')}, this version reads {FORMAT}")
        sets = value.pop("sets")
        nodes = value.get("nodes", ())
        machines = (node["machine"] for node in nodes if "machine" in node)
        for part in (*value.get("findings", ()), *value.get("workloads", ()), *value.get("files", ()), *nodes, *machines):
            part.update({name: sets[part[name]] for name in SHARED if name in part})
        report = msgspec.convert(value, Report)
    except (msgspec.ValidationError, KeyError, IndexError, TypeError, AttributeError) as wrong:
        raise ValueError(f"it is no docker2cri report page: {wrong}") from wrong
    texts = {rule.code: rule for rule in report.rules}
    return replace(report, findings=tuple(_with(finding, texts.get(finding.code)) for finding in report.findings))


def _without(finding: ReportedFinding, rule: RuleText | None) -> ReportedFinding:
    what, remedy = (rule.what, rule.remedy) if rule else ("", "")
    told = "" if finding.what == what else finding.what
    return replace(finding, what=told, remedy="" if finding.remedy == remedy else finding.remedy)


def _with(finding: ReportedFinding, rule: RuleText | None) -> ReportedFinding:
    return finding if rule is None else replace(finding, what=finding.what or rule.what, remedy=finding.remedy or rule.remedy)


def _short(value: Any, sets: dict[tuple[Any, ...], int]) -> Any:
    if isinstance(value, msgspec.Struct):
        given = ((field.name, getattr(value, field.name), field.default) for field in msgspec.structs.fields(value))
        kept = {name: item for name, item, default in given if item != default}
        return {name: sets.setdefault(item, len(sets)) if _shared(name, item) else _short(item, sets) for name, item in kept.items()}
    return [_short(item, sets) for item in value] if isinstance(value, tuple) else value


def _shared(name: str, value: Any) -> bool:
    """Whether it is a list that stands in `sets`: a report's own `nodes` do not."""
    return name in SHARED and not any(isinstance(item, ReportedNode) for item in value)
