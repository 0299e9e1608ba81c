"""The plan with `--keep-docker`: nothing of Docker stops, and only what serves Kubernetes alone does."""

from __future__ import annotations

from functools import cache

import pytest
from msgspec.structs import replace

from migrate.plan.again import accepted_in, limits_of, strays
from migrate.plan.build import build_plan
from migrate.plan.model import FORMAT, NodePlan, Plan, PlannedStep, dump_plan, load_plan, sealed
from migrate.plan.steps import KeepSource, StandaloneContainer, StopSource, StopStandalone, describe
from migrate.program.order import host_lines, rollback_of
from migrate.program.render import _runtimes
from migrate.report.chosen import chosen
from migrate.report.plan_text import plan_text
from migrate.report.style import Style
from migrate.rules import NodeView, accept, check
from migrate.rules.table import RULES
from tests.test_scenarios import judged

KEPT = "containerd+keep-docker"
SHIM, CRI_DOCKERD = "debian12-kubeadm-1.23-dockershim", "debian12-kubeadm-1.23-cri-dockerd"
REASONS = {rule.code: "asked for" for rule in RULES if rule.acceptable and rule.code not in ("D2C113", "D2C301")}


@cache
def planned(cluster: str, host: str, target: str = KEPT) -> tuple[NodeView, NodePlan]:
    from migrate.targets.table import target_named

    _, found = judged(cluster, REASONS, target_named(target))
    one = next(each for each in found if each.host == host)
    assert one.view is not None
    return one.view, build_plan(one.view, one.findings)


WORKERS = pytest.mark.parametrize(("cluster", "host", "stopped"), [
    (SHIM, "lab-w2", ()),
    (CRI_DOCKERD, "lab-w7", ("cri-docker.socket", "cri-docker.service")),
])  # fmt: skip


@WORKERS
def test_a_node_with_containers_of_its_own_is_planned_without_an_acceptance(cluster: str, host: str, stopped: tuple[str, ...]) -> None:
    _, plan = planned(cluster, host)
    assert plan.refusals == ()
    steps = [one.step for one in plan.steps if one.segment == "switch"]
    assert [step.units for step in steps if isinstance(step, StopSource)] == ([stopped] if stopped else [])
    assert [step.units for step in steps if isinstance(step, KeepSource)] == [("docker.socket", "docker.service")]
    assert [step for step in steps if isinstance(step, StopStandalone)] == []
    assert {*stopped, "docker.socket", "docker.service", "containerd.service"} == set(_runtimes(plan))


@WORKERS
def test_there_pods_are_looked_for_after_they_stopped_and_back_docker_answers_before_the_kubelet_starts(
    cluster: str, host: str, stopped: tuple[str, ...]
) -> None:
    _, plan = planned(cluster, host)
    there = [line.kind for line in host_lines(plan) if line.segment == "switch" and line.way != "rollback"]
    kept = there.index("source-keep")
    assert there[kept - 2 : kept] == (["addresses", "source-stop"] if stopped else ["pods-stop", "addresses"])
    back = [describe(one.step) for one in rollback_of(plan)]
    answers = back.index("wait until Docker answers")
    assert back.index("restart containerd.service, as it was found") < answers < back.index("start the kubelet")


def test_it_says_so_in_its_head_its_steps_and_the_question() -> None:
    _, node = planned(SHIM, "lab-w2")
    plan = sealed(Plan(format=FORMAT, made=0, tool="t", target=KEPT, server="", nodes=(node,)))
    text = plan_text(plan, Style(200))
    assert text.startswith("Plan to containerd, Docker keeps running: 1 of 1 nodes can be migrated, 0 refused\n")
    assert (
        "check that no pod runs in Docker, which keeps running\n        its other containers and users stay, and a rollback needs it"
        in text
    )
    assert "docker.s" not in "".join(line for line in text.splitlines() if ". stop " in line)
    assert load_plan(dump_plan(plan)) == plan
    assert [line for line in chosen(plan.nodes) if "standalone" in line] == []


def test_apply_plans_the_same_again_and_no_standalone_container_is_stopped_whatever_the_file_says() -> None:
    view, plan = planned(SHIM, "lab-w2")
    again = NodeView(view.facts, view.node, view.pods, view.cluster, view.target)
    fresh = build_plan(again, accept(check(again, RULES), accepted_in(plan)), limits_of(plan))
    assert strays(plan, fresh, view.facts) == ()
    assert view.docker is not None
    one = view.docker.standalone[0]
    container = StandaloneContainer(id=one.id, name=one.name, timeout=one.stop_timeout or 10)
    forged = replace(plan, steps=(*plan.steps, PlannedStep(segment="switch", step=StopStandalone(containers=(container,), why=""))))
    assert strays(forged, fresh, view.facts) == (
        f"switch: `stop standalone containers {one.name} (each within 600 s)` would not be planned",
    )


def test_a_plan_that_stops_docker_is_not_what_would_be_planned() -> None:
    view, plan = planned(SHIM, "lab-w1")
    _, stops = planned(SHIM, "lab-w1", "containerd")
    lines = strays(stops, plan, view.facts)
    assert "switch: `stop docker.socket, docker.service, keep them from starting` would not be planned" in lines
    assert "switch: `check that no pod runs in Docker, which keeps running` would be planned too" in lines
