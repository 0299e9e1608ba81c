"""cri-dockerd's command line, and the CNI folders that it decides: a captured worker whose kubelet talks to it."""

from __future__ import annotations

import pytest

from migrate.facts.capture import Capture
from migrate.facts.model import CriDockerd, Place, Unreadable
from tests.captured import capture_of, facts, on_cri_dockerd, with_file, with_output

FRAGMENT = "/lib/systemd/system/cri-docker.service"


def without_process(capture: Capture) -> Capture:
    return with_output(with_output(capture, "cmdline cri-docker.service", ""), "processes", "83 /usr/bin/containerd\n")


def read(capture: Capture) -> CriDockerd | Unreadable | None:
    return facts(capture).cri_dockerd


def test_of_the_process_where_it_runs() -> None:
    capture = on_cri_dockerd(
        "--network-plugin=cni", "--cni-bin-dir", "/opt/cni/bin,/usr/lib/cni", "--ipv6-dual-stack", "--cni-conf-dir=/etc/x"
    )
    assert read(capture) == CriDockerd(
        "0.3.4",
        {
            "container-runtime-endpoint": "fd://",
            "network-plugin": "cni",
            "cni-bin-dir": "/opt/cni/bin,/usr/lib/cni",
            "ipv6-dual-stack": None,
            "cni-conf-dir": "/etc/x",
        },
        Place("/proc/411/cmdline"),
    )
    cni = facts(capture).cni
    assert (cni.config_dir, cni.bin_dirs) == ("/etc/x", ("/opt/cni/bin", "/usr/lib/cni"))


def test_the_kubelet_s_cni_flags_are_not_its_own() -> None:
    flags = "/var/lib/kubelet/kubeadm-flags.env"
    capture = on_cri_dockerd()
    capture = with_file(capture, flags, capture.paths[flags].text.replace('"\n', ' --cni-bin-dir=/kubelet/s"\n'))
    assert facts(capture).cni.bin_dirs == ("/opt/cni/bin",)


def test_of_a_process_that_no_unit_started() -> None:
    capture = with_output(without_process(on_cri_dockerd()), "processes", "7 /opt/bin/cri-dockerd --network-plugin cni\n")
    assert read(capture) == CriDockerd("0.3.4", {"network-plugin": "cni"}, Place("/proc/7/cmdline"))


def test_of_its_unit_where_it_does_not_run() -> None:
    text = "[Service]\nEnvironment=MORE=--pod-infra-container-image=p:1\nExecStart=/usr/bin/cri-dockerd --network-plugin=cni $MORE\n"
    capture = with_file(without_process(on_cri_dockerd()), FRAGMENT, text)
    assert read(capture) == CriDockerd("0.3.4", {"network-plugin": "cni", "pod-infra-container-image": "p:1"}, Place(FRAGMENT, 3))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(("--network-plugin",), "flags: the flag network-plugin needs a value"), (("---x",), "flags: bad flag syntax: ---x")],
)
def test_flags_that_are_none(arguments: tuple[str, ...], reason: str) -> None:
    assert read(on_cri_dockerd(*arguments)) == Unreadable("cri-dockerd", reason)


def test_neither_process_nor_unit() -> None:
    capture = without_process(on_cri_dockerd(unit=False))
    assert read(capture) == Unreadable("cri-dockerd", "no process of it runs, and systemd has no cri-docker.service")


def test_a_kubelet_on_dockershim_does_not_talk_to_it() -> None:
    assert read(capture_of()) is None
