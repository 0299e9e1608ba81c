"""Reports for tests: that of the captured cluster, and a big synthetic fleet made of its nodes."""

from __future__ import annotations

from datetime import date

from msgspec.structs import replace

from migrate.report.build import build_report, counted
from migrate.report.model import NotChecked, Report, ReportedFinding, ReportedNode, ReportedWorkload
from migrate.rules.judge import judge_workloads
from migrate.targets.table import target_named
from tests.captured import BUNDLE
from tests.test_scenarios import EVERYTHING, judged, plan_of

CONTAINERD = target_named("containerd")


def captured(*, accepted: bool = False, files: bool = True) -> Report:
    """The report of the lab's captured cluster; `accepted` has every acceptable blocker accepted, `files` what a migration would write."""
    assert CONTAINERD is not None
    reasons = EVERYTHING if accepted else {}
    cluster, nodes = judged(BUNDLE.name, reasons)
    workloads = judge_workloads(cluster, [node.view for node in nodes if node.view], CONTAINERD, reasons)
    plans = plan_of(BUNDLE.name, reasons).nodes if files else ()
    return build_report(nodes, workloads, target=CONTAINERD, tool="golden", taken=cluster.taken, cluster=cluster, name="lab", plans=plans)


def fleet(base: Report, size: int, prefix: str = "prod-worker-") -> Report:
    """A synthetic cluster of so many nodes: of a hundred, one control plane, one unread, five dirty workers, the others clean workers.

    What a node has of its own (a container, a cron job) is its own finding; what is the same everywhere is one, as in a real fleet.
    """
    kinds = {"cp": "lab-cp1", "dirty": "lab-w2", "clean": "lab-w1"}
    by_host = {node.host: node for node in base.nodes}
    hosts: dict[str, list[str]] = {kind: [] for kind in (*kinds, "lost")}
    nodes = []
    for index in range(size):
        kind = {0: "cp", 1: "lost", 20: "dirty", 40: "dirty", 60: "dirty", 80: "dirty", 90: "dirty"}.get(index % 100, "clean")
        name = f"{prefix}{index:04}"
        hosts[kind].append(name)
        where = {"pool": f"pool-{index % 7}", "zone": f"eu-central-1{'abc'[index % 3]}"}
        if kind == "lost":
            error = f"{name}: no answer on port 22 within 10 s\n  expected: a node that can be reached\n  next: ssh {name} true"
            nodes.append(ReportedNode(host=name, node="", state="not read", error=error, **where))
        else:
            nodes.append(replace(by_host[kinds[kind]], host=name, node=name, **where))
    findings = [copy for finding in base.findings for copy in _spread(finding, kinds, hosts)]
    unread = tuple(NotChecked(what=f"node {name}", reason="no answer on port 22 within 10 s") for name in hosts["lost"])
    apps = tuple(
        ReportedWorkload(namespace=f"team-{n % 20}", kind="Deployment", name=f"service-{n}", pod_security="baseline", replicas=3, pods=3)
        for n in range(size // 2)
    )
    spread = tuple(
        replace(workload, nodes=_on(workload.nodes, kinds, hosts), pods=len(_on(workload.nodes, kinds, hosts)))
        for workload in base.workloads
    )
    workloads, unseen = (*spread, *apps), (*unread, *base.not_checked)
    return counted(replace(base, nodes=tuple(nodes), findings=tuple(findings), not_checked=unseen, workloads=workloads))


def _spread(finding: ReportedFinding, kinds: dict[str, str], hosts: dict[str, list[str]]) -> list[ReportedFinding]:
    on = _on(finding.nodes, kinds, hosts)
    if finding.subject.startswith(("container ", "/etc/")) and finding.nodes == ("lab-w2",):
        return [replace(finding, nodes=(name,), evidence=f"{finding.evidence} ({number})") for number, name in enumerate(on)]
    return [replace(finding, nodes=on)]


def _on(nodes: tuple[str, ...], kinds: dict[str, str], hosts: dict[str, list[str]]) -> tuple[str, ...]:
    return tuple(name for kind, host in kinds.items() if host in nodes for name in hosts[kind])


def day(text: str) -> date:
    """A day, for what depends on the calendar."""
    return date.fromisoformat(text)
