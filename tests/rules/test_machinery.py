"""How rules are made and asked: docstrings, order, NODE, acceptance; and that none falls over what a node may say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.facts.model import Containerd, Docker, HostUse, Kubelet, NodeFacts, Unreadable
from migrate.rules import Allow, Finding, NodeRule, NodeView, Seen, Severity, accept, check, node_rule
from migrate.rules.table import RULES
from migrate.targets import Target
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.rules import make


@node_rule("D2C999", "made-up", Severity.BLOCKER, acceptable=True)
def made_up(view: NodeView) -> Iterator[Seen]:
    """Something is
    odd.

    Why: it is
    made up.

    Remedy: Type this about NODE,
    not NODES:

        kubectl get node NODE
          --watch

    and that.

    Sources: none.
    """
    yield Seen("b", "second")
    yield Seen("a", "first", "Look at NODE.")
    yield Seen("a", "first", "Look at NODE.")


def test_a_docstring_becomes_the_parts_of_a_rule() -> None:
    assert (made_up.what, made_up.why, made_up.sources) == ("Something is odd.", "it is made up.", "none.")
    assert made_up.remedy == "Type this about NODE, not NODES:\n\n    kubectl get node NODE\n      --watch\n\nand that."


def test_findings_are_whole_sorted_and_each_said_once() -> None:
    shared = ("D2C999", "made-up", Severity.BLOCKER, True, "w1")
    assert check(make.view(), [made_up]) == (
        Finding(*shared, "a", "first", "Something is odd.", "Look at w1."),
        Finding(
            *shared,
            "b",
            "second",
            "Something is odd.",
            "Type this about w1, not NODES:\n\n    kubectl get node w1\n      --watch\n\nand that.",
        ),
    )


@node_rule("D2C998", "filled", Severity.INFO)
def filled_in(view: NodeView) -> Iterator[Seen]:
    """Something has a name.

    Why: it is made up.

    Remedy: Type this:

        docker2cri plan TARGET NODE --out plan.json
        systemctl restart UNIT NAME OTHER
        crictl -r ENDPOINT PROGRAM SOCKET PACKAGES

    Sources: none.
    """
    yield Seen("a", "named", values={"NAME": "'NODE TARGET'"})


@pytest.mark.parametrize(
    ("target", "lines"),
    [
        (
            CONTAINERD,
            (
                "docker2cri plan --to containerd w1 --out plan.json",
                "systemctl restart containerd.service 'NODE TARGET' OTHER",
                "crictl -r unix:///run/containerd/containerd.sock containerd /run/containerd/containerd.sock containerd.io containerd",
            ),
        ),
        (
            CRIO,
            (
                "docker2cri plan --to crio w1 --out plan.json",
                "systemctl restart crio.service 'NODE TARGET' OTHER",
                "crictl -r unix:///var/run/crio/crio.sock crio /var/run/crio/crio.sock cri-o",
            ),
        ),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else "",
)
def test_placeholders_are_filled_once_by_the_target_and_by_what_was_seen(target: Target, lines: tuple[str, ...]) -> None:
    (found,) = check(make.view(target=target), [filled_in])
    assert found.remedy == "\n    ".join(("Type this:\n", *lines))


def test_blockers_come_first() -> None:
    found = check(make.view(make.pod(owner=None), of=make.facts(root=False, docker_group=("a",))), RULES)
    assert [one.code for one in found] == ["D2C104", "D2C320", "D2C120", "D2C121", "D2C131", "D2C221"]


def test_what_is_accepted_no_longer_blocks() -> None:
    found = check(make.view(make.pod(owner=None), of=make.facts(root=False)), RULES)
    marked = accept(found, {"D2C320": "debugging", "D2C104": "no", "D2C120": "no"})
    assert {one.code: one.accepted for one in marked if one.accepted} == {"D2C320": "debugging"}
    assert [one.code for one in marked if one.blocks] == ["D2C104"]


@pytest.mark.parametrize(
    ("code", "slug", "docstring", "said"),
    [
        ("D2C12", "x", "a\n\nWhy: b\n\nRemedy: c\n\nSources: d", "D2C12 x: a rule is named"),
        ("D2C123", "Not_a_slug", "a\n\nWhy: b\n\nRemedy: c\n\nSources: d", "D2C123 Not_a_slug: a rule is named"),
        ("D2C123", "x", "a\n\nWhy: b\n\nSources: d", "D2C123: the docstring lacks"),
        ("D2C123", "x", "", "D2C123: the docstring lacks"),
    ],
)
def test_a_rule_that_is_badly_made_is_refused(code: str, slug: str, docstring: str, said: str) -> None:
    def see(view: NodeView) -> Iterator[Seen]:
        yield from ()

    see.__doc__ = docstring
    with pytest.raises(ValueError, match=said):
        node_rule(code, slug, Severity.INFO)(see)


def test_only_blockers_can_be_acceptable_and_what_allows_something() -> None:
    with pytest.raises(ValueError, match="only blockers are accepted"):
        node_rule("D2C123", "x", Severity.WARNING, acceptable=True)(made_up.look)
    assert node_rule("D2C123", "x", Severity.WARNING, acceptable=True, allows=Allow.KILL)(made_up.look).acceptable
    with pytest.raises(ValueError, match="only what is accepted allows something"):
        node_rule("D2C123", "x", Severity.BLOCKER, allows=Allow.FORCE)(made_up.look)


NOTHING = Unreadable("it", "permission denied")


@pytest.mark.parametrize("name", ["kubelet", "docker", "containerd", "crictl"])
@pytest.mark.parametrize("value", [None, NOTHING], ids=["absent", "unreadable"])
def test_a_missing_part_is_never_a_pass(name: str, value: object) -> None:
    """Of what is absent or unreadable some rule speaks, as a blocker; crictl.yaml alone may be absent."""
    found = check(make.view(of=replace(make.facts(), **{name: value})), RULES)
    assert any(one.severity is Severity.BLOCKER for one in found) or (name, value) == ("crictl", None)


def test_nothing_read_at_all_is_judged_without_falling_over() -> None:
    view = make.view(of=make.facts(kubelet=NOTHING, docker=NOTHING, containerd=NOTHING, crictl=NOTHING, unreadable=(NOTHING,)))
    found = check(replace(view, node=None, cluster=None, pods=()), RULES)
    assert {one.code for one in found if one.blocks} == {"D2C101", "D2C106"}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
DAEMON_KEYS = st.sampled_from(
    [
        "hosts",
        "log-opts",
        "log-driver",
        "insecure-registries",
        "exec-opts",
        "runtimes",
        "data-root",
        "features",
        "default-runtime",
        "proxies",
    ]
)
KUBELET_KEYS = st.sampled_from(
    [
        "evictionHard",
        "imageGCHighThresholdPercent",
        "cgroupDriver",
        "featureGates",
        "containerLogMaxSize",
        "containerLogMaxFiles",
        "runtimeCgroups",
    ]
)
CNI = st.fixed_dictionaries({}, optional={"plugins": ODD, "type": ODD, "ipam": ODD})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(DAEMON_KEYS | st.text(max_size=5), ODD, max_size=4),
    st.dictionaries(KUBELET_KEYS, ODD, max_size=4),
    CNI,
    st.dictionaries(st.sampled_from(["disabled_plugins", "version", "plugins"]), ODD, max_size=3),
    st.lists(st.text(max_size=20), max_size=4),
    st.text(max_size=20),
)
def test_no_rule_falls_over_odd_configuration(
    daemon: dict[str, Any], config: dict[str, Any], cni: dict[str, Any], loaded: dict[str, Any], argv: list[str], text: str
) -> None:
    """Whatever lies in daemon.json, the kubelet's configuration, the CNI file or containerd's dump: every rule but the edits of D2C606."""
    base = make.facts()
    odd = replace(
        base,
        docker=make.docker(daemon_json=daemon, argv=("dockerd", *argv), version=text, containers=(make.container(text, image=text),)),
        kubelet=make.kubelet(config=config, running=("kubelet", *argv), version=text),
        cni=replace(base.cni, config=cni),
        containerd=make.containerd(loaded=loaded, version=text),
        docker_uses=(HostUse(text, 1, text),),
    )
    view = make.view(make.pod(container={"image": text, "command": [text], "args": argv}), of=odd)
    check(view, [one for one in RULES if one.code != "D2C606"])


def test_the_factories_give_every_field() -> None:
    for made, kind in ((make.facts(), NodeFacts), (make.kubelet(), Kubelet), (make.docker(), Docker), (make.containerd(), Containerd)):
        assert all(hasattr(made, one.name) for one in fields(kind))
    assert isinstance(made_up, NodeRule)
