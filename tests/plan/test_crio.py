"""The plan of a move to CRI-O, on a captured worker: files before its first start, what is stopped, and its rollback."""

from __future__ import annotations

from migrate.facts.match import Matched, machine, match
from migrate.plan.build import build_plan
from migrate.plan.model import SEGMENTS, NodePlan
from migrate.plan.steps import describe
from migrate.program.order import host_lines, rollback_of
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


def test_its_steps() -> None:
    of = plan()
    texts = [describe(step) for segment in SEGMENTS for step in of.of(segment.name)]
    assert [text for text in texts if not text.startswith("copy image ")] == [
        *FILES,
        "systemctl enable and start crio.service",
        "check that CRI-O reads the new /etc/crio/crio.conf.d/99-docker2cri.conf and systemd reads the new unit files",
        "record the workloads",
        "run a smoke pod of k8s.gcr.io/pause:3.6 before anything is disturbed",
        "cordon",
        "drain",
        "wait until volumes are detached",
        "arm the guard (600 s)",
        "stage the new files beside the old ones",
        "check that CRI-O reads the new /etc/crio/crio.conf.d/99-docker2cri.conf and systemd reads the new unit files",
        "check the kernel modules and sysctls that the pods need",
        "stop the kubelet",
        "stop the pods' containers in Docker, sandboxes last (each within 600 s)",
        "release the addresses of stopped sandboxes in lab",
        "stop docker.socket, docker.service, keep them from starting",
        "write /etc/modules-load.d/docker2cri.conf (new)",
        "write /etc/sysctl.d/99-docker2cri.conf (new)",
        "write /etc/crictl.yaml (new)",
        "write /etc/systemd/system/crio.service.d/docker2cri-proxy.conf (new)",
        "edit /var/lib/kubelet/kubeadm-flags.env",
        "edit /var/lib/kubelet/config.yaml",
        "restart crio.service",
        "wait until CRI answers on /var/run/crio/crio.sock (at most 60 s)",
        "start the kubelet",
        "verify the cordoned node on CRI-O",
        "disarm the guard",
        "annotate kubeadm.alpha.kubernetes.io/cri-socket=unix:///var/run/crio/crio.sock",
        "uncordon",
        "verify the workloads on CRI-O",
        "record the verified migration",
    ]
    assert sum(text.startswith("copy image ") for text in texts) == 5


def test_the_rollback_removes_what_was_put_before_its_first_start_last_on_the_node() -> None:
    texts = [describe(planned.step) for planned in rollback_of(plan()) if planned.segment in ("switch", "prepare")]
    assert "stop and remove the pods' containers in CRI-O (killed after 600 s)" in texts
    assert "stop crio.service, as it was found" in texts
    on_the_node = [describe(planned.step) for planned in rollback_of(plan()) if planned.segment == "prepare"]
    assert on_the_node == [
        "systemctl disable and stop crio.service",
        "remove /etc/containers/registries.conf.d/zz-docker2cri.conf",
        "remove /etc/containers/storage.conf",
        "remove /etc/crio/crio.conf.d/99-docker2cri.conf",
    ]


def test_the_node_program_puts_these_files_before_anything_stops() -> None:
    lines = host_lines(plan())
    prepare = [f"{line.kind} {line.arguments[0]}" for line in lines if line.segment == "prepare" and line.kind != "carry"]
    assert prepare == [*(f"file {text.split()[1]}" for text in FILES), "unit-up crio.service", f"validate {FILES[0].split()[1]}"]
    (wait,) = [line.arguments for line in lines if line.kind == "cri-wait"]
    assert wait == (
        "/var/run/crio/crio.sock",
        "60",
        "/etc/crio/crio.conf.d/99-docker2cri.conf",
        "/var/lib/containers/storage",
        "/var/run/crio",
    )


def test_its_own_defaults_are_a_plan_of_their_own() -> None:
    kept, own = plan(), plan(with_options(CRIO, {OWN_DEFAULTS.name}))
    assert [one.code for one in own.findings if one.code == "D2C608"] == ["D2C608"] * 3
    assert [one.code for one in kept.findings if one.code == "D2C608"] == []
    config = [one.step for one in own.steps if getattr(one.step, "path", "") == "/etc/crio/crio.conf.d/99-docker2cri.conf"]
    assert "default_capabilities" not in config[0].diff  # type: ignore[union-attr]
    assert "stop and remove the pods' containers in CRI-O (killed after 600 s)" in [describe(planned.step) for planned in rollback_of(own)]
