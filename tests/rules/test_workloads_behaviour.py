"""What behaves otherwise on a CRI runtime, for the workloads that feel it: D2C308, D2C314 to D2C316, D2C325 to D2C332, D2C404, D2C504."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.facts.config_use import ConfigUse, ConfigUseKind
from migrate.facts.workload import Workload, pod_workload
from migrate.rules import NodeView
from migrate.rules.ground import Ground
from migrate.rules.programs import programs
from migrate.rules.table import RULES
from migrate.rules.workload_rule import WorkloadView, check_workload
from migrate.targets import with_options
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.rules import make
from tests.rules.case import Case

WEB = "Deployment shop/web"
DIGEST = "registry.example/web@sha256:" + "a" * 64


def one(**given: Any) -> NodeView:
    return make.view(make.pod(**given))


def web(**container: Any) -> NodeView:
    return one(container=container)


def docker(target: Any = CONTAINERD, pod: dict[str, Any] | None = None, **daemon: Any) -> NodeView:
    view = make.view(make.pod(**(pod or {})), of=make.facts(docker=make.docker(daemon_json=daemon)))
    return replace(view, target=target)


def said(*evidence: str) -> tuple[tuple[str, str], ...]:
    return ((WEB, "; ".join(evidence) + " (pod web-1)"),)


def low(docker_version: str = "20.10.24", runtime: str = "1.6.20", user: int = 1000, **pod: Any) -> NodeView:
    container = {"securityContext": {"runAsUser": user}, "ports": [{"containerPort": 80}, {"containerPort": 8080}]}
    nodes = make.facts(docker=make.docker(version=docker_version), containerd=make.containerd(version=runtime))
    return make.view(make.pod(**{"container": container, **pod}), of=nodes)


def uses(*found: ConfigUse, **pod: Any) -> NodeView:
    view = make.view(make.pod(**pod))
    assert view.cluster is not None
    return replace(view, cluster=replace_cluster(view, found))


def replace_cluster(view: NodeView, found: tuple[ConfigUse, ...]) -> Any:
    import msgspec

    assert view.cluster is not None
    return msgspec.structs.replace(view.cluster, config_uses=found)


def use(kind: ConfigUseKind, words: str, name: str = "scripts", key: str = "run.sh", line: int = 3) -> ConfigUse:
    return ConfigUse(namespace="shop", name=name, key=key, line=line, use=kind, words=words)


MOUNTED: dict[str, Any] = {"volumes": [{"name": "s", "configMap": {"name": "scripts"}}]}
PROJECTED: dict[str, Any] = {"volumes": [{"name": "s", "projected": {"sources": [{"configMap": {"name": "scripts"}}]}}]}
ENV: dict[str, Any] = {"container": {"envFrom": [{"configMapRef": {"name": "scripts"}}]}}
KEY: dict[str, Any] = {"container": {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "scripts", "key": "a"}}}]}}
CALL = use(ConfigUseKind.CALL, "docker system")
PARSER = use(ConfigUseKind.LOG_PARSER, "Parser docker", key="fluent-bit.conf", line=7)
QUERY = use(ConfigUseKind.QUERY, 'name=~"k8s_web', key="rules.yaml", line=2)
GPU: dict[str, Any] = {"container": {"resources": {"limits": {"nvidia.com/gpu": 1}}}}
OWN = with_options(CRIO, {"own-defaults"})
CASES = (
    *(
        Case("D2C315", name, uses(CALL, PARSER, QUERY, **pod), said("ConfigMap scripts, run.sh:3: docker system"))
        for name, pod in (("mounted", MOUNTED), ("projected", PROJECTED), ("as variables", ENV), ("one key", KEY))
    ),
    Case("D2C315", "another's ConfigMap", uses(CALL)),
    Case("D2C314", "mounted", uses(CALL, PARSER, QUERY, **MOUNTED), said("ConfigMap scripts, fluent-bit.conf:7: Parser docker")),
    Case("D2C314", "a script only", uses(CALL, **MOUNTED)),
    Case("D2C316", "mounted", uses(CALL, PARSER, QUERY, **MOUNTED), said('ConfigMap scripts, rules.yaml:2: name=~"k8s_web')),
    Case("D2C316", "a script only", uses(CALL, **MOUNTED)),
    *(
        Case(
            "D2C325",
            path,
            one(**make.host_path(path, readOnly=True)),
            said(f"hostPath {path} (no type) at /mnt of container web, read-only"),
        )
        for path in ("/var/log", "/var/log/containers", "/var/log/pods/")
    ),
    Case("D2C325", "other logs", one(**make.host_path("/var/log/journal"))),
    Case("D2C325", "all of /var is D2C301", one(**make.host_path("/var"))),
    Case("D2C326", "read", one(**make.host_path("/sys/fs/cgroup")), said("hostPath /sys/fs/cgroup (no type) at /mnt of container web")),
    Case(
        "D2C326",
        "cgroupfs has no scopes",
        make.view(make.pod(**make.host_path("/sys")), of=make.facts(docker=make.docker(cgroup_driver="cgroupfs"))),
    ),
    Case("D2C326", "other kernel files", one(**make.host_path("/sys/kernel"))),
    Case(
        "D2C327",
        "on CRI-O",
        replace(web(image="nginx:1"), target=CRIO),
        said("container web: nginx:1 stands for docker.io/library/nginx:1"),
    ),
    Case("D2C327", "in full", replace(web(image="docker.io/library/nginx:1"), target=CRIO)),
    Case("D2C327", "of a registry", replace(web(image="registry.example/nginx:1"), target=CRIO)),
    Case("D2C327", "on containerd", web(image="nginx:1")),
    Case(
        "D2C328",
        "by a limit",
        docker(pod=GPU, **{"default-runtime": "nvidia"}),
        said("container web has nvidia.com/gpu, and Docker's default runtime is nvidia"),
    ),
    Case(
        "D2C328",
        "by its environment",
        docker(pod={"container": {"env": [{"name": "NVIDIA_VISIBLE_DEVICES"}]}}, **{"default-runtime": "nvidia"}),
        said("container web has NVIDIA_VISIBLE_DEVICES, and Docker's default runtime is nvidia"),
    ),
    Case("D2C328", "by a RuntimeClass", docker(pod={**GPU, "runtimeClassName": "nvidia"}, **{"default-runtime": "nvidia"})),
    Case("D2C328", "runc", docker(pod=GPU, **{"default-runtime": "runc"})),
    Case("D2C328", "no GPU", docker(**{"default-runtime": "nvidia"})),
    Case(
        "D2C329",
        "in a probe, on CRI-O with its own defaults",
        docker(
            OWN, {"container": {"livenessProbe": {"exec": {"command": ["sh", "-c", "/bin/ping -c1 db"]}}, "args": ["mknod /dev/x c 1 3"]}}
        ),
        said(
            "container web calls mknod in its args, which needs MKNOD",
            "container web calls ping in its liveness probe, which needs NET_RAW",
        ),
    ),
    Case("D2C329", "added", docker(OWN, {"container": {"args": ["ping db"], "securityContext": {"capabilities": {"add": ["NET_RAW"]}}}})),
    Case("D2C329", "privileged", docker(OWN, {"container": {"args": ["ping db"], "securityContext": {"privileged": True}}})),
    Case("D2C329", "a word that holds one", docker(OWN, {"container": {"args": ["mapping", "--ping=1", "ping.js", "topping ping-pong"]}})),
    Case("D2C329", "on containerd", docker(pod={"container": {"args": ["ping db"]}})),
    Case("D2C330", "of its image", docker(init=True), said("container web: process 1 is that of its image")),
    Case(
        "D2C330", "a program", docker(pod={"container": {"command": ["java", "-jar"]}}, init=True), said("container web: process 1 is java")
    ),
    Case("D2C330", "an init of its own", docker(pod={"container": {"command": ["/sbin/tini", "--", "java"]}}, init=True)),
    Case("D2C330", "a shared process namespace", docker(pod={"shareProcessNamespace": True}, init=True)),
    Case("D2C330", "off", docker(init=False)),
    Case(
        "D2C331",
        "root, or whatever the image says",
        docker(**{"userns-remap": "default"}),
        said("container web: userns-remap is default, and nothing makes it another user"),
    ),
    Case(
        "D2C331",
        "root by its own word",
        docker(
            pod={"securityContext": {"runAsNonRoot": True}, "container": {"securityContext": {"runAsUser": 0}}},
            **{"userns-remap": "dockremap"},
        ),
        said("container web: userns-remap is dockremap, and nothing makes it another user"),
    ),
    Case("D2C331", "another user", docker(pod={"securityContext": {"runAsUser": 1000}}, **{"userns-remap": "default"})),
    Case("D2C331", "a user namespace of its own", docker(pod={"hostUsers": False}, **{"userns-remap": "default"})),
    Case("D2C331", "not remapped", docker()),
    Case("D2C332", "not said", docker(**{"no-new-privileges": True}), said("container web does not set allowPrivilegeEscalation: false")),
    Case(
        "D2C332", "said", docker(pod={"container": {"securityContext": {"allowPrivilegeEscalation": False}}}, **{"no-new-privileges": True})
    ),
    Case("D2C332", "off", docker()),
    Case("D2C404", "pinned", web(image=DIGEST), said(f"container web: {DIGEST}")),
    Case("D2C404", "never pulled", web(image=DIGEST, imagePullPolicy="Never")),
    Case("D2C504", "Docker 20.10, containerd 1.6", low(), said("container web: runAsUser 1000, containerPort 80")),
    Case(
        "D2C504",
        "by the pod",
        one(securityContext={"runAsNonRoot": True}, container={"ports": [{"containerPort": 443}]}),
        said("container web: runAsNonRoot, containerPort 443"),
    ),
    Case(
        "D2C504",
        "ping",
        one(securityContext={"runAsUser": 5}, container={"readinessProbe": {"exec": {"command": ["ping", "-c1", "db"]}}}),
        said("container web: runAsUser 5, ping in its readiness probe"),
    ),
    Case("D2C504", "root", low(user=0)),
    Case("D2C504", "Docker 19.03 did not either", low("19.03.15")),
    Case("D2C504", "containerd 2 does", low(runtime="2.0.1")),
    Case("D2C504", "the host's network", low(hostNetwork=True)),
    Case("D2C504", "by its own sysctl", low(securityContext={"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]})),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def found(code: str, ground: Ground, **pod: Any) -> list[str]:
    workload: Workload = pod_workload(make.pod(**pod))
    return [one.evidence for one in check_workload(WorkloadView(workload, ground), [rule for rule in RULES if rule.code == code])]


def test_where_nothing_is_known_of_the_cluster_a_short_probe_is_told_with_what_it_depends_on() -> None:
    pod = {"container": {"livenessProbe": {"exec": {"command": ["check"]}, "timeoutSeconds": 1}}}
    assert found("D2C308", Ground(CONTAINERD), **pod) == [
        "liveness probe of container web: exec, timeoutSeconds 1; "
        "up to kubelet 1.19, or with ExecProbeTimeout off, Docker does not enforce it"
    ]
    assert found("D2C308", Ground(CONTAINERD, probes_untimed=False), **pod) == []


def test_where_nothing_is_known_of_the_cluster_low_ports_are_told() -> None:
    pod = {"container": {"securityContext": {"runAsUser": 7}, "ports": [{"containerPort": 53}]}}
    assert found("D2C504", Ground(CONTAINERD), **pod) == ["container web: runAsUser 7, containerPort 53"]
    assert found("D2C504", Ground(CRIO, runtime=(1, 30)), **pod) == ["container web: runAsUser 7, containerPort 53"]


@pytest.mark.parametrize(
    ("argv", "started"),
    [
        (("redis-cli", "ping"), ["redis-cli"]),
        (("/bin/ping", "-c1", "db"), ["ping"]),
        (("sh", "-c", "mysqladmin ping -h localhost"), ["mysqladmin"]),
        (("sh", "-ec", "X=1 ping a && exec sudo -u b mtr c; echo 'ping d; ping e' # ping f"), ["ping", "exec", "sudo", "mtr", "echo"]),
        (("bash", "-c", 'if ping -c1 a; then echo "$(nmap b)"; fi | (fping c)'), ["ping", "nmap", "echo", "fi", "fping"]),
        (("timeout", "-s", "KILL", "5", "ping", "a"), ["timeout", "ping"]),
        (("sh", "-c", "bash -c 'docker ps'"), ["docker"]),
        (("sh", "/run.sh", "ping"), ["sh"]),
        (("tini", "--", "sshd"), ["tini", "sshd"]),
        (("sh", "-c"), ["sh"]),
        ((), []),
    ],
)
def test_programs_that_a_command_starts(argv: tuple[str, ...], started: list[str]) -> None:
    assert list(programs(argv)) == started


def test_a_long_script_is_read_in_no_time() -> None:
    for text in ('"' * 20_000, "$(" * 20_000, "'a" * 20_000, "\\" * 20_000, "x" * 20_000, "sh -c '" * 3_000):
        list(programs(("sh", "-c", text)))
