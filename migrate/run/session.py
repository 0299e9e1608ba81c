"""One look at a fleet: inventory, API and nodes read, machines matched with their Node objects. What cannot be read is told per machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from migrate.errors import ClusterUnreachable, MigrateError, UsageError, contained
from migrate.facts.capture import Capture
from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.match import HostWithoutNode, Matched, NodeWithoutHost, machine, match
from migrate.facts.model import NodeFacts
from migrate.facts.names import is_host_name, is_object_name
from migrate.facts.node import facts_from
from migrate.rules import NodeView
from migrate.run.gather import gather_nodes
from migrate.run.inventory.model import InventoryHost
from migrate.run.inventory.read import read_inventory
from migrate.run.ports import HostTarget
from migrate.run.ssh.config import Answers, SshFlags, resolve
from migrate.run.ssh.connect import Connector
from migrate.run.store import load_directory
from migrate.targets import Target


@dataclass(frozen=True, slots=True)
class Access:
    """How machines and the API are reached, as the command line says."""

    inventory: str | None = None
    kubeconfig: str | None = None
    context: str | None = None
    ssh: SshFlags = field(default_factory=SshFlags)


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What is read, and how: `forks` machines at once; `offline` is a directory of saved readings, read instead of machines and API.

    `config_maps` asks the API for every ConfigMap too.
    """

    forks: int = 20
    offline: str | None = None
    config_maps: bool = False


READING = ReadingOptions()


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of a look: its capture and facts or the error, its Node when it is known, and how it was reached."""

    host: str
    capture: Capture | None = None
    facts: NodeFacts | None = None
    node: Node | None = None
    error: MigrateError | str | None = None
    target: HostTarget | None = None

    @property
    def exit_code(self) -> int:
        """What this machine alone would end the process with: 4 when it was not read or is not known to the cluster."""
        return getattr(self.error, "exit_code", 4) if self.error else 0


@dataclass(frozen=True, slots=True)
class Look:
    """A whole look: the machines in inventory order, the API's reading or why there is none, and Nodes without a machine."""

    machines: tuple[Machine, ...]
    cluster: ClusterFacts | None
    cluster_error: ClusterUnreachable | None
    strangers: tuple[str, ...]

    def view(self, machine: Machine, target: Target) -> NodeView | None:
        """What rules judge of one machine, None when it was not read."""
        if machine.facts is None:
            return None
        pods = self.cluster.pods_on(machine.node.name) if self.cluster and machine.node else ()
        return NodeView(machine.facts, machine.node, pods, self.cluster, target)


def look(access: Access, names: Sequence[str], notice: Callable[[str], None], how: ReadingOptions = READING) -> Look:
    """Read everything that was asked for: all machines, or those whose inventory or node name is in `names`.

    `notice` is told what is waited for. Raises UsageError for names that are nowhere, and ClusterUnreachable when the machines were to
    come from the cluster; with an inventory of its own the look goes on without the API.
    """
    if how.offline:
        return _offline(how.offline, names)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(_read_cluster, access, config_maps=how.config_maps)
        if access.inventory is None:
            notice("reading the Kubernetes API")
            cluster = reading.result()
            hosts: Sequence[InventoryHost] = [host_of(node) for node in cluster.nodes]
        else:
            hosts = read_inventory(access.inventory).hosts
        hosts = _chosen(hosts, names)
        captures, targets = _read_machines(hosts, access.ssh, how.forks, notice)
        cluster_error = None
        try:
            known: ClusterFacts | None = reading.result()
        except ClusterUnreachable as wrong:
            known, cluster_error = None, wrong
    return _joined(hosts, captures, targets, known, cluster_error, named=bool(names))


def _read_cluster(access: Access, *, config_maps: bool = False) -> ClusterFacts:
    # imported late: the client costs half a second, which `--help` must not pay
    from migrate.run.clock import SystemClock
    from migrate.run.kube.client import connect

    cluster = connect(kubeconfig=access.kubeconfig, context=access.context, environ=os.environ, clock=SystemClock())
    return cluster.read(config_maps=config_maps)


def host_of(node: Node) -> InventoryHost:
    """A node of the cluster as a host to reach; a kubelet writes its own addresses, and one that is none is passed over.

    Raises ClusterUnreachable for a name that no API server gives.
    """
    if not is_object_name(node.name):
        raise ClusterUnreachable(
            seen=f"the API names a node {node.name!r}",
            expected="names as Kubernetes allows them",
            next="look at what answers as API server",
        )
    addresses = {known.type: known.address for known in reversed(node.status.addresses or ()) if is_host_name(known.address)}
    address = addresses.get("InternalIP") or addresses.get("Hostname") or node.name
    return InventoryHost(node.name, address=address, where="the cluster")


