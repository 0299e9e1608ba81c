"""From what was read to what is said of each machine: views made, rules applied, accepted findings marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from migrate.errors import contained, understood
from migrate.facts.capture import Capture
from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.docker_host import DockerHost
from migrate.facts.node import facts_from
from migrate.facts.pod import PodSpec
from migrate.facts.redact import redact
from migrate.facts.workload import CONFIG_MAP, Workload, workloads
from migrate.limits import DEFAULT
from migrate.rules import Finding, NodeView, Severity, accept, check
from migrate.rules.ground import cluster_ground
from migrate.rules.pod_security import level
from migrate.rules.table import RULES, WORKLOAD_RULES
from migrate.rules.workload_rule import WorkloadView, check_workload
from migrate.targets import Target

STATES = ("ready", "needs work", "blocked", "not read", "nothing to do")


@dataclass(frozen=True, slots=True)
class Inspected:
    """One machine after an inspection: `view` and `findings`, or `error`, the whole message of why there are none."""

    host: str
    view: NodeView | None
    findings: tuple[Finding, ...]
    error: str | None = None

    @property
    def state(self) -> str:
        """One of STATES; without blockers a node that runs on another runtime than Docker has `nothing to do`."""
        if self.view is None:
            return "not read"
        state = state_of(self.findings)
        return "nothing to do" if state == "ready" and self.view.on_other_runtime else state

    def count(self, severity: Severity) -> int:
        """How many findings of one severity it has."""
        return sum(finding.severity is severity for finding in self.findings)


@dataclass(frozen=True, slots=True)
class JudgedDockerHost:
    """One Docker host after an inspection: `facts` and `findings`, or `error`, the whole message of why there are none."""

    name: str
    facts: DockerHost | None
    findings: tuple[Finding, ...] = ()
    error: str | None = None

    @property
    def state(self) -> str:
        """One of STATES."""
        return "not read" if self.facts is None else state_of(self.findings)


def state_of(findings: Iterable[Finding]) -> str:
    """`blocked` by blockers that nobody may accept, `needs work` by those that an admin may accept, else `ready`."""
    blocking = [finding for finding in findings if finding.blocks]
    if any(not finding.acceptable for finding in blocking):
        return "blocked"
    return "needs work" if blocking else "ready"


@dataclass(frozen=True, slots=True)
class JudgedWorkload:
    """One workload after an inspection. `pod_security` is the Pod Security Standard level that it meets: the strictest of `restricted`,
    `baseline`, `privileged` whose every check it passes, empty for a ConfigMap, which has no pods.
    """

    workload: Workload
    pod_security: str
    findings: tuple[Finding, ...]


def verdict(nodes: tuple[Inspected, ...]) -> str:
    """The verdict in one line: `2 ready, 1 needs work, 1 blocked, 0 not read`."""
    counts = {state: sum(node.state == state for node in nodes) for state in STATES}
    return ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "no nodes"


Read = tuple[str, Capture | None, Node | None, object]


def judge(
    cluster: ClusterFacts | None,
    machines: Iterable[Read],
    target: Target,
    reasons: Mapping[str, str],
    *,
    redacted: bool = False,
    next_kubernetes: tuple[int, int] | None = None,
    stop_timeout: int = DEFAULT.stop,
) -> tuple[Inspected, ...]:
    """Every machine judged, in the order given; `reasons` are accepted codes. `redacted` judges captures without secrets, for output.

    `next_kubernetes` is the version (major, minor) that the cluster is to be upgraded to, None for one that nobody asked about;
    `stop_timeout` is the plan's limit, in seconds, for a container to end.
    """
    return tuple(_one(cluster, machine, target, reasons, redacted, next_kubernetes, stop_timeout) for machine in machines)


def _one(
    cluster: ClusterFacts | None,
    machine: Read,
    target: Target,
    reasons: Mapping[str, str],
    redacted: bool,
    next_kubernetes: tuple[int, int] | None,
    stop_timeout: int,
) -> Inspected:
    host, capture, node, error = machine
    if capture is None or error is not None:
        return Inspected(host, None, (), str(error))

    def judged() -> Inspected:
        facts = facts_from(redact(capture) if redacted else capture, node.status.node_info.kubelet_version if node else "")
        pods = cluster.pods_on(node.name) if cluster and node else ()
        view = NodeView(facts, node, pods, cluster, target, next_kubernetes, stop_timeout)
        return Inspected(host, view, accept(check(view, RULES), reasons))

    found = contained(host, partial(understood, host, judged))
    return found if isinstance(found, Inspected) else Inspected(host, None, (), str(found))


def judge_workloads(
    cluster: ClusterFacts,
    views: Iterable[NodeView],
    target: Target,
    reasons: Mapping[str, str],
    next_kubernetes: tuple[int, int] | None = None,
) -> tuple[JudgedWorkload, ...]:
    """Every workload of a cluster judged, in namespace, kind, name order; `views` are the nodes that were read, `reasons` accepted codes.

    A workload that lives on nodes only that are off Docker already has no findings: there is nothing to migrate. One without live pods is
    judged as its next pod would be. ConfigMaps that no workload uses are in it where their lines depend on Docker.
    """
    views = tuple(views)
    ground = cluster_ground(views, cluster, target, next_kubernetes)
    moved, staying = _moved(cluster, views)
    found = []
    for workload in (*workloads(cluster), *_unused_config_maps(cluster)):
        has_moved = moved.issuperset(workload.nodes) if workload.nodes else bool(moved) and not staying
        findings = () if has_moved else accept(check_workload(WorkloadView(workload, ground), WORKLOAD_RULES), reasons)
        standard = "" if workload.configures else level(workload, ground.kubernetes).name
        found.append(JudgedWorkload(workload, standard, findings))
    return tuple(sorted(found, key=lambda judged: (judged.workload.namespace, judged.workload.kind, judged.workload.name)))


def _moved(cluster: ClusterFacts, views: Iterable[NodeView]) -> tuple[frozenset[str], frozenset[str]]:
    """The nodes whose kubelet runs its pods off Docker, and the others: as read on the node, else as the API tells."""
    read = {view.name: view.on_other_runtime for view in views}
    told = {node.name: node.status.node_info.container_runtime_version for node in cluster.nodes}
    moved = {name: read.get(name, "://" in runtime and not runtime.startswith("docker://")) for name, runtime in told.items()}
    return frozenset(name for name, off_docker in moved.items() if off_docker), frozenset(name for name in moved if not moved[name])


def _unused_config_maps(cluster: ClusterFacts) -> tuple[Workload, ...]:
    if not cluster.config_uses:
        return ()
    used = {(workload.namespace, name) for workload in workloads(cluster) for name in workload.config_maps}
    titles = sorted(cluster.uses_by_config_map.keys() - used)
    return tuple(Workload(CONFIG_MAP, namespace, name, PodSpec(), configures=True) for namespace, name in titles)
