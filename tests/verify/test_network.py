"""What of a node's network has to answer again, and the DNS question that asks."""

from __future__ import annotations

import struct

import pytest
from msgspec.structs import replace

from migrate.facts.cluster import NodeAddress, NodeStatus
from migrate.facts.pod import ContainerPort, Pod, PodContainer, PodSpec
from migrate.verify.network import Network, Port, Reach, Resolver, host_ports, query, reach_of, remembered, required, resolved, silent
from tests.captured import capture_of, facts, replaced
from tests.captured import cluster as captured
from tests.fakes import FakeClock, FakeCluster

NAME = "kubernetes.default.svc.cluster.local"
DNS = Resolver("10.96.0.10", NAME)
WEB, TLS = Port("10.0.0.1", 80), Port("10.0.0.1", 443)


def of(*ports: ContainerPort, **spec: object) -> tuple[Port, ...]:
    found = FakeCluster(FakeClock())
    found.add_node("w1")
    node = replace(found.nodes["w1"], status=NodeStatus(addresses=(NodeAddress("Hostname", "w1"), NodeAddress("InternalIP", "10.0.0.1"))))
    pod: Pod = found.add_pod("a/b", "w1", spec=PodSpec(containers=(PodContainer(name="c", ports=ports),), **spec))
    return tuple(host_ports(pod, node))


def test_host_ports_are_tcp_on_an_address_of_the_node() -> None:
    assert of(ContainerPort(container_port=8080), ContainerPort(host_port=80), ContainerPort(host_port=81, host_ip="0.0.0.0")) == (
        WEB,
        Port("10.0.0.1", 81),
    )
    assert of(ContainerPort(host_port=80, host_ip="10.9.9.9")) == (Port("10.9.9.9", 80),)
    assert of(ContainerPort(host_port=53, protocol="UDP")) == ()
    assert of(ContainerPort(host_port=80), host_network=True) == ()


def test_what_is_looked_at_on_a_captured_node() -> None:
    found = captured()
    seen = reach_of(facts(capture_of()), found.pods_on("lab-w1"), found.node("lab-w1"))
    assert seen == Reach(ports=(Port("10.213.0.11", 9080),), resolver=DNS)


def test_a_kubelet_without_cluster_dns_has_none() -> None:
    changed = replaced(capture_of(), "/var/lib/kubelet/config.yaml", "clusterDNS:\n- 10.96.0.10\n", "")
    assert reach_of(facts(changed), (), None) == Reach()


def test_what_did_not_answer_before_is_told_and_not_required() -> None:
    looked = Reach(ports=(WEB, TLS), resolver=DNS)
    assert remembered(looked, Network(open=frozenset((WEB,)), resolves=True)) == (
        Reach(ports=(WEB,), resolver=DNS),
        ("1 hostPort did not answer before; not required: 10.0.0.1:443",),
    )
    assert remembered(looked, Network(open=frozenset((WEB, TLS)))) == (
        Reach(ports=(WEB, TLS)),
        (f"DNS is not checked: 10.96.0.10 did not resolve {NAME} before",),
    )
    none = "1 hostPort is not looked at (the node has neither bash nor socat nor nc to connect with); not required: 10.0.0.1:80"
    assert remembered(Reach(ports=(WEB,)), Network(tool=False)) == (
        Reach(),
        (none, "DNS is not checked: the kubelet names no clusterDNS"),
    )


def test_a_port_is_required_of_a_pod_that_is_ready_here_and_is_the_nodes() -> None:
    found = FakeCluster(FakeClock())
    found.add_node("w1")
    spec = PodSpec(containers=(PodContainer(name="c", ports=(ContainerPort(host_port=80, host_ip="10.0.0.1"),)),))
    pod = found.add_pod("a/b", "w1", spec=spec)
    waits = found.add_pod("a/c", "w1", spec=spec, ready=False)
    before = Reach(ports=(WEB, TLS), resolver=DNS)
    assert required(before, [pod], found.nodes["w1"]) == Reach(ports=(WEB,), resolver=DNS)
    assert required(before, [waits], found.nodes["w1"]) == Reach(resolver=DNS)


def test_what_is_silent_now_is_named() -> None:
    wanted = Reach(ports=(WEB, TLS), resolver=DNS)
    assert silent(wanted, Network(open=frozenset((WEB, TLS)), resolves=True)) == ()
    assert silent(wanted, Network(open=frozenset((WEB,)))) == (
        "hostPort 10.0.0.1:443 does not answer on the node, and did before",
        f"the cluster's DNS at 10.96.0.10 does not resolve {NAME} from the node, and did before",
    )


def answer(identity: bytes = b"\xd2\xc1", flags: int = 0x8580, answers: int = 1) -> bytes:
    return b"\x00\x48" + identity + struct.pack("!HHHHH", flags, 1, answers, 0, 0)


@pytest.mark.parametrize(
    ("said", "good"),
    [
        (answer(), True),
        (answer() + b"\x0akubernetes", True),
        (answer(answers=0), False),
        (answer(flags=0x8183), False),  # NXDOMAIN
        (answer(flags=0x0100), False),  # the question, sent back
        (answer(identity=b"\x00\x01"), False),
        (answer()[:10], False),
        (b"HTTP/1.1 400 Bad Request", False),
        (b"", False),
    ],
)
def test_an_answer_to_the_question(said: bytes, good: bool) -> None:
    assert resolved(said) is good


def test_the_question() -> None:
    assert query("a.bc") == b"\x00\x16\xd2\xc1\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x02bc\x00\x00\x01\x00\x01"
