"""What could not be read, and what the cluster says: D2C101 to D2C109, D2C123, D2C214."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from migrate.facts.model import Unreadable
from migrate.rules import NodeView
from migrate.targets import Target
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.rules import make
from tests.rules.case import Case

BAD_TOML = Unreadable("/etc/containerd/config.toml", "toml, line 3: no equals sign")
BAD_JSON = Unreadable("/etc/docker/daemon.json", "json, line 1: trailing comma")
NO_ETCD = Unreadable("etcd members", "no container of etcd answers")
NO_DUMP = Unreadable("containerd config dump", "exit code 1: bad config")


def unreadable(*what: str) -> tuple[Unreadable, ...]:
    return tuple(Unreadable(one, "permission denied") for one in what)


PENDING = make.node(
    ready={"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
)


def refused(what: str) -> NodeView:
    view = make.view()
    assert view.cluster is not None
    lists = (Unreadable(what, "HTTP 403: forbidden"),)
    return replace(view, cluster=msgspec.structs.replace(view.cluster, unreadable=lists))


def pause(flag: str | None, running: bool = True, target: Target = CONTAINERD, **given: Any) -> NodeView:
    """A node whose kubelet names this pause image, with or without a sandbox of registry.k8s.io/pause:3.6."""
    flags = tuple(one for one in make.kubelet().flags if one.name != "pod-infra-container-image")
    kubelet = make.kubelet(flags=flags + ((make.flag("pod-infra-container-image", flag),) if flag else ()))
    docker = make.docker(**({} if running else {"containers": ()}), **given)
    return make.view(of=make.facts(kubelet=kubelet, docker=docker, containerd=make.containerd(images=("here/pause:1",))), target=target)


ABSENT = "neither Docker's store nor that of {} has it"
CASES = (
    Case("D2C214", "what runs is there, whatever the flag says", pause("idle/pause:3.9")),
    Case("D2C214", "the target has it", pause("here/pause:1", running=False)),
    Case("D2C214", "a flag's is nowhere", pause("other/pause:3.9", False), (("pause image other/pause:3.9", ABSENT.format("containerd")),)),
    Case(
        "D2C214",
        "its tag was taken away",
        pause(None, images=(make.WEB_IMAGE,)),
        (("pause image registry.k8s.io/pause:3.6", ABSENT.format("containerd")),),
    ),
    Case("D2C214", "CRI-O", pause("here/pause:1", False, CRIO), (("pause image here/pause:1", ABSENT.format("CRI-O")),)),
    Case("D2C214", "nobody names one", pause(None, running=False), (("pause image", "no sandbox runs, and no flag names its image"),)),
    Case("D2C214", "Docker was not asked", pause("other/pause:3.9", False, info=None)),
    Case(
        "D2C101",
        "readings that verdicts rest on",
        make.view(of=make.facts(unreadable=unreadable("docker containers", "/etc/default/kubelet", "timers"))),
        (("docker containers", "permission denied"), ("/etc/default/kubelet", "permission denied")),
    ),
    Case(
        "D2C101",
        "a value in the facts, not listed",
        make.view(of=make.facts(kubelet=Unreadable("/lib/systemd/system/kubelet.service", "permission denied"))),
        (("/lib/systemd/system/kubelet.service", "permission denied"),),
    ),
    Case(
        "D2C101",
        "the kubelet's configuration",
        make.view(of=make.facts(kubelet=make.kubelet(config=Unreadable("/srv/kubelet.yaml", "not YAML")))),
        (("/srv/kubelet.yaml", "not YAML"),),
    ),
    Case(
        "D2C101",
        "a version without numbers",
        make.view(of=make.facts(containerd=make.containerd(version="nightly"))),
        (("containerd version", "version: 'nightly' does not start with three numbers like 1.23.17"),),
    ),
    Case(
        "D2C101",
        "no filesystem",
        make.view(of=make.facts(filesystems=())),
        (("filesystem of /var/lib/containerd", "df lists no filesystem that holds it"),),
    ),
    Case("D2C101", "what D2C103 says", make.view(of=make.facts(containerd=make.containerd(file=BAD_TOML), unreadable=(BAD_TOML,)))),
    Case("D2C102", "details", make.view(of=make.facts(unreadable=unreadable("timers"))), (("timers", "permission denied"),)),
    Case("D2C102", "what D2C170 says", make.view(of=make.facts(etcd=NO_ETCD, unreadable=(NO_ETCD,)))),
    Case("D2C102", "what D2C101 says", make.view(of=make.facts(unreadable=unreadable("docker info")))),
    Case(
        "D2C103",
        "both runtimes",
        make.view(of=make.facts(docker=make.docker(daemon_json=BAD_JSON), containerd=make.containerd(file=BAD_TOML, loaded=NO_DUMP))),
        ((BAD_JSON.what, BAD_JSON.reason), (BAD_TOML.what, BAD_TOML.reason), (NO_DUMP.what, NO_DUMP.reason)),
    ),
    Case(
        "D2C103",
        "a file that does not exist",
        make.view(of=make.facts(docker=make.docker(daemon_json=None), containerd=make.containerd(file=None))),
    ),
    Case("D2C104", "another user", make.view(of=make.facts(root=False)), (("user", "the readings did not run as root (id -u is not 0)"),)),
    Case("D2C104", "root", make.view()),
    Case(
        "D2C105",
        "label and manifests",
        make.view(
            of=make.facts(marks=frozenset({"/etc/kubernetes/manifests/kube-apiserver.yaml", "/var/lib/etcd/member"})),
            the_node=make.node(labels={"node-role.kubernetes.io/control-plane": ""}),
        ),
        (
            (
                "Node w1",
                "the Node carries a control-plane label or taint; /etc/kubernetes/manifests/kube-apiserver.yaml exists; "
                "/var/lib/etcd/member exists",
            ),
        ),
    ),
    Case(
        "D2C105",
        "an etcd member alone",
        make.view(of=make.facts(marks=frozenset({"/var/lib/etcd/member"}))),
        (("Node w1", "/var/lib/etcd/member exists"),),
    ),
    Case("D2C105", "a worker", make.view(of=make.facts(marks=frozenset({"/etc/kubernetes/manifests"})))),
    Case("D2C106", "no API", make.view(cluster=None, node=None, pods=()), (("Kubernetes API", "it was not read"),)),
    Case("D2C106", "read", make.view()),
    Case("D2C107", "another cluster", make.view(node=None), (("host w1", "hostname w1; the cluster's nodes: w1, w2"),)),
    Case("D2C107", "no API, which is D2C106", make.view(cluster=None, node=None)),
    Case(
        "D2C108",
        "unknown",
        make.view(the_node=PENDING),
        (("Node w1", "Ready is Unknown: NodeStatusUnknown Kubelet stopped posting node status."),),
    ),
    Case("D2C108", "ready", make.view()),
    Case("D2C109", "cordoned", make.view(the_node=make.node(unschedulable=True)), (("Node w1", "spec.unschedulable is true"),)),
    Case("D2C109", "not cordoned", make.view()),
    Case("D2C123", "budgets forbidden", refused("poddisruptionbudgets"), (("poddisruptionbudgets", "HTTP 403: forbidden"),)),
    Case("D2C123", "what D2C240 says", refused("configmap kube-system/kubelet-config-1.23")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_the_same_reading_is_reported_once() -> None:
    twice = make.facts(kubelet=replace(unreadable("/etc/default/kubelet")[0]), unreadable=unreadable("/etc/default/kubelet"))
    Case("D2C101", "", make.view(of=twice), (("/etc/default/kubelet", "permission denied"),)).verify()
