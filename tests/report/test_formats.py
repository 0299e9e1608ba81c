"""What machines expect of their formats: SARIF, JUnit, CSV, YAML, JSON lines, columns."""

from __future__ import annotations

import csv
import io
import json
import re
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from migrate.formats import yaml_read
from migrate.report.model import Location, Report, ReportedFinding
from migrate.report.waivers import inline, waived
from migrate.report.write import Wish, write_report
from migrate.rules import Severity
from tests.report.make import captured, day


@pytest.fixture(scope="module")
def report() -> Report:
    return captured(files=False)


def scanned(report: Report) -> Report:
    """A report with a finding in a file, as a scan has them."""
    found = ReportedFinding(
        code="D2C301",
        slug="docker-socket-mounted",
        severity=Severity.BLOCKER,
        subject="DaemonSet ops/runner",
        evidence="hostPath /var/run/docker.sock",
        workload="DaemonSet ops/runner",
        location=Location(path="deploy/my runner.yaml", line=12, column=9),
    )
    return replace(report, findings=(*report.findings, found))


def test_sarif(report: Report) -> None:
    log = json.loads(write_report(scanned(report), "sarif"))
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    for result, finding in zip(run["results"], scanned(report).findings, strict=True):
        assert rules[result["ruleIndex"]] == result["ruleId"] == finding.code
        assert result["level"] == {"blocker": "error", "warning": "warning", "info": "note"}[finding.severity]
        assert result["message"]["text"]
        assert len(result["locations"]) == 1
    last = run["results"][-1]["locations"][0]
    assert last["physicalLocation"] == {
        "artifactLocation": {"uri": "deploy/my%20runner.yaml"},
        "region": {"startLine": 12, "startColumn": 9},
    }
    prints = [result["partialFingerprints"]["finding/v1"] for result in run["results"]]
    assert len(set(prints)) == len({(told.code, told.subject) for told in report.findings}) + 1


def test_sarif_suppresses_what_was_answered() -> None:
    log = json.loads(write_report(captured(accepted=True, files=False), "sarif"))
    said = {result["ruleId"]: result.get("suppressions") for result in log["runs"][0]["results"]}
    assert said["D2C301"] == [{"kind": "external", "status": "accepted", "justification": "accepted in the test"}]
    assert said["D2C105"] is None


@pytest.mark.parametrize(("fail_on", "failing"), [(None, 0), (Severity.BLOCKER, 5), (Severity.WARNING, 19)])
def test_junit(report: Report, fail_on: Severity | None, failing: int) -> None:
    """Five rules have blockers, one node each; with warnings those of each node besides."""
    root = ElementTree.fromstring(write_report(report, "junit", Wish(fail_on=fail_on)))
    assert (root.tag, [suite.get("name") for suite in root]) == ("testsuites", ["lab-cp1", "lab-w1", "lab-w2", "not checked"])
    failures = 0
    for suite in root:
        kinds = [child.tag for case in suite for child in case]
        counted = [suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")]
        assert counted == [str(len(suite)), str(kinds.count("failure")), str(kinds.count("error")), str(kinds.count("skipped"))]
        failures += kinds.count("failure")
    expected = {
        (finding.code, host) for finding in report.findings for host in finding.nodes if fail_on and finding.severity.rank <= fail_on.rank
    }
    assert failures == len(expected) == failing
    names = [case.get("name") for case in root[0]]
    assert names == list(report.asked)


def test_junit_skips_what_was_answered(report: Report) -> None:
    answered = waived(report, [inline("D2C113=known")], day("2026-11-24"))
    root = ElementTree.fromstring(write_report(answered, "junit"))
    case = next(case for suite in root for case in suite if suite.get("name") == "lab-w2" and str(case.get("name")).startswith("D2C113"))
    assert [(child.tag, child.get("message")) for child in case] == [("skipped", "waived: known")]


def test_csv_has_a_row_for_each_finding_on_each_node(report: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(write_report(report, "csv"))))
    told = [(row["code"], row["node"], row["subject"]) for row in rows if row["code"]]
    assert told == [(finding.code, host, finding.subject) for finding in report.findings for host in finding.nodes or ("",)]
    assert [row["slug"] for row in rows if not row["code"]] == ["not-checked"]
    assert write_report(report, "csv", Wish(headers=False)).startswith("D2C105,")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", " =", "＝", "\n+"])
def test_a_cell_is_never_a_formula(report: Report, start: str) -> None:
    found = replace(report.findings[0], subject=f'{start}HYPERLINK("http://x";"y")', evidence="-1+1")
    rows = list(csv.DictReader(io.StringIO(write_report(replace(report, findings=(found,)), "csv"))))
    assert rows[0]["subject"].startswith("'")
    assert rows[0]["evidence"] == "'-1+1"


def test_yaml_is_the_same_value_as_json(report: Report) -> None:
    assert yaml_read.load(write_report(report, "yaml")) == json.loads(write_report(report, "json"))


def test_json_lines(report: Report) -> None:
    lines = [json.loads(line) for line in write_report(report, "jsonl").splitlines()]
    assert lines[0]["type"] == "report"
    kinds = [line["type"] for line in lines[1:]]
    assert kinds == ["node"] * 3 + ["workload"] * 12 + ["finding"] * len(report.findings) + ["not_checked"]


def test_columns(report: Report) -> None:
    assert write_report(report, "custom-columns=HOST:.host,KUBELET:.machine.kubelet,POOL:.pool").splitlines() == [
        "HOST     KUBELET   POOL",
        "lab-cp1  v1.23.17  <none>",
        "lab-w1   v1.23.17  <none>",
        "lab-w2   v1.23.17  <none>",
    ]
    text = write_report(report, "custom-columns=CODE:.code,ON:.nodes", Wish(headers=False))
    assert text.splitlines()[0].split() == ["D2C105", "lab-cp1"]
    assert len(text.splitlines()) == len(report.findings)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("xml", "'xml' is none of table, wide, json, yaml, jsonl, csv, markdown, html, sarif, junit, custom-columns=SPEC"),
        ("custom-columns=", "'' is not HEADER:.field, for example CODE:.code"),
        ("custom-columns=A:.code,B", "'B' is not HEADER:.field, for example CODE:.code"),
        ("custom-columns=A:.nothing", "no row has all of nothing. findings: code, slug"),
        ("custom-columns=A:.__class__", "no row has all of __class__."),
    ],
)
def test_another_form_is_refused(report: Report, form: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        write_report(report, form)