def _chosen(hosts: Sequence[InventoryHost], names: Sequence[str]) -> list[InventoryHost]:
    known = {host.name for host in hosts}
    if missing := [name for name in names if name not in known]:
        raise UsageError(
            seen=f"{', '.join(missing)}: no such node",
            expected=f"names among {', '.join(sorted(known))}",
            next="docker2cri inspect, which lists every node",
        )
    return [host for host in hosts if not names or host.name in names]


def _read_machines(
    hosts: Sequence[InventoryHost], ssh: SshFlags, forks: int, notice: Callable[[str], None]
) -> tuple[dict[str, Capture | MigrateError], dict[str, HostTarget]]:
    results: dict[str, Capture | MigrateError] = {}
    targets: list[HostTarget] = []
    answers: Answers = {}
    for host in hosts:
        try:
            targets.append(target_of(host, ssh, answers))
        except MigrateError as wrong:
            results[host.name] = wrong
    notice(f"reading {len(targets)} nodes, {min(forks, len(targets))} at a time")
    results |= gather_nodes(targets, Connector().open, forks=forks)
    return results, {target.name: target for target in targets}


def target_of(host: InventoryHost, flags: SshFlags, answers: Answers) -> HostTarget:
    """A node of the cluster is reached by its name where ssh's configuration says how, else by its address."""
    if host.where == "the cluster":
        by_name = resolve(replace(host, address=None), flags, answers=answers)
        if by_name.address != host.name or host.address == host.name:
            return by_name
    return resolve(host, flags, answers=answers)


def targets_named(access: Access, names: Sequence[str]) -> dict[str, HostTarget]:
    """How each node is reached, by its inventory name; all when no name is given. Raises UsageError for names that are nowhere.

    Without an inventory the cluster says their addresses; where its API is away they are reached by their names.
    """
    answers: Answers = {}
    hosts = _hosts(access, names)
    targets = {host.name: target_of(host, access.ssh, answers) for host in hosts if not names or host.name in names}
    if missing := sorted(set(names) - targets.keys()):
        raise UsageError(
            seen=f"{', '.join(missing)}: neither in the cluster nor in the inventory",
            expected="the inventory that the plan was made with",
            next="repeat with the same -i",
        )
    return targets


def _hosts(access: Access, names: Sequence[str]) -> Sequence[InventoryHost]:
    if access.inventory is not None:
        return read_inventory(access.inventory).hosts
    try:
        return [host_of(node) for node in _read_cluster(access).nodes]
    except ClusterUnreachable as wrong:
        if type(wrong) is not ClusterUnreachable or not names or not all(is_host_name(name) for name in names):
            raise
        return [InventoryHost(name, where="the command line") for name in names]


def _joined(
    hosts: Sequence[InventoryHost],
    captures: Mapping[str, Capture | MigrateError],
    targets: Mapping[str, HostTarget],
    cluster: ClusterFacts | None,
    cluster_error: ClusterUnreachable | None,
    *,
    named: bool,
) -> Look:
    parsed = {host: contained(host, partial(facts_from, capture)) for host, capture in captures.items() if isinstance(capture, Capture)}
    read = {host: facts for host, facts in parsed.items() if isinstance(facts, NodeFacts)}
    unread = {host.name for host in hosts} - read.keys()
    matches = (
        match([machine(facts, [targets[host].address] if host in targets else []) for host, facts in read.items()], cluster.nodes)
        if cluster
        else ()
    )
    node_of = {pair.host: pair.node for pair in matches if isinstance(pair, Matched)}
    lost = {single.host: single.message for single in matches if isinstance(single, HostWithoutNode)}
    machines = []
    for host in hosts:
        reading = captures[host.name]
        kept = reading if isinstance(reading, Capture) else None  # also of one that is not understood: to be reported
        result = parsed[host.name] if isinstance(reading, Capture) else reading
        if isinstance(result, MigrateError):
            by_name = cluster.node(host.name) if cluster else None
            machines.append(Machine(host.name, kept, error=result, node=by_name, target=targets.get(host.name)))
            continue
        node = cluster.node(node_of[host.name]) if cluster and host.name in node_of else None
        machines.append(Machine(host.name, kept, result, node, lost.get(host.name), targets.get(host.name)))
    unclaimed = [single for single in matches if isinstance(single, NodeWithoutHost) and single.node not in unread]
    return Look(tuple(machines), cluster, cluster_error, () if named else tuple(node.message for node in unclaimed))


def _offline(directory: str, names: Sequence[str]) -> Look:
    captures, cluster = load_directory(Path(directory))
    hosts = _chosen([InventoryHost(capture.host, where=directory) for capture in captures], names)
    chosen = {host.name for host in hosts}
    by_name: dict[str, Capture | MigrateError] = {capture.host: capture for capture in captures if capture.host in chosen}
    return _joined(hosts, by_name, {}, cluster, None, named=bool(names))
