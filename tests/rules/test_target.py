"""Images, disk, network and the new runtime: D2C401 to D2C606."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from migrate.facts.capture import PathReading
from migrate.facts.model import Cni, CriDockerd, Endpoint, Image, Kernel, Place, Unreadable
from migrate.rules import NodeView
from tests.rules import make
from tests.rules.case import Case

GIB = make.GIB
WEB = "registry.example/web"
PINNED = f"{WEB}@sha256:{'a' * 64}"
OTHER = f"{WEB}@sha256:{'f' * 64}"
BUILT = Image("sha256:built", ("local/tool:latest",), (), GIB)


def disk(available: int, size: int = 100 * GIB, **given: Any) -> NodeView:
    return make.view(of=make.facts(filesystems=(make.filesystem(available=available, size=size), make.filesystem("/srv")), **given))


def image(ref: str, policy: str = "IfNotPresent", **given: Any) -> NodeView:
    return make.view(make.pod(container={"image": ref, "imagePullPolicy": policy}), of=make.facts(**given))


def evicting(values: Any, available: int, **config: Any) -> NodeView:
    return disk(available, kubelet=make.kubelet(config={"cgroupDriver": "systemd", "evictionHard": values, **config}))


def cni(**given: Any) -> NodeView:
    base = make.facts().cni
    return make.view(of=make.facts(cni=replace(base, **given)))


def target(**given: Any) -> NodeView:
    return make.view(of=make.facts(containerd=make.containerd(**given)))


def plugin(value: str | None) -> NodeView:
    flags = tuple(one for one in make.kubelet().flags if one.name != "network-plugin")
    added = () if value is None else (make.flag("network-plugin", value),)
    return make.view(of=make.facts(kubelet=make.kubelet(flags=(*flags, *added))))


def ports(port: int, **context: Any) -> NodeView:
    return make.view(make.pod(container={"ports": [{"containerPort": port}], "securityContext": context}))


def said(free: str, reserve: str, size: str = "100.0", need: str = "2.0 GiB (twice their 1.0 GiB)") -> tuple[tuple[str, str], ...]:
    text = f"/var/lib/containerd is on /dev/sda1 at /: {free} GiB of {size} GiB free; 2 images need {need}, and {reserve}"
    return (("filesystem /", text),)


HOSTS = {"/etc/containerd/config.toml": PathReading("file", "644", "root:root", data=b"version = 3\n")}
ON_CONTAINERD = Endpoint("containerd", "unix:///run/containerd/containerd.sock", "kubelet v1.23.17: endpoint given")
ON_CONTAINERD_KUBELET = make.kubelet(
    flags=tuple(
        make.flag(name, value)
        for name, value in (("container-runtime", "remote"), ("container-runtime-endpoint", "unix:///run/containerd/containerd.sock"))
    )
)
SET = {"overlay": "x", "br_netfilter": "x"}
SYSCTLS = dict.fromkeys(("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables", "net.ipv4.ip_forward"), ("1", "x"))
CONFIG_WHY = "CRI on, the kubelet's cgroup driver and sandbox image, Docker's registries, runtimes and port behaviour"


def shim(flags: dict[str, str | None], version: str = "0.3.4", kubelet: str | None = None) -> NodeView:
    """A kubelet that reaches Docker through cri-dockerd with these flags; `kubelet` is the kubelet's own idle --network-plugin."""
    found = CriDockerd(version, flags, Place("/proc/411/cmdline"))
    return make.view(of=replace(plugin(kubelet).facts, endpoint=Endpoint("cri-dockerd", "unix:///run/c.sock", "x"), cri_dockerd=found))


