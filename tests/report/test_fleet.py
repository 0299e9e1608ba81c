"""A thousand nodes: terminal and Markdown stay readable, the HTML file stays small, and their numbers agree."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from migrate.report.causes import causes, headline
from migrate.report.html import load_page
from migrate.report.model import Report
from migrate.report.style import Style
from migrate.report.write import Wish, write_report
from tests.report.make import captured, fleet

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def report() -> Report:
    return fleet(captured(), 1000)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return write_report(report, "html")


class Texts(HTMLParser):
    """The visible text of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_terminal_collapses(report: Report) -> None:
    text = write_report(report, "table", Wish(Style(80)))
    assert text.splitlines()[0] == "To containerd: 930 ready, 50 need work, 10 blocked, 10 not read"
    assert len(text.splitlines()) < 350
    assert "\n970 more: 40 needs work, 930 ready (-o wide shows all)\n" in text
    rows = [line.split()[-1] for line in text.splitlines() if line.startswith("prod-worker-")]
    assert (len(rows), rows.count("ready")) == (30, 0), "those that need attention come first"
    assert sum(line.startswith("prod-worker-") for line in write_report(report, "wide").splitlines()) == 1000


def test_markdown_fits_a_step_summary(report: Report) -> None:
    assert len(write_report(report, "markdown").encode()) < 1024 * 1024


def test_the_page_is_small(page: str) -> None:
    assert len(page.encode()) < 2.1 * MEGABYTE


def test_the_page_holds_the_report(report: Report, page: str) -> None:
    assert load_page(page) == report


def test_numbers_agree(report: Report, page: str) -> None:
    parser = Texts()
    parser.feed(page)
    told = "\n".join(parser.texts)
    terminal, notes = (write_report(report, form, Wish(Style(300), show_info=True)) for form in ("table", "markdown"))
    assert headline(report) in terminal.splitlines()[0]
    assert headline(report) in told
    for cause in causes(report.findings):
        assert f"{cause.code} {cause.slug} ({cause.extent})" in terminal
        assert f"{cause.code} {cause.slug} · {cause.extent}" in told
        assert cause.extent in notes
    squares = re.findall(r'<a class="q ([a-z-]+)"', page)
    summary = report.summary
    assert [squares.count(state) for state in ("ready", "needs-work", "blocked", "not-read")] == [
        summary.ready,
        summary.needs_work,
        summary.blocked,
        summary.not_read,
    ]
    assert len(re.findall(r'<tbody id="n[0-9]+"', page)) == len(report.nodes)
