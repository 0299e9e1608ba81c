"""CRI-O as a target: what becomes of each file, on a captured worker with one thing changed."""

from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from migrate.facts.capture import Capture, CommandReading
from migrate.formats import version
from migrate.sources.table import origin_of
from migrate.targets import Target, with_options
from migrate.targets.compose import FileChange, compose
from migrate.targets.crio import CRIO, OWN_DEFAULTS, unsupported
from tests.captured import capture_of, facts, reported, with_file

DAEMON = "/etc/docker/daemon.json"
DROP_IN = "/etc/crio/crio.conf.d/99-docker2cri.conf"
REGISTRIES = "/etc/containers/registries.conf.d/zz-docker2cri.conf"


def node(release: str = "1.23.5") -> Capture:
    """The captured worker as it would be with CRI-O installed: `crio --version` and `crio config` are those of a real CRI-O."""
    capture = capture_of("lab-w2")
    answers = {
        "crio version": CommandReading(0, f"crio version {release}\nVersion:          {release}\n".encode()),
        "crio config": CommandReading(0, b'[crio]\nroot = "/var/lib/containers/storage"\n'),
    }
    return replace(capture, commands={**capture.commands, **answers})


def changed(capture: Capture, target: Target = CRIO) -> dict[str, FileChange]:
    changes, refused = compose(target, facts(capture), origin_of(facts(capture)))
    assert refused == ()
    return {one.path: one for one in changes}


def config(capture: Capture, target: Target = CRIO) -> dict[str, Any]:
    return tomllib.loads(changed(capture, target)[DROP_IN].after.decode())["crio"]


def registries(capture: Capture) -> dict[str, Any]:
    return tomllib.loads(changed(capture)[REGISTRIES].after.decode())


def daemon(capture: Capture, **keys: object) -> Capture:
    """The capture with these keys in daemon.json; what the daemon reports of registries is not known."""
    settings = json.loads(capture.paths[DAEMON].text)
    text = json.dumps({**settings, **{name.replace("_", "-"): value for name, value in keys.items()}})
    return with_file(reported(capture, RegistryConfig=None), DAEMON, text)


def test_the_drop_in_holds_what_docker_gave() -> None:
    found = config(node())
    assert found == {
        "runtime": {
            "cgroup_manager": "cgroupfs",
            "conmon_cgroup": "pod",
            "default_runtime": "runc",
            "runtimes": {"runc": {"runtime_path": "", "runtime_type": "oci"}},
            "default_capabilities": [
                *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE", "KILL"),
                *("NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"),
            ],
            "pids_limit": 0,
            "default_ulimits": ["nofile=65536:65536"],
            "default_sysctls": ["net.ipv4.ping_group_range=0 2147483647", "net.ipv4.ip_unprivileged_port_start=0"],
        },
        "image": {"pause_image": "k8s.gcr.io/pause:3.6"},
        "network": {"network_dir": "/etc/cni/net.d", "plugin_dirs": ["/opt/cni/bin"], "cni_default_network": "lab"},
    }


def test_with_crio_s_own_defaults_only_the_node_s_settings_are_written() -> None:
    assert set(config(node(), with_options(CRIO, {OWN_DEFAULTS.name}))["runtime"]) == {
        "cgroup_manager",
        "conmon_cgroup",
        "default_runtime",
        "default_ulimits",
        "runtimes",
    }


@pytest.mark.parametrize(
    ("release", "pids", "seccomp"),
    [("1.23.5", 0, None), ("1.24.6", 0, False), ("1.28.11", 0, False), ("1.29.1", -1, False), ("1.30.2", -1, None)],
)
def test_the_keys_follow_crio_s_version(release: str, pids: int, seccomp: bool | None) -> None:
    runtime = config(node(release))["runtime"]
    assert (runtime["pids_limit"], runtime.get("seccomp_use_default_when_empty")) == (pids, seccomp)


