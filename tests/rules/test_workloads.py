"""Pods that lean on Docker, and what a drain would lose: D2C301 to D2C324."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from migrate.facts.cluster import PersistentVolume
from migrate.facts.model import Endpoint
from migrate.rules import NodeView
from migrate.rules.pods import canonical_path
from tests.rules import make
from tests.rules.case import Case

SOCK = "/var/run/docker.sock"
NO_TYPE = "; without a type the kubelet makes a directory there when the socket is gone"
AGENT = {"name": "agent-x", "namespace": "shop", "owner": ("DaemonSet", "agent")}
APPARMOR = "container.apparmor.security.beta.kubernetes.io/web"


def one(name: str = "web-1", **given: Any) -> NodeView:
    return make.view(make.pod(name, **given))


def volume(**source: Any) -> PersistentVolume:
    document = {"metadata": {"name": "pv1"}, "spec": {**source, "claimRef": {"name": "data", "namespace": "shop"}}}
    return msgspec.convert(document, PersistentVolume)


def claimed(source: dict[str, Any], path: str = "/data") -> NodeView:
    mounts = {"volumeMounts": [{"name": "v", "mountPath": path}]}
    claim = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    return make.view(make.pod(volumes=claim, container=mounts), volumes=(volume(**source),))


def env(*names: str, **more: Any) -> NodeView:
    return one(container={"env": [{"name": name} for name in names]}, **more)


def security(**context: Any) -> dict[str, Any]:
    return {"container": {"securityContext": context}}


def probe(timeout: int, **gates: Any) -> NodeView:
    config = {"cgroupDriver": "systemd", **({"featureGates": gates} if gates else {})}
    version = "v1.23.17" if gates else "v1.19.16"
    given = {"livenessProbe": {"exec": {"command": ["check"]}, "timeoutSeconds": timeout}, "readinessProbe": {"timeoutSeconds": 1}}
    return make.view(make.pod(container=given), of=make.facts(kubelet=make.kubelet(version=version, config=config)))


def empty(medium: str = "", **given: Any) -> NodeView:
    source = {"medium": medium} if medium else {}
    return one(volumes=[{"name": "cache", "emptyDir": source}], **given)


def three(**given: Any) -> NodeView:
    return make.view(make.pod("web-1"), make.pod("web-2"), **given)


SOLO = (*make.OWNERS[1:], make.owner("Deployment", "web", replicas=1))
CASES = (
    Case(
        "D2C301",
        "the socket, without a type, in two pods of one owner",
        make.view(make.pod("web-1", **make.host_path(SOCK)), make.pod("web-2", **make.host_path(SOCK))),
        (("Deployment shop/web", f"hostPath {SOCK} (no type) at /mnt of container web{NO_TYPE} (pods web-1, web-2)"),),
    ),
    Case(
        "D2C301",
        "with a type, read-only, a DaemonSet",
        make.view(make.pod(**AGENT, **make.host_path("/run/dockershim.sock", "Socket", readOnly=True))),
        (("DaemonSet shop/agent", "hostPath /run/dockershim.sock (type Socket) at /mnt of container web, read-only (pod agent-x)"),),
    ),
    *(
        Case(
            "D2C301",
            f"its parent {path}",
            one(**make.host_path(path)),
            (("Deployment shop/web", f"hostPath {path} (no type) at /mnt of container web, a parent of Docker's socket (pod web-1)"),),
        )
        for path in ("/", "/run", "/run/", "/var/run", "/var", "//var//run/../run")
    ),
    Case(
        "D2C301",
        "by a sub path",
        one(**make.host_path("/var", "Directory", subPath="run")),
        (("Deployment shop/web", "hostPath /var (type Directory) at /mnt of container web, a parent of Docker's socket (pod web-1)"),),
    ),
    Case(
        "D2C301",
        "by a claim",
        claimed({"hostPath": {"path": "/run/docker.sock"}}),
        (("Deployment shop/web", "PersistentVolume pv1, hostPath /run/docker.sock at /data of container web (pod web-1)"),),
    ),
    Case(
        "D2C301",
        "by a claim on a local volume",
        claimed({"local": {"path": "/run"}}),
        (
            (
                "Deployment shop/web",
                "PersistentVolume pv1, local path /run at /data of container web, a parent of Docker's socket (pod web-1)",
            ),
        ),
    ),
    Case(
        "D2C301",
        "a volume that nobody mounts, of a static pod",
        one(
            "w1-agent",
            owner=("Node", "w1"),
            annotations={"kubernetes.io/config.mirror": "x"},
            volumes=[{"name": "v", "hostPath": {"path": SOCK}}],
        ),
        (("Pod shop/w1-agent", f"hostPath {SOCK} (no type), which no container mounts{NO_TYPE}"),),
    ),
    Case(
        "D2C301",
        "by environment",
        env("PATH", "DOCKER_HOST"),
        (("Deployment shop/web", "container web has DOCKER_HOST, whose value is not known (pod web-1)"),),
    ),
    Case(
        "D2C301",
        "by an address of the node",
        one(
            container={
                "env": [
                    {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
                    {"name": "DOCKER_HOST", "value": "tcp://$(IP):2375"},
                ]
            }
        ),
        (("Deployment shop/web", "container web has DOCKER_HOST tcp://$(IP):2375, which is the node (pod web-1)"),),
    ),
    Case(
        "D2C301",
        "loopback in the node's network",
        one(hostNetwork=True, container={"env": [{"name": "DOCKER_HOST", "value": "tcp://127.0.0.1:2375"}]}),
        (("Deployment shop/web", "container web has DOCKER_HOST tcp://127.0.0.1:2375, which is the node (pod web-1)"),),
    ),
    Case("D2C301", "loopback of the pod", one(container={"env": [{"name": "DOCKER_HOST", "value": "tcp://127.0.0.1:2375"}]})),
    Case("D2C301", "a daemon of its own in the pod", env("DOCKER_HOST", more=[{"name": "dind", "image": "docker:20.10-dind"}])),
    Case(
        "D2C301",
        "the source's own socket",
        make.view(
            make.pod(**make.host_path("/opt/shim/cri-dockerd.sock", "Socket")),
            of=make.facts(endpoint=Endpoint("cri-dockerd", "unix:///opt/shim/cri-dockerd.sock", "x")),
        ),
        (("Deployment shop/web", "hostPath /opt/shim/cri-dockerd.sock (type Socket) at /mnt of container web (pod web-1)"),),
    ),
    *(
        Case("D2C301", f"not {path}", one(**make.host_path(path)))
        for path in ("/run/xtables.lock", "/var/run/calico", "/var/log", "/srv", "/run2")
    ),
    Case("D2C301", "a harmless sub path of a parent", one(**make.host_path("/", subPath="etc/ssl"))),
    Case("D2C301", "finished", one(phase="Succeeded", **make.host_path(SOCK))),
    Case(
        "D2C302",
        "log files, and a parent of the data root",
        make.view(
            make.pod("web-1", **make.host_path("/var/lib/docker/containers", readOnly=True)),
            make.pod("b", owner=None, **make.host_path("/data", "Directory")),
            of=make.facts(docker=make.docker(data_root="/data/docker")),
        ),
        (
            ("Deployment shop/web", "hostPath /var/lib/docker/containers (no type) at /mnt of container web, read-only (pod web-1)"),
            ("Pod shop/b", "hostPath /data (type Directory) at /mnt of container web"),
        ),
    ),
    Case("D2C302", "etc, and what D2C301 says", make.view(make.pod(**make.host_path("/etc")), make.pod("b", **make.host_path("/var")))),
    Case(
        "D2C303",
        "image and command",
        make.view(
            make.pod("w", container={"image": "containrrr/watchtower:1.5"}),
            make.pod("c", owner=None, container={"command": ["sh", "-c"], "args": ["/usr/bin/docker  system prune -f"]}),
        ),
        (
            ("Deployment shop/web", "container web has image containrrr/watchtower:1.5 (pod w)"),
            ("Pod shop/c", "container web calls `docker system`"),
        ),
    ),
    Case("D2C303", "a name that only sounds like it", one(container={"image": "team/docker-docs:1", "args": ["--docker", "docker"]})),
    Case("D2C303", "what D2C301 says", one(**{**make.host_path(SOCK), "more": [{"name": "d", "image": "docker:24"}]})),
    Case("D2C304", "privileged", one(**security(privileged=True)), (("Deployment shop/web", "container web is privileged (pod web-1)"),)),
    Case("D2C304", "not", one(**security(privileged=False))),
    Case(
        "D2C305",
        "namespaces and capability",
        one(hostPID=True, hostIPC=True, **security(capabilities={"add": ["sys_admin", "NET_ADMIN"]})),
        (("Deployment shop/web", "hostPID; hostIPC; container web adds SYS_ADMIN (pod web-1)"),),
    ),
    Case("D2C305", "privileged is D2C304", one(hostPID=True, **security(privileged=True))),
    Case("D2C305", "host network", one(hostNetwork=True)),
    Case(
        "D2C306",
        "named",
        one(annotations={APPARMOR: "localhost/docker-default"}),
        (("Deployment shop/web", f"annotation {APPARMOR}: localhost/docker-default (pod web-1)"),),
    ),
    Case("D2C306", "default", one(annotations={APPARMOR: "runtime/default"})),
    Case("D2C307", "named", one(runtimeClassName="gvisor"), (("Deployment shop/web", "runtimeClassName gvisor (pod web-1)"),)),
    Case("D2C307", "none", one()),
    Case(
        "D2C308", "before 1.20", probe(1), (("Deployment shop/web", "liveness probe of container web: exec, timeoutSeconds 1 (pod web-1)"),)
    ),
    Case(
        "D2C308",
        "by the gate",
        probe(1, ExecProbeTimeout=False),
        (("Deployment shop/web", "liveness probe of container web: exec, timeoutSeconds 1 (pod web-1)"),),
    ),
    Case("D2C308", "time enough", probe(5)),
    Case("D2C308", "held to it already", probe(1, ExecProbeTimeout=True)),
    Case(
        "D2C320",
        "bare and orphaned",
        make.view(make.pod("alone", owner=None), make.pod("lost", owner=("DaemonSet", "gone"))),
        (("Pod shop/alone", "it has no controller"), ("Pod shop/lost", "the API lists no DaemonSet gone, which owns it")),
    ),
    Case(
        "D2C320",
        "what a drain leaves, or may delete",
        make.view(
            make.pod("static", owner=None, annotations={"kubernetes.io/config.mirror": "x"}),
            make.pod("done", owner=None, phase="Failed"),
            make.pod("going", owner=None, deletion="2024-01-01T00:00:00Z"),
            make.pod(**AGENT),
        ),
    ),
    Case("D2C321", "disk", empty(), (("Deployment shop/web", "emptyDir cache (pod web-1)"),)),
    Case("D2C321", "memory", empty("Memory"), (("Deployment shop/web", "emptyDir cache in memory (pod web-1)"),)),
    Case("D2C321", "of a DaemonSet", make.view(make.pod(**AGENT, volumes=[{"name": "c", "emptyDir": {}}]))),
    Case("D2C321", "finished", empty(phase="Succeeded")),
    Case(
        "D2C322",
        "none allowed",
        three(budgets=(make.budget(allowed=0),)),
        (
            (
                "Deployment shop/web",
                "PDB shop/web (minAvailable 2) allows 0 disruptions: 3 healthy, 2 needed, 3 expected (pods web-1, web-2)",
            ),
        ),
    ),
    Case("D2C322", "one allowed", three(budgets=(make.budget(allowed=1),))),
    Case("D2C322", "of other pods", three(budgets=(make.budget(allowed=0, labels={"app": "db"}),))),
    Case("D2C322", "pending", make.view(make.pod(phase="Pending"), budgets=(make.budget(allowed=0),))),
    Case("D2C322", "one replica is D2C324", three(budgets=(make.budget(allowed=0),), owners=SOLO)),
    Case(
        "D2C323",
        "two",
        three(budgets=(make.budget("b"), make.budget("a", allowed=0))),
        (("Deployment shop/web", "covered by a, b (pods web-1, web-2)"),),
    ),
    Case("D2C323", "one", three(budgets=(make.budget(),))),
    Case(
        "D2C324",
        "by its owner",
        make.view(budgets=(make.budget(allowed=0, expected=1),), owners=SOLO),
        (
            (
                "Deployment shop/web",
                "1 replica; PDB shop/web (minAvailable 2) allows 0 disruptions: 1 healthy, 2 needed, 1 expected (pod web-1)",
            ),
        ),
    ),
    Case(
        "D2C324",
        "by the budget, its owner being of a kind that is not read",
        make.view(make.pod(owner=("Rollout", "web")), budgets=(make.budget(expected=1),)),
        (
            (
                "Rollout shop/web",
                "1 replica; PDB shop/web (minAvailable 2) allows 1 disruptions: 1 healthy, 2 needed, 1 expected (pod web-1)",
            ),
        ),
    ),
    Case("D2C324", "three replicas", three(budgets=(make.budget(),))),
    Case("D2C324", "no budget", make.view(owners=SOLO)),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("/var/run", "/run"),
        ("/var/run/docker.sock/", "/run/docker.sock"),
        ("/var/running", "/var/running"),
        ("//", "/"),
        ("", "/"),
        ("/var/../run/./x", "/run/x"),
        ("/../..", "/"),
    ],
)
def test_canonical_path(path: str, clean: str) -> None:
    assert canonical_path(path) == clean
