"""Pod Security Standards: what keeps a workload from a level, under the checks of which Kubernetes version."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.facts.workload import pod_workload
from migrate.rules.pod_security import level
from tests.rules import make

GOOD: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
OLD, NOW, NEW = (1, 18), (1, 23), (1, 37)
ANNOTATION = "container.apparmor.security.beta.kubernetes.io/web"
SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"


def restricted(container: dict[str, Any] | None = None, context: dict[str, Any] | None = None, **pod: Any) -> Any:
    """A pod that meets `restricted` in every version, with something else about it."""
    return make.pod(container={**(container or {}), "securityContext": {**GOOD, **(context or {})}}, **pod)


def seen(pod: Any, minor: tuple[int, int]) -> tuple[str, list[str]]:
    found = level(pod_workload(pod), minor)
    return found.name, [f"{one.check}: {one.sign.evidence}" for one in found.violations]


BASELINE = [
    (
        {"hostNetwork": True, "hostPID": True, "hostIPC": True},
        ["hostNamespaces: hostNetwork", "hostNamespaces: hostPID", "hostNamespaces: hostIPC"],
    ),
    ({"context": {"privileged": True}}, ["privileged: container web is privileged"]),
    (
        {"context": {"capabilities": {"add": ["NET_RAW"], "drop": ["ALL"]}}},
        ["capabilities_baseline: container web adds NET_RAW", "capabilities_restricted: container web adds NET_RAW"],
    ),
    (
        {"volumes": [{"name": "v", "hostPath": {"path": "/srv"}}]},
        ["hostPathVolumes: volume v is hostPath /srv", "restrictedVolumes: volume v is of type hostPath"],
    ),
    ({"container": {"ports": [{"containerPort": 1, "hostPort": 80}]}}, ["hostPorts: container web has hostPort 80"]),
    ({"annotations": {ANNOTATION: "unconfined"}}, [f"appArmorProfile: annotation {ANNOTATION}: unconfined"]),
    ({"context": {"appArmorProfile": {"type": "Unconfined"}}}, ["appArmorProfile: container web sets appArmorProfile Unconfined"]),
    ({"context": {"seLinuxOptions": {"type": "spc_t"}}}, ["seLinuxOptions: container web sets seLinuxOptions type spc_t"]),
    ({"securityContext": {"seLinuxOptions": {"user": "u", "role": "r"}}}, ["seLinuxOptions: the pod sets seLinuxOptions user u, role r"]),
    ({"context": {"procMount": "Unmasked"}}, ["procMount: container web sets procMount Unmasked"]),
    ({"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}, ["sysctls: sysctl kernel.msgmax"]),
    ({"context": {"seccompProfile": {"type": "Unconfined"}}}, ["seccompProfile_baseline: container web sets seccompProfile Unconfined"]),
    ({"securityContext": {"windowsOptions": {"hostProcess": True}}}, ["windowsHostProcess: the pod sets windowsOptions.hostProcess"]),
    ({"context": {"windowsOptions": {"hostProcess": True}}}, ["windowsHostProcess: container web sets windowsOptions.hostProcess"]),
]
RESTRICTED = [
    ({"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]}, ["restrictedVolumes: volume v is of type nfs"]),
    (
        {"context": {"allowPrivilegeEscalation": True}},
        ["allowPrivilegeEscalation: container web does not set allowPrivilegeEscalation: false"],
    ),
    ({"context": {"runAsNonRoot": None}}, ["runAsNonRoot: neither the pod nor container web sets runAsNonRoot: true"]),
    ({"context": {"runAsNonRoot": False}}, ["runAsNonRoot: container web sets runAsNonRoot: false"]),
    ({"securityContext": {"runAsNonRoot": False}}, ["runAsNonRoot: the pod sets runAsNonRoot: false"]),
    ({"context": {"runAsUser": 0}}, ["runAsUser: container web sets runAsUser: 0"]),
    ({"context": {"seccompProfile": None}}, ["seccompProfile_restricted: neither the pod nor container web sets a seccompProfile"]),
    ({"context": {"capabilities": {"drop": ["NET_RAW"]}}}, ["capabilities_restricted: container web does not drop ALL capabilities"]),
]
ALLOWED = [
    {},
    {"context": {"capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]}}},
    {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "b", "csi": {"driver": "x"}}, {"name": "c"}, {"name": "d", "image": {}}]},
    {"annotations": {ANNOTATION: "localhost/web"}},
    {"context": {"seLinuxOptions": {"type": "container_init_t", "level": "s0"}}},
    {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}},
    {
        "context": {"runAsNonRoot": None, "seccompProfile": None},
        "securityContext": {"runAsNonRoot": True, "seccompProfile": GOOD["seccompProfile"]},
    },
]


@pytest.mark.parametrize(("given", "violations"), BASELINE, ids=lambda one: str(one)[:60])
def test_what_only_privileged_allows(given: dict[str, Any], violations: list[str]) -> None:
    assert seen(restricted(**given), NOW) == ("privileged", violations)


@pytest.mark.parametrize(("given", "violations"), RESTRICTED, ids=lambda one: str(one)[:60])
def test_what_baseline_allows(given: dict[str, Any], violations: list[str]) -> None:
    assert seen(restricted(**given), NOW) == ("baseline", violations)


@pytest.mark.parametrize("given", ALLOWED, ids=lambda one: str(one)[:60])
def test_what_restricted_allows(given: dict[str, Any]) -> None:
    assert seen(restricted(**given), NOW) == ("restricted", [])


@pytest.mark.parametrize(
    ("given", "before", "levels"),
    [
        ({"context": {"capabilities": None}}, (1, 21), ("restricted", "baseline")),
        ({"context": {"runAsUser": 0}}, (1, 22), ("restricted", "baseline")),
        ({"context": {"seccompProfile": None}}, (1, 18), ("restricted", "baseline")),
        ({"context": {"seccompProfile": {"type": "Unconfined"}}}, (1, 18), ("restricted", "privileged")),
        ({"context": {"allowPrivilegeEscalation": None}}, (1, 7), ("restricted", "baseline")),
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.ip_local_reserved_ports"}]}}, (1, 26), ("privileged", "restricted")),
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_keepalive_time"}]}}, (1, 28), ("privileged", "restricted")),
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_rmem"}]}}, (1, 31), ("privileged", "restricted")),
        ({"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_notsent_lowat"}]}}, (1, 36), ("privileged", "restricted")),
        ({"securityContext": {"seLinuxOptions": {"type": "container_engine_t"}}}, (1, 30), ("privileged", "restricted")),
        ({"container": {"livenessProbe": {"httpGet": {"host": "db"}}}}, (1, 33), ("restricted", "privileged")),
        ({"container": {"lifecycle": {"preStop": {"tcpSocket": {"host": "db"}}}}}, (1, 33), ("restricted", "privileged")),
        ({"hostUsers": False, "context": {"procMount": "Unmasked"}}, (1, 34), ("privileged", "baseline")),
        ({"hostUsers": False, "context": {"runAsNonRoot": None, "runAsUser": 0}}, (1, 34), ("baseline", "restricted")),
        ({"hostUsers": True, "context": {"runAsNonRoot": None}}, (1, 34), ("baseline", "baseline")),
        ({"os": {"name": "windows"}, "context": {"capabilities": None, "seccompProfile": None}}, (1, 24), ("baseline", "restricted")),
    ],
    ids=lambda one: str(one)[:60],
)
def test_checks_come_and_go_with_versions(given: dict[str, Any], before: tuple[int, int], levels: tuple[str, str]) -> None:
    pod = restricted(**given)
    assert (seen(pod, before)[0], seen(pod, (1, before[1] + 1))[0]) == levels


def test_seccomp_annotations_count_before_1_19_only() -> None:
    pod = restricted(annotations={SECCOMP: "unconfined", "container." + SECCOMP[:-3] + "other": "unconfined"})
    assert seen(pod, OLD) == ("privileged", [f"seccompProfile_baseline: annotation {SECCOMP}: unconfined"])
    assert seen(pod, NOW) == ("restricted", [])


@pytest.mark.parametrize("group", ["initContainers", "ephemeralContainers"])
def test_every_container_counts(group: str) -> None:
    pod = restricted(**{group: [{"name": "other", "securityContext": {**GOOD, "privileged": True}}]})
    assert seen(pod, NOW) == ("privileged", ["privileged: container other is privileged"])
    (found,) = level(pod_workload(pod), NOW).violations
    assert found.sign.at == ("spec", group, 0, "securityContext", "privileged")


def test_a_plain_pod_meets_baseline() -> None:
    assert seen(make.pod(), NOW) == (
        "baseline",
        [
            "allowPrivilegeEscalation: container web does not set allowPrivilegeEscalation: false",
            "runAsNonRoot: neither the pod nor container web sets runAsNonRoot: true",
            "seccompProfile_restricted: neither the pod nor container web sets a seccompProfile",
            "capabilities_restricted: container web does not drop ALL capabilities",
        ],
    )


def test_an_unknown_version_has_the_latest_checks() -> None:
    pod = restricted(container={"livenessProbe": {"tcpSocket": {"host": "db"}}})
    found = level(pod_workload(pod))
    assert (found.name, [one.sign.evidence for one in found.violations]) == ("privileged", ["livenessProbe of container web asks host db"])
    assert level(pod_workload(pod), (1, 99)) == level(pod_workload(pod), NEW) == found
