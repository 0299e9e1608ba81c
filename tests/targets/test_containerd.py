"""containerd as a target: what becomes of each file, on a captured worker with one thing changed."""

from __future__ import annotations

import json
import tomllib

import pytest

from migrate.facts.capture import Capture
from migrate.formats import version
from migrate.sources.table import origin_of
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD, unsupported
from migrate.targets.containerd_base_spec import PATH
from migrate.targets.hosts_toml import hosts_toml
from migrate.targets.registries import Registry
from tests.captured import capture_of, facts, replaced, reported, with_file, with_output

CONFIG = "/etc/containerd/config.toml"
DAEMON = "/etc/docker/daemon.json"
CRI = "io.containerd.grpc.v1.cri"


def changed(capture: Capture) -> dict[str, FileChange]:
    changes, refused = compose(CONTAINERD, facts(capture), origin_of(facts(capture)))
    assert refused == ()
    return {one.path: one for one in changes}


def config(capture: Capture) -> dict[str, object]:
    return tomllib.loads(changed(capture)[CONFIG].after.decode())


def refused(capture: Capture) -> list[tuple[str, str]]:
    return [(one.path, one.reason) for one in compose(CONTAINERD, facts(capture), origin_of(facts(capture)))[1]]


def daemon(capture: Capture, **keys: object) -> Capture:
    """The capture with these keys in daemon.json; what the daemon reports of registries is not known."""
    settings = json.loads(capture.paths[DAEMON].text)
    text = json.dumps({**settings, **{name.replace("_", "-"): value for name, value in keys.items()}})
    return with_file(reported(capture, RegistryConfig=None), DAEMON, text)


def test_an_absent_file_is_written_whole() -> None:
    assert changed(with_file(capture_of(), CONFIG, None))[CONFIG].after.decode().startswith("version = 2\n")


def test_the_packaged_file_of_docker_becomes_version_2_with_cri_on_and_keeps_its_comments() -> None:
    before = capture_of("lab-w2").paths[CONFIG].text
    after = changed(capture_of("lab-w2"))[CONFIG].after.decode()
    assert tomllib.loads(after)["version"] == 2
    assert tomllib.loads(after)["disabled_plugins"] == []
    kept = [line for line in before.splitlines() if line != 'disabled_plugins = ["cri"]']
    assert [line for line in after.splitlines() if line in kept][: len(kept)] == kept


def test_a_version_1_file_with_plugin_tables_stays_version_1() -> None:
    text = 'disabled_plugins = ["cri"]\n[plugins.cri]\nmax_container_log_line_size = 8192\n'
    after = config(with_file(capture_of(), CONFIG, text))
    assert "version" not in after
    assert after["plugins"]["cri"]["containerd"]["runtimes"]["runc"]["options"] == {"SystemdCgroup": False}  # type: ignore[index]
    assert after["plugins"]["cri"]["max_container_log_line_size"] == 8192  # type: ignore[index]


def test_version_3_under_containerd_1_is_refused() -> None:
    assert refused(with_file(capture_of(), CONFIG, "version = 3\n")) == [
        (CONFIG, "containerd config: containerd 1.6.20~ds1 cannot read `version = 3`; write it as version 2")
    ]


def test_short_plugin_names_that_version_2_refuses_are_not_carried() -> None:
    assert refused(with_file(capture_of(), CONFIG, 'disabled_plugins = ["cri", "aufs"]\n')) == [
        (CONFIG, "containerd config: disabled_plugins ['aufs'] are short names, which `version = 2` refuses; write the full ones")
    ]


def test_inline_mirrors_and_config_path_exclude_each_other() -> None:
    text = f'version = 2\n[plugins."{CRI}".registry.mirrors."docker.io"]\nendpoint = ["https://m.example"]\n'
    assert refused(with_file(capture_of(), CONFIG, text)) == [
        (
            CONFIG,
            "containerd config: its registry.mirrors and config_path exclude each other: CRI would not load; "
            "move it to hosts.toml files first",
        )
    ]


def test_registry_credentials_in_the_file_stay_beside_config_path() -> None:
    text = f'version = 2\n[plugins."{CRI}".registry.configs."r.example".auth]\nusername = "u"\n'
    registry = config(with_file(capture_of(), CONFIG, text))["plugins"][CRI]["registry"]  # type: ignore[index]
    assert registry == {"configs": {"r.example": {"auth": {"username": "u"}}}, "config_path": "/etc/containerd/certs.d"}


