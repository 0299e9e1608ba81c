"""Every format, whole, on the captured cluster: `--update-goldens` writes them; the diff is read."""

from __future__ import annotations

import pytest

from migrate.report.model import Report
from migrate.report.style import Style
from migrate.report.waivers import inline, waived
from migrate.report.write import Wish, write_report
from tests.captured import BUNDLE
from tests.report.make import captured, day
from tests.test_scenarios import golden

FILES = {
    "table": "inspect.txt",
    "wide": "inspect.wide.txt",
    "json": "report.json",
    "yaml": "report.yaml",
    "jsonl": "report.jsonl",
    "csv": "report.csv",
    "markdown": "report.md",
    "html": "report.html",
    "sarif": "report.sarif",
    "junit": "report.junit.xml",
}


@pytest.fixture(scope="module")
def report() -> Report:
    return captured()


@pytest.mark.parametrize("form", FILES)
def test_format(form: str, report: Report, update_goldens: bool) -> None:
    golden(BUNDLE.name, FILES[form], write_report(report, form, Wish(Style(100))), update_goldens)


def test_narrow(report: Report, update_goldens: bool) -> None:
    """At 80 columns only what is typed or named in one piece is longer than a line."""
    text = write_report(report, "table", Wish(Style(80), show_info=True))
    golden(BUNDLE.name, "inspect.80.txt", text, update_goldens)
    assert [line for line in text.splitlines() if len(line) > 80 and not line.startswith("           ")] == []


def test_answered(update_goldens: bool) -> None:
    """Accepted and waived findings, and an expired waiver, as a terminal shows them."""
    waivers = [inline("D2C130:/etc/cron.d/*=goes with Docker@2027-01-31"), inline("D2C304=known"), inline("D2C302=soon@2026-01-01")]
    report = waived(captured(accepted=True, files=False), waivers, day("2026-11-24"))
    golden(BUNDLE.name, "inspect.answered.txt", write_report(report, "table", Wish(Style(100))), update_goldens)
