"""dockershim and cri-dockerd as sources: what each says of a captured worker with one thing changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migrate.facts.capture import Capture
from migrate.facts.model import CriDockerd, Endpoint, NodeFacts, Place, Unreadable
from migrate.facts.origin import Origin
from migrate.node import fixed_files
from migrate.sources.cri_dockerd import CRI_DOCKERD
from migrate.sources.docker import LABELS
from migrate.sources.dockershim import DOCKERSHIM
from migrate.sources.table import SOURCES, origin_of, source_named, source_of
from tests.captured import capture_of, facts, on_cri_dockerd, replaced, with_file, with_output

ENV = "/var/lib/kubelet/kubeadm-flags.env"
PAUSE = "k8s.gcr.io/pause:3.6"
OURS = "registry.example/pause:3.2"
UNITS = frozenset(("docker.service", "docker.socket", "cri-docker.service", "cri-docker.socket"))


def running(image: str, capture: Capture) -> Capture:
    return replaced(capture, "docker containers", PAUSE, image)


def nothing_runs(capture: Capture) -> Capture:
    return with_output(capture, "docker containers", "")


def without_flag(capture: Capture) -> Capture:
    return replaced(capture, ENV, f" --pod-infra-container-image={PAUSE}", "")


def origin(capture: Capture) -> Origin:
    return origin_of(facts(capture))


def test_the_source_is_the_kind_of_the_kubelet_s_endpoint() -> None:
    assert source_of(facts(capture_of())) is DOCKERSHIM
    assert source_of(facts(on_cri_dockerd())) is CRI_DOCKERD
    assert source_of(replace(facts(capture_of()), endpoint=Endpoint("containerd", "unix:///run/x.sock", ""))) is None
    assert [source_named(source.name) for source in SOURCES] == list(SOURCES)
    assert source_named("docker") is None


def test_what_a_target_is_told_of_dockershim() -> None:
    assert origin(capture_of()) == Origin(
        sandbox_image=PAUSE,
        cgroup_driver="cgroupfs",
        cni_config_dir="/etc/cni/net.d",
        cni_bin_dirs=("/opt/cni/bin",),
        units=UNITS,
        word="docker",
    )


def test_what_a_target_is_told_of_cri_dockerd() -> None:
    capture = on_cri_dockerd("--cni-conf-dir=/etc/x", "--cni-bin-dir=/a,/b")
    assert origin(capture) == Origin(
        sandbox_image=PAUSE, cgroup_driver="cgroupfs", cni_config_dir="/etc/x", cni_bin_dirs=("/a", "/b"), units=UNITS, word="docker"
    )


def test_a_node_on_something_else_says_its_kubelet_s_driver_and_no_more() -> None:
    node = replace(facts(capture_of()), endpoint=Endpoint("containerd", "unix:///run/x.sock", ""))
    found = origin_of(node)
    assert (found.sandbox_image, found.cgroup_driver, found.units) == (None, "cgroupfs", frozenset())
    assert not found.named_by("docker.service")
    assert origin_of(replace(node, kubelet=None)).cgroup_driver is None


@pytest.mark.parametrize(
    ("capture", "image"),
    [
        pytest.param(running(OURS, capture_of()), OURS, id="what runs outranks the kubelet's flag"),
        pytest.param(nothing_runs(capture_of()), PAUSE, id="nothing runs: the kubelet's flag"),
        pytest.param(without_flag(nothing_runs(capture_of())), None, id="neither tells"),
        pytest.param(running("sha256:abc", capture_of()), PAUSE, id="an image by its ID has no name"),
        pytest.param(without_flag(capture_of()), PAUSE, id="no flag: what runs"),
        pytest.param(running(OURS, on_cri_dockerd("--pod-infra-container-image=p:1")), OURS, id="what runs outranks cri-dockerd's flag"),
        pytest.param(nothing_runs(on_cri_dockerd("--pod-infra-container-image=p:1")), "p:1", id="nothing runs: cri-dockerd's flag"),
        pytest.param(nothing_runs(on_cri_dockerd()), None, id="the kubelet's flag is not for cri-dockerd"),
    ],
)
def test_the_sandbox_image(capture: Capture, image: str | None) -> None:
    assert origin(capture).sandbox_image == image


def test_of_sandboxes_that_do_not_agree_the_flag_s_is_taken_else_the_most_frequent() -> None:
    lines = capture_of().commands["docker containers"].text.splitlines()
    (first, *rest) = [line for line in lines if '"podsandbox"' in line and '"running"' in line]
    mixed = with_output(capture_of(), "docker containers", "\n".join((first.replace(PAUSE, OURS), *rest)))
    assert len(rest) > 0
    assert origin(without_flag(mixed)).sandbox_image == PAUSE
    assert origin(replaced(mixed, "/var/lib/kubelet/kubeadm-flags.env", PAUSE, OURS)).sandbox_image == OURS
    stopped = with_output(capture_of(), "docker containers", first.replace(PAUSE, OURS).replace('"running"', '"exited"'))
    assert origin(stopped).sandbox_image == PAUSE


@pytest.mark.parametrize(
    ("config", "docker", "driver"),
    [("cgroupDriver: systemd\n", "cgroupfs", "systemd"), ("", "systemd", "systemd"), ("", "", "cgroupfs")],
)
def test_the_cgroup_driver_is_the_kubelet_s_else_docker_s_else_the_default(config: str, docker: str, driver: str) -> None:
    capture = replaced(capture_of(), "/var/lib/kubelet/config.yaml", "cgroupDriver: cgroupfs\n", config)
    capture = replaced(capture, "docker info", '"CgroupDriver":"cgroupfs"', f'"CgroupDriver":"{docker}"')
    assert origin(capture).cgroup_driver == driver


def test_of_a_kubelet_that_is_not_known_no_driver_is() -> None:
    assert origin_of(replace(facts(capture_of()), kubelet=None)).cgroup_driver is None


@pytest.mark.parametrize(
    ("capture", "value", "where"),
    [
        (capture_of(), "cni", f"{ENV}:1 (KUBELET_KUBEADM_ARGS)"),
        (replaced(capture_of(), ENV, "--network-plugin=cni", ""), "", "None"),
        (on_cri_dockerd("--network-plugin=kubenet"), "kubenet", "/proc/411/cmdline"),
        (on_cri_dockerd(), "cni", "None"),
        (with_output(on_cri_dockerd(), "cri-dockerd version", "cri-dockerd 0.2.4 (HEAD)\n"), "", "None"),
        (with_output(on_cri_dockerd(), "cri-dockerd version", "HEAD\n"), None, "None"),
    ],
)
def test_the_network_plugin_and_what_set_it(capture: Capture, value: str | None, where: str) -> None:
    node = facts(capture)
    found = source_of(node)
    assert found is not None
    assert (found.network(node).value, str(found.network(node).place)) == (value, where)


def unread(node: NodeFacts) -> str | None:
    return CRI_DOCKERD.unread(node)


def test_what_was_not_read_of_cri_dockerd_is_said() -> None:
    node = facts(on_cri_dockerd())
    assert unread(node) is None
    assert unread(replace(node, cri_dockerd=None)) == "the command line of cri-dockerd is not known: this reading does not hold it"
    assert (
        unread(replace(node, cri_dockerd=Unreadable("cri-dockerd", "flags: x"))) == "the command line of cri-dockerd is not known: flags: x"
    )
    assert unread(replace(node, cri_dockerd=CriDockerd("", {}, Place("/u", 3)))) == (
        "/u:3 has no --network-plugin, and cri-dockerd does not tell its version, on which the default depends"
    )
    assert DOCKERSHIM.unread(facts(capture_of())) is None


def test_units_on_a_node_in_the_order_in_which_they_are_stopped() -> None:
    assert DOCKERSHIM.present(facts(capture_of())) == ("docker.socket", "docker.service")
    assert CRI_DOCKERD.present(facts(on_cri_dockerd())) == ("docker.socket", "docker.service", "cri-docker.socket", "cri-docker.service")
    masked = replaced(on_cri_dockerd(), "systemctl show cri-docker.socket", "UnitFileState=enabled", "UnitFileState=masked")
    assert CRI_DOCKERD.present(facts(masked)) == ("docker.socket", "docker.service", "cri-docker.service")


@pytest.mark.parametrize(
    ("minor", "names"), [(19, []), (20, ["dockershim", "cri-dockerd"]), (23, ["dockershim", "cri-dockerd"]), (24, ["cri-dockerd"])]
)
def test_which_kubelets_they_serve(minor: int, names: list[str]) -> None:
    assert [source.name for source in SOURCES if source.serves(minor)] == names


def test_what_it_holds_on_a_node() -> None:
    node = facts(capture_of("lab-w2"))
    assert (DOCKERSHIM.version(node), DOCKERSHIM.data_root(node)) == ("20.10.24+dfsg1", "/var/lib/docker")
    assert len(DOCKERSHIM.images(node)) > 0
    assert {one.pod for one in DOCKERSHIM.standalone(node)} == {None}
    assert DOCKERSHIM.configured(node) == ("/etc/docker/daemon.json",)
    bare = replace(node, docker=None)
    assert (DOCKERSHIM.version(bare), DOCKERSHIM.data_root(bare), DOCKERSHIM.images(bare), DOCKERSHIM.standalone(bare)) == (
        None,
        "/var/lib/docker",
        (),
        (),
    )


def test_the_node_program_lists_by_the_same_labels() -> None:
    text = b"\n".join(fixed_files("containerd.sh").values()).decode()
    assert f"pod_uid={LABELS.pod}\n" in text
    assert f"label={LABELS.kind}={LABELS.container}" in text
    assert f"{LABELS.kind}={LABELS.sandbox}\n" in text


def test_commands_are_formats_with_the_container_s_id() -> None:
    assert DOCKERSHIM.pid.format(id="abc") == "docker inspect -f '{{.State.Pid}}' abc"
    assert DOCKERSHIM.ready == "the node Ready with docker:// again"


def test_the_kubelet_s_flags_may_lead_to_it() -> None:
    found = origin(capture_of())
    assert found.named_by("/system.slice/docker.service")
    assert not found.named_by("/system.slice/containerd.service")
    assert not found.named_by(None)


def test_the_kubelet_s_own_cni_folders_hold_under_dockershim() -> None:
    text = capture_of().paths[ENV].text.replace("--network-plugin=cni", "--network-plugin=cni --cni-bin-dir=/a,/b --cni-conf-dir=/etc/x")
    found = origin(with_file(capture_of(), ENV, text))
    assert (found.cni_config_dir, found.cni_bin_dirs) == ("/etc/x", ("/a", "/b"))