def test_the_systemd_driver_of_the_kubelet_decides() -> None:
    capture = replaced(capture_of(), "/var/lib/kubelet/config.yaml", "cgroupDriver: cgroupfs", "cgroupDriver: systemd")
    runc = config(capture)["plugins"][CRI]["containerd"]["runtimes"]["runc"]  # type: ignore[index]
    assert runc == {"runtime_type": "io.containerd.runc.v2", "base_runtime_spec": PATH, "options": {"SystemdCgroup": True}}


def test_the_sandbox_image_is_the_one_that_runs_whatever_the_kubelet_s_flag_says() -> None:
    capture = replaced(capture_of(), "docker containers", "k8s.gcr.io/pause:3.6", "registry.example/pause:3.2")
    assert config(capture)["plugins"][CRI]["sandbox_image"] == "registry.example/pause:3.2"  # type: ignore[index]


def test_dockers_runtimes_become_runtimes_of_the_runc_shim() -> None:
    nvidia = {"nvidia": {"path": "/usr/bin/nvidia-container-runtime", "runtimeArgs": []}}
    for capture in (
        daemon(capture_of(), runtimes=nvidia, default_runtime="nvidia"),
        daemon(capture_of(), runtimes={"nvidia": {"path": "/old"}}, default_runtime="runc"),
    ):
        # what the daemon reports outranks its file
        containerd = config(reported(capture, Runtimes={"runc": {"path": "runc"}, **nvidia}, DefaultRuntime="nvidia"))["plugins"][CRI][
            "containerd"
        ]  # type: ignore[index]
        assert containerd["default_runtime_name"] == "nvidia"
        assert containerd["runtimes"]["nvidia"] == {
            "runtime_type": "io.containerd.runc.v2",
            "base_runtime_spec": PATH,
            "options": {"BinaryName": "/usr/bin/nvidia-container-runtime", "SystemdCgroup": False},
        }


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("docker-runc", "/usr/libexec/docker/docker-runc-current"),
        ("oci", "/usr/libexec/docker/docker-runc-current"),
        ("docker-runc", "docker-runc"),
        ("docker-runc", "/usr/local/bin/docker-runc"),
        ("custom", "/usr/bin/runc"),
        ("io.containerd.runc.v2", "runc"),
    ],
)
def test_a_runtime_that_comes_with_docker_is_not_carried(name: str, path: str) -> None:
    capture = reported(capture_of(), Runtimes={"runc": {"path": "docker-runc"}, name: {"path": path}}, DefaultRuntime=name)
    containerd = config(daemon(capture, runtimes={name: {"path": path}}, default_runtime=name))["plugins"][CRI]["containerd"]  # type: ignore[index]
    runc = {"runtime_type": "io.containerd.runc.v2", "base_runtime_spec": PATH, "options": {"SystemdCgroup": False}}
    assert containerd == {"runtimes": {"runc": runc}}


def test_a_default_runtime_that_is_a_shim_needs_an_entry() -> None:
    kata = "io.containerd.kata.v2"
    capture = reported(capture_of(), DefaultRuntime=kata)
    said = f"containerd config: Docker's default runtime {kata} is a shim and has no entry below containerd.runtimes: add it by hand"
    assert refused(capture) == [(CONFIG, said)]
    table = f'version = 2\n[plugins."{CRI}".containerd.runtimes."{kata}"]\nruntime_type = "{kata}"\n'
    assert config(with_file(capture, CONFIG, table))["plugins"][CRI]["containerd"]["default_runtime_name"] == kata  # type: ignore[index]


def test_schemes_of_insecure_registries_are_taken_away_as_dockerd_does() -> None:
    entries = ["http://registry.lab:5000", "HTTPS://harbor.example/", "10.20.0.0/16", "plain.example:8088", "http://10.9.0.0/16"]
    capture = replaced(capture_of(), "docker images", "registry.lab:5000/team/portal", "10.9.8.7:5000/team/portal")
    paths = changed(daemon(capture, insecure_registries=entries, registry_mirrors=[]))
    names = [path.split("/")[-2] for path in paths if path.startswith("/etc/containerd/certs.d/")]
    assert names == ["registry.lab:5000", "harbor.example", "plain.example:8088", "10.9.8.7:5000"]


