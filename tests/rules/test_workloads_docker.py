"""Pods that lean on Docker, bring their own, or hold power over the host: D2C303 to D2C313."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.rules import NodeView
from tests.rules import make
from tests.rules.case import Case

WEB = "Deployment shop/web"
APPARMOR = "container.apparmor.security.beta.kubernetes.io/web"
SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
DIND = {"name": "dind", "image": "docker:20.10-dind", "securityContext": {"privileged": True}}


def one(**given: Any) -> NodeView:
    return make.view(make.pod(**given))


def web(**container: Any) -> NodeView:
    return one(container=container)


def image(name: str) -> NodeView:
    return web(image=name)


def secured(**context: Any) -> NodeView:
    return web(securityContext=context)


RUNTIME_DEFAULT = {"seccompProfile": {"type": "RuntimeDefault"}}


def control_plane(**given: Any) -> NodeView:
    return make.view(make.pod("etcd-w1", "kube-system", ("Node", "w1"), labels={"component": "etcd", "tier": "control-plane"}, **given))


def said(*evidence: str) -> tuple[tuple[str, str], ...]:
    return ((WEB, "; ".join(evidence) + " (pod web-1)"),)


DATADOG = "older versions need DD_CRI_SOCKET_PATH=/run/containerd/containerd.sock and the socket mounted; metrics docker.* change"
CASES = (
    Case(
        "D2C317",
        "another host's daemon by TLS",
        web(env=[{"name": "DOCKER_TLS_VERIFY"}, {"name": "DOCKER_CERT_PATH"}]),
        said("container web has DOCKER_CERT_PATH, DOCKER_TLS_VERIFY in its environment"),
    ),
    Case(
        "D2C317",
        "of the pod itself",
        web(env=[{"name": "DOCKER_HOST", "value": "tcp://user:Pw@localhost:2375/x?y=z"}]),
        said("container web has DOCKER_HOST tcp://localhost:2375"),
    ),
    Case("D2C317", "with a daemon of its own", one(container={"env": [{"name": "DOCKER_HOST", "value": "tcp://localhost"}]}, more=[DIND])),
    Case(
        "D2C318",
        "by variables and arguments",
        web(
            command=["agent", "--cri=dockershim"],
            args=["--container-runtime", "docker", "--endpoint=unix:///var/run/docker.sock", "--name=docker"],
            env=[
                {"name": "EXECUTOR", "value": "Docker"},
                {"name": "SOCKET", "value": "npipe:////./pipe/docker_engine"},
                {"name": "A", "value": "docker"},
            ],
        ),
        said(
            "container web has EXECUTOR=Docker",
            "container web has SOCKET=//./pipe/docker_engine",
            "container web is started with --container-runtime docker",
            "container web is started with /var/run/docker.sock",
        ),
    ),
    Case(
        "D2C318",
        "a socket on a volume of the pod",
        one(
            volumes=[{"name": "v", "emptyDir": {}}],
            container={
                "volumeMounts": [{"name": "v", "mountPath": "/var/run"}],
                "args": ["--endpoint=unix:///run/docker.sock"],
                "env": [{"name": "DOCKER_HOST", "value": "unix:///var/run/docker.sock"}],
            },
        ),
    ),
    Case(
        "D2C318",
        "a socket that is mounted is D2C301",
        one(
            volumes=[{"name": "v", "hostPath": {"path": "/var/run/docker.sock"}}],
            container={"volumeMounts": [{"name": "v", "mountPath": "/s"}], "env": [{"name": "A", "value": "/var/run/docker.sock"}]},
        ),
    ),
    Case(
        "D2C303",
        "in a probe and a hook, with options",
        web(
            livenessProbe={"exec": {"command": ["sh", "-c", "docker -H tcp://a:2375 info"]}},
            lifecycle={"preStop": {"exec": {"command": ["/usr/bin/docker", "stop", "x"]}}},
        ),
        said("container web calls `docker info` in its liveness probe", "container web calls `docker stop` in its preStop hook"),
    ),
    Case("D2C303", "compose", web(args=["-c", "docker-compose up"]), said("container web calls `docker-compose`")),
    Case(
        "D2C303",
        "the client image, whatever its registry's name",
        image("docker.io/docker:24-cli"),
        said("container web has image docker.io/docker:24-cli"),
    ),
    Case("D2C303", "with a daemon that a script starts", one(container={"command": ["sh", "-c", "dockerd & docker ps"]})),
    Case("D2C303", "with a daemon of its own", one(container={"args": ["docker ps"]}, more=[DIND])),
    Case("D2C303", "an image of a registry named docker", image("docker.example:5000/team/app:1")),
    Case("D2C303", "a script that is named so", web(command=["/opt/docker/start", "docker-entrypoint.sh", "docker"])),
    Case("D2C305", "looks into processes", secured(capabilities={"add": ["CAP_SYS_PTRACE"]}), said("container web adds SYS_PTRACE")),
    Case("D2C305", "network powers", secured(capabilities={"add": ["NET_ADMIN"]})),
    Case(
        "D2C306",
        "by its field",
        secured(appArmorProfile={"type": "Localhost", "localhostProfile": "docker-default"}),
        said("container web sets appArmorProfile docker-default"),
    ),
    Case("D2C306", "a profile of its own", secured(appArmorProfile={"type": "Localhost", "localhostProfile": "web"})),
    Case(
        "D2C309",
        "everything near it",
        one(
            hostNetwork=True,
            securityContext={"seccompProfile": {"type": "Unconfined"}, "windowsOptions": {"hostProcess": True}},
            annotations={APPARMOR: "unconfined", SECCOMP: "unconfined"},
            volumes=[{"name": "v", "hostPath": {"path": "/etc/cni/net.d", "type": "Directory"}}],
            container={
                "volumeMounts": [{"name": "v", "mountPath": "/host"}],
                "securityContext": {
                    "capabilities": {"add": ["NET_ADMIN", "CHOWN", "SYS_ADMIN"]},
                    "allowPrivilegeEscalation": True,
                    "procMount": "Unmasked",
                    "appArmorProfile": {"type": "Unconfined"},
                },
            },
        ),
        said(
            "hostNetwork",
            "the pod is a hostProcess",
            "the pod sets seccompProfile Unconfined",
            f"annotation {APPARMOR}: unconfined",
            f"annotation {SECCOMP}: unconfined",
            "hostPath /etc/cni/net.d (type Directory) at /host of container web, writable",
            "container web adds NET_ADMIN",
            "container web sets allowPrivilegeEscalation",
            "container web has /proc unmasked",
            "container web sets appArmorProfile Unconfined",
        ),
    ),
    *(
        Case(code, "a static pod of the control plane", control_plane(hostNetwork=True, securityContext=RUNTIME_DEFAULT))
        for code in ("D2C309", "D2C310")
    ),
    *(
        Case(code, "another pod of kube-system", one(namespace="kube-system", hostNetwork=True, securityContext=RUNTIME_DEFAULT), evidence)
        for code, evidence in (
            ("D2C309", (("ReplicaSet kube-system/web-5d", "hostNetwork (pod web-1)"),)),
            ("D2C310", (("ReplicaSet kube-system/web-5d", "the pod sets seccompProfile RuntimeDefault (pod web-1)"),)),
        )
    ),
    Case("D2C309", "privileged is D2C304", one(hostNetwork=True, container={"securityContext": {"privileged": True}})),
    Case("D2C309", "read-only, and a folder that is its own", one(**make.host_path("/etc/ssl", readOnly=True))),
    Case("D2C309", "Docker's socket is D2C301", one(**make.host_path("/var/run/docker.sock"))),
    Case("D2C309", "data of its own", one(**make.host_path("/srv/data"))),
    Case(
        "D2C310",
        "seccomp by field and AppArmor by annotation",
        one(securityContext={"seccompProfile": {"type": "RuntimeDefault"}}, annotations={APPARMOR: "runtime/default"}),
        said("the pod sets seccompProfile RuntimeDefault", f"annotation {APPARMOR}: runtime/default, now docker-default"),
    ),
    Case(
        "D2C310",
        "with a profile of daemon.json in its place, where AppArmor is off",
        make.view(
            make.pod(annotations={SECCOMP: "docker/default", APPARMOR: "runtime/default"}),
            of=make.facts(
                docker=make.docker(
                    daemon_json={"seccomp-profile": "/etc/docker/strict.json"},
                    info={"SecurityOptions": ["name=seccomp,profile=/etc/docker/strict.json"]},
                )
            ),
        ),
        said(f"annotation {SECCOMP}: docker/default, now /etc/docker/strict.json"),
    ),
    Case(
        "D2C310",
        "by field and annotation, as the API server keeps both",
        one(securityContext={"seccompProfile": {"type": "RuntimeDefault"}}, annotations={SECCOMP: "runtime/default"}),
        said("the pod sets seccompProfile RuntimeDefault"),
    ),
    Case("D2C310", "profiles of its own", secured(seccompProfile={"type": "Localhost", "localhostProfile": "web.json"})),
    Case("D2C310", "nothing named", one()),
    Case(
        "D2C311",
        "beside a client, on an emptyDir",
        one(
            container={"image": "docker:20.10", "env": [{"name": "DOCKER_HOST"}]},
            more=[{**DIND, "volumeMounts": [{"name": "store", "mountPath": "/var/lib/docker"}]}],
            volumes=[{"name": "store", "emptyDir": {}}],
        ),
        said("container dind runs docker:20.10-dind, privileged; its store is on volume store"),
    ),
    Case(
        "D2C311",
        "by its command, rootless, without a volume",
        web(image="team/builder:1", command=["/usr/local/bin/dockerd", "--host=tcp://127.0.0.1:2375"]),
        said("container web runs team/builder:1, not privileged; its store is on no volume of the pod"),
    ),
    Case("D2C311", "a client only", image("docker:20.10-cli")),
    Case(
        "D2C312",
        "older than it may be",
        make.view(
            make.pod("a", container={"image": "gcr.io/datadoghq/agent:7.26.1-jmx"}),
            make.pod(
                "b", owner=None, container={"image": "602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.11.4-eksbuild.1"}
            ),
        ),
        (
            (
                WEB,
                f"container web: Datadog Agent 7.26.1-jmx, 7.27 and later support it: finds the runtime by itself; {DATADOG} "
                "(docs.datadoghq.com/agent/guide/docker-deprecation) (pod a)",
            ),
            (
                "Pod shop/b",
                "container web: aws-node (Amazon VPC CNI) v1.11.4-eksbuild.1, 1.12 and later support it: needs no socket of a runtime; "
                "older versions need /run/containerd/containerd.sock mounted as /var/run/dockershim.sock "
                "(aws/eks-charts pull 836 (release notes of v1.12.0))",
            ),
        ),
    ),
    Case("D2C312", "of a version that copes", image("datadog/agent:7.27.0")),
    Case("D2C312", "of a version that its tag does not tell", image("datadog/agent:latest")),
    Case(
        "D2C313",
        "of an unknown version",
        image("datadog/agent:7"),
        said(
            f"container web: Datadog Agent (from 7.27 on): finds the runtime by itself; {DATADOG} "
            "(docs.datadoghq.com/agent/guide/docker-deprecation)"
        ),
    ),
    Case(
        "D2C313",
        "whose first version nobody says",
        image("registry.example/mirror/dynatrace/oneagent:1.200"),
        said(
            "container web: Dynatrace OneAgent: see its vendor's page for its option and first version "
            "(kubernetes.io, Migrating telemetry and security agents from dockershim)"
        ),
    ),
    Case("D2C313", "too old is D2C312", image("datadog/agent:7.26.0")),
    *(
        Case("D2C313", f"not {name}", image(name))
        for name in ("team/agent:1", "datadog/agent-ui:1", "library/nginx", "telegraf-ui", "falco")
    ),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("falcosecurity/falco:0.33.1", "Falco"),
        ("quay.io/sysdig/agent:12.8.0", "Sysdig agent"),
        ("registry-auth.twistlock.com/tw_abc/twistlock/defender:defender_22_01_839", "Prisma Cloud (Twistlock) Defender"),
        ("registry.aquasec.com/enforcer:6.2", "Aqua Enforcer"),
        ("quay.io/signalfx/signalfx-agent:5.16", "SignalFx Smart Agent"),
        ("newrelic/infrastructure-k8s:2.8", "New Relic infrastructure agent"),
        ("cr.fluentbit.io/fluent/fluent-bit:1.9", "Fluent Bit"),
        ("fluent/fluentd-kubernetes-daemonset:v1.14-debian-elasticsearch7-1", "Fluentd"),
        ("docker.elastic.co/beats/filebeat:7.17.0", "Filebeat"),
        ("grafana/promtail:2.4.2", "Promtail"),
        ("gcr.io/cadvisor/cadvisor:v0.39.3", "cAdvisor"),
        ("k8s.gcr.io/node-problem-detector/node-problem-detector:v0.8.7", "node-problem-detector"),
        ("nvcr.io/nvidia/k8s-device-plugin:v0.9.0", "NVIDIA device plugin"),
        ("gitlab/gitlab-runner:alpine-v15.0.0", "GitLab Runner"),
        ("ghcr.io/actions/actions-runner:2.311.0", "GitHub Actions runner"),
        ("jenkins/inbound-agent:4.11-1", "Jenkins"),
        ("weaveworks/scope:1.13.2", "Weave Scope"),
        ("telegraf:1.20", "Telegraf"),
    ],
)
def test_agents_are_known_by_their_images(name: str, agent: str) -> None:
    (found,) = [seen for code in ("D2C312", "D2C313") for seen in _seen(code, name)]
    assert found.startswith(f"container web: {agent}")


def _seen(code: str, name: str) -> list[str]:
    from migrate.rules import check
    from migrate.rules.table import RULES

    return [one.evidence for one in check(image(name), [rule for rule in RULES if rule.code == code])]


def test_every_agent_has_a_source_and_no_image_is_in_two_rows() -> None:
    from migrate.rules.agents_table import AGENTS

    images = [image for agent in AGENTS for image in agent.images.split()]
    assert len(images) == len(set(images))
    assert all(agent.source and agent.switch for agent in AGENTS)