CASES = (
    Case(
        "D2C401",
        "below the defaults",
        disk(16 * GIB),
        said("16.0", "15.0 GiB must stay free (evictionHard imagefs.available 15%, default)"),
    ),
    Case("D2C401", "room enough", disk(18 * GIB)),
    Case(
        "D2C401",
        "an amount",
        evicting({"imagefs.available": "40Gi"}, 41 * GIB),
        said("41.0", "40.0 GiB must stay free (evictionHard imagefs.available 40Gi, /var/lib/kubelet/config.yaml)"),
    ),
    Case(
        "D2C401",
        "nodefs on the same disk",
        evicting({"nodefs.available": "50%"}, 51 * GIB),
        said("51.0", "50.0 GiB must stay free (evictionHard nodefs.available 50%, /var/lib/kubelet/config.yaml)"),
    ),
    Case(
        "D2C401",
        "image collection is the nearer limit",
        evicting({"memory.available": "100Mi"}, 31 * GIB, imageGCHighThresholdPercent=70),
        said("31.0", "30.0 GiB must stay free (imageGCHighThresholdPercent 70, /var/lib/kubelet/config.yaml)"),
    ),
    Case(
        "D2C401",
        "a threshold that nobody can read",
        evicting({"imagefs.available": "much"}, 90 * GIB),
        (
            (
                "filesystem /",
                "the kubelet's threshold cannot be read, so the space that it needs is unknown: quantity: 'much' is no Kubernetes quantity",
            ),
        ),
    ),
    Case("D2C401", "the images are there", disk(16 * GIB, containerd=make.containerd(images=(f"{WEB}:1", "registry.k8s.io/pause:3.6")))),
    Case("D2C401", "Docker down is D2C110", disk(0, docker=make.docker(info=None))),
    Case(
        "D2C402",
        "forbidden to pull",
        image("local/none:1", "Never"),
        (("Deployment shop/web", "container web: local/none:1 with imagePullPolicy Never is not in Docker's store (pod web-1)"),),
    ),
    Case(
        "D2C402",
        "forbidden to pull, by digest",
        image(OTHER, "Never"),
        (("Deployment shop/web", f"container web: {OTHER} with imagePullPolicy Never is not in Docker's store (pod web-1)"),),
    ),
    Case("D2C402", "forbidden to pull, by a digest that the plan pulls", image(PINNED, "Never")),
    Case("D2C402", "in Docker's store, without its tag", image("local/tool", "Never", docker=make.docker(images=(BUILT,)))),
    Case("D2C402", "may be pulled", image("local/none:1")),
    Case("D2C402", "there already", image("local/none:1", "Never", containerd=make.containerd(images=("docker.io/local/none:1",)))),
    Case(
        "D2C403",
        "built here",
        image("local/tool", "Always", docker=make.docker(images=(BUILT,))),
        (("image local/tool", "no registry digest in Docker's store; used by Deployment shop/web (imagePullPolicy Always)"),),
    ),
    Case("D2C403", "pulled", make.view()),
    Case("D2C404", "pinned", image(PINNED), (("Deployment shop/web", f"container web: {PINNED} (pod web-1)"),)),
    Case("D2C404", "by tag", make.view()),
    Case(
        "D2C501",
        "kubenet",
        plugin("kubenet"),
        (("--network-plugin", f"{make.FLAGS_FILE}:1 (KUBELET_KUBEADM_ARGS): --network-plugin=kubenet"),),
    ),
    Case("D2C501", "none", plugin(None), (("--network-plugin", "it is not given, and the default of dockershim is docker0"),)),
    Case("D2C501", "cni", plugin("cni")),
    Case(
        "D2C501",
        "cri-dockerd's own flag, the kubelet's is idle",
        shim({"network-plugin": ""}, kubelet="cni"),
        (("--network-plugin", "/proc/411/cmdline: --network-plugin="),),
    ),
    Case("D2C501", "cri-dockerd with CNI by its own flag", shim({"network-plugin": "cni"}, kubelet=None)),
    Case(
        "D2C501",
        "an old cri-dockerd without the flag",
        shim({}, "0.2.3"),
        (("--network-plugin", "it is not given, and the default of cri-dockerd is docker0"),),
    ),
    Case("D2C501", "a later one without it", shim({}, "0.3.4")),
    Case("D2C501", "unread is D2C211", shim({}, "")),
    Case("D2C502", "none", cni(config=None, files=()), (("/etc/cni/net.d", "no *.conf, *.conflist or *.json among 0 files"),)),
    Case("D2C502", "in a folder that was not read", cni(config_dir="/opt/net.d", config=None, files=(), unread=("/opt/net.d",))),
    Case("D2C503", "in a folder that was not read", cni(bin_dirs=("/opt/kube/bin",), plugins=(), unread=("/opt/kube/bin",))),
    Case(
        "D2C213",
        "both kinds",
        cni(config_dir="/opt/net.d", bin_dirs=("/opt/kube/bin",), unread=("/opt/net.d", "/opt/kube/bin")),
        (
            ("/opt/net.d", "--cni-conf-dir names it, and this capture does not hold it"),
            ("/opt/kube/bin", "--cni-bin-dir names it, and this capture does not hold it"),
        ),
    ),
    Case("D2C213", "all was read", make.view()),
    Case("D2C502", "unreadable is D2C101", cni(config=Unreadable("/etc/cni/net.d/10.conf", "not JSON"))),
    Case(
        "D2C503",
        "loopback, a plugin and its ipam",
        cni(plugins=("portmap",)),
        (("loopback, bridge, host-local", "not in /opt/cni/bin; /etc/cni/net.d/10-pods.conflist is in force"),),
    ),
    Case("D2C503", "odd form", cni(config={"plugins": ["x", {"ipam": "y"}, {"type": "bridge", "ipam": {}}]})),
    Case(
        "D2C504",
        "a user",
        ports(80, runAsUser=1000),
        (("Deployment shop/web", "container web: runAsUser 1000, containerPort 80 (pod web-1)"),),
    ),
    Case(
        "D2C504",
        "non-root",
        ports(443, runAsNonRoot=True),
        (("Deployment shop/web", "container web: runAsNonRoot, containerPort 443 (pod web-1)"),),
    ),
    Case("D2C504", "root, or a high port", make.view(ports(80).pods[0], ports(8080, runAsUser=1).pods[0])),
    Case("D2C504", "containerd 2", replace(ports(80, runAsUser=1), facts=make.facts(containerd=make.containerd(version="2.0.0")))),
    Case(
        "D2C505",
        "Calico",
        cni(config={"plugins": [{"type": "calico", "ipam": {"type": "calico-ipam"}}, {"type": "portmap"}]}),
        (("CNI ipam", "/etc/cni/net.d/10-pods.conflist: calico-ipam"),),
    ),
    Case("D2C505", "host-local", make.view()),
    Case(
        "D2C601",
        "not there",
        make.view(of=make.facts(containerd=None)),
        (("containerd", "the program containerd does not answer; containerd.service is active"),),
    ),
    Case(
        "D2C601",
        "a program without its unit",
        make.view(of=make.facts(units={one.name: one for one in (make.unit("kubelet.service"), make.unit("docker.service"))})),
        (("containerd.service", "containerd 1.6.20~ds1 is installed, containerd.service is not loaded in systemd"),),
    ),
    Case("D2C601", "unreadable is D2C101", make.view(of=make.facts(containerd=Unreadable("containerd", "x")))),
    Case("D2C602", "1.5", target(version="1.5.18"), (("containerd 1.5.18", "docker2cri needs 1.6.0 or later"),)),
    Case("D2C602", "1.6", target(version="1.6.20~ds1")),
    Case(
        "D2C603",
        "an old kubelet",
        replace(
            target(version="2.0.1"), facts=make.facts(kubelet=make.kubelet(version="v1.20.2"), containerd=make.containerd(version="2.0.1"))
        ),
        (("containerd 2.0.1", "kubelet 1.20.2 speaks only CRI v1alpha2, which containerd 2.0.1 no longer serves: install containerd 1.7"),),
    ),
    Case("D2C603", "a pair", make.view()),
    Case(
        "D2C604",
        "by the packaged file",
        target(loaded={"disabled_plugins": ["cri"]}, cri="disabled"),
        (("CRI plugin", "/etc/containerd/config.toml: disabled_plugins lists cri"),),
    ),
    Case("D2C604", "it does not load", target(cri="error"), (("CRI plugin", "ctr plugins ls: error"),)),
    Case("D2C604", "on, or not running", target(cri=None, loaded={"disabled_plugins": ["io.containerd.internal.v1.opt"]})),
    Case("D2C605", "leftovers", target(tasks=3), (("containerd", "3 containers run in it for Kubernetes"),)),
    Case("D2C605", "none", make.view()),
    Case(
        "D2C606",
        "a schema that this containerd cannot read",
        make.view(of=make.facts(files=HOSTS)),
        (
            (
                "/etc/containerd/config.toml",
                "containerd config: containerd 1.6.20~ds1 cannot read `version = 3`; write it as version 2",
            ),
        ),
    ),
    Case("D2C606", "what D2C101 says", make.view(of=make.facts(files=HOSTS, unreadable=(Unreadable("/etc/containerd/config.toml", "x"),)))),
    Case("D2C606", "sure", make.view()),
    Case("D2C609", "on Docker", make.view()),
    Case(
        "D2C609",
        "moved by hand",
        make.view(of=make.facts(endpoint=ON_CONTAINERD, docker=None, kernel=Kernel({}, SET, SYSCTLS), kubelet=ON_CONTAINERD_KUBELET)),
        (
            ("/etc/containerd/config.toml", f"a migration writes it: {CONFIG_WHY}"),
            ("/etc/crictl.yaml", "a migration writes it: without it crictl tries dockershim's socket first (cri-tools docs/crictl.md)"),
            (
                make.FLAGS_FILE,
                "a migration writes it: kubelet v1.23.17: --container-runtime=remote, "
                "--container-runtime-endpoint=unix:///run/containerd/containerd.sock",
            ),
        ),
    ),
    Case("D2C610", "as the Node reports", make.view()),
    Case(
        "D2C610",
        "the Node reports another",
        make.view(of=make.facts(endpoint=ON_CONTAINERD)),
        (("Node w1", f"it reports docker://20.10.24; {ON_CONTAINERD.evidence}"),),
    ),
    Case("D2C610", "no Node", make.view(node=None, of=make.facts(endpoint=ON_CONTAINERD))),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_rule(case: Case) -> None:
    case.verify()


def test_a_conf_of_one_plugin_is_read_as_well() -> None:
    facts = make.facts(cni=Cni("/etc/cni/net.d", ("/opt/cni/bin",), ("/etc/cni/net.d/1.conf",), {"type": "weave-net"}, ("loopback",), ()))
    Case("D2C503", "", make.view(of=facts), (("weave-net", "not in /opt/cni/bin; /etc/cni/net.d/1.conf is in force"),)).verify()
