"""How sure a finding is: the socket itself, a parent folder of it; once a volume; what a report leaves out below a confidence."""

from __future__ import annotations

import msgspec

from migrate.report.build import build_report
from migrate.report.sure import sure_enough
from migrate.rules import Confidence, Severity, check
from migrate.rules.judge import Inspected
from migrate.rules.table import RULES
from migrate.targets.table import target_named
from tests.manifests.seen import scanned
from tests.rules import make

AGENT = """apiVersion: apps/v1
kind: DaemonSet
metadata: {name: node-exporter}
spec:
  template:
    spec:
      containers:
        - name: node-exporter
          image: quay.io/prometheus/node-exporter@sha256:0
          volumeMounts: [{name: root, mountPath: /host/root, readOnly: true}]
        - name: kube-rbac-proxy
          image: quay.io/brancz/kube-rbac-proxy@sha256:0
          volumeMounts: [{name: root, mountPath: /host/root, readOnly: true}]
      volumes: [{name: root, hostPath: {path: PATH}}]
"""
TYPELESS = "; without a type the kubelet makes a directory there when the socket is gone"


def found(text: str, code: str) -> list[tuple[str, str, str]]:
    judged = scanned(text)
    every = [finding for workload in judged.workloads for finding in workload.findings]
    return [(finding.severity.value, finding.confidence.value, finding.evidence) for finding in every if finding.code == code]


def test_a_parent_of_the_socket_is_a_warning_once_a_volume() -> None:
    said = "hostPath / (no type) at /host/root of containers node-exporter and kube-rbac-proxy, read-only, a parent of Docker's socket"
    assert found(AGENT.replace("PATH", "/"), "D2C301") == [("warning", "could-reach", said)]


def test_the_socket_itself_is_a_blocker_once_a_volume() -> None:
    said = f"hostPath /run/docker.sock (no type) at /host/root of containers node-exporter and kube-rbac-proxy, read-only{TYPELESS}"
    assert found(AGENT.replace("PATH", "/run/docker.sock"), "D2C301") == [("blocker", "seen", said)]


def test_a_path_below_a_parent_is_the_socket_itself() -> None:
    text = AGENT.replace("PATH", "/var/run").replace("readOnly: true}]\n      volumes", "subPath: docker.sock}]\n      volumes")
    assert found(text, "D2C301") == [
        ("blocker", "seen", f"hostPath /var/run (no type) at /host/root of container kube-rbac-proxy{TYPELESS}"),
        (
            "warning",
            "could-reach",
            "hostPath /var/run (no type) at /host/root of container node-exporter, read-only, a parent of Docker's socket",
        ),
    ]


def test_containers_that_mount_one_volume_in_two_ways_are_one_finding() -> None:
    text = AGENT.replace("PATH", "/var/lib/docker").replace("readOnly: true}]\n      volumes", "readOnly: false}]\n      volumes")
    said = (
        "hostPath /var/lib/docker (no type) at /host/root of container node-exporter, read-only; at /host/root of container kube-rbac-proxy"
    )
    assert found(text, "D2C302") == [("warning", "seen", said)]


def test_a_parent_of_the_data_and_of_log_files_could_reach_them() -> None:
    assert [row[:2] for row in found(AGENT.replace("PATH", "/var/lib"), "D2C302")] == [("warning", "could-reach")]
    assert [row[:2] for row in found(AGENT.replace("PATH", "/var/log"), "D2C325")] == [("warning", "could-reach")]
    assert [row[:2] for row in found(AGENT.replace("PATH", "/var/log/pods"), "D2C325")] == [("warning", "seen")]


def test_a_node_is_not_blocked_by_a_mount_of_the_root() -> None:
    view = make.view(make.pod(**make.host_path("/")))
    [finding] = [one for one in check(view, RULES) if one.code == "D2C301"]
    assert (finding.severity, finding.confidence, finding.acceptable, finding.blocks) == (
        Severity.WARNING,
        Confidence.COULD_REACH,
        False,
        False,
    )


def test_a_report_leaves_out_what_is_less_sure_and_counts_it() -> None:
    target = target_named("containerd")
    assert target is not None
    view = make.view(make.pod(**make.host_path("/")))
    node = Inspected("w1", view, tuple(one for one in check(view, RULES) if one.code == "D2C301"))
    report = build_report((node,), target=target, tool="0", taken=0)
    assert sure_enough(report, Confidence.COULD_REACH) == report
    sure = sure_enough(report, Confidence.SEEN)
    assert (report.nodes[0].warnings, sure.nodes[0].warnings, sure.summary.warnings, sure.findings) == (1, 0, 0, ())
    assert msgspec.to_builtins(sure.not_checked[-1]) == {
        "what": "1 finding of less confidence",
        "reason": "--min-confidence seen leaves them out",
    }