def test_containerd_2_gets_a_version_3_file_with_the_split_sections() -> None:
    text = "containerd github.com/containerd/containerd/v2 2.1.9 abc\n"
    capture = with_output(with_file(capture_of(), CONFIG, None), "containerd version", text)
    plugins = config(capture)["plugins"]
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": "k8s.gcr.io/pause:3.6"}  # type: ignore[index]
    assert plugins["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]["runc"]["runtime_type"] == "io.containerd.runc.v2"  # type: ignore[index]
    assert "enable_unprivileged_ports" not in plugins["io.containerd.cri.v1.runtime"]  # type: ignore[index]


def test_an_admins_own_choice_on_low_ports_is_kept() -> None:
    text = f'version = 2\n[plugins."{CRI}"]\nenable_unprivileged_ports = false\n'
    cri = config(with_file(capture_of(), CONFIG, text))["plugins"][CRI]  # type: ignore[index]
    assert (cri["enable_unprivileged_ports"], cri["enable_unprivileged_icmp"]) == (False, True)


def test_an_insecure_range_becomes_the_registries_that_images_come_from() -> None:
    capture = replaced(capture_of(), "docker images", "registry.lab:5000/team/portal", "10.9.8.7:5000/team/portal")
    paths = changed(daemon(capture, insecure_registries=["10.9.0.0/16"], registry_mirrors=[]))
    assert [path for path in paths if path.startswith("/etc/containerd/certs.d/")] == ["/etc/containerd/certs.d/10.9.8.7:5000/hosts.toml"]


def test_a_hosts_file_with_settings_of_its_own_is_not_overwritten() -> None:
    path = "/etc/containerd/certs.d/docker.io/hosts.toml"
    assert refused(with_file(capture_of(), path, 'server = "https://other.example"\n')) == [
        (path, f"hosts.toml: {path} has its own settings, and Docker has others for docker.io; merge them by hand")
    ]


def test_hosts_toml_has_dockers_order() -> None:
    text = hosts_toml(Registry("docker.io", ("https://a.example", "http://b.example:5000")))
    assert tomllib.loads(text) == {
        "server": "https://registry-1.docker.io",
        "host": {
            "https://a.example": {"capabilities": ["pull", "resolve"]},
            "http://b.example:5000": {"capabilities": ["pull", "resolve"]},
        },
    }
    assert text.index("a.example") < text.index("b.example")


def test_client_certificates_are_named_where_they_lie() -> None:
    pair = ("/etc/docker/certs.d/reg.example/client.cert", "/etc/docker/certs.d/reg.example/client.key")
    verified = Registry("reg.example", authorities=("/etc/docker/certs.d/reg.example/ca.crt",), clients=(pair,))
    every = ["pull", "resolve", "push"]
    assert tomllib.loads(hosts_toml(verified))["host"] == {
        "https://reg.example": {"capabilities": every, "ca": ["/etc/docker/certs.d/reg.example/ca.crt"], "client": [list(pair)]}
    }
    assert tomllib.loads(hosts_toml(Registry("reg.example", insecure=True, clients=(pair,))))["host"] == {
        "https://reg.example": {"capabilities": every, "skip_verify": True, "client": [list(pair)]},
        "http://reg.example": {"capabilities": every},
    }


def test_certificates_of_a_mirror_hold_where_it_is_asked_for_docker_hub() -> None:
    ca = "/etc/docker/certs.d/mirror.example:5000/ca.crt"
    capture = with_file(
        daemon(capture_of(), registry_mirrors=["mirror.example:5000", "http://plain.example"]), ca, "-----BEGIN CERTIFICATE-----\n"
    )
    hub = tomllib.loads(changed(capture)["/etc/containerd/certs.d/docker.io/hosts.toml"].after.decode())
    assert hub["host"] == {
        "https://mirror.example:5000": {"capabilities": ["pull", "resolve"], "ca": [ca]},
        "http://plain.example": {"capabilities": ["pull", "resolve"]},
    }


def test_what_flags_say_is_carried_like_the_file() -> None:
    given = (
        "--registry-mirror=https://m.example\0--max-concurrent-downloads\0" + "7\0--default-ulimit=nofile=1024:2048\0--add-runtime=kata=/k"
    )
    flags = "\0".join(("/usr/sbin/dockerd", "--log-opt=max-size=5m", "--log-opt=max-file=2", given)) + "\0"
    by_flags = changed(with_output(with_file(capture_of(), DAEMON, "{}"), "cmdline docker.service", flags))
    limits = {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}
    file = json.dumps(
        {
            "registry-mirrors": ["https://m.example"],
            "max-concurrent-downloads": 7,
            "default-ulimits": limits,
            "runtimes": {"kata": {"path": "/k"}},
            "log-opts": {"max-size": "5m", "max-file": "2"},
        }
    )
    by_file = changed(with_file(capture_of(), DAEMON, file))
    assert by_flags == by_file
    assert json.loads(by_flags[PATH].after)["process"]["rlimits"] == [{"type": "RLIMIT_NOFILE", "hard": 2048, "soft": 1024}]


def test_a_proxy_of_an_environment_file_is_carried_and_wins_over_the_units_own() -> None:
    env = "/etc/default/docker"
    capture = with_file(capture_of(), env, "HTTPS_PROXY=http://file:1\nNO_PROXY='a, b'\n", mode="640")
    drop_in = changed(capture)["/etc/systemd/system/containerd.service.d/docker2cri-proxy.conf"]
    assert drop_in.mode == "640"
    assert '"HTTPS_PROXY=http://file:1"' in drop_in.after.decode()
    assert '"NO_PROXY=a, b"' in drop_in.after.decode()


def test_percent_signs_of_dockers_unit_are_those_of_the_new_one() -> None:
    drop_in = "/etc/systemd/system/docker.service.d/http-proxy.conf"
    lines = (
        'Environment="HTTP_PROXY=http://corp%%5Cjd:a_%%2F_x%%23@proxy.example:8080/"',
        'Environment="HTTPS_PROXY=http://u:Passw%40rd@proxy.example"',
    )
    after = changed(with_file(capture_of(), drop_in, "\n".join(["[Service]", *lines, ""])))
    # systemd ignores the second line: Docker has no such proxy
    assert after["/etc/systemd/system/containerd.service.d/docker2cri-proxy.conf"].after.decode() == f"[Service]\n{lines[0]}\n"


def test_a_proxy_of_containerd_itself_is_left_alone() -> None:
    own = "/etc/systemd/system/containerd.service.d/own.conf"
    capture = with_file(capture_of(), own, '[Service]\nEnvironment="HTTP_PROXY=http://p:1" "HTTPS_PROXY=http://p:1" "NO_PROXY=x"\n')
    capture = replaced(capture, "systemctl show containerd.service", "DropInPaths=", f"DropInPaths={own} ")
    assert "/etc/systemd/system/containerd.service.d/docker2cri-proxy.conf" not in changed(capture)


def test_no_limits_and_no_log_options_no_edits() -> None:
    capture = with_file(reported(capture_of(), RegistryConfig=None), DAEMON, "{}")
    paths = changed(capture)
    assert PATH not in paths
    assert "/var/lib/kubelet/config.yaml" not in paths
    assert not [path for path in paths if path.startswith("/etc/containerd/certs.d/")]


@pytest.mark.parametrize(
    ("kubelet", "runtime", "said"),
    [
        ("v1.22.17", "1.7.35", None),
        ("v1.22.17", "2.0.0", "kubelet 1.22.17 speaks only CRI v1alpha2, which containerd 2.0.0 no longer serves: install containerd 1.7"),
        ("v1.23.17", "1.6.20~ds1", None),
        ("v1.26.0", "1.5.18", "kubelet 1.26.0 speaks only CRI v1, which containerd 1.5.18 does not serve: install containerd 1.7 or later"),
        ("v1.24.0", "1.6.2", "containerd 1.6.2 fails on CNI files without cniVersion (fixed in 1.6.4): install a later one"),
        ("v1.30.1", "2.3.7", None),
    ],
)
def test_pairs(kubelet: str, runtime: str, said: str | None) -> None:
    assert unsupported(version.parse(kubelet), version.parse(runtime)) == said
