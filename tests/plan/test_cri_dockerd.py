"""The plan of a node whose kubelet reaches Docker through cri-dockerd 0.4.3, from the capture of a real one."""

from __future__ import annotations

import pytest

from migrate.facts.match import Matched, machine, match
from migrate.plan.build import build_plan
from migrate.plan.model import NodePlan
from migrate.plan.steps import describe
from migrate.rules.judge import judge
from migrate.targets import Target
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.captured import WITH_CRI_DOCKERD, capture_of, cluster, facts

PAUSE = "registry.k8s.io/pause:3.10"  # cri-dockerd's own default; the kubelet's idle flag names k8s.gcr.io/pause:3.6, which is not there


def plan(target: Target) -> NodePlan:
    capture, api = capture_of("lab-w7", WITH_CRI_DOCKERD), cluster(WITH_CRI_DOCKERD)
    (node,) = [one.node for one in match([machine(facts(capture))], api.nodes) if isinstance(one, Matched)]
    (found,) = judge(api, [(capture.host, capture, api.node(node), None)], target, {})
    assert found.view is not None
    return build_plan(found.view, found.findings)


def test_the_sandbox_image_is_the_one_that_runs() -> None:
    of = plan(CONTAINERD)
    texts = [describe(planned.step) for planned in of.steps]
    assert of.source == "cri-dockerd"
    assert [text for text in texts if "pause" in text] == [
        f"copy image {PAUSE} (762.7 kB)",
        f"run a smoke pod of {PAUSE} before anything is disturbed",
    ]
    (config,) = [planned.step.diff for planned in of.steps if getattr(planned.step, "path", "") == "/etc/containerd/config.toml"]  # type: ignore[union-attr]
    assert [line for line in config.splitlines() if "sandbox_image" in line] == [f'+    sandbox_image = "{PAUSE}"']


def test_its_units_are_stopped_and_its_flags_replaced() -> None:
    of = plan(CONTAINERD)
    texts = [describe(planned.step) for planned in of.steps]
    assert "stop docker.socket, docker.service, cri-docker.socket, cri-docker.service, keep them from starting" in texts
    (flags,) = [planned.step.diff for planned in of.steps if getattr(planned.step, "path", "").endswith("kubeadm-flags.env")]  # type: ignore[union-attr]
    old, new = (next(line for line in flags.splitlines() if line.startswith(f"{sign}KUBELET")) for sign in "-+")
    assert new[1:] == old[1:].replace("unix:///run/cri-dockerd.sock", "unix:///run/containerd/containerd.sock")


@pytest.mark.parametrize("target", [CONTAINERD, CRIO], ids=lambda target: target.name)
def test_only_what_the_target_lacks_blocks(target: Target) -> None:
    blockers = {finding.code for finding in plan(target).findings if finding.severity.value == "blocker"}
    assert blockers == (set() if target is CONTAINERD else {"D2C601", "D2C607"})
