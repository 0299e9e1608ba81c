"""From what was read to what is said of each machine: views made, rules applied, accepted findings marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrate.facts.capture import Capture
from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.node import facts_from
from migrate.facts.redact import redact
from migrate.facts.workload import Workload
from migrate.rules import Finding, NodeView, Severity, accept, check
from migrate.rules.table import RULES
from migrate.targets import Target

STATES = ("ready", "needs work", "blocked", "not read")


@dataclass(frozen=True, slots=True)
class Inspected:
    """One machine after an inspection: `view` and `findings`, or `error`, the whole message of why there are none."""

    host: str
    view: NodeView | None
    findings: tuple[Finding, ...]
    error: str | None = None

    @property
    def state(self) -> str:
        """One of STATES: blockers that nobody may accept make it `blocked`, those that an admin may accept `needs work`."""
        if self.view is None:
            return "not read"
        blocking = [finding for finding in self.findings if finding.blocks]
        if any(not finding.acceptable for finding in blocking):
            return "blocked"
        return "needs work" if blocking else "ready"

    def count(self, severity: Severity) -> int:
        """How many findings of one severity it has."""
        return sum(finding.severity is severity for finding in self.findings)


@dataclass(frozen=True, slots=True)
class JudgedWorkload:
    """One workload after an inspection. `pod_security` is the Pod Security Standard level that it meets: the strictest of `restricted`,
    `baseline`, `privileged` whose every check it passes.
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
    cluster: ClusterFacts | None, machines: Iterable[Read], target: Target, reasons: Mapping[str, str], *, redacted: bool = False
) -> tuple[Inspected, ...]:
    """Every machine judged, in the order given; `reasons` are accepted codes. `redacted` judges captures without secrets, for output."""
    return tuple(_one(cluster, machine, target, reasons, redacted) for machine in machines)


def _one(cluster: ClusterFacts | None, machine: Read, target: Target, reasons: Mapping[str, str], redacted: bool) -> Inspected:
    host, capture, node, error = machine
    if capture is None or error is not None:
        return Inspected(host, None, (), str(error))
    facts = facts_from(redact(capture) if redacted else capture)
    pods = cluster.pods_on(node.name) if cluster and node else ()
    view = NodeView(facts, node, pods, cluster, target)
    return Inspected(host, view, accept(check(view, RULES), reasons))
