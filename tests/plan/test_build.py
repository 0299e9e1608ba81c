"""What the author of plans takes from its caller: the limits stand in the steps."""

from __future__ import annotations

from migrate.limits import Limits
from migrate.plan.build import build_plan
from migrate.plan.steps import ArmGuard, Drain, RemovePods, StopPods, VerifyNode, VerifyWorkloads, WaitForCri
from migrate.targets.containerd import CONTAINERD
from tests.plan.test_install import view


def test_every_limit_stands_in_its_steps() -> None:
    found, _ = view(target=CONTAINERD)
    plan = build_plan(found, (), Limits(guard=31, drain=32, stop=36, verify_node=33, verify_workloads=34, cri=35))
    steps = [planned.step for planned in plan.steps]
    assert plan.guard == 31
    assert {step.seconds for step in steps if isinstance(step, ArmGuard)} == {31}
    assert {step.policy.timeout for step in steps if isinstance(step, Drain)} == {32}
    assert [step.timeout for step in steps if isinstance(step, VerifyNode)] == [33, 33]
    assert [step.timeout for step in steps if isinstance(step, VerifyWorkloads)] == [34, 34]
    assert [step.timeout for step in steps if isinstance(step, WaitForCri)] == [35]
    assert [step.timeout for step in steps if isinstance(step, StopPods | RemovePods)] == [36, 36]
