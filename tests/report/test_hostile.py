"""Nothing that a node prints is trusted: whatever stands in a report, no format lets it out of its place."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from migrate.formats import yaml_read
from migrate.report.compare import compare, compare_markdown, compare_text
from migrate.report.html import load_page
from migrate.report.model import FileDiff, NotChecked, Report, ReportedFinding, ReportedNode, ReportedWorkload, load_report
from migrate.report.plain import plain
from migrate.report.style import Style
from migrate.report.write import FORMS, write_report
from migrate.rules import Severity
from tests.report.make import captured

PLANTED = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "'\"><svg/onload=alert(1)>",
    "]]>&lt;!--",
    "javascript:alert(1)",
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b2J\x90\x85",
    "a|b`c``d\n# heading\n@team [x](http://evil) ![y](http://evil/i.png)",
    "=cmd|' /C calc'!A0",
    "\u202eright\u2066to\u200bleft\u2028line",
    "\ufffe\uffff\x00\x0b",
    "{{7*7}}\t%s %(x)s ${x}",
    'yaml: [a, b]\n- "c": &d *e\n---\n...',
)
ESCAPES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


BASE = captured()


def planted(text: str) -> Report:
    """A report with the text wherever a node, the API or a person can put one."""
    finding = ReportedFinding(
        code="D2C301",
        slug="docker-socket-mounted",
        severity=Severity.BLOCKER,
        subject=f"DaemonSet ops/{text}",
        evidence=text,
        what=f"It says {text}.",
        remedy=f"Do {text}:\n\n    run {text}",
        nodes=(f"node-{text}",),
        workload=f"DaemonSet ops/{text}",
        waived=text,
    )
    machine = BASE.nodes[0].machine
    assert machine is not None
    node = replace(
        BASE.nodes[0], host=f"node-{text}", node=text, pool=text, zone=text, roles=(text,), machine=replace(machine, os=text, kernel=text)
    )
    layers = tuple(replace(layer, version=text, link=text, note=text) for layer in BASE.stacks[0].before)
    return replace(
        BASE,
        cluster=text,
        server=text,
        nodes=(node, ReportedNode(host=text, state="not read", error=text)),
        workloads=(ReportedWorkload(namespace="ops", kind="DaemonSet", name=text, pod_security="privileged", nodes=(text,)),),
        findings=(finding, *BASE.findings[:2]),
        not_checked=(NotChecked(what=text, reason=text),),
        notes=(text,),
        stacks=(replace(BASE.stacks[0], before=layers, after=layers),),
        files=(FileDiff(path=text, why=text, diff=f"--- {text}\n+++ {text}\n@@ -1 +1 @@\n-{text}\n+{text}", nodes=(text,)),),
    )


class Page(HTMLParser):
    """The tags and attributes of a page, and its scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.scripts: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self._in_script = tag == "script"
        for name, value in attrs:
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in ("href", "src"):
                assert (value or "").startswith("#"), (tag, name, value)

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)
            self._in_script = False


def page_of(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    return page


def check(text: str) -> None:
    """All that every format promises, for one planted text."""
    report, calm = planted(text), planted("calm")
    told = {form: write_report(report, form) for form in FORMS}
    for form, written in told.items():
        assert ESCAPES.search(written) is None, form
    page = page_of(told["html"])
    assert sorted({tag for tag, _ in page.tags}) == sorted(
        {tag for tag, _ in page_of(write_report(calm, "html")).tags} | {tag for tag, _ in page.tags if tag == "code"}
    )
    assert len(page.scripts) == 2
    assert load_page(told["html"]) == plain(report)
    log = json.loads(told["sarif"])
    assert log["runs"][0]["results"][0]["properties"]["subject"] == plain(report).findings[0].subject
    root = ElementTree.fromstring(told["junit"])
    assert [child.tag for child in root] == ["testsuite"] * len(root)
    rows = list(csv.reader(io.StringIO(told["csv"])))
    assert {len(row) for row in rows} == {17}
    assert [cell for row in rows for cell in row if re.match(r"\s*[=+\-@\t\r＝＋－＠]", cell)] == []
    assert load_report(told["json"]) == plain(report)
    assert yaml_read.load(told["yaml"]) == json.loads(told["json"])
    assert all(json.loads(line)["type"] for line in told["jsonl"].split("\n") if line)


@pytest.mark.parametrize("text", PLANTED)
def test_planted(text: str) -> None:
    check(text)


@settings(max_examples=25, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_text(text: str) -> None:
    check(text)


@pytest.mark.parametrize("text", PLANTED)
def test_markdown_has_no_more_structure_than_a_calm_one(text: str) -> None:
    """Headings, tables, fences, links and HTML outside code are those of our own."""
    hostile, calm = (outside_code(write_report(planted(words), "markdown")) for words in (text, "calm"))
    assert [line for line in hostile if line.startswith("#")] == [line for line in calm if line.startswith("#")]
    assert len([line for line in hostile if line.startswith("|")]) == len([line for line in calm if line.startswith("|")])
    for line in hostile:
        assert re.search(r"(?<!\\)(?:\]\(|!\[)", line) is None
        assert re.sub(r"</?(details|summary)>", "", line).find("<") == -1
        assert "@" not in line


def outside_code(text: str) -> list[str]:
    """The lines of a Markdown text without code blocks and code spans."""
    lines, fence = [], ""
    for line in text.splitlines():
        mark = re.match(r"`{3,}", line)
        if fence:
            fence = "" if mark and mark[0] == fence and line == fence else fence
        elif mark:
            fence = mark[0]
        else:
            lines.append(re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", line))
    assert fence == ""
    return lines


@pytest.mark.parametrize("text", PLANTED)
def test_a_comparison_is_plain_too(text: str) -> None:
    found = compare(plain(BASE), plain(planted(text)))
    for written in (compare_text(found, Style()), compare_markdown(found)):
        assert ESCAPES.search(written) is None
