"""The next Kubernetes version, and kubeadm's ConfigMaps: D2C230 to D2C243."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from migrate.facts.capture import PathReading
from migrate.facts.kubeadm import KubeadmConfig, KubeletConfigMap
from migrate.facts.model import Endpoint, Place, Unreadable
from migrate.rules import NodeView, Severity, check
from migrate.rules.judge import judge
from migrate.rules.table import RULES
from migrate.targets.containerd import CONTAINERD
from tests.captured import capture_of, cluster
from tests.rules import make
from tests.rules.case import Case

ENV = "/var/lib/kubelet/kubeadm-flags.env"
CONFIG = make.CONFIG_FILE
INSTANCE = "/var/lib/kubelet/instance-config.yaml"
EXTRA = Place("/etc/default/kubelet", 2, "KUBELET_EXTRA_ARGS")
SPRAY = Place("/etc/kubernetes/kubelet.env", 7, "KUBELET_ARGS")
SOCKET = "unix:///run/containerd/containerd.sock"
ON_CONTAINERD = Endpoint("containerd", SOCKET, "kubelet v1.26.15: endpoint")
ON_CRI_DOCKERD = Endpoint("cri-dockerd", "unix:///run/cri-dockerd.sock", "kubelet v1.27.16: endpoint")
MAP = "configmap kube-system/kubelet-config"
CONFIG_FLAG = make.flag("config", CONFIG, Place("/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", 3, "KUBELET_CONFIG_ARGS"))


def at(next_minor: int | None, *flags: tuple[str, str | None, Place], endpoint: Endpoint | None = None, **given: Any) -> NodeView:
    """A node whose kubelet has --config and these flags; `facts` and `cluster` fields apart, the rest is the kubelet's."""
    facts: dict[str, Any] = given.pop("facts", {}) | ({"endpoint": endpoint} if endpoint else {})
    read: dict[str, Any] = given.pop("cluster", {})
    kubelet = make.kubelet(flags=(CONFIG_FLAG, *(make.flag(name, value, place) for name, value, place in flags)), **given)
    view = make.view(of=make.facts(kubelet=kubelet, **facts), next_kubernetes=(1, next_minor) if next_minor else None)
    assert view.cluster is not None
    return replace(view, cluster=msgspec.structs.replace(view.cluster, **read))


def on_containerd(next_minor: int | None, version: str, *flags: tuple[str, str | None, Place], **given: Any) -> NodeView:
    return at(next_minor, *flags, endpoint=ON_CONTAINERD, version=version, **given)


def maps(fields: dict[str, Any], name: str = "kubelet-config", kubernetes: str = "v1.27.16", **gates: bool) -> dict[str, Any]:
    kubeadm = KubeadmConfig(kubernetes_version=kubernetes, feature_gates=gates or None)
    return {"kubelet_configs": (KubeletConfigMap(name=name, fields=fields),), "kubeadm": kubeadm}


def file(text: str) -> PathReading:
    return PathReading("file", "644", "root:root", len(text), 0, None, text.encode())


def of_kubeadm(*flags: tuple[str, str]) -> tuple[tuple[str, str, Place], ...]:
    return tuple((name, value, Place(ENV, 1, "KUBELET_KUBEADM_ARGS")) for name, value in flags)


MASTER = ("master-service-namespace", "default", EXTRA)
KLOG = ("logtostderr", "true", SPRAY)
REMOTE = ("container-runtime", "remote")
ENDPOINT = ("container-runtime-endpoint", SOCKET)
V1 = {"os": replace(make.facts().os, cgroup="v1")}
RUN_ONCE = {"config": {"runOnce": True, "cgroupDriver": "systemd"}}

