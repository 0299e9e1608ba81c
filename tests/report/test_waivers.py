"""Waivers: by rule and subject, with a reason and a last day; what is expired stands again."""

from __future__ import annotations

import re

import pytest

from migrate.formats import yaml_read
from migrate.report.causes import fails
from migrate.report.model import Report
from migrate.report.waivers import FindingWaiver, inline, read_waivers, waived
from migrate.rules import Severity
from tests.report.make import captured, day

TODAY = day("2026-11-24")


@pytest.fixture(scope="module")
def report() -> Report:
    return captured(files=False)


def failing(report: Report, fail_on: Severity) -> set[str]:
    return {finding.code for finding in report.findings if fails(finding, fail_on)}


def test_a_waiver_covers_its_rule_and_subject(report: Report) -> None:
    marked = waived(report, [FindingWaiver("D2C113", "moved soon", "container legacy-*", day("2026-11-24"))], TODAY)
    said = {finding.subject: (finding.waived, finding.waived_until) for finding in marked.findings if finding.code == "D2C113"}
    assert said == {"container debug-shell": (None, ""), "container legacy-forwarder": ("moved soon", "2026-11-24")}
    assert (marked.summary.waived, marked.notes) == (1, ())
    assert [node.state for node in marked.nodes] == [node.state for node in report.nodes], "a waiver lets no plan go on"


def test_waived_findings_do_not_fail(report: Report) -> None:
    everything = {finding.code for finding in report.findings if finding.severity is Severity.BLOCKER}
    assert failing(report, Severity.BLOCKER) == everything
    assert failing(waived(report, [inline("D2C105=later"), inline("D2C301=later")], TODAY), Severity.BLOCKER) == everything - {
        "D2C105",
        "D2C301",
    }


def test_an_expired_waiver_leaves_its_finding_standing(report: Report) -> None:
    marked = waived(report, [inline("D2C105=later@2026-11-23")], TODAY)
    assert failing(marked, Severity.BLOCKER) == failing(report, Severity.BLOCKER)
    assert marked.notes == ("the waiver of D2C105 ended on 2026-11-23: its finding stands again",)


def test_a_waiver_that_matches_no_finding_is_told(report: Report) -> None:
    marked = waived(report, [inline("D2C105:Node other=x")], TODAY)
    assert marked.notes == ("the waiver of D2C105 Node other matches no finding: remove it",)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("D2C130=known", FindingWaiver("D2C130", "known")),
        ("D2C130:/etc/cron.d/*=known @2027-01-31", FindingWaiver("D2C130", "known", "/etc/cron.d/*", day("2027-01-31"))),
        ("D2C130=ask ops@example.org", FindingWaiver("D2C130", "ask ops@example.org")),
        ("D2C403:image registry.example.org:5000/x=a=b", FindingWaiver("D2C403", "a=b", "image registry.example.org:5000/x")),
    ],
)
def test_as_it_is_typed(text: str, made: FindingWaiver) -> None:
    assert inline(text) == made


@pytest.mark.parametrize("text", ["D2C130", "D2C130=", "=why", "D2C130= @2027-01-31", "D2C130=x@2027-13-01"])
def test_what_is_typed_wrongly(text: str) -> None:
    with pytest.raises(ValueError, match=r"no code or no reason|is no day"):
        inline(text)


def test_a_file() -> None:
    text = """
- code: D2C130
  subject: /etc/cron.d/*
  reason: goes with Docker
  until: 2027-01-31
- code: D2C304
  reason: known
"""
    assert read_waivers(yaml_read.load(text)) == (
        FindingWaiver("D2C130", "goes with Docker", "/etc/cron.d/*", day("2027-01-31")),
        FindingWaiver("D2C304", "known"),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code: D2C130", "it is no list of waivers, each with code, subject, reason, until"),
        ("- D2C130", "waiver 1 is no mapping of texts"),
        ("- {code: D2C130}", "waiver 1: a code and a reason are needed"),
        ("- {code: D2C130, reason: x, node: z}", "waiver 1: node is none of code, subject, reason, until"),
        ("- {code: D2C130, reason: x, until: tomorrow}", "waiver 1: tomorrow is no day such as 2027-01-31"),
    ],
)
def test_a_wrong_file(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_waivers(yaml_read.load(text))
