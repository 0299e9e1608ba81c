"""Which machine of the inventory is which Node object.

Evidence in falling order: machine-id, system UUID, name, address. Evidence counts where it singles out one node among all nodes and one
machine among all machines. Cloned machines share a machine-id, containers share the system UUID and boot id of their host: values that
occur twice prove nothing, and neither does a machine-id whose system UUIDs differ.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from migrate.facts.cluster import Node
from migrate.facts.model import NodeFacts
from migrate.formats.listing import few

COMPARE = "kubectl get nodes -o wide, and compare it with the inventory"


@dataclass(frozen=True, slots=True)
class InventoryMachine:
    """What is known of a machine of the inventory: `names` the kubelet's or the machine's own first, `addresses` IP addresses."""

    host: str
    machine_id: str = ""
    system_uuid: str = ""
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """A machine and its Node; `evidence` is what agreed, strongest first."""

    host: str
    node: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostWithoutNode:
    """A machine that is no Node, or could be several; `message` is for the user, whole."""

    host: str
    message: str


@dataclass(frozen=True, slots=True)
class NodeWithoutHost:
    """A Node that no machine of the inventory is; `message` is for the user, whole."""

    node: str
    message: str


Match = Matched | HostWithoutNode | NodeWithoutHost


def machine(facts: NodeFacts, addresses: Iterable[str] = ()) -> InventoryMachine:
    """The machine of these facts; `addresses` are those it was reached by."""
    kubelet = facts.kubelet
    override = getattr(kubelet, "flag", lambda name: None)("hostname-override")
    names = (override.value if override and override.value else "", facts.os.hostname, facts.host)
    return InventoryMachine(
        host=facts.host,
        machine_id=facts.os.machine_id,
        system_uuid=facts.os.product_uuid,
        names=tuple(dict.fromkeys(name.lower() for name in names if name)),
        addresses=tuple(addresses),
    )


def match(machines: Sequence[InventoryMachine], nodes: Sequence[Node]) -> tuple[Match, ...]:
    """One result for each machine in its order, then one for each Node that is left over."""
    proofs = _proofs(machines, nodes)
    claimed = Counter(next(iter(found)) for found in proofs.values() if len(found) == 1)
    results: list[Match] = []
    for host, found in proofs.items():
        if len(found) == 1:
            (node, evidence), *_ = found.items()
            if claimed[node] == 1:
                results.append(Matched(host, node, evidence))
                continue
            others = few(other for other, proof in proofs.items() if other != host and list(proof) == [node])
            reason = f"it seems to be node {node} by its {_and(evidence)}, and so does {others}"
        elif found:
            reason = "it could be " + " or ".join(f"node {node} (same {_and(evidence)})" for node, evidence in found.items())
        else:
            reason = "no Node object has its machine-id, name or address"
        results.append(HostWithoutNode(host, f"{host}: {reason}\n  expected: exactly one Node for each machine\n  next: {COMPARE}"))
    matched = {result.node for result in results if isinstance(result, Matched)}
    results += [
        NodeWithoutHost(
            node.name,
            f"{node.name}: a node of the cluster that no machine of the inventory is\n"
            "  expected: every node in the inventory, or left out on purpose\n"
            f"  next: {COMPARE}",
        )
        for node in nodes
        if node.name not in matched
    ]
    return tuple(results)


def node_by_name(host: str, address: str, nodes: Sequence[Node]) -> Node | str:
    """The Node that an operator means by a host's name and address, or why that cannot be said.

    Nothing that the machine says of itself counts, and a kubelet writes its own Node's status: an address or a machine that two Nodes
    claim proves nothing.
    """
    named = [node for node in nodes if node.name.lower() == host.lower()]
    named = named or [node for node in nodes if _label(host) and _label(node.name.lower()) == _label(host.lower())]
    at = [node for node in nodes if any(known.address == address for known in node.status.addresses or ())]
    found = named or at
    if len(found) != 1:
        seen = "no Node has its name or address" if not found else f"it could be {few(node.name for node in found)}"
        return f"{seen}, and what the machine says of itself is no proof"
    (node,) = found
    if others := [other.name for other in at if other is not node]:
        return f"{address} is an address of {few(sorted([node.name, *others]))}: one of them claims what is not its own"
    info = node.status.node_info
    same = [other.name for other in nodes if info.machine_id and _machine(other) == _machine(node)]
    if len(same) > 1:
        return f"{few(sorted(same))} claim to be one machine (machine-id {info.machine_id})"
    return node


def _machine(node: Node) -> tuple[str, str]:
    info = node.status.node_info
    return info.machine_id, info.system_uuid.lower()


def _proofs(machines: Sequence[InventoryMachine], nodes: Sequence[Node]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Host -> node name -> the evidence that the host is that node."""
    infos = {node.name: node.status.node_info for node in nodes}
    ids = _unique((info.machine_id, name) for name, info in infos.items())
    uuids = _unique((info.system_uuid.lower(), name) for name, info in infos.items())
    whole = _unique((name, node.name) for node in nodes for name in _names(node))
    short = _unique((_label(name), node.name) for node in nodes for name in _names(node))
    addresses = _unique((a.address, node.name) for node in nodes for a in node.status.addresses or () if a.type.endswith("IP"))
    own_ids = _unique((machine.machine_id, machine.host) for machine in machines)
    own_uuids = _unique((machine.system_uuid.lower(), machine.host) for machine in machines)
    own_addresses = _unique((address, machine.host) for machine in machines for address in machine.addresses)

    def proofs(machine: InventoryMachine) -> dict[str, tuple[str, ...]]:
        uuid = machine.system_uuid.lower()
        by_id = ids.get(machine.machine_id) if machine.machine_id in own_ids else None
        if by_id and len({uuid, infos[by_id].system_uuid.lower()} - {""}) > 1:
            by_id = None  # two UUIDs under one machine-id: a clone of a node, itself no node or not in the inventory
        by_name = next((whole[name] for name in machine.names if name in whole), None)
        by_label = next((short[_label(name)] for name in machine.names if _label(name) in short), None)
        found: dict[str, tuple[str, ...]] = {}
        for evidence, node in (
            ("machine-id", by_id),
            ("system UUID", uuids.get(uuid) if uuid in own_uuids else None),
            ("name", by_name or by_label),
            ("address", next((addresses[a] for a in machine.addresses if a in own_addresses and a in addresses), None)),
        ):
            # an address is the weakest: behind a NAT, or after a renumbering, it may be another node's
            if node is not None and (evidence != "address" or not found or node in found):
                found[node] = (*found.get(node, ()), evidence)
        return found

    return {machine.host: proofs(machine) for machine in machines}


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Key -> value for the keys that have one value; an empty key is none."""
    values: dict[str, set[str]] = {}
    for key, value in pairs:
        values.setdefault(key, set()).add(value)
    return {key: next(iter(found)) for key, found in values.items() if key and len(found) == 1}


def _names(node: Node) -> set[str]:
    hostnames = {a.address for a in node.status.addresses or () if a.type in ("Hostname", "InternalDNS")}
    return {name.lower() for name in (node.name, *hostnames)}


def _label(name: str) -> str:
    """The first label of a host name; none of an IP address."""
    first = name.partition(".")[0]
    return "" if first.isdecimal() else first


def _and(words: Sequence[str]) -> str:
    return " and ".join(words)
