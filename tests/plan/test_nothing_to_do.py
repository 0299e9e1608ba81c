"""Nodes with nothing to move: they get no steps and no refusal, and what is odd on one node is the result of that node alone."""

from __future__ import annotations

import dataclasses

import pytest

from migrate.facts.capture import Capture, PathReading
from migrate.facts.cluster import ClusterFacts
from migrate.facts.match import Matched, machine, match
from migrate.plan import build
from migrate.plan.build import build_plan
from migrate.plan.model import FORMAT, NodePlan, Plan, dump_plan, load_plan, sealed
from migrate.report.build import plan_report
from migrate.report.plan_text import plan_text
from migrate.report.style import Style
from migrate.rules.judge import Inspected, judge
from migrate.sources.table import origin_of
from migrate.targets import Target
from migrate.targets.compose import compose
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.captured import capture_of, cluster, facts, on_containerd, replaced, reporting, with_file, with_output

ENV = "/var/lib/kubelet/kubeadm-flags.env"


def judged(capture: Capture, api: ClusterFacts, target: Target = CONTAINERD) -> Inspected:
    (node,) = [one.node for one in match([machine(facts(capture))], api.nodes) if isinstance(one, Matched)]
    (found,) = judge(api, [(capture.host, capture, api.node(node), None)], target, {})
    return found


def planned(found: Inspected) -> NodePlan:
    assert found.view is not None
    return build_plan(found.view, found.findings)


def whole(*nodes: NodePlan) -> Plan:
    return sealed(Plan(format=FORMAT, made=0, tool="test", target="containerd", server="", nodes=nodes))


@pytest.mark.parametrize("docker", [True, False])
def test_a_node_on_the_target_gets_no_steps_whether_docker_idles_or_is_gone(docker: bool) -> None:
    found = judged(*on_containerd(docker=docker))
    plan = planned(found)
    assert found.state == "nothing to do"
    assert (plan.steps, plan.refusals, plan.nothing) == ((), (), "it runs its pods on containerd, not on Docker")
    text = plan_text(whole(plan), Style(100))
    assert text.startswith("Plan to containerd: 0 of 1 nodes can be migrated, 0 refused, nothing to do on 1\n")
    assert text.endswith("NOTHING TO DO on lab-w1: it runs its pods on containerd, not on Docker\n")
    assert load_plan(dump_plan(whole(plan))) == whole(plan)
    report = plan_report(whole(plan))
    assert ([node.state for node in report.nodes], report.summary.nothing_to_do) == (["nothing to do"], 1)


def test_what_differs_on_it_is_told() -> None:
    told = {(one.code, one.severity.value, one.subject) for one in judged(*on_containerd(docker=False)).findings}
    assert ("D2C609", "info", "/etc/containerd/config.toml") in told
    assert {severity for code, severity, _ in told if code == "D2C609"} == {"info"}


def test_a_node_on_a_third_runtime_has_nothing_to_do_either() -> None:
    assert planned(judged(*on_containerd(), CRIO)).nothing == "it runs its pods on containerd, not on Docker"


def after_the_move() -> Capture:
    """lab-w1 with the files that a plan writes, as the kubelet and the stopped Docker show after it."""
    capture = capture_of()
    changes, refused = compose(CONTAINERD, facts(capture), origin_of(facts(capture)))
    assert refused == ()
    written = {one.path: PathReading("file", one.mode, one.owner, len(one.after), 0, None, one.after) for one in changes}
    capture = dataclasses.replace(capture, paths={**capture.paths, **written})
    flags = capture.paths[ENV].text.partition('="')[2].partition('"')[0]
    old = capture.commands["cmdline kubelet.service"].text
    kept = old[: old.index("--network-plugin")]
    capture = with_output(capture, "cmdline kubelet.service", kept + "\0".join(flags.split()) + "\0")
    for unit in ("docker.service", "docker.socket"):
        shown = capture.commands[f"systemctl show {unit}"].text.replace("ActiveState=active", "ActiveState=inactive")
        capture = with_output(capture, f"systemctl show {unit}", shown)
    return capture


def test_as_the_tool_leaves_a_node_nothing_is_to_do_and_nothing_differs() -> None:
    found = judged(after_the_move(), reporting("containerd://1.6.20"))
    assert planned(found).nothing != ""
    assert [one for one in found.findings if one.code == "D2C609"] == []


@pytest.mark.parametrize(
    ("capture", "told"), [(capture_of(), "containerd://1.6.20"), (on_containerd()[0], "docker://20.10.24")], ids=["files", "process"]
)
def test_files_that_the_running_kubelet_does_not_follow_are_no_ground_for_a_plan(capture: Capture, told: str) -> None:
    found = judged(capture, reporting(told))
    plan = planned(found)
    assert (plan.steps, plan.nothing, found.state) == ((), "", "blocked")
    assert "D2C610" in [one.code for one in plan.refusals]


def test_a_node_on_the_target_whose_kubelet_does_not_run_is_refused() -> None:
    capture, api = on_containerd()
    found = judged(replaced(capture, "cmdline kubelet.service", capture.commands["cmdline kubelet.service"].text, ""), api)
    assert [one.code for one in planned(found).refusals] == ["D2C201"]


def test_what_docker_left_unreadable_keeps_no_moved_node_from_it() -> None:
    capture, api = on_containerd()
    assert planned(judged(with_file(capture, "/etc/docker/daemon.json", "{"), api)).nothing != ""


def test_what_planning_one_node_raises_is_its_own_result(monkeypatch: pytest.MonkeyPatch) -> None:
    api = cluster()
    odd, well = judged(capture_of("lab-w2"), api), judged(capture_of(), api)

    def raising(target: Target, of: object, origin: object) -> object:
        if getattr(of, "host", "") == "lab-w2":
            raise AssertionError("no version")
        return compose(target, of, origin)  # type: ignore[arg-type]

    monkeypatch.setattr(build, "compose", raising)
    assert odd.view is not None
    plans = (build_plan(odd.view, ()), planned(well))
    assert [bool(plan.steps) for plan in plans] == [False, True]
    assert [(one.code, one.reason) for one in plans[0].refusals] == [
        ("unexpected", "lab-w2 cannot be planned, unexpected AssertionError: no version")
    ]
    assert [node.state for node in plan_report(whole(*plans)).nodes] == ["blocked", "ready"]


def test_what_judging_one_node_raises_is_its_own_result(monkeypatch: pytest.MonkeyPatch) -> None:
    from migrate.rules import target as rules

    def raising(target: Target, of: object, origin: object) -> object:
        if getattr(of, "host", "") == "lab-w2":
            raise IndexError("nothing there")
        return compose(target, of, origin)  # type: ignore[arg-type]

    monkeypatch.setattr(rules, "compose", raising)
    odd, well = judged(capture_of("lab-w2"), cluster()), judged(capture_of(), cluster())
    assert (odd.state, well.state) == ("not read", "ready")
    assert odd.error == (
        "lab-w2: what it answered cannot be understood: IndexError: nothing there\n"
        "  expected: answers in the form that its programs have\n"
        "  next: docker2cri capture lab-w2 --out DIR, and report the file that it writes"
    )