def test_docker_s_runtimes_go_over() -> None:
    capture = daemon(node(), runtimes={"nvidia": {"path": "/usr/bin/nvidia-container-runtime"}})
    found = config(reported(capture, DefaultRuntime="nvidia"))["runtime"]
    assert found["default_runtime"] == "nvidia"
    assert found["runtimes"] == {
        "nvidia": {"runtime_path": "/usr/bin/nvidia-container-runtime", "runtime_type": "oci"},
        "runc": {"runtime_path": "", "runtime_type": "oci"},
    }


def test_short_names_mirrors_and_insecure_registries_as_docker_reads_them() -> None:
    capture = daemon(
        node(),
        registry_mirrors=["http://mirror.lab:5000", "cache.lab/", "https://old.lab/hub/"],
        insecure_registries=["registry.lab:5000", "old.lab"],
    )
    assert registries(capture) == {
        "unqualified-search-registries": ["docker.io"],
        "registry": [
            {
                "prefix": "docker.io",
                "location": "docker.io",
                "mirror": [
                    {"location": "mirror.lab:5000", "insecure": True},
                    {"location": "cache.lab"},
                    {"location": "old.lab/hub", "insecure": True},
                ],
            },
            {"prefix": "registry.lab:5000", "location": "registry.lab:5000", "insecure": True},
            {"prefix": "old.lab", "location": "old.lab", "insecure": True},
        ],
    }


def test_search_registries_of_the_node_stay() -> None:
    capture = with_file(node(), "/etc/containers/registries.conf", 'unqualified-search-registries = ["quay.io"]\n')
    assert "unqualified-search-registries" not in registries(capture)


def test_a_packaged_alias_that_leads_away_from_docker_hub_is_led_back_where_docker_has_the_image() -> None:
    packaged = '[aliases]\n"lab/busybox" = "quay.io/lab/busybox"\n"lab/agnhost" = "docker.io/lab/agnhost"\n"fedora" = "quay.io/fedora"\n'
    capture = with_file(node(), "/etc/containers/registries.conf.d/shortnames.conf", packaged)
    assert registries(capture)["aliases"] == {"lab/busybox": "docker.io/lab/busybox"}


def test_a_drop_in_of_that_name_with_other_settings_is_refused() -> None:
    capture = with_file(node(), REGISTRIES, 'unqualified-search-registries = ["quay.io"]\n')
    reason = f"registries.conf: {REGISTRIES} has other settings; remove it or merge them by hand"
    assert [(one.path, one.reason) for one in compose(CRIO, facts(capture), origin_of(facts(capture)))[1]] == [(REGISTRIES, reason)]


def test_files_that_are_there_stay() -> None:
    capture = with_file(node(), "/etc/containers/policy.json", "{}")
    capture = with_file(capture, "/etc/containers/storage.conf", '[storage]\ndriver = "overlay"\n')
    assert {"/etc/containers/policy.json", "/etc/containers/storage.conf"} & changed(capture).keys() == set()


def test_what_crio_needs_for_its_first_start_is_put_early() -> None:
    early = {path for path, one in changed(node()).items() if one.early}
    assert early == {DROP_IN, "/etc/containers/storage.conf", REGISTRIES, "/etc/containers/policy.json"}


def test_the_kubelet_is_given_the_socket_by_the_path_it_knows() -> None:
    after = changed(node())["/var/lib/kubelet/kubeadm-flags.env"].after.decode()
    assert "--container-runtime=remote --container-runtime-endpoint=unix:///var/run/crio/crio.sock" in after


def test_a_minor_of_its_own_for_each_minor_of_kubernetes() -> None:
    kubelet = version.parse("v1.23.17")
    assert unsupported(kubelet, version.parse("1.23.5")) is None
    assert unsupported(kubelet, version.parse("1.24.0")) == (
        "CRI-O 1.24.0 is for Kubernetes 1.24, the kubelet is 1.23.17: install CRI-O 1.23"
    )


def test_edits_twice_are_edits_once() -> None:
    capture = node()
    once = {path: one.after.decode() for path, one in changed(capture).items()}
    for path, text in once.items():
        capture = with_file(capture, path, text)
    assert changed(capture) == {}
