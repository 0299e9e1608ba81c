"""Pseudonyms: no name is left, nothing else is lost, and the same key gives the same names."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from migrate.report.anonymize import anonymized
from migrate.report.compare import compare
from migrate.report.model import Report, ReportedMachine, ReportedNode, dump_report
from tests.report.make import captured, fleet

NAMES = (
    *("lab-cp1", "lab-w1", "lab-w2", "debug-shell", "legacy-forwarder", "image-builder", "log-agent", "node-tuner", "legacy-import"),
    *("lab/agnhost", "lab/busybox", "image-builder-l9nvj", '"ops"', '"shop"', "ops/", "shop/"),
)


@pytest.fixture(scope="module")
def report() -> Report:
    return captured(files=False)


def bare(report: Report) -> str:
    """The report as text, without what is the program's own."""
    return dump_report(replace(report, rules=(), asked=()))


def known(node: ReportedNode) -> ReportedMachine | None:
    """What of a machine is no secret."""
    found = node.machine
    return replace(found, runtimes=tuple(replace(runtime, own=("",) * len(runtime.own)) for runtime in found.runtimes)) if found else None


def test_registries_and_values_of_settings_are_hidden() -> None:
    hidden = bare(anonymized(captured(), b"key"))
    assert "certs.d/registry.lab:5000" in bare(captured())
    assert [text for text in ("registry.lab:5000", "10.213.0") if text in hidden] == []


def test_no_name_is_left(report: Report) -> None:
    before, after = bare(report), bare(anonymized(report, b"key"))
    assert [name for name in NAMES if name in before][:3] == list(NAMES[:3])
    assert [name for name in NAMES if name in after] == []


def test_everything_else_is_as_it_was(report: Report) -> None:
    hidden = anonymized(report, b"key")
    assert (hidden.summary, hidden.rules, hidden.asked, hidden.stacks) == (report.summary, report.rules, report.asked, report.stacks)
    assert [(each.code, each.severity, len(each.nodes)) for each in hidden.findings] == [
        (each.code, each.severity, len(each.nodes)) for each in report.findings
    ]
    assert [(told.state, known(told)) for told in hidden.nodes] == [(told.state, known(told)) for told in report.nodes]
    assert [[(setting.key, setting.verdict) for setting in node.settings] for node in hidden.nodes] == [
        [(setting.key, setting.verdict) for setting in node.settings] for node in report.nodes
    ]
    assert [(workload.kind, workload.pod_security) for workload in hidden.workloads] == [
        (workload.kind, workload.pod_security) for workload in report.workloads
    ]
    for finding in hidden.findings:
        assert set(finding.nodes) <= {node.host for node in hidden.nodes}
        if finding.workload:
            assert finding.subject == finding.workload


def test_the_same_key_gives_the_same_names(report: Report) -> None:
    assert bare(anonymized(report, b"key")) == bare(anonymized(report, b"key"))
    assert bare(anonymized(report, b"key")) != bare(anonymized(report, b"another"))
    mended = replace(report, findings=tuple(finding for finding in report.findings if finding.code != "D2C301"))
    found = compare(anonymized(report, b"key"), anonymized(mended, b"key"))
    assert [change.code for change in found.fixed] == ["D2C301"]
    assert (found.appeared, found.nodes_came, found.nodes_went) == ((), (), ())


@pytest.mark.parametrize(
    ("evidence", "left"),
    [
        ("proxy at 10.1.2.3 and 192.168.0.7:5000", "proxy at X and X:5000"),
        ("listens on fd00:1234::1", "listens on X"),
        ("version 1.2.3 of 20.10.24+dfsg1-1, k8s v1.23.17, 1.2.3.4-5", "version 1.2.3 of 20.10.24+dfsg1-1, k8s v1.23.17, 1.2.3.4-5"),
        ("/home/alice/bin/run.sh:3: docker run", "/home/X/bin/run.sh:3: docker run"),
        ("members: alice, bob", "members: X, X"),
        ("used by Deployment shop/web (imagePullPolicy Always)", "used by Deployment X/X (imagePullPolicy Always)"),
        ("12:30:45 until 13:00:00", "12:30:45 until 13:00:00"),
    ],
)
def test_evidence(report: Report, evidence: str, left: str) -> None:
    told = replace(report, findings=(replace(report.findings[0], evidence=evidence),))
    found = anonymized(told, b"key").findings[0].evidence
    assert re.sub(r"\b(address|user|ns|app)-[0-9a-f]{8}\b", "X", found) == left


def test_long_names_win(report: Report) -> None:
    """worker-1 is not found in worker-10."""
    hidden = anonymized(fleet(report, 120, prefix="worker-"), b"key")
    assert len({node.host for node in hidden.nodes}) == 120
    assert [node.host for node in hidden.nodes if not re.fullmatch(r"node-[0-9a-f]{8}", node.host)] == []
