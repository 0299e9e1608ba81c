"""Nodes after public reports, each a lab worker with what differs (fixtures/nodes): what the plan for it must say and hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from migrate.facts.capture import Capture, load
from migrate.facts.cluster import ClusterFacts, load_cluster
from migrate.facts.match import Matched, machine, match
from migrate.formats.nested import at
from migrate.plan.build import build_plan
from migrate.plan.model import NodePlan
from migrate.plan.steps import CarryImage
from migrate.rules.daemon_keys import verdicts
from migrate.rules.judge import Inspected, judge
from migrate.sources.table import origin_of
from migrate.targets import Target
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests import containerds
from tests.captured import BUNDLE, facts

NODES = BUNDLE.parent.parent / "nodes"
CONFIG = "/etc/containerd/config.toml"
PROXY = "/etc/systemd/system/containerd.service.d/docker2cri-proxy.conf"
CRI = ("plugins", "io.containerd.grpc.v1.cri")
RUNTIMES = (*CRI, "containerd", "runtimes")


@dataclass(frozen=True)
class NodeCase:
    """What holds: the node's state, rules that speak and are silent, values of containerd's files, texts of other planned files, paths
    that are not planned, and the pause image that is carried.
    """

    name: str
    state: str = "ready"
    speak: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset({"D2C101"})
    values: dict[tuple[str, ...], Any] = field(default_factory=dict)
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    pause: str = ""

    def __str__(self) -> str:
        return self.name


CASES = (
    NodeCase(
        "percent-sign-twice",
        speak=frozenset({"D2C117"}),
        texts={PROXY: ("HTTP_PROXY=http://corp%%5Cjd:asdf_%%2F_x%%23@proxy.corp.example:8080/",)},
    ),
    NodeCase("percent-sign-once", speak=frozenset({"D2C127"}), absent=(PROXY,)),
    NodeCase(
        "insecure-registry-schemes",
        speak=frozenset({"D2C117", "D2C118"}),
        texts={f"/etc/containerd/certs.d/{name}/hosts.toml": (f"http://{name}",) for name in ("registry.lab:5000", "harbor.corp.example")},
    ),
    NodeCase(
        "cri-dockerd-own-pause-image",
        values={(*CRI, "sandbox_image"): "registry.aliyuncs.com/google_containers/pause:3.9"},
        pause="registry.aliyuncs.com/google_containers/pause:3.9",
    ),
    NodeCase(
        "kubelet-outside-path",
        speak=frozenset({"D2C212"}),
        silent=frozenset({"D2C101", "D2C202"}),
        texts={"/opt/kubernetes/cfg/kubelet.conf": ("--container-runtime=remote \\\n",)},
    ),
    NodeCase(
        "cni-plugins-elsewhere",
        speak=frozenset({"D2C213"}),
        silent=frozenset({"D2C101", "D2C503"}),
        values={(*CRI, "cni", "bin_dir"): "/opt/kube/bin"},
    ),
    NodeCase("containerd-config-volatile", "blocked", frozenset({"D2C606"})),
    NodeCase(
        "containerd-imports",
        values={
            (*CRI, "sandbox_image"): "k8s.gcr.io/pause:3.6",
            (*CRI, "registry", "config_path"): "/etc/containerd/certs.d",
            (*RUNTIMES, "runc", "options", "SystemdCgroup"): True,
            (*RUNTIMES, "nvidia", "options", "SystemdCgroup"): True,
        },
        absent=(CONFIG,),
    ),
    NodeCase(
        "default-runtime-of-its-own",
        values={
            (*CRI, "containerd", "default_runtime_name"): "nvidia",
            (*RUNTIMES, "nvidia", "options", "SystemdCgroup"): True,
            (*RUNTIMES, "runc", "options", "SystemdCgroup"): True,
        },
    ),
    NodeCase(
        "runtime-of-docker-itself",
        values={(*CRI, "containerd", "default_runtime_name"): None, (*RUNTIMES, "docker-runc"): None},
    ),
    NodeCase("cri-dockerd-without-cni", "blocked", frozenset({"D2C501"})),
    NodeCase("cri-dockerd-own-cni-folder", values={(*CRI, "cni", "bin_dir"): "/usr/lib/cni"}),
    NodeCase("containerd-own-root", silent=frozenset({"D2C101", "D2C401"}), values={("root",): "/data/containerd"}),
    NodeCase("docker-from-snap", "blocked", frozenset({"D2C125"}), frozenset({"D2C101", "D2C110"})),
    NodeCase("on-containerd-docker-idle", "nothing to do", frozenset({"D2C203", "D2C609"})),
    NodeCase("on-containerd-docker-gone", "nothing to do", frozenset({"D2C203", "D2C609"})),
    NodeCase(
        "containerd-config-default",
        speak=frozenset({"D2C126", "D2C119", "D2C504"}),
        values={(*CRI, "enable_unprivileged_ports"): False, (*CRI, "max_concurrent_downloads"): 3},
    ),
)
BY_NAME = {case.name: case for case in CASES}
PLANNED = [case for case in CASES if case.state == "ready"]


@cache
def read(name: str) -> tuple[Capture, ClusterFacts]:
    """The lab's worker and API with what differs in this case."""
    change = json.loads((NODES / f"synthetic-{name}.json").read_text("utf-8"))
    capture = json.loads((BUNDLE / "lab-w1.capture.json").read_text("utf-8"))
    api = json.loads((BUNDLE / "cluster.json").read_text("utf-8"))
    for part in ("commands", "paths"):
        capture[part] = {key: value for key, value in {**capture[part], **change[part]}.items() if value is not None}
    for key, value in change["cluster"].items():
        if isinstance(value, dict) and isinstance(api[key], list):
            api[key] = [value.get(str(index), item) for index, item in enumerate(api[key])]
        else:
            api[key] = value
    return load(json.dumps(capture)), load_cluster(json.dumps(api))


