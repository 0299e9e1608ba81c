"""Small pieces of the page that several sections use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from migrate.report.causes import answer
from migrate.report.markup import Markup, element, join
from migrate.report.model import ReportedFinding
from migrate.rules import Severity

TICKS = re.compile("`([^`]+)`")


def section(anchor: str, title: str, content: Markup) -> tuple[str, str, Markup]:
    """A section with its heading: its anchor, its name for the contents, and the markup."""
    return anchor, title, element("section", element("h2", title), content, id=anchor)


def prose(text: str) -> Markup:
    """Paragraphs; those indented by four are commands and keep their lines."""
    return join(*(_paragraph(paragraph) for paragraph in text.split("\n\n") if paragraph.strip()))


def _paragraph(text: str) -> Markup:
    if text.startswith("    "):
        return element("pre", "\n".join(line.removeprefix("    ") for line in text.splitlines()))
    return element("p", ticks(text))


def ticks(text: str) -> Markup:
    """What stands in backticks as code."""
    return join(*(element("code", part) if index % 2 else part for index, part in enumerate(TICKS.split(text))))


def chip(severity: Severity) -> Markup:
    """The severity as a small mark: a letter and a word, so that it does not hang on colour."""
    return element("span", severity.value, class_=f"chip {severity.value}")


def rule_summary(severity: Severity, what: str, extent: str) -> Markup:
    """The line of a folded rule: its severity, what it is about, and its code with what else is to say."""
    return element("summary", chip(severity), element("span", ticks(what), class_="what"), element("span", extent, class_="extent"))


def finding_line(finding: ReportedFinding, nodes: Markup) -> Markup:
    """One finding: where, what was seen, and the answer when there is one."""
    place = element("code", str(finding.location), class_="place") if finding.location else ""
    said = element("span", answer(finding), class_="answer") if finding.answered else ""
    return element("li", place, element("b", finding.subject), nodes, element("span", finding.evidence, class_="evidence"), said)


def rows_table(header: Sequence[str], rows: Iterable[Markup], *, name: str, numbers: Sequence[int] = ()) -> Markup:
    """A table that scrolls by itself where it is wider than the page; `numbers` are the columns that sort as numbers."""
    cells = [element("th", title, scope="col", data_n="1" if index in numbers else None) for index, title in enumerate(header)]
    made = element("table", element("thead", element("tr", *cells)), *rows, class_="rows", id=f"{name}-table")
    return element("div", made, class_="scroll", tabindex="0", role="region", aria_label=name)


def search(table: str, words: str, choices: Sequence[str] = ()) -> Markup:
    """The search field and the choice of states of a table; only shown where JavaScript runs."""
    options = [element("option", choice, value=choice) for choice in choices]
    select = element("select", element("option", "all", value=""), *options, aria_label="State", data_for=table) if choices else ""
    field = element("input", type="search", placeholder=words, aria_label=words, data_for=table)
    return element("div", field, select, element("output", class_="count", data_for=table), class_="tools")
