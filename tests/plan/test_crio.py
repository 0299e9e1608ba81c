"""The plan of a move to CRI-O, on a captured worker: files before its first start, what is stopped, and the way back."""

from __future__ import annotations

from migrate.facts.match import Matched, machine, match
from migrate.plan.build import build_plan
from migrate.plan.describe import describe
from migrate.plan.model import NodePlan
from migrate.plan.program import host_steps
from migrate.plan.steps import acts, undo
from migrate.rules.judge import judge
from migrate.targets import Target, with_options
from migrate.targets.crio import CRIO, OWN_DEFAULTS
from tests.captured import WITH_CRIO, capture_of, cluster, facts


def plan(target: Target = CRIO) -> NodePlan:
    capture, api = capture_of("lab-w8", WITH_CRIO), cluster(WITH_CRIO)
    (node,) = [one.node for one in match([machine(facts(capture))], api.nodes) if isinstance(one, Matched)]
    (found,) = judge(api, [(capture.host, capture, api.node(node), None)], target, {})
    assert found.view is not None
    return build_plan(found.view, found.findings)


FILES = (
    "write /etc/crio/crio.conf.d/99-docker2cri.conf (new)",
    "write /etc/containers/storage.conf (new)",
    "write /etc/containers/registries.conf.d/zz-docker2cri.conf (new)",
)


def test_the_way_there() -> None:
    assert [describe(one.step) for one in plan().steps if acts(one.step)] == [
        *FILES,
        "systemctl enable and start crio.service",
        "carry 5 images over (125.9 MB)",
        "cordon",
        "drain",
        "wait until volumes are detached",
        "arm the guard",
        "systemctl stop kubelet.service",
        "stop the pods' containers in docker, sandboxes last",
        "release the stopped sandboxes' addresses in lab",
        "stop and shelve docker.socket, docker.service",
        "write /etc/modules-load.d/docker2cri.conf (new)",
        "write /etc/sysctl.d/99-docker2cri.conf (new)",
        "write /etc/crictl.yaml (new)",
        "write /etc/systemd/system/crio.service.d/docker2cri-proxy.conf (new)",
        "write /etc/systemd/system/crio.service.d/docker2cri-limits.conf (new)",
        "edit /var/lib/kubelet/kubeadm-flags.env",
        "edit /var/lib/kubelet/config.yaml",
        "restart crio.service",
        "wait for CRI on unix:///var/run/crio/crio.sock as planned (at most 60 s)",
        "systemctl start kubelet.service",
        "verify the node while cordoned",
        "disarm the guard",
        "annotate kubeadm.alpha.kubernetes.io/cri-socket=unix:///var/run/crio/crio.sock",
        "uncordon",
        "verify the workloads",
    ]


def test_the_way_back_takes_away_what_was_put_before_its_first_start_last() -> None:
    back = [describe(undo(one.step), back=True) for one in reversed(plan().steps) if acts(undo(one.step))]
    assert "stop the pods' containers in CRI-O, sandboxes last" in back
    assert back[-4:] == [
        "systemctl disable and stop crio.service",
        "remove /etc/containers/registries.conf.d/zz-docker2cri.conf",
        "remove /etc/containers/storage.conf",
        "remove /etc/crio/crio.conf.d/99-docker2cri.conf",
    ]


def test_the_node_program_puts_these_files_before_anything_stops() -> None:
    steps = host_steps(plan())
    prepare = [f"{one.kind} {one.arguments[0]}" for one in steps if one.segment == "prepare" and one.kind != "carry"]
    assert prepare == [*(f"file {one.split()[1]}" for one in FILES), "unit-up crio.service", f"validate {FILES[0].split()[1]}"]
    (wait,) = [one.arguments for one in steps if one.kind == "cri-wait"]
    assert wait == ("/var/run/crio/crio.sock", "60", "/etc/crio/crio.conf.d/99-docker2cri.conf")


def test_its_own_defaults_are_a_plan_of_their_own() -> None:
    kept, own = plan(), plan(with_options(CRIO, {OWN_DEFAULTS.name}))
    assert [one.code for one in own.findings if one.code == "D2C608"] == ["D2C608"] * 3
    assert [one.code for one in kept.findings if one.code == "D2C608"] == []
    config = [one.step for one in own.steps if getattr(one.step, "path", "") == "/etc/crio/crio.conf.d/99-docker2cri.conf"]
    assert "default_capabilities" not in config[0].diff  # type: ignore[union-attr]
    assert "stop the pods' containers in CRI-O, sandboxes last" in [describe(undo(one.step), back=True) for one in own.steps]
