"""The published model: its schema, its file, versions before and after this one, and how findings are merged into it."""

from __future__ import annotations

import json
import re

import pytest

from migrate.report.build import build_report, plan_report
from migrate.report.model import FORMAT, Report, dump_report, load_report
from migrate.report.schemas import report_schema as schema
from migrate.report.write import write_report
from migrate.rules import Severity
from migrate.rules.judge import Inspected
from tests.captured import BUNDLE
from tests.report.make import CONTAINERD, captured, fleet
from tests.report.schema import problems
from tests.test_scenarios import EVERYTHING, judged, plan_of


@pytest.fixture(scope="module")
def report() -> Report:
    return captured()


def test_json_is_as_its_schema_says(report: Report) -> None:
    told = json.loads(schema())
    for published in (report, fleet(report, 200), plan_report(plan_of(BUNDLE.name)), captured(accepted=True)):
        assert list(problems(json.loads(write_report(published, "json")), told)) == []
    broken = json.loads(write_report(report, "json"))
    broken["nodes"][0]["state"] = "fine"
    broken["findings"][0]["severity"] = None
    assert [problem.partition(" is ")[0] for problem in problems(broken, told)] == ["$.nodes[0].state", "$.findings[0].severity"]


def test_it_is_read_as_it_was_written(report: Report) -> None:
    assert load_report(dump_report(report)) == report


def test_fields_of_a_later_version_are_left_out(report: Report) -> None:
    value = json.loads(dump_report(report))
    value["weather"] = "fine"
    value["nodes"][0]["colour"] = {"of": "a later version"}
    assert load_report(json.dumps(value)) == report


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format": "docker2cri/v2", "kind": "inspect"}', "it has format docker2cri/v2, this version reads docker2cri/v1"),
        ("[]", "it is no docker2cri report: Expected `object`, got `array`"),
        ("{", "it is no docker2cri report: Input data was truncated"),
        (f'{{"format": "{FORMAT}", "kind": "inspect"}}', "it is no docker2cri report: Object missing required field `tool`"),
    ],
)
def test_what_is_no_report_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        load_report(text)


def test_the_same_on_several_nodes_is_one_finding(report: Report) -> None:
    found = {(finding.code, finding.subject): finding for finding in report.findings}
    proxy = found["D2C304", "DaemonSet kube-system/kube-proxy"]
    assert (proxy.nodes, proxy.workload) == (("lab-cp1", "lab-w1", "lab-w2"), "DaemonSet kube-system/kube-proxy")
    image = found["D2C403", "image k8s.gcr.io/kube-proxy:v1.23.17"]
    assert (image.nodes, image.workload) == (("lab-cp1", "lab-w1", "lab-w2"), "")


def test_a_remedy_names_the_node_where_there_is_one() -> None:
    remedies = {(one.code, one.subject): one.remedy for one in captured().findings}
    assert remedies["D2C301", "DaemonSet ops/image-builder"].endswith('--accept D2C301="builds moved to BuildKit" lab-w2 --out plan.json')
    assert CONTAINERD is not None
    _, nodes = judged(BUNDLE.name)
    several = build_report(nodes, target=CONTAINERD, tool="", taken=0).findings
    assert [finding for finding in several if len(finding.nodes) > 1 and re.search(r"\blab-(cp|w)[0-9]", finding.remedy)] == []
    assert [finding.code for finding in several if len(finding.nodes) == 1 and re.search(r"\bNODE\b", finding.remedy)] == []


def test_counts_of_nodes_are_those_of_the_judge(report: Report) -> None:
    _, nodes = judged(BUNDLE.name)
    for told, inspected in zip(report.nodes, nodes, strict=True):
        assert (told.host, told.state) == (inspected.host, inspected.state)
        assert (told.blockers, told.warnings, told.infos) == tuple(inspected.count(severity) for severity in Severity)
    assert (report.summary.ready, report.summary.needs_work, report.summary.blocked, report.summary.not_read) == (1, 1, 1, 0)


def test_a_node_that_was_not_read_is_no_pass() -> None:
    assert CONTAINERD is not None
    lost = Inspected("lab-w9", None, (), "lab-w9: no answer on port 22\n  expected: an answer\n  next: ssh lab-w9 true")
    report = build_report((lost,), target=CONTAINERD, tool="", taken=0)
    assert report.summary.not_read == 1
    assert report.not_checked[0].what == "node lab-w9"
    for form in ("table", "wide", "markdown", "html", "csv", "jsonl", "json", "yaml", "sarif", "junit"):
        assert "no answer on port 22" in write_report(report, form), form
    assert "\n  lab-w9: no answer on port 22\n      expected: an answer\n      next: ssh lab-w9 true\n" in write_report(report, "table")
    assert 'errors="1"' in write_report(report, "junit")
    assert '"executionSuccessful": false' in write_report(report, "sarif")


def test_a_plan_is_a_report_too() -> None:
    plan = plan_of(BUNDLE.name, EVERYTHING)
    report = plan_report(plan)
    assert [(node.host, node.state) for node in report.nodes] == [("lab-cp1", "blocked"), ("lab-w1", "ready"), ("lab-w2", "ready")]
    assert {change.path for change in report.files} >= {"/etc/containerd/config.toml", "/var/lib/kubelet/kubeadm-flags.env"}
    assert report.files == captured(accepted=True).files
    assert "machines and workloads" in {missed.what for missed in report.not_checked}