CASES = (
    Case(
        "D2C230",
        "in every file, at its own version",
        at(27, MASTER, KLOG, ("seccomp-profile-root", "/x", EXTRA)),
        (
            (
                "--master-service-namespace",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): unknown flag from 1.27 on, the kubelet exits; delete it",
            ),
            ("--logtostderr", "/etc/kubernetes/kubelet.env:7 (KUBELET_ARGS): unknown flag from 1.26 on, the kubelet exits; delete it"),
        ),
    ),
    Case(
        "D2C230",
        "twice in two files",
        at(26, KLOG, ("logtostderr", "false", EXTRA)),
        (
            ("--logtostderr", "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): unknown flag from 1.26 on, the kubelet exits; delete it"),
            ("--logtostderr", "/etc/kubernetes/kubelet.env:7 (KUBELET_ARGS): unknown flag from 1.26 on, the kubelet exits; delete it"),
        ),
    ),
    Case(
        "D2C230",
        "another form",
        at(35, ("pod-infra-container-image", "x", EXTRA), ("register-schedulable", "false", EXTRA)),
        (
            (
                "--pod-infra-container-image",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): unknown flag from 1.35 on, the kubelet exits; "
                "instead: the runtime's own sandbox image, then delete it",
            ),
            (
                "--register-schedulable",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): unknown flag from 1.34 on, the kubelet exits; "
                "instead: registerWithTaints in the configuration, 1.23 and later",
            ),
        ),
    ),
    Case(
        "D2C230",
        "a refused value",
        at(32, ("cloud-provider", "aws", EXTRA), ("runonce", None, EXTRA)),
        (
            (
                "--cloud-provider=aws",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): the kubelet refuses this value from 1.32 on and exits; "
                "instead: `external`, with the provider's cloud controller manager",
            ),
            (
                "--runonce=true",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): the kubelet refuses this value from 1.32 on and exits; delete it",
            ),
        ),
    ),
    Case(
        "D2C230",
        "off Docker nothing takes it out",
        on_containerd(24, "v1.23.17", ("network-plugin", "cni", EXTRA)),
        (
            (
                "--network-plugin",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): unknown flag from 1.24 on, the kubelet exits; "
                "instead: the runtime's CNI configuration",
            ),
        ),
    ),
    Case("D2C230", "not asked", at(None, MASTER)),
    Case("D2C230", "not so far", at(26, MASTER, ("cloud-provider", "external", EXTRA))),
    Case("D2C230", "the migration takes it out", at(37, ("network-plugin", "cni", EXTRA))),
    Case("D2C230", "gone already is D2C207", on_containerd(37, "v1.27.16", MASTER)),
    Case("D2C230", "the version is not known", at(37, MASTER, version="")),
    Case(
        "D2C231",
        "the migration and kubeadm",
        at(35, *of_kubeadm(("network-plugin", "cni"), ("pod-infra-container-image", "x"))),
        (
            ("--network-plugin", f"{ENV}:1 (KUBELET_KUBEADM_ARGS): unknown flag from 1.24 on; the migration takes it out"),
            (
                "--pod-infra-container-image",
                f"{ENV}:1 (KUBELET_KUBEADM_ARGS): unknown flag from 1.35 on; `kubeadm upgrade` to 1.35 takes it out",
            ),
            (
                "--container-runtime=remote",
                f"{ENV}:1 (KUBELET_KUBEADM_ARGS): stands there after the migration; unknown flag from 1.27 on; "
                "`kubeadm upgrade` to 1.26 takes it out",
            ),
        ),
    ),
    Case("D2C231", "not asked", at(None, *of_kubeadm(("network-plugin", "cni")))),
    Case("D2C231", "kubeadm has been past it", on_containerd(27, "v1.26.15", *of_kubeadm(REMOTE))),
    Case(
        "D2C232",
        "in a file that kubeadm does not clean",
        at(27, ("container-runtime", "docker", EXTRA)),
        (
            (
                "--container-runtime=remote",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): stands there after the migration; unknown flag from 1.27 on, "
                "the kubelet exits; delete it: `remote` is all there is from 1.24 on",
            ),
        ),
    ),
    Case("D2C232", "kubeadm takes it out", at(27, *of_kubeadm(("v", "2")))),
    Case("D2C232", "not so far", at(26, ("container-runtime", "docker", EXTRA))),
    Case("D2C232", "nothing to migrate", on_containerd(27, "v1.26.15", ("container-runtime", "remote", EXTRA))),
    Case(
        "D2C233",
        "in the file, with its line",
        at(32, **RUN_ONCE, facts={"files": {CONFIG: file("kind: KubeletConfiguration\nrunOnce: true\n")}}),
        (("runOnce: true", f"{CONFIG}:2: the kubelet refuses this value from 1.32 on and exits; delete it"),),
    ),
    Case(
        "D2C233",
        "in the ConfigMap",
        at(30, cluster=maps({"memorySwap": {"swapBehavior": "UnlimitedSwap"}, "cgroupDriver": "systemd"})),
        (
            (
                "memorySwap.swapBehavior: UnlimitedSwap",
                f"{MAP}: the kubelet refuses this value from 1.30 on and exits; instead: LimitedSwap or NoSwap",
            ),
        ),
    ),
    Case("D2C233", "not so far", at(31, **RUN_ONCE)),
    Case("D2C233", "not asked", at(None, **RUN_ONCE)),
    Case(
        "D2C234",
        "default",
        at(35, facts=V1),
        (("cgroup v1", f"the kubelet exits from 1.35 on unless failCgroupV1 is false; {CONFIG}: not given"),),
    ),
    Case(
        "D2C234",
        "the ConfigMap takes it back",
        on_containerd(35, "v1.34.0", config={"failCgroupV1": False}, facts=V1, cluster=maps({"cgroupDriver": "cgroupfs"})),
        (("cgroup v1", f"the kubelet exits from 1.35 on unless failCgroupV1 is false; {CONFIG}: false; {MAP}: not given"),),
    ),
    Case("D2C234", "said", on_containerd(35, "v1.34.0", config={"failCgroupV1": False}, facts=V1)),
    Case("D2C234", "said by flag", on_containerd(35, "v1.34.0", ("fail-cgroupv1", "false", EXTRA), facts=V1)),
    Case("D2C234", "cgroup v2", at(35)),
    Case("D2C234", "not so far", at(34, facts=V1)),
    Case(
        "D2C235",
        "containerd without CRI v1",
        at(27, facts={"containerd": make.containerd(version="1.5.18")}),
        (
            (
                "containerd 1.5.18",
                "kubelet 1.26.0 speaks only CRI v1, which containerd 1.5.18 does not serve: install containerd 1.7 or later",
            ),
        ),
    ),
    Case("D2C235", "not so far", at(25, facts={"containerd": make.containerd(version="1.5.18")})),
    Case("D2C235", "now already is D2C603", on_containerd(27, "v1.26.15", facts={"containerd": make.containerd(version="1.5.18")})),
    Case("D2C235", "new enough", at(37)),
    Case(
        "D2C235",
        "the node runs on another runtime",
        at(27, endpoint=Endpoint("cri-o", "unix:///var/run/crio/crio.sock", "x"), facts={"containerd": make.containerd(version="1.5.18")}),
    ),
    Case(
        "D2C235",
        "the node runs on it already",
        on_containerd(27, "v1.25.0", facts={"containerd": make.containerd(version="1.5.18")}),
        (
            (
                "containerd 1.5.18",
                "kubelet 1.26.0 speaks only CRI v1, which containerd 1.5.18 does not serve: install containerd 1.7 or later",
            ),
        ),
    ),
    Case(
        "D2C236",
        "deprecated, and planned to go",
        at(36, ("boot-id-file", "/x", EXTRA), ("cgroup-driver", "systemd", EXTRA), ("network-plugin", "cni", EXTRA)),
        (
            (
                "--boot-id-file",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): deprecated since 1.18, unknown from 1.37 on; delete it",
            ),
            (
                "--cgroup-driver",
                "/etc/default/kubelet:2 (KUBELET_EXTRA_ARGS): planned to go with 1.38; instead: cgroupDriver in the configuration; "
                "from the runtime itself with containerd 2.0 and later",
            ),
        ),
    ),
    Case("D2C236", "not yet", at(35, ("cgroup-driver", "systemd", EXTRA))),
    Case(
        "D2C237",
        "newer than the kubelet, and nowhere",
        at(
            None,
            config={"kind": "KubeletConfiguration", "apiVersion": "v1beta1", "containerRuntimeEndpoint": SOCKET, "maxPod": 3, "maxPods": 3},
            facts={"files": {CONFIG: file(f"kind: KubeletConfiguration\ncontainerRuntimeEndpoint: {SOCKET}\nmaxPods: 3\nmaxPod: 3\n")}},
        ),
        (
            ("containerRuntimeEndpoint", f"{CONFIG}:2: a field from 1.27 on, the kubelet on disk is v1.23.17"),
            ("maxPod", f"{CONFIG}:4: no release has such a field, the kubelet on disk is v1.23.17"),
        ),
    ),
    Case("D2C237", "known by then", on_containerd(None, "v1.27.0", config={"containerRuntimeEndpoint": SOCKET})),
    Case("D2C237", "a release after the table", on_containerd(None, "v1.38.0", config={"newField": 1})),
    Case("D2C237", "unreadable is D2C101", at(None, config=Unreadable(CONFIG, "x"))),
    Case(
        "D2C238",
        "the ConfigMap is silent",
        at(None, config={"cgroupDriver": "cgroupfs"}, cluster=maps({}, "kubelet-config-1.23", "v1.23.17")),
        (
            (
                "cgroup driver",
                f"{MAP}-1.23: no cgroupDriver, and kubeadm makes systemd of that; the node uses cgroupfs ({CONFIG})",
            ),
        ),
    ),
    Case(
        "D2C238",
        "up to 1.21 silence is the kubelet's default",
        at(None, version="v1.21.14", cluster=maps({}, "kubelet-config-1.21", "v1.21.14")),
        (("cgroup driver", f"{MAP}-1.21: no cgroupDriver, and kubeadm makes cgroupfs of that; the node uses systemd ({CONFIG})"),),
    ),
    Case(
        "D2C238",
        "it says another",
        at(None, config={}, cluster=maps({"cgroupDriver": "cgroupfs"})),
        (("cgroup driver", f"{MAP}: cgroupDriver: cgroupfs; the node uses systemd (no file says it)"),),
    ),
    Case("D2C238", "silent, and systemd it is", at(None, cluster=maps({}))),
    Case("D2C238", "equal", at(None, cluster=maps({"cgroupDriver": "systemd"}))),
    Case("D2C238", "a flag holds", at(None, ("cgroup-driver", "systemd", EXTRA), cluster=maps({"cgroupDriver": "cgroupfs"}))),
    Case("D2C238", "no ConfigMap", at(None, config={})),
    Case(
        "D2C238",
        "the kubelet reads another file",
        at(None, config_path="/etc/kubernetes/kubelet-config.yaml", cluster=maps({"cgroupDriver": "cgroupfs"})),
    ),
    Case(
        "D2C239",
        "Docker's by its field",
        at(
            None,
            endpoint=ON_CRI_DOCKERD,
            version="v1.27.16",
            cluster=maps({"containerRuntimeEndpoint": "unix:///var/run/cri-dockerd.sock", "cgroupDriver": "systemd"}),
        ),
        (("runtime endpoint", f"{MAP}: containerRuntimeEndpoint: unix:///var/run/cri-dockerd.sock; the node is to use {SOCKET}"),),
    ),
    Case(
        "D2C239",
        "silent, and another socket is used",
        at(
            None,
            endpoint=Endpoint("cri-o", "unix:///var/run/crio/crio.sock", "x"),
            version="v1.28.0",
            cluster=maps({"containerRuntimeEndpoint": "", "cgroupDriver": "systemd"}),
        ),
        (
            (
                "runtime endpoint",
                f"{MAP}: no containerRuntimeEndpoint, the kubelet's default is {SOCKET}; the node is to use unix:///var/run/crio/crio.sock",
            ),
        ),
    ),
    Case(
        "D2C239",
        "a flag holds",
        on_containerd(None, "v1.27.16", *of_kubeadm(ENDPOINT), cluster=maps({"containerRuntimeEndpoint": "unix:///x"})),
    ),
    Case("D2C239", "silent, and the default is right", on_containerd(None, "v1.27.16", cluster=maps({"cgroupDriver": "systemd"}))),
    Case("D2C239", "no such field yet", on_containerd(None, "v1.26.15", cluster=maps({"containerRuntimeEndpoint": "unix:///x"}))),
    Case(
        "D2C240",
        "forbidden",
        at(None, cluster={"unreadable": (Unreadable(MAP, "HTTP 403: no"), Unreadable("poddisruptionbudgets", "HTTP 403: no"))}),
        ((MAP, "HTTP 403: no"),),
    ),
    Case("D2C240", "read", at(None)),
    Case(
        "D2C241",
        "past 1.24",
        at(25, cluster=maps({"cgroupDriver": "systemd"}, "kubelet-config-1.23", "v1.23.17")),
        ((f"{MAP}-1.23", "kubeadm 1.24 reads kubelet-config instead"),),
    ),
    Case("D2C241", "renamed already", at(25, cluster=maps({"cgroupDriver": "systemd"}))),
    Case("D2C241", "not asked", at(None, cluster=maps({"cgroupDriver": "systemd"}, "kubelet-config-1.23", "v1.23.17"))),
    Case(
        "D2C242",
        "the gate is off",
        at(25, cluster=maps({"cgroupDriver": "systemd"}, "kubelet-config-1.23", "v1.23.17", UnversionedKubeletConfigMap=False)),
        ((f"{MAP}-1.23", "configmap kube-system/kubeadm-config: featureGates: UnversionedKubeletConfigMap: false"),),
    ),
    Case(
        "D2C242",
        "at 1.24 by the old name only",
        on_containerd(25, "v1.24.17", cluster=maps({"cgroupDriver": "systemd"}, "kubelet-config-1.24", "v1.24.17")),
        ((f"{MAP}-1.24", "kubeadm 1.25 and later reads only kubelet-config, which is not there"),),
    ),
    Case("D2C242", "kubeadm renames it", at(25, cluster=maps({"cgroupDriver": "systemd"}, "kubelet-config-1.23", "v1.23.17"))),
    Case(
        "D2C243",
        "from kubeadm's file",
        on_containerd(34, "v1.33.0", *of_kubeadm(ENDPOINT)),
        (
            (
                INSTANCE,
                f"`kubeadm upgrade` to 1.34 moves --container-runtime-endpoint there from {ENV}:1 (KUBELET_KUBEADM_ARGS); "
                "the annotation kubeadm.alpha.kubernetes.io/cri-socket goes",
            ),
        ),
    ),
    Case(
        "D2C243",
        "from another file",
        on_containerd(36, "v1.33.0", (*ENDPOINT, EXTRA)),
        (
            (
                INSTANCE,
                "--container-runtime-endpoint is in /etc/default/kubelet:2 (KUBELET_EXTRA_ARGS), which holds; "
                "`kubeadm upgrade` to 1.34 writes an empty endpoint there; the annotation kubeadm.alpha.kubernetes.io/cri-socket goes",
            ),
        ),
    ),
    Case(
        "D2C243",
        "from nowhere",
        on_containerd(34, "v1.33.0"),
        (
            (
                INSTANCE,
                f"`kubeadm upgrade` to 1.34 writes an empty endpoint there, the kubelet's default is {SOCKET}; "
                "the annotation kubeadm.alpha.kubernetes.io/cri-socket goes",
            ),
        ),
    ),
    Case("D2C243", "there already", on_containerd(34, "v1.33.0", facts={"files": {INSTANCE: file("x: y\n")}})),
    Case("D2C243", "not so far", on_containerd(33, "v1.32.0")),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_the_future_blocks_no_migration() -> None:
    mine = [one for one in RULES if "D2C230" <= one.code <= "D2C249"]
    assert len(mine) == 14
    assert {one.severity for one in mine} == {Severity.WARNING, Severity.INFO}
    assert all(one.always for one in mine)


