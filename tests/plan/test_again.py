"""A plan file that was edited and sealed again: no step, mode, owner, unit or path is taken that would not be planned."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from migrate.facts.match import Matched, machine, match
from migrate.facts.model import NodeFacts
from migrate.limits import Limits
from migrate.plan.again import limits_of, strays
from migrate.plan.build import build_plan
from migrate.plan.model import NodePlan, PlannedStep
from migrate.plan.steps import (
    Annotate,
    ArmGuard,
    CarriedImage,
    CarryImage,
    Cordon,
    Drain,
    ReleaseAddresses,
    RemovePods,
    SetUnit,
    SmokeTest,
    StandaloneContainer,
    Step,
    StopKubelet,
    StopPods,
    StopSource,
    StopStandalone,
    Uncordon,
    UnitState,
    VerifyNode,
    WaitForCri,
    WriteFile,
)
from migrate.rules import Allow
from migrate.rules.judge import judge
from migrate.rules.table import RULES
from migrate.targets.table import target_named
from tests import captured

LIMITS = Limits(guard=60, drain=70, stop=75, verify_node=80, verify_workloads=90, cri=9)


@functools.cache
def made() -> tuple[NodePlan, NodeFacts]:
    capture, cluster, target = captured.capture_of(), captured.cluster(), target_named("containerd")
    assert target is not None
    facts = captured.facts(capture)
    (node,) = (one.node for one in match([machine(facts)], cluster.nodes) if isinstance(one, Matched))
    (found,) = judge(cluster, [(capture.host, capture, cluster.node(node), None)], target, {})
    assert found.view is not None
    return build_plan(found.view, found.findings, LIMITS), facts


def test_limits_are_those_of_the_steps() -> None:
    assert limits_of(made()[0]) == LIMITS


def each(kind: type[Step], change: Callable[[Step], Step], *, once: bool = True) -> Callable[[NodePlan], NodePlan]:
    """A plan whose first step of a kind (or each of them) is another."""

    def edit(plan: NodePlan) -> NodePlan:
        steps, done = [], False
        for one in plan.steps:
            hit = isinstance(one.step, kind) and not (once and done)
            done = done or hit
            steps.append(replace(one, step=change(one.step)) if hit else one)
        assert done
        return replace(plan, steps=tuple(steps))

    return edit


def more(segment: str, step: Step) -> Callable[[NodePlan], NodePlan]:
    return lambda plan: replace(plan, steps=(*plan.steps, PlannedStep(segment=segment, step=step)))


def changed(**fields: object) -> Callable[[Step], Step]:
    return lambda step: replace(step, **fields)


def after(**fields: object) -> Callable[[Step], Step]:
    def edit(step: Step) -> Step:
        assert isinstance(step, WriteFile)
        assert step.after is not None
        return replace(step, after=replace(step.after, **fields))

    return edit


def policy(**fields: object) -> Callable[[Step], Step]:
    def edit(step: Step) -> Step:
        assert isinstance(step, Drain)
        return replace(step, policy=replace(step.policy, **fields))

    return edit


def stopped(step: Step) -> Step:
    assert isinstance(step, StopSource)
    return replace(step, units=(*step.units, "ssh.service"))


EVIL = CarryImage(image=CarriedImage(reference="evil:1", id="sha256:0", size=1, why=""), name="registry.k8s.io/pause:3.6", why="")
GONE = StandaloneContainer(id="d" * 64, name="gone", timeout=10)
EDITED: dict[str, tuple[Callable[[NodePlan], NodePlan], str]] = {
    "mode": (each(WriteFile, after(mode="4777")), "after.mode 4777, not "),
    "owner": (each(WriteFile, after(owner="nobody:nogroup")), "after.owner nobody:nogroup, not root:root"),
    "content": (each(WriteFile, after(sha256="0" * 64)), "after.sha256 000"),
    "path": (each(WriteFile, changed(path="/etc/cron.d/x")), "/etc/cron.d/x"),
    "removal": (each(WriteFile, changed(after=None)), "`remove "),
    "one more file": (
        more("switch", WriteFile(path="/root/.ssh/authorized_keys", before=None, after=None, edits=(), diff="", why="")),
        "switch: `remove /root/.ssh/authorized_keys` would not be planned",
    ),
    "unit stopped": (each(StopSource, stopped), "ssh.service"),
    "unit started": (
        more(
            "prepare",
            SetUnit(
                unit="evil.service",
                before=UnitState(enabled="disabled", active=False),
                after=UnitState(enabled="enabled", active=True),
                why="",
            ),
        ),
        "prepare: `systemctl enable and start evil.service` would not be planned",
    ),
    "kubelet": (each(StopKubelet, changed(unit="sshd.service")), "sshd.service"),
    "socket": (each(WaitForCri, changed(socket="/tmp/x.sock")), "socket /tmp/x.sock, not /run/containerd/containerd.sock"),
    "data": (each(WaitForCri, changed(root="/etc")), "root /etc, not "),
    "a guard twice": (more("switch", ArmGuard(seconds=60, why="")), "its steps stand in another order, or more than once"),
    "no guard": (
        lambda plan: replace(plan, steps=tuple(one for one in plan.steps if not isinstance(one.step, ArmGuard))),
        "would be planned too",
    ),
    "order": (lambda plan: replace(plan, steps=tuple(reversed(plan.steps))), "its steps stand in another order"),
    "segment": (
        lambda plan: replace(plan, steps=tuple(replace(one, segment="prepare") if one.segment == "switch" else one for one in plan.steps)),
        "would not be planned",
    ),
    "annotation": (more("rejoin", Annotate(key="evil", value="x", why="")), "rejoin: `annotate evil=x` would not be planned"),
    "on rollback": (each(Annotate, changed(value="unix:///tmp/x.sock")), "value unix:///tmp/x.sock, not "),
    "one more drain": (
        lambda plan: more("rejoin", next(one.step for one in plan.steps if isinstance(one.step, Drain)))(plan),
        "would not be planned",
    ),
    "force": (each(Drain, policy(force=True)), "drain: the drain has force, which no accepted finding allows"),
    "force on rollback": (
        each(Drain, policy(delete_emptydir_data=True), once=False),
        "rejoin: the drain has delete-emptydir-data, which no",
    ),
    "leave": (each(Drain, policy(leave_returning=True)), "drain: the drain has leave-returning, which no accepted finding allows"),
    "DaemonSets": (each(Drain, policy(ignore_daemonsets=False)), "drain: the drain does not ignore DaemonSets"),
    "no smoke test": (each(SmokeTest, changed(required=False)), "the smoke test is not required, which no accepted finding allows"),
    "killed": (each(StopPods, changed(kill=True)), "switch: containers are killed after 75 s, which no accepted finding allows"),
    "waited for ever": (each(RemovePods, changed(timeout=86400)), "has timeout 86400, not 75"),
    "standalone containers are waited for": (
        more("switch", StopStandalone(containers=(GONE,), timeout=86400, why="")),
        "has timeout 86400, not 75",
    ),
    "standalone containers are killed": (
        more("switch", StopStandalone(containers=(GONE,), timeout=75, kill=True, why="")),
        "switch: containers are killed after 75 s, which no accepted finding allows",
    ),
    "smoke image": (each(VerifyNode, changed(image="evil:1")), "the smoke pod is of evil:1, which is no pause image of this node"),
    "another prefix": (each(VerifyNode, changed(prefix="evil://")), "prefix evil://, not docker://"),
    "an image under another's name": (
        more("prepare", EVIL),
        "prepare: image evil:1 would be carried as docker.io/library/evil:1, not registry.k8s.io/pause:3.6",
    ),
    "another node": (lambda plan: replace(plan, node="other"), "it is for node other on dockershim, this is lab-w1 on dockershim"),
    "another source": (lambda plan: replace(plan, source="cri-dockerd"), "it is for node lab-w1 on cri-dockerd"),
}


@pytest.mark.parametrize("kind", EDITED)
def test_an_edited_plan_is_told_with_what_would_be_planned(kind: str) -> None:
    fresh, facts = made()
    edit, said = EDITED[kind]
    lines = strays(edit(fresh), fresh, facts)
    assert any(said in line for line in lines), lines


def test_a_container_of_a_pod_is_no_standalone_one() -> None:
    fresh, facts = made()
    pod = next(one for one in facts.docker.containers if one.pod is not None)  # type: ignore[union-attr]
    mine = StandaloneContainer(id=pod.id, name=pod.name, timeout=10)
    (line,) = strays(more("switch", StopStandalone(containers=(mine,), timeout=75, why=""))(fresh), fresh, facts)
    assert line == f"switch: {pod.id[:12]} ({pod.name}) is no standalone container of this node, or another one"


@pytest.mark.parametrize(
    "edit",
    [
        lambda plan: plan,
        lambda plan: replace(plan, pods=(), may_differ=("x",), inputs=()),
        lambda plan: replace(plan, steps=tuple(one for one in plan.steps if not isinstance(one.step, CarryImage))),
        each(WriteFile, changed(why="w", diff="d"), once=False),
        each(ReleaseAddresses, changed(networks=("other",)), once=False),
        each(Cordon, changed(found=True)),
        each(Uncordon, changed(found=True)),
        more("switch", StopStandalone(containers=(GONE,), timeout=75, why="")),
    ],
)
def test_what_changes_all_the_time_is_no_stray(edit: Callable[[NodePlan], NodePlan]) -> None:
    fresh, facts = made()
    assert strays(edit(fresh), fresh, facts) == ()


def test_what_was_accepted_may_be_lost_although_no_pod_has_it_now() -> None:
    fresh, facts = made()
    rule = next(rule for rule in RULES if rule.allows is Allow.FORCE and rule.acceptable)
    finding = dataclasses.replace(fresh.findings[0], code=rule.code, accepted="moved next week")
    plan = each(Drain, policy(force=True), once=False)(replace(fresh, findings=(finding,)))
    assert strays(plan, fresh, facts) == ()
    unasked = each(Drain, policy(delete_emptydir_data=True))(plan)
    assert strays(unasked, fresh, facts) == ("drain: the drain has delete-emptydir-data, which no accepted finding allows",)


def test_an_accepted_long_grace_period_allows_to_kill_although_no_pod_has_it_now() -> None:
    fresh, facts = made()
    (rule,) = (rule for rule in RULES if rule.allows is Allow.KILL)
    finding = dataclasses.replace(fresh.findings[0], code=rule.code, accepted="they may be killed")
    plan = each(StopPods, changed(kill=True))(replace(fresh, findings=(finding,)))
    assert strays(plan, fresh, facts) == ()


def test_a_code_that_cannot_be_accepted_allows_nothing() -> None:
    fresh, facts = made()
    codes = [rule.code for rule in RULES if not rule.acceptable]
    findings = tuple(dataclasses.replace(fresh.findings[0], code=code, accepted="yes") for code in codes)
    plan = each(Drain, policy(force=True))(replace(fresh, findings=findings))
    assert strays(plan, fresh, facts) == ("drain: the drain has force, which no accepted finding allows",)
