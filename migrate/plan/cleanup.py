"""What Docker left on a node that has left it, and the plan that removes it for good (docs/design/cleanup.md)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from msgspec.structs import replace

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.model import NodeFacts
from migrate.facts.remains import LAID_BY_REMOVAL, Leftover, Remains
from migrate.facts.remains_probe import HOME, LINK, SOCKETS, STATE, Whereabouts
from migrate.facts.transaction import Transaction
from migrate.formats.listing import few, plural
from migrate.plan.inputs import inputs
from migrate.plan.model import NodePlan, PlannedStep, Refusal, without_steps
from migrate.plan.steps import (
    CloseRun,
    RemoveChains,
    RemoveData,
    RemoveFiles,
    RemoveGroup,
    RemoveLink,
    RemoveNamespace,
    RemovePackages,
    RemoveRecords,
    Step,
)
from migrate.rules import Finding, NodeView
from migrate.rules.leftovers import policy_doubt
from migrate.targets.containerd import CONTAINERD

GROUP = "docker"
NAMESPACE = "moby"
REACHED = 8  # pods that are asked before and after the chains go
NO_ROLLBACK = "there is no Docker to return to"
DEFAULT_ROOT = "/var/lib/docker"
MARKER = f"{HOME}/docker-stopped"  # its units do not start while it is there
_ROOT = re.compile(r"(?:--data-root|--graph|(?<![\w-])-g)[= ]\"?(/[^\s\"']{1,300})")


@dataclass(frozen=True, slots=True)
class Also:
    """What is removed only where it is asked for: the group `docker`, the records of earlier runs."""

    group: bool = False
    records: bool = False

    @property
    def asked(self) -> str:
        """How it is asked for, with a blank before it."""
        return f"{' --group' if self.group else ''}{' --records' if self.records else ''}"


def also_in(plan: NodePlan) -> Also:
    """What was asked for when a plan was made."""
    steps = [planned.step for planned in plan.steps]
    return Also(
        group=any(isinstance(step, RemoveGroup) for step in steps),
        records=any(isinstance(step, RemoveRecords) for step in steps),
    )


def place_of(facts: NodeFacts) -> Whereabouts:
    """Where Docker's data and its namespace are looked for.

    A Docker that does not run tells no data root: it is looked for where Docker would be told it.
    """
    return Whereabouts(_data_root(facts), CONTAINERD.on(facts).socket)


def _data_root(facts: NodeFacts) -> str:
    settings = facts.daemon_settings
    for key in ("data-root", "graph"):
        if isinstance(told := settings.get(key), str) and told.startswith("/"):
            return told
    unit = facts.unit("docker.service")
    for path in (*(unit.files if unit else ()), *(unit.environment_files if unit else ()), "/etc/default/docker", "/etc/sysconfig/docker"):
        reading = facts.files.get(path)
        lines = [line for line in (reading.text if reading else "").splitlines() if not line.lstrip().startswith("#")]
        if found := _ROOT.search("\n".join(lines)):
            return found[1]
    return DEFAULT_ROOT


def cleanup_plan(view: NodeView, findings: tuple[Finding, ...], also: Also = Also()) -> NodePlan:
    """The plan that removes Docker from a node; without steps, and with the reasons, where that is not possible or nothing is left."""
    blockers = tuple(map(Refusal.by, (finding for finding in findings if finding.blocks)))
    remains = view.remains
    if remains is None or blockers:
        return without_steps(view, findings, refusals=blockers)
    steps = tuple(_story(view, remains, also))
    if all(isinstance(step, CloseRun) for step in steps):
        return without_steps(view, findings, nothing="nothing of Docker is left on it")
    return replace(
        without_steps(view, findings),
        steps=tuple(PlannedStep(segment="prepare", step=step) for step in steps),
        inputs=inputs(view.facts, ()),
        may_differ=tuple(_stays(view, remains, also)),
    )


def _story(view: NodeView, remains: Remains, also: Also) -> Iterator[Step]:
    """What is restored where it harms comes first; then nobody takes the node any more for one that can be rolled back; data is last."""
    chains = remains.chains
    policy = () if policy_doubt(view, remains) else chains.policy
    if chains.rules or chains.chains or policy:
        yield RemoveChains(
            rules=chains.rules,
            chains=chains.chains,
            policy=policy,
            reach=tuple(reached(view.cluster, view.node)),
            why="saved first; restored by itself where a pod or a Service that answered before does not afterwards",
        )
    if remains.records.owner:
        yield CloseRun(run=remains.records.owner, why=f"what follows cannot be undone: {NO_ROLLBACK}")
    if remains.packages and isinstance(remains.removal, Transaction):
        yield RemovePackages(
            manager=remains.removal.manager,
            unit=view.target.unit,
            packages=remains.packages,
            why="simulated first; nothing is stopped or restarted by it, configuration in /etc/docker stays",
        )
    yield from _files(remains)
    if remains.link:
        yield RemoveLink(name=LINK, why="Docker's bridge, nothing is attached to it")
    if (found := remains.namespace) is not None:
        yield RemoveNamespace(
            name=NAMESPACE,
            socket=found.socket,
            containers=found.containers,
            images=found.images,
            why="the daemon, its package and its other namespaces stay",
        )
    if remains.root is not None and remains.root.known:
        there = {entry.name for entry in remains.root.known}
        more = [LAID_BY_REMOVAL[one.name] for one in remains.packages if one.name in LAID_BY_REMOVAL]
        laid = tuple(Leftover(name, 0) for name in more if name not in there)
        yield RemoveData(
            root=remains.root.path, entries=(*remains.root.known, *laid), why="Docker's images, containers and volumes; nothing else there"
        )
    if also.group and remains.group:
        yield RemoveGroup(name=GROUP, why="it was asked for")
    if also.records and (earlier := remains.records.runs):
        taken = sum(run.size or 0 for run in earlier)
        yield RemoveRecords(runs=tuple(run.name for run in earlier), size=taken, why="it was asked for; they hold the files of before")


def _files(remains: Remains) -> Iterator[Step]:
    """Files without a package, each kind of them in one step, and what keeps Docker from starting: there is none to start."""
    paths = remains.paths
    units = [path for path in paths if "/systemd/system/" in path]
    marker = [MARKER] if remains.records.stopped_by and (units or remains.packages) else []
    groups = (
        ("Docker's programs that no package owns", [path for path in paths if path.rpartition("/")[0].endswith("bin")]),
        ("Docker's units and drop-ins", [*units, *marker]),
        ("Docker's sockets and state", [path for path in paths if path in (*SOCKETS, *STATE)]),
    )
    for title, found in groups:
        if found:
            yield RemoveFiles(title=f"{title}: {', '.join(found)}", paths=tuple(found), why="left by Docker, which does not run")


def _stays(view: NodeView, remains: Remains, also: Also) -> Iterator[str]:
    """What of Docker is kept, and why."""
    if view.facts.files.get("/etc/docker/daemon.json") is not None and view.facts.files["/etc/docker/daemon.json"].kind != "absent":
        yield "/etc/docker (configuration, certificates)"
    yield "containerd, runc and their packages (the pods' runtime is made of them, or others use them)"
    if remains.group and not also.group:
        members = f" of {few(view.facts.docker_group)}" if view.facts.docker_group else ""
        yield f"the group {GROUP}{members} (--group removes it)"
    if remains.records.runs and not also.records:
        yield f"the records of {plural(len(remains.records.runs), 'run')} in /var/lib/docker2cri (--records removes them)"
    if remains.root is not None and remains.root.path in remains.root.mounts:
        yield f"the mount point {remains.root.path}"
    yield from (what for what, _ in remains.chains.kept)
    yield "the record of this run in /var/lib/docker2cri"


def reached(cluster: ClusterFacts | None, node: Node | None) -> Iterator[str]:
    """Addresses and TCP ports of ready pods with a network of their own, those of other nodes first, and the node's host ports."""
    if cluster is None or node is None:
        return
    inner = next((one.address for one in node.status.addresses or () if one.type == "InternalIP"), "")
    found: dict[str, bool] = {}
    for pod in cluster.pods:
        if not pod.ready or pod.finished or pod.spec.host_network:
            continue
        here = pod.spec.node_name == node.name
        for port in (port for container in pod.spec.containers for port in container.ports or () if port.protocol == "TCP"):
            if _address(pod.status.pod_ip) and port.container_port:
                found.setdefault(f"{pod.status.pod_ip} {port.container_port}", here)
            if here and port.host_port and not port.host_ip and _address(inner):
                found.setdefault(f"{inner} {port.host_port}", False)
    yield from sorted(found, key=lambda words: found[words])[:REACHED]


def _address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
