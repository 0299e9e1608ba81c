"""The kubelet's flags, edited in whichever file holds them."""

from __future__ import annotations

from migrate.facts.capture import Capture
from migrate.sources.table import origin_of
from migrate.targets.compose import FileChange, compose
from migrate.targets.containerd import CONTAINERD
from tests.captured import capture_of, facts, replaced, with_file

ENV = "/var/lib/kubelet/kubeadm-flags.env"
EXTRA = "/etc/default/kubelet"
UNIT = "/etc/systemd/system/kubelet.service"
DROPIN = "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"
ENDPOINT = "unix:///run/containerd/containerd.sock"
REMOTE = f"--container-runtime=remote --container-runtime-endpoint={ENDPOINT}"


def changed(capture: Capture) -> dict[str, FileChange]:
    changes, refused = compose(CONTAINERD, facts(capture), origin_of(facts(capture)))
    assert refused == ()
    return {one.path: one for one in changes}


def after(capture: Capture, path: str) -> str:
    return changed(capture)[path].after.decode()


def version(capture: Capture, number: str) -> Capture:
    return replaced(capture, "kubelet version", "v1.23.17", number)


def plain(arguments: str) -> Capture:
    """A node whose unit has everything on its command line."""
    capture = with_file(capture_of(), DROPIN, f"[Service]\nExecStart=\nExecStart=/usr/bin/kubelet {arguments}\n")
    return with_file(capture, ENV, "")


def test_kubeadm_keeps_its_flags_in_its_own_file() -> None:
    pause = "--pod-infra-container-image=k8s.gcr.io/pause:3.6"
    assert after(capture_of(), ENV) == f'KUBELET_KUBEADM_ARGS="--node-labels=lab=clean {pause} {REMOTE}"\n'


def test_a_flag_that_wins_elsewhere_is_changed_there_and_only_there() -> None:
    capture = with_file(capture_of(), EXTRA, "KUBELET_EXTRA_ARGS=--v=2 --container-runtime=docker --network-plugin=cni\n")
    paths = changed(capture)
    assert paths[EXTRA].after.decode() == "KUBELET_EXTRA_ARGS=--v=2 --container-runtime=remote\n"
    assert f'--container-runtime-endpoint={ENDPOINT}"' in paths[ENV].after.decode()
    assert "--container-runtime=" not in paths[ENV].after.decode()


def test_flags_on_the_command_line_itself_keep_its_lines() -> None:
    arguments = "--config=/var/lib/kubelet/config.yaml \\\n  --network-plugin=cni \\\n  --v=2"
    assert after(plain(arguments), DROPIN) == (
        "[Service]\nExecStart=\nExecStart=/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml \\\n  --v=2 "
        + "".join(f"\\\n  {flag} " for flag in REMOTE.split()).rstrip()
        + "\n"
    )


def test_flags_in_an_environment_line_of_the_unit() -> None:
    capture = with_file(
        capture_of(),
        DROPIN,
        '[Service]\nEnvironment="KUBELET_ARGS=--config=/var/lib/kubelet/config.yaml --network-plugin=cni" X=1\n'
        "ExecStart=\nExecStart=/usr/bin/kubelet $KUBELET_ARGS\n",
    )
    assert after(capture, DROPIN).splitlines()[1] == (f'Environment="KUBELET_ARGS=--config=/var/lib/kubelet/config.yaml {REMOTE}" X=1')


def test_from_1_24_the_endpoint_alone() -> None:
    text = after(version(capture_of(), "v1.24.9"), ENV)
    assert f"--container-runtime-endpoint={ENDPOINT}" in text
    assert "--container-runtime=" not in text
    assert "--network-plugin" not in text


def test_from_1_27_the_field_and_never_container_runtime() -> None:
    capture = replaced(version(capture_of(), "v1.27.3"), ENV, "--network-plugin=cni", "--container-runtime=remote")
    paths = changed(capture)
    assert "--container-runtime" not in paths[ENV].after.decode()
    assert f"containerRuntimeEndpoint: {ENDPOINT}\n" in paths["/var/lib/kubelet/config.yaml"].after.decode()


def test_from_1_27_a_flag_that_is_given_is_changed_where_it_is() -> None:
    capture = replaced(
        version(capture_of(), "v1.28.1"), ENV, "--network-plugin=cni", "--container-runtime-endpoint=unix:///run/cri-dockerd.sock"
    )
    paths = changed(capture)
    assert f"--container-runtime-endpoint={ENDPOINT}" in paths[ENV].after.decode()
    assert "containerRuntimeEndpoint" not in paths["/var/lib/kubelet/config.yaml"].after.decode()


def test_dockershims_flags_go_from_every_file() -> None:
    gone = "--docker-endpoint=unix:///var/run/docker.sock --image-pull-progress-deadline 2m --network-plugin-mtu=1400"
    capture = with_file(capture_of(), EXTRA, f"KUBELET_EXTRA_ARGS='{gone} --v=2'\n")
    assert after(capture, EXTRA) == "KUBELET_EXTRA_ARGS='--v=2'\n"


def test_runtime_cgroups_follow_the_runtime() -> None:
    capture = with_file(capture_of(), EXTRA, "KUBELET_EXTRA_ARGS=--runtime-cgroups=/system.slice/docker.service\n")
    assert after(capture, EXTRA) == "KUBELET_EXTRA_ARGS=--runtime-cgroups=/system.slice/containerd.service\n"


def test_a_cgroup_driver_that_nobody_said_is_written_down() -> None:
    capture = replaced(capture_of(), "/var/lib/kubelet/config.yaml", "cgroupDriver: cgroupfs\n", "")
    assert "cgroupDriver: cgroupfs\n" in after(capture, "/var/lib/kubelet/config.yaml")


def test_one_log_file_becomes_two_for_the_kubelet_allows_no_fewer() -> None:
    capture = with_file(capture_of(), "/etc/docker/daemon.json", '{"log-opts": {"max-size": "100k", "max-file": "1"}}')
    text = after(capture, "/var/lib/kubelet/config.yaml")
    assert "containerLogMaxSize: 100k\n" in text
    assert "containerLogMaxFiles: 2\n" in text


def test_ties_to_docker_are_cut_and_the_order_follows_the_runtime() -> None:
    ties = "Requires=docker.service network.target\nAfter=docker.service network.target\nWants=docker.socket\n"
    text = f"[Unit]\nDescription=kubelet\n{ties}"
    capture = with_file(capture_of(), UNIT, text + "[Service]\nExecStart=/usr/bin/kubelet\n")
    capture = replaced(capture, "systemctl show kubelet.service", "Requires=", "Requires=docker.service ")
    assert after(capture, UNIT) == (
        "[Unit]\nDescription=kubelet\nRequires=network.target\nAfter=containerd.service network.target\n"
        "[Service]\nExecStart=/usr/bin/kubelet\n"
    )


def test_a_packaged_unit_is_overridden_by_a_copy() -> None:
    packaged = "/usr/lib/systemd/system/kubelet.service"
    capture = with_file(capture_of(), packaged, "[Unit]\nAfter=docker.service\n[Service]\nExecStart=/usr/bin/kubelet\n")
    capture = replaced(capture, "systemctl show kubelet.service", f"FragmentPath={UNIT}", f"FragmentPath={packaged}")
    capture = replaced(with_file(capture, UNIT, None), "systemctl show kubelet.service", "After=", "After=docker.service ")
    change = changed(capture)[UNIT]
    assert (change.base, change.before) == (packaged, None)
    assert change.after.decode() == "[Unit]\nAfter=containerd.service\n[Service]\nExecStart=/usr/bin/kubelet\n"