@pytest.mark.parametrize(
    ("minor", "said"),
    [
        (23, ()),
        (24, ("D2C231 --network-plugin", "D2C236 --pod-infra-container-image", f"D2C241 {MAP}-1.23")),
        (
            27,
            (
                "D2C231 --container-runtime=remote",
                "D2C231 --network-plugin",
                "D2C236 --pod-infra-container-image",
                f"D2C241 {MAP}-1.23",
            ),
        ),
        (
            37,
            (
                "D2C231 --container-runtime=remote",
                "D2C231 --network-plugin",
                "D2C231 --pod-infra-container-image",
                "D2C234 cgroup v1",
                f"D2C241 {MAP}-1.23",
                f"D2C243 {INSTANCE}",
            ),
        ),
    ],
)
def test_a_real_node_of_kubeadm_1_23(minor: int, said: tuple[str, ...]) -> None:
    api, capture = cluster(), capture_of("lab-w1")
    (one,) = judge(api, [(capture.host, capture, api.node("lab-w1"), None)], CONTAINERD, {}, next_kubernetes=(1, minor))
    assert tuple(sorted(f"{found.code} {found.subject}" for found in one.findings if "D2C230" <= found.code <= "D2C249")) == said


def test_a_flag_that_the_migration_takes_out_does_not_warn_after_it() -> None:
    """The same file before the migration and, with its flags as the plan leaves them, after it."""
    before = at(26, *of_kubeadm(("network-plugin", "cni")))
    after = on_containerd(26, "v1.23.17", *of_kubeadm(REMOTE, ENDPOINT))
    for view in (before, after):
        assert [one for one in check(view, RULES) if one.code == "D2C230"] == []


def test_the_remedy_names_the_config_map_and_the_line() -> None:
    view = at(None, config={"cgroupDriver": "cgroupfs"}, cluster=maps({}, "kubelet-config-1.23", "v1.23.17"))
    (found,) = [one for one in check(view, RULES) if one.code == "D2C238"]
    assert found.remedy == (
        "Set this under the ConfigMap's key `kubelet` (where nodes differ, bring all to one value first):\n\n"
        "    kubectl -n kube-system edit configmap kubelet-config-1.23     # cgroupDriver: cgroupfs"
    )
