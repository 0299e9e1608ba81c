"""What of a node's own network must answer again after the switch: the host ports of its pods, and the cluster's DNS from the node.

Both are looked at before and after in the same way, from the node itself; what did not answer before is not required after.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from migrate.facts.cluster import Node
from migrate.facts.model import Kubelet, NodeFacts
from migrate.facts.pod import Pod
from migrate.formats.listing import few

ANY = ("", "0.0.0.0", "::")
DOMAIN = "cluster.local"  # what kubeadm sets where nobody says otherwise
QUERY_ID = b"\xd2\xc1"


class Port(msgspec.Struct, frozen=True, order=True):
    """A TCP port of a pod on an address of its node."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Resolver(msgspec.Struct, frozen=True):
    """The cluster's DNS as the kubelet gives it to pods, and the name of the API's Service in its domain."""

    address: str
    name: str


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at, or what answered: host ports, and the cluster's DNS (None where there is none)."""

    ports: tuple[Port, ...] = ()
    resolver: Resolver | None = None


class Network(msgspec.Struct, frozen=True, kw_only=True):
    """What answered on the node: the open ports, whether the name resolved; `tool` is false where nothing there can connect."""

    open: frozenset[Port] = frozenset()
    resolves: bool = False
    tool: bool = True


def reach_of(facts: NodeFacts, pods: Iterable[Pod], node: Node | None) -> Reach:
    """What is to be looked at on a node."""
    ports = {port for pod in pods if not pod.finished for port in host_ports(pod, node)}
    return Reach(ports=tuple(sorted(ports)), resolver=_resolver(facts))


def host_ports(pod: Pod, node: Node | None) -> Iterator[Port]:
    """The TCP host ports of a pod with a network of its own; a hostIP that names no address is the node's InternalIP."""
    inner = next((address.address for address in (node.status.addresses if node else None) or () if address.type == "InternalIP"), "")
    for port in () if pod.spec.host_network else (port for container in pod.spec.containers for port in container.ports or ()):
        address = inner if port.host_ip in ANY else port.host_ip
        if port.host_port and port.protocol == "TCP" and address:
            yield Port(address, port.host_port)


def remembered(looked: Reach, network: Network) -> tuple[Reach, tuple[str, ...]]:
    """What answered, which is what has to answer again; and what is not required, and why."""
    closed = [str(port) for port in looked.ports if port not in network.open]
    toolless = "not looked at (the node has neither bash nor socat nor nc to connect with)"
    told = ("hostPort did", "hostPorts did", "not answer before") if network.tool else ("hostPort is", "hostPorts are", toolless)
    notes = [*not_required(closed, *told)]
    if looked.resolver is None:
        notes.append("DNS is not checked: the kubelet names no clusterDNS")
    elif not network.resolves:
        notes.append(f"DNS is not checked: {looked.resolver.address} did not resolve {looked.resolver.name} before")
    kept = tuple(port for port in looked.ports if port in network.open)
    return Reach(ports=kept, resolver=looked.resolver if network.resolves else None), tuple(notes)


def not_required(names: Sequence[str], one: str, more: str, what: str) -> Iterator[str]:
    """What was not as it should be before, in one line, where there is any: `2 pods were not ready before; not required: a, b`."""
    if names:
        yield f"{len(names):,} {one if len(names) == 1 else more} {what}; not required: {few(names)}"


def required(reach: Reach, pods: Iterable[Pod], node: Node | None) -> Reach:
    """What of it is required now: the ports of pods that are Ready here, and DNS."""
    here = {port for pod in pods if pod.ready for port in host_ports(pod, node)}
    return Reach(ports=tuple(port for port in reach.ports if port in here), resolver=reach.resolver)


def silent(wanted: Reach, network: Network) -> tuple[str, ...]:
    """What answered before and does not now."""
    found = [f"hostPort {port} does not answer on the node, and did before" for port in wanted.ports if port not in network.open]
    if wanted.resolver is not None and not network.resolves:
        found.append(
            f"the cluster's DNS at {wanted.resolver.address} does not resolve {wanted.resolver.name} from the node, and did before"
        )
    return tuple(found)


def query(name: str) -> bytes:
    """A DNS question for an A record over TCP, with its length in front (RFC 1035, 4.1 and 4.2.2)."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in name.split("."))
    message = QUERY_ID + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x01\x00\x01"
    return len(message).to_bytes(2, "big") + message


def resolved(answer: bytes) -> bool:
    """Whether this is the answer to `query`, without an error and with at least one record; its beginning is enough."""
    header = answer[2:14]
    return len(header) == 12 and header[:2] == QUERY_ID and header[2] >= 0x80 and header[3] & 0x0F == 0 and header[6:8] != b"\x00\x00"


def _resolver(facts: NodeFacts) -> Resolver | None:
    if not isinstance(facts.kubelet, Kubelet):
        return None
    value = facts.kubelet.setting("cluster-dns", "clusterDNS").value
    addresses = value.split(",") if isinstance(value, str) else [str(address) for address in value or ()]
    domain = str(facts.kubelet.setting("cluster-domain", "clusterDomain", DOMAIN).value).strip(".")
    name = f"kubernetes.default.svc.{domain}"
    if not addresses or not name.isascii() or not all(0 < len(label) < 64 for label in name.split(".")):
        return None
    return Resolver(addresses[0].strip(), name)