def judged(name: str, target: Target) -> Inspected:
    capture, api = read(name)
    (node,) = [one.node for one in match([machine(facts(capture))], api.nodes) if isinstance(one, Matched)]
    (found,) = judge(api, [(capture.host, capture, api.node(node), None)], target, {})
    return found


def planned(found: Inspected) -> NodePlan:
    assert found.view is not None
    return build_plan(found.view, found.findings)


@cache
def changes(name: str) -> tuple[Capture, dict[str, FileChange]]:
    """The capture, and the planned files by path."""
    view = judged(name, CONTAINERD).view
    assert view is not None
    made, refused = compose(CONTAINERD, view.facts, origin_of(view.facts))
    assert refused == ()
    return read(name)[0], {one.path: one for one in made}


def together(capture: Capture, edited: dict[str, FileChange]) -> dict[str, Any]:
    """The keys of containerd's files with the planned ones in their place; of an imported file its CRI section replaces that before."""
    made: dict[str, Any] = {}
    for path in sorted(path for path in {*capture.paths, *edited} if path.startswith("/etc/containerd/") and path.endswith(".toml")):
        if "certs.d" in path or (path not in edited and capture.paths[path].data is None):
            continue
        values = tomllib.loads(edited[path].after.decode() if path in edited else capture.paths[path].text)
        made = {**values, **made, "plugins": {**values.get("plugins", {}), **made.get("plugins", {})}}
    return made


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_plan_is_right(case: NodeCase) -> None:
    found = judged(case.name, CONTAINERD)
    codes = {finding.code for finding in found.findings}
    assert (found.state, case.speak - codes, case.silent & codes) == (case.state, set(), set())
    plan = planned(found)
    assert bool(plan.steps) == (case.state == "ready")
    if case.state != "ready":
        return
    capture, edited = changes(case.name)
    values = together(capture, edited)
    assert {key: at(values, key) for key in case.values} == case.values
    for path, texts in case.texts.items():
        assert [text for text in texts if text not in edited[path].after.decode()] == []
    assert [path for path in case.absent if path in edited] == []
    carried = [step.step.image.reference for step in plan.steps if isinstance(step.step, CarryImage)]
    assert at(values, (*CRI, "sandbox_image")) in carried
    assert case.pause in ("", carried[0])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_for_cri_o_the_node_is_refused_for_what_it_lacks_or_has_nothing_to_do(case: NodeCase) -> None:
    found = judged(case.name, CRIO)
    plan = planned(found)
    codes = {finding.code for finding in found.findings if finding.blocks}
    assert plan.steps == ()
    assert ("D2C601" in codes) == (case.state != "nothing to do")
    assert bool(plan.nothing) == (case.state == "nothing to do")


@pytest.mark.parametrize("case", PLANNED, ids=str)
def test_what_is_called_carried_stands_in_a_planned_file(case: NodeCase) -> None:
    capture, edited = changes(case.name)
    whole = "\n".join(change.after.decode() for change in edited.values())
    held: dict[str, Callable[[Any], bool]] = {
        "max-concurrent-downloads": lambda value: f"max_concurrent_downloads = {value}" in whole,
        "default-runtime": lambda value: f'default_runtime_name = "{json.loads(value)}"' in whole,
        "default-ulimits": lambda value: "docker2cri-base-spec.json" in whole,
    }
    for verdict in verdicts(facts(capture), CONTAINERD):
        if verdict.verdict == "carried" and verdict.key in held:
            assert held[verdict.key](verdict.value_masked), verdict


@pytest.mark.parametrize("case", PLANNED, ids=str)
@pytest.mark.parametrize("release", containerds.RELEASES)
def test_containerd_itself_finds_every_planned_value(release: str, case: NodeCase, tmp_path: Path) -> None:
    program = containerds.program(release)
    capture = containerds.read_by(program, read(case.name)[0], tmp_path / "before")
    found = facts(capture)
    made, refused = compose(CONTAINERD, found, origin_of(found))
    assert refused == ()
    edited = {one.path: one for one in made}
    dump = containerds.values_of(program, capture, edited, tmp_path / "after")
    wanted = {key: value for change in edited.values() for key, value in change.values.items()}
    assert len(wanted) > 3
    assert [key for key, value in wanted.items() if not CONTAINERD.holds(dump, key, value)] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="apt-get install systemd")
@pytest.mark.parametrize("case", PLANNED, ids=str)
def test_systemd_reads_the_planned_units_as_those_that_are_there(case: NodeCase, tmp_path: Path) -> None:
    capture, edited = changes(case.name)
    said = [_verified(tmp_path / folder, capture, made) for folder, made in (("before", {}), ("after", edited))]
    assert said[1] - said[0] == set()


def _verified(folder: Path, capture: Capture, edited: dict[str, FileChange]) -> set[str]:
    """What systemd-analyze says of the units of kubelet and containerd in a folder of their own."""
    found = facts(capture)
    paths = {path for name in ("containerd.service", "kubelet.service") if (unit := found.unit(name)) for path in unit.files}
    paths |= {path for path in edited if "/systemd/system/" in path}
    for path in sorted(paths, key=lambda path: path.startswith("/etc/")):
        text = edited[path].after.decode() if path in edited else capture.paths[path].text
        target = folder / path.partition("/systemd/system/")[2]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "containerd.service", "kubelet.service"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
    )
    return {line.replace(str(folder), "") for line in done.stderr.splitlines()}
