"""The kubelet, its cgroup driver and its installer: D2C201 to D2C221."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.facts.model import Endpoint, Place, Unreadable
from migrate.rules import NodeView, check
from migrate.rules.ownership import installer_may_undo, installer_unsupported
from migrate.rules.table import RULES
from tests.rules import make
from tests.rules.case import Case

CRI_DOCKERD = Endpoint("cri-dockerd", "unix:///run/cri-dockerd.sock", "kubelet v1.24.17: endpoint unix:///run/cri-dockerd.sock")
CONTAINERD = Endpoint(
    "containerd", "unix:///run/containerd/containerd.sock", "kubelet v1.23.17: endpoint unix:///run/containerd/containerd.sock"
)
UNKNOWN = Endpoint("unknown", "unix:///run/x.sock", "kubelet v1.23.17: endpoint unix:///run/x.sock")
EXTRA = Place("/etc/default/kubelet", 1, "KUBELET_EXTRA_ARGS")


def kubelet(**given: Any) -> NodeView:
    return make.view(of=make.facts(kubelet=make.kubelet(**given)))


def flags(*more: tuple[str, str | None], running: tuple[str, ...] = make.RUNNING, **given: Any) -> NodeView:
    base = make.kubelet()
    return kubelet(flags=(*base.flags, *(make.flag(name, value, EXTRA) for name, value in more)), running=running, **given)


def at(endpoint: Endpoint, **given: Any) -> NodeView:
    return make.view(of=make.facts(endpoint=endpoint, **given))


CASES = (
    Case("D2C201", "no unit", make.view(of=make.facts(kubelet=None)), (("kubelet.service", "it is not loaded in systemd"),)),
    Case("D2C201", "stopped", kubelet(running=None), (("kubelet.service", "ActiveState active, it has no main process"),)),
    Case("D2C201", "unreadable is D2C101", make.view(of=make.facts(kubelet=Unreadable("kubelet", "x")))),
    Case("D2C202", "unknown", at(UNKNOWN), (("endpoint unix:///run/x.sock", "kubelet v1.23.17: endpoint unix:///run/x.sock"),)),
    Case("D2C202", "dockershim", make.view()),
    Case("D2C202", "a kubelet without a version is D2C101", at(UNKNOWN, kubelet=make.kubelet(version=""))),
    Case(
        "D2C212",
        "by the Node",
        make.view(of=make.facts(kubelet=make.kubelet(program="/opt/bin/kubelet", reported=True))),
        (("kubelet", "the Node reports v1.23.17; /opt/bin/kubelet was not asked"),),
    ),
    Case("D2C212", "asked", make.view()),
    Case("D2C202", "no kubelet is D2C201", at(UNKNOWN, kubelet=None)),
    Case(
        "D2C203",
        "containerd",
        at(CONTAINERD),
        (("runtime containerd", f"{CONTAINERD.evidence}, the Node reports docker://20.10.24"),),
    ),
    Case("D2C203", "dockershim", make.view()),
    Case(
        "D2C211",
        "cri-dockerd",
        at(CRI_DOCKERD),
        (("cri-dockerd", "the command line of cri-dockerd is not known: this reading does not hold it"),),
    ),
    Case("D2C211", "dockershim", make.view()),
    Case("D2C204", "cri-dockerd", at(CRI_DOCKERD), (("cri-dockerd", f"kubelet v1.23.17; {CRI_DOCKERD.evidence}"),)),
    Case("D2C204", "dockershim", make.view()),
    Case(
        "D2C205",
        "changed, added, removed",
        flags(("v", "4"), ("node-ip", "10.0.0.2"), running=(*make.RUNNING, "--v", "2", "--read-only-port=10255")),
        (
            ("--v", "running: --v=2; /etc/default/kubelet:1 (KUBELET_EXTRA_ARGS): --v=4"),
            ("--node-ip", "running: not given; /etc/default/kubelet:1 (KUBELET_EXTRA_ARGS): --node-ip=10.0.0.2"),
            ("--read-only-port", "running: --read-only-port=10255; no file: not given"),
        ),
    ),
    Case(
        "D2C205",
        "the same, spelled otherwise",
        flags(("v", "2"), ("fail-swap-on", "true"), running=(*make.RUNNING, "--v", "2", "--fail_swap_on")),
    ),
    Case("D2C205", "stopped", kubelet(running=None)),
    Case(
        "D2C205",
        "a command line that pflag refuses",
        kubelet(running=("/usr/bin/kubelet", "--config")),
        (("kubelet command line", "that of the running kubelet cannot be compared: flags: the flag config needs a value"),),
    ),
    Case(
        "D2C206",
        "a newer one on disk",
        make.view(of=make.facts(kubelet=make.kubelet(version="v1.24.17"))),
        (("kubelet", "the Node reports v1.23.17, the kubelet on disk is v1.24.17"),),
    ),
    Case("D2C206", "another patch", kubelet(version="v1.23.5")),
    Case("D2C206", "no Node", make.view(node=None, of=make.facts(kubelet=make.kubelet(version="v1.24.17")))),
    Case(
        "D2C207",
        "gone",
        flags(("seccomp-profile-root", "/x"), ("redirect-container-streaming", "true")),
        (
            (
                "--seccomp-profile-root",
                "/etc/default/kubelet:1 (KUBELET_EXTRA_ARGS): unknown to Kubernetes 1.23 and later, the kubelet on disk is v1.23.17",
            ),
            (
                "--redirect-container-streaming",
                "/etc/default/kubelet:1 (KUBELET_EXTRA_ARGS): unknown to Kubernetes 1.22 and later, the kubelet on disk is v1.23.17",
            ),
        ),
    ),
    Case(
        "D2C207",
        "a refused value",
        flags(("runonce", None), ("cloud-provider", "external"), version="v1.32.0"),
        (
            (
                "--network-plugin",
                f"{make.FLAGS_FILE}:1 (KUBELET_KUBEADM_ARGS): unknown to Kubernetes 1.24 and later, the kubelet on disk is v1.32.0",
            ),
            (
                "--runonce",
                "/etc/default/kubelet:1 (KUBELET_EXTRA_ARGS): --runonce=true is refused by Kubernetes 1.32 and later, "
                "the kubelet on disk is v1.32.0",
            ),
        ),
    ),
    Case("D2C207", "gone later only", flags(("network-plugin", "cni"), ("container-runtime", "docker"))),
    Case(
        "D2C208",
        "tied",
        make.view(
            of=make.facts(
                units={
                    "kubelet.service": make.unit(
                        "kubelet.service",
                        requires=("docker.service", "sysinit.target"),
                        part_of=("docker.service",),
                        wants=("docker.socket",),
                    )
                }
            )
        ),
        (
            ("kubelet.service", "Requires=docker.service; its files: /lib/systemd/system/kubelet.service"),
            ("kubelet.service", "PartOf=docker.service; its files: /lib/systemd/system/kubelet.service"),
        ),
    ),
    Case("D2C208", "free", make.view()),
    Case(
        "D2C209",
        "nowhere",
        make.view(of=make.facts(kubelet=make.kubelet(config={}), docker=make.docker(daemon_json={}, cgroup_driver="cgroupfs"))),
        (
            (
                "cgroup driver",
                "kubelet: neither --cgroup-driver nor cgroupDriver, default cgroupfs; Docker: no native.cgroupdriver, it uses cgroupfs",
            ),
        ),
    ),
    Case("D2C209", "Docker says it", make.view(of=make.facts(kubelet=make.kubelet(config={})))),
    Case("D2C209", "the kubelet says it", make.view(of=make.facts(docker=make.docker(daemon_json={})))),
    Case(
        "D2C209",
        "the kubelet's configuration is unreadable",
        make.view(of=make.facts(kubelet=make.kubelet(config=Unreadable("c", "x")), docker=make.docker(daemon_json={}))),
    ),
    Case(
        "D2C210",
        "by its file and by default",
        make.view(of=make.facts(docker=make.docker(cgroup_driver="cgroupfs"))),
        (("cgroup driver", "kubelet: systemd (/var/lib/kubelet/config.yaml); Docker: cgroupfs (docker info)"),),
    ),
    Case("D2C210", "equal", make.view()),
    Case("D2C210", "Docker's is not known", make.view(of=make.facts(docker=make.docker(cgroup_driver=None)))),
    Case(
        "D2C220",
        "managed",
        make.view(the_node=make.node(labels={"eks.amazonaws.com/nodegroup": "ng"})),
        (("installer EKS", "Node label eks.amazonaws.com/nodegroup=ng"),),
    ),
    Case(
        "D2C220",
        "unknown",
        make.view(of=make.facts(units={}), the_node=make.node(annotations={})),
        (("installer unknown", "no mark of a known installer"),),
    ),
    Case("D2C220", "kubeadm", make.view()),
    Case(
        "D2C221",
        "kubespray",
        make.view(of=make.facts(marks=frozenset({"/etc/kubernetes/kubelet.env"}))),
        (("installer kubespray", "/etc/kubernetes/kubelet.env exists"),),
    ),
    Case("D2C221", "unsupported", make.view(the_node=make.node(labels={"eks.amazonaws.com/nodegroup": "ng"}))),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_remedies_of_installers_replace_the_rules_own() -> None:
    (blocked,) = check(make.view(the_node=make.node(labels={"kops.k8s.io/instancegroup": "n"})), [installer_unsupported])
    assert blocked.remedy == (
        "Set containerRuntime in the cluster's spec: nodeup writes the node's files at each boot (kops.sigs.k8s.io/cluster_spec, "
        "containerRuntime; the default from Kubernetes 1.20 on).\n\n"
        "    kops edit cluster     # spec.containerRuntime: containerd; take spec.docker out\n"
        "    kops update cluster --yes && kops rolling-update cluster --yes"
    )
    (told,) = check(make.view(), [installer_may_undo])
    assert "kubectl get node w1 -o" in told.remedy


def test_flags_shown_hold_no_secret() -> None:
    view = flags(("bootstrap-token", "abcdef.0123456789abcdef"))
    assert "0123456789abcdef" not in "".join(one.evidence for one in check(view, RULES))


def test_a_node_off_docker_is_asked_nothing_else() -> None:
    """Its pods may be bare and its Docker broken: there is nothing to migrate, so nothing blocks."""
    view = make.view(make.pod("alone", owner=None), node=None, of=make.facts(endpoint=CONTAINERD, docker=None))
    assert {one.code for one in check(view, RULES)} == {"D2C203", "D2C609"}
