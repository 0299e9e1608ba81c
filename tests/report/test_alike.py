"""A plan of many nodes is as long as that of one of each kind: the same change is shown once, with the names; what differs stays apart."""

from __future__ import annotations

import dataclasses
import re

import msgspec
import pytest
from msgspec.structs import replace

from migrate.plan.model import NodePlan, Plan, sealed
from migrate.plan.steps import CarryImage, WriteFile
from migrate.report.alike import alike, own
from migrate.report.plan_text import _change, plan_text
from migrate.report.style import Style
from tests.captured import BUNDLE
from tests.test_scenarios import EVERYTHING, plan_of


@pytest.fixture(scope="module")
def made() -> Plan:
    return plan_of(BUNDLE.name, EVERYTHING)


def named(node: NodePlan, at: int) -> NodePlan:
    """The same node under another name, with pods of other names."""
    text = msgspec.json.encode(node).decode()
    text = re.sub(rf"(?<![\w.]){node.host}(?![\w])", f"prod-{at:04}", text)
    text = re.sub(r"(kube-proxy|node-tuner)-[a-z0-9]{5}", rf"\1-{at:05x}", text)
    return msgspec.json.decode(text, type=NodePlan)


def fleet(made: Plan, count: int) -> Plan:
    """One control plane, one dirty worker of twenty, the others clean ones."""
    kinds = {node.host: node for node in made.nodes}
    of = ["lab-cp1" if at == 0 else "lab-w2" if at % 20 == 19 else "lab-w1" for at in range(count)]
    return sealed(replace(made, nodes=tuple(named(kinds[kind], at) for at, kind in enumerate(of))))


def test_a_plan_of_a_hundred_nodes_is_a_page_of_three_sections(made: Plan) -> None:
    text = plan_text(fleet(made, 100), Style(100))
    titles = [line.rstrip("= ") for line in text.splitlines() if line.startswith("== ")]
    assert titles == ["== prod-0000 (dockershim)", "== 94 nodes (dockershim)", "== 5 nodes (dockershim)"]
    one = plan_text(made, Style(100))
    assert len(text.splitlines()) < len(one.splitlines()) + 20
    words = re.sub(r"\s+", " ", text)
    assert all(f"prod-{at:04}" in words for at in range(100)), "each is named"
    assert "94 nodes DaemonSet kube-system/kube-proxy: container kube-proxy is privileged" in words
    assert "copy 5 images (125.9 MB on a node)" in words
    assert "kubectl get node NODE -o" in words
    assert "470 of 752 are evicted, 5 on a node; the longest grace period is 30 s" in words
    assert plan_text(fleet(made, 1000), Style(100)).count("\n") < len(one.splitlines()) + 40


def test_a_node_alone_is_told_as_it_was(made: Plan) -> None:
    text = plan_text(made, Style(100))
    assert "(pod kube-proxy-hnxjq)" in re.sub(r"\s+", " ", text)
    assert "The same change on each" not in text


def test_what_is_done_otherwise_is_another_change(made: Plan) -> None:
    node = next(each for each in made.nodes if each.host == "lab-w1")
    at = next(at for at, planned in enumerate(node.steps) if isinstance(planned.step, WriteFile))
    step = node.steps[at].step
    assert isinstance(step, WriteFile)
    edited = replace(node.steps[at], step=replace(step, diff=step.diff + "+one line more\n"))
    other = replace(named(node, 2), steps=(*node.steps[:at], edited, *node.steps[at + 1 :]))
    fewer = replace(named(node, 3), steps=tuple(planned for planned in node.steps if not isinstance(planned.step, CarryImage)))
    groups = alike([named(node, 1), other, fewer, replace(named(node, 4), nothing="it is done")], _change)
    assert [[one.host for one in group] for group in groups] == [["prod-0001", "prod-0003"], ["prod-0002"], ["prod-0004"]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cordon w1, w1.example and w10", "cordon NODE, w1.example and w10"),
        ("a w1: b (w1)", "a NODE: b (NODE)"),
        ("+--node-ip=10.0.0.7 --v=2", "+--node-ip=NODE --v=2"),
        ('--hostname-override="x"', '--hostname-override="NODE"'),
        ("mirror 10.0.0.7", "mirror 10.0.0.7"),
        ("gpu-w1 w1-a", "gpu-w1 w1-a"),
    ],
)
def test_what_is_the_nodes_own(made: Plan, text: str, told: str) -> None:
    assert own(replace(made.nodes[0], node="w1", host="w1"), text) == told


def test_many_findings_of_a_rule_are_counted(made: Plan) -> None:
    node = next(each for each in made.nodes if each.host == "lab-w1")
    nodes = []
    for at in range(1, 40):
        one = named(node, at)
        first = dataclasses.replace(one.findings[0], evidence=f"seen {at}")
        nodes.append(replace(one, findings=(first, *one.findings[1:])))
    words = re.sub(r"\s+", " ", plan_text(sealed(replace(made, nodes=tuple(nodes))), Style(100)))
    assert "prod-0005 " in words
    assert "seen 5 34 more findings of this rule on 34 nodes" in words
