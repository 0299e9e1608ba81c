"""Who talks to whom: from each source, to the target."""

from __future__ import annotations

import dataclasses

from migrate.facts.model import Docker, Endpoint, NodeFacts
from migrate.facts.runtime_table import DOCKERS_CONTAINERD
from migrate.report.model import Layer
from migrate.report.stack import stack
from migrate.report.stack_text import stack_text
from migrate.report.style import Style
from migrate.targets.containerd import CONTAINERD, ENDPOINT
from tests.captured import BUNDLE, capture_of, facts
from tests.test_scenarios import golden


def names(layers: tuple[Layer, ...]) -> list[tuple[str, str]]:
    return [(layer.name, layer.mark) for layer in layers]


def at(kind: str, socket: str) -> NodeFacts:
    return dataclasses.replace(facts(capture_of()), endpoint=Endpoint(kind, socket, "made"))


AFTER = [("kubelet", "changed"), ("containerd", "changed"), ("containerd-shim-runc-v2", "kept"), ("runc", "kept"), ("containers", "kept")]


def test_from_dockershim() -> None:
    before, after = stack(facts(capture_of()), CONTAINERD)
    shim = [("containerd", "kept"), ("containerd-shim-runc-v2", "kept"), ("runc", "kept"), ("containers", "kept")]
    assert names(before) == [("kubelet", "kept"), ("dockershim", "removed"), ("dockerd", "removed"), *shim]
    assert names(after) == AFTER
    assert after[1].link == f"CRI, {ENDPOINT}"


def test_from_cri_dockerd() -> None:
    before, after = stack(at("cri-dockerd", "unix:///run/cri-dockerd.sock"), CONTAINERD)
    assert names(before)[:3] == [("kubelet", "kept"), ("cri-dockerd", "removed"), ("dockerd", "removed")]
    assert before[1].link == "CRI, unix:///run/cri-dockerd.sock"
    assert names(after) == AFTER


def test_a_containerd_of_dockers_own() -> None:
    read = facts(capture_of())
    assert isinstance(read.docker, Docker)
    before, _ = stack(dataclasses.replace(read, docker=dataclasses.replace(read.docker, child_containerd=True)), CONTAINERD)
    assert (before[3].link, before[3].note) == (f"gRPC, unix://{DOCKERS_CONTAINERD.sockets[0]}", "a child of dockerd, namespace moby")


def test_what_is_there_already_stays() -> None:
    for kind in ("containerd", "cri-o"):
        before, after = stack(at(kind, f"unix:///run/{kind}.sock"), CONTAINERD)
        assert before == after
        assert {layer.mark for layer in before} == {"kept"}


def test_an_unknown_runtime_is_called_so() -> None:
    before, after = stack(at("unknown", "unix:///run/x.sock"), CONTAINERD)
    assert names(before) == [("kubelet", "kept"), ("unknown runtime", "kept")]
    assert names(after)[1] == ("containerd", "new")


def test_text(update_goldens: bool) -> None:
    golden(BUNDLE.name, "stack.txt", stack_text(facts(capture_of("lab-w2")), CONTAINERD, Style(100)), update_goldens)
