"""Machines of the inventory and Nodes of the cluster: found by what singles them out, else said in so many words."""

from hypothesis import given
from hypothesis import strategies as st

from migrate.facts.api import Metadata
from migrate.facts.cluster import Node, NodeAddress, NodeInfo, NodeStatus
from migrate.facts.match import HostWithoutNode, InventoryMachine, Matched, NodeWithoutHost, match

COMPARE = "kubectl get nodes -o wide, and compare it with the inventory"
SHARED = "ffffffff-0000-0000-0000-000000000001"


def node(name: str, *, machine_id: str = "", uuid: str = "", ip: str = "", hostname: str | None = None) -> Node:
    addresses = (NodeAddress(type="InternalIP", address=ip), NodeAddress(type="Hostname", address=hostname or name))
    info = NodeInfo(machine_id=machine_id, system_uuid=uuid)
    return Node(metadata=Metadata(name=name), status=NodeStatus(addresses=addresses if ip else addresses[1:], node_info=info))


def host_text(name: str, reason: str) -> HostWithoutNode:
    return HostWithoutNode(name, f"{name}: {reason}\n  expected: exactly one Node for each machine\n  next: {COMPARE}")


def node_text(name: str) -> NodeWithoutHost:
    text = (
        f"{name}: a node of the cluster that no machine of the inventory is\n"
        "  expected: every node in the inventory, or left out on purpose\n"
        f"  next: {COMPARE}"
    )
    return NodeWithoutHost(name, text)


def test_everything_agrees() -> None:
    machines = (InventoryMachine("web1", "id1", "UUID-1", ("n1",), ("10.0.0.1",)),)
    assert match(machines, (node("n1", machine_id="id1", uuid="uuid-1", ip="10.0.0.1"),)) == (
        Matched("web1", "n1", ("machine-id", "system UUID", "name", "address")),
    )


def test_containers_of_one_host_share_its_uuid() -> None:
    machines = (InventoryMachine("lab-w1", "id1", SHARED, ("lab-w1",)), InventoryMachine("lab-w2", "id2", SHARED, ("lab-w2",)))
    nodes = (node("lab-w2", machine_id="id2", uuid=SHARED), node("lab-w1", machine_id="id1", uuid=SHARED))
    assert match(machines, nodes) == (
        Matched("lab-w1", "lab-w1", ("machine-id", "name")),
        Matched("lab-w2", "lab-w2", ("machine-id", "name")),
    )


def test_one_machine_among_nodes_that_share_its_uuid() -> None:
    nodes = (node("lab-w1", uuid=SHARED), node("lab-w2", uuid=SHARED))
    assert match((InventoryMachine("lab-w2", "", SHARED, ("lab-w2",)),), nodes) == (
        Matched("lab-w2", "lab-w2", ("name",)),
        node_text("lab-w1"),
    )


def test_clones_share_a_machine_id_and_fall_back_to_name_and_address() -> None:
    machines = (InventoryMachine("a", "same", "", ("n1",)), InventoryMachine("b", "same", "", (), ("10.0.0.2",)))
    nodes = (node("n1", machine_id="same", ip="10.0.0.1"), node("n2", machine_id="same", ip="10.0.0.2"))
    assert match(machines, nodes) == (Matched("a", "n1", ("name",)), Matched("b", "n2", ("address",)))


def test_a_clone_outside_the_cluster_is_not_taken_for_the_node() -> None:
    machines = (InventoryMachine("template", "same", "uuid-9", ("template",), ("10.0.0.9",)),)
    assert match(machines, (node("n1", machine_id="same", uuid="uuid-1", ip="10.0.0.1"),)) == (
        host_text("template", "no Node object has its machine-id, name or address"),
        node_text("n1"),
    )


def test_contradiction_is_not_resolved_by_guessing() -> None:
    machines = (InventoryMachine("web1", "id1", "", ("n2",)),)
    assert match(machines, (node("n1", machine_id="id1"), node("n2", machine_id="id2"))) == (
        host_text("web1", "it could be node n1 (same machine-id) or node n2 (same name)"),
        node_text("n1"),
        node_text("n2"),
    )


def test_an_address_alone_does_not_contradict() -> None:
    machines = (InventoryMachine("web1", "id1", "", ("n1",), ("10.0.0.2",)),)
    nodes = (node("n1", machine_id="id1", ip="10.0.0.1"), node("n2", machine_id="id2", ip="10.0.0.2"))
    assert match(machines, nodes) == (Matched("web1", "n1", ("machine-id", "name")), node_text("n2"))


def test_two_machines_for_one_node() -> None:
    machines = (InventoryMachine("web1", names=("n1",)), InventoryMachine("web1-old", names=("n1",)))
    assert match(machines, (node("n1"),)) == (
        host_text("web1", "it seems to be node n1 by its name, and so does web1-old"),
        host_text("web1-old", "it seems to be node n1 by its name, and so does web1"),
        node_text("n1"),
    )


def test_names_are_compared_whole_first_then_by_their_first_label() -> None:
    nodes = (node("web1.example.org"), node("web2"), node("ip-10-0-0-3", hostname="web3"))
    machines = (
        InventoryMachine("a", names=("web1",)),
        InventoryMachine("b", names=("web2.other.net",)),
        InventoryMachine("c", names=("web3",)),
        InventoryMachine("10.0.0.9", names=("10.0.0.9",)),
    )
    assert match(machines, nodes) == (
        Matched("a", "web1.example.org", ("name",)),
        Matched("b", "web2", ("name",)),
        Matched("c", "ip-10-0-0-3", ("name",)),
        host_text("10.0.0.9", "no Node object has its machine-id, name or address"),
    )
    twins = (node("web1.east"), node("web1.west"))
    assert match((InventoryMachine("web1", names=("web1",)),), twins)[0] == host_text(
        "web1", "no Node object has its machine-id, name or address"
    )


def test_the_kubelets_own_name_goes_before_the_machines() -> None:
    machines = (InventoryMachine("web1", names=("override", "n1")),)
    assert match(machines, (node("n1"), node("override"))) == (Matched("web1", "override", ("name",)), node_text("n1"))


VALUES = st.sampled_from(["", "a", "b", "c"])
MACHINES = st.lists(
    st.builds(
        InventoryMachine,
        st.uuids().map(str),
        VALUES,
        VALUES,
        st.lists(VALUES.filter(bool), max_size=2).map(tuple),
        st.lists(VALUES, max_size=1).map(tuple),
    ),
    max_size=4,
)
NODES = st.lists(st.tuples(st.sampled_from("abcd"), VALUES, VALUES, VALUES), max_size=4, unique_by=lambda row: row[0]).map(
    lambda found: [node(name, machine_id=machine_id, uuid=uuid, ip=ip) for name, machine_id, uuid, ip in found]
)


@given(MACHINES, NODES)
def test_every_machine_and_node_has_one_result(machines: list[InventoryMachine], nodes: list[Node]) -> None:
    results = match(machines, nodes)
    matched = [result for result in results if isinstance(result, Matched)]
    assert [result.host for result in results if not isinstance(result, NodeWithoutHost)] == [machine.host for machine in machines]
    assert sorted(
        [*(result.node for result in matched), *(result.node for result in results if isinstance(result, NodeWithoutHost))]
    ) == sorted(node.name for node in nodes)
    assert all(result.evidence for result in matched)
    order = match(list(reversed(machines)), list(reversed(nodes)))
    assert sorted(map(str, matched)) == sorted(str(result) for result in order if isinstance(result, Matched))
