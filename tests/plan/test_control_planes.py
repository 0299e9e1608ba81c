"""A control plane's plan: its own steps in their places, its time in the plan, and the order of three of them."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from migrate.facts.cluster import ClusterFacts
from migrate.facts.etcd import Etcd
from migrate.facts.probes import ETCD
from migrate.limits import Limits
from migrate.plan.again import limits_of, strays
from migrate.plan.build import build_plan, fleet_of, leading
from migrate.plan.fleet import FleetPlan
from migrate.plan.model import NodePlan
from migrate.plan.steps import (
    API,
    CheckControlPlanes,
    EtcdSnapshot,
    MoveEtcdLeader,
    SettleControlPlane,
    VerifyControlPlane,
    describe,
    kind_of,
)
from migrate.program.order import rollback_of
from migrate.report.chosen import chosen
from migrate.rules import NodeView, accept, check
from migrate.rules.judge import Inspected
from migrate.rules.table import RULES
from tests.captured import HIGHLY_AVAILABLE
from tests.test_scenarios import judged

OWN = (CheckControlPlanes, EtcdSnapshot, MoveEtcdLeader, SettleControlPlane, VerifyControlPlane)


@pytest.fixture
def three() -> tuple[ClusterFacts, tuple[Inspected, ...]]:
    cluster, found = judged(HIGHLY_AVAILABLE.name)
    return cluster, tuple(one for one in found if one.host != "ha-w1")


def planned(one: Inspected, limits: Limits) -> NodePlan:
    assert one.view is not None
    return build_plan(one.view, one.findings, limits)


def test_their_own_steps(three: tuple[ClusterFacts, tuple[Inspected, ...]]) -> None:
    _, found = three
    plan = planned(found[0], Limits(planes_well=7))
    assert [(each.segment, each.step.on, describe(each.step)) for each in plan.steps if isinstance(each.step, OWN)] == [
        ("drain", "rollback", "wait until all control planes have been well for 7 s"),
        ("drain", "apply", "keep a verified snapshot of etcd, /etc/kubernetes/pki and manifests on this machine"),
        ("drain", "apply", "check that etcd and the other control planes are well"),
        ("drain", "apply", "move the leader of etcd to another control plane"),
        ("switch", "rollback", "verify etcd and the control plane on Docker"),
        ("rejoin", "apply", "verify etcd and the control plane on containerd"),
        ("rejoin", "rollback", "move the leader of etcd to another control plane"),
        ("rejoin", "rollback", "check that etcd and the other control planes are well"),
        ("rejoin", "apply", "wait until all control planes have been well for 7 s"),
    ]
    undone = [describe(each.step) for each in rollback_of(plan) if isinstance(each.step, OWN)]
    assert undone == [
        "check that etcd and the other control planes are well",
        "move the leader of etcd to another control plane",
        "verify etcd and the control plane on Docker",
        "wait until all control planes have been well for 7 s",
    ]


def test_the_time_stands_in_the_plan(three: tuple[ClusterFacts, tuple[Inspected, ...]]) -> None:
    _, found = three
    plan = planned(found[0], Limits(planes_well=7))
    assert limits_of(plan) == Limits(planes_well=7)
    assert chosen([plan]) == ("planes well 7 s (default 60 s): ha-cp1",)
    assert found[0].view is not None
    assert strays(plan, planned(found[0], limits_of(plan)), found[0].view.facts) == ()


def test_the_one_whose_etcd_leads_comes_last(three: tuple[ClusterFacts, tuple[Inspected, ...]]) -> None:
    cluster, found = three
    leaders = leading(one.view for one in found if one.view)
    assert leaders == ("ha-cp2",)
    fleet = fleet_of([planned(one, Limits()) for one in found], cluster, leaders=leaders)
    assert isinstance(fleet, FleetPlan)
    assert [stage.nodes for stage in fleet.stages] == [("ha-cp1",), ("ha-cp3",), ("ha-cp2",)]


@pytest.fixture
def only(three: tuple[ClusterFacts, tuple[Inspected, ...]]) -> NodeView:
    """ha-cp1 as the only control plane, with the only member of etcd."""
    cluster, found = three
    view = found[0].view
    assert view is not None
    assert isinstance(view.facts.etcd, Etcd)
    own = tuple(member for member in view.facts.etcd.members if member.id == view.facts.etcd.own)
    etcd = dataclasses.replace(view.facts.etcd, members=own)
    nodes = tuple(node for node in cluster.nodes if node.name == "ha-cp1" or not node.control_plane)
    alone = msgspec.structs.replace(cluster, nodes=nodes)
    return dataclasses.replace(view, facts=dataclasses.replace(view.facts, etcd=etcd), cluster=alone)


def test_the_only_one_is_planned_where_that_is_accepted(only: NodeView) -> None:
    findings = check(only, RULES)
    refused = build_plan(only, findings)
    assert [one.code for one in refused.refusals] == ["D2C184"]
    assert not refused.steps
    plan = build_plan(only, accept(findings, {"D2C184": "announced"}))
    assert not plan.refusals
    assert plan.alone
    assert [(each.segment, each.step.on, describe(each.step)) for each in plan.steps if isinstance(each.step, OWN)] == [
        ("drain", "rollback", "wait until the control plane has been well for 60 s"),
        ("drain", "apply", "keep a verified snapshot of etcd, /etc/kubernetes/pki and manifests on this machine"),
        ("drain", "apply", "check that etcd and its own API server are well"),
        ("switch", "rollback", "verify etcd and the control plane on Docker"),
        ("rejoin", "apply", "verify etcd and the control plane on containerd"),
        ("rejoin", "rollback", "check that etcd and its own API server are well"),
        ("rejoin", "apply", "wait until the control plane has been well for 60 s"),
    ]
    undone = [describe(each.step) for each in rollback_of(plan) if each.segment == "switch" and kind_of(each.step).where == API]
    assert undone[0] == "verify etcd and the control plane on Docker"
    assert undone[-1] == "verify the cordoned node on Docker"


def test_a_plan_of_the_only_one_is_no_plan_of_one_of_several(only: NodeView, three: tuple[ClusterFacts, tuple[Inspected, ...]]) -> None:
    alone = build_plan(only, accept(check(only, RULES), {"D2C184": "announced"}))
    several = planned(three[1][0], limits_of(alone))
    found = strays(alone, several, only.facts)
    assert "drain: `check that etcd and its own API server are well` has alone True, not False" in found


@pytest.mark.parametrize("single", [False, True])
def test_where_etcd_runs_elsewhere_no_step_is_for_it(
    three: tuple[ClusterFacts, tuple[Inspected, ...]], only: NodeView, single: bool
) -> None:
    view = only if single else three[1][0].view
    assert view is not None
    facts = dataclasses.replace(view.facts, etcd=None, marks=view.facts.marks - {ETCD})
    view = dataclasses.replace(view, facts=facts)
    plan = build_plan(view, accept(check(view, RULES), {"D2C184": "announced"}))
    assert not plan.refusals
    assert plan.alone is single
    assert plan.plane is not None
    assert not plan.plane.etcd
    well = "the control plane has" if single else "all control planes have"
    asked = "its own API server is" if single else "the other control planes are"
    assert [(each.segment, each.step.on, describe(each.step)) for each in plan.steps if isinstance(each.step, OWN)] == [
        ("drain", "rollback", f"wait until {well} been well for 60 s"),
        ("drain", "apply", f"check that {asked} well"),
        ("switch", "rollback", "verify the control plane on Docker"),
        ("rejoin", "apply", "verify the control plane on containerd"),
        ("rejoin", "rollback", f"check that {asked} well"),
        ("rejoin", "apply", f"wait until {well} been well for 60 s"),
    ]
