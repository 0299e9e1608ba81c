"""Two reports: what was fixed, what is new, what is unchanged, and what is not known."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from migrate.report.build import counted
from migrate.report.compare import compare, compare_markdown, compare_text
from migrate.report.model import Report, ReportedNode
from migrate.report.style import Style
from tests.captured import BUNDLE
from tests.report.make import captured
from tests.test_scenarios import golden


@pytest.fixture(scope="module")
def old() -> Report:
    return captured(files=False)


def without(report: Report, *codes: str) -> Report:
    return counted(replace(report, findings=tuple(finding for finding in report.findings if finding.code not in codes)))


def later(old: Report) -> Report:
    """Forwarder and socket are gone, lab-w2 is ready, lab-w3 came, lab-w1 cannot be reached, a workload went."""
    mended = without(old, "D2C113", "D2C301", "D2C320", "D2C321")
    cp1, _, w2 = mended.nodes
    nodes = (
        cp1,
        ReportedNode(host="lab-w1", state="not read", error="lab-w1: no answer"),
        replace(w2, state="ready"),
        replace(w2, host="lab-w3", node="lab-w3"),
    )
    findings = tuple(replace(finding, nodes=tuple(host for host in finding.nodes if host != "lab-w1")) for finding in mended.findings)
    findings = tuple(finding for finding in findings if finding.nodes)
    new = replace(findings[0], code="D2C401", slug="disk-too-small", subject="/var/lib/containerd", nodes=("lab-w3",))
    return counted(replace(mended, taken="2026-12-01T00:00:00Z", nodes=nodes, findings=(*findings, new), workloads=mended.workloads[1:]))


def test_nothing_changed(old: Report) -> None:
    found = compare(old, old)
    assert (found.fixed, found.appeared, found.nodes_came, found.nodes_went) == ((), (), (), ())
    assert {(change.code, change.subject) for change in found.still} == {(finding.code, finding.subject) for finding in old.findings}


def test_what_changed(old: Report) -> None:
    found = compare(old, later(old))
    assert [(change.code, change.subject) for change in found.fixed] == [
        ("D2C113", "container debug-shell"),
        ("D2C113", "container legacy-forwarder"),
        ("D2C301", "DaemonSet ops/image-builder"),
        ("D2C320", "Pod shop/legacy-import"),
        ("D2C321", "Pod shop/legacy-import"),
    ]
    assert [(change.code, change.nodes) for change in found.appeared] == [("D2C401", ("lab-w3",))]
    assert [(moved.host, moved.before, moved.after) for moved in found.nodes_moved] == [
        ("lab-w1", "ready", "not read"),
        ("lab-w2", "needs work", "ready"),
    ]
    assert (found.nodes_came, found.nodes_went, found.unknown) == (("lab-w3",), (), ("lab-w1",))
    assert found.workloads_went == (old.workloads[0].title,)


def test_what_could_not_be_read_is_not_called_fixed(old: Report) -> None:
    """Everything of lab-w1 vanished from the findings; whether it is fixed is not known."""
    assert [change for change in compare(old, later(old)).fixed if "lab-w1" in change.nodes] == []


def test_texts(old: Report, update_goldens: bool) -> None:
    found = compare(old, later(old))
    golden(BUNDLE.name, "compare.txt", compare_text(found, Style(100)), update_goldens)
    golden(BUNDLE.name, "compare.md", compare_markdown(found), update_goldens)
