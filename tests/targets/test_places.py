"""Where the node has its runtime: socket, store and files that it names outrank what is usual, in plan, texts and program."""

from __future__ import annotations

import pytest

from migrate.facts.capture import Capture
from migrate.facts.match import Matched, machine, match
from migrate.plan.build import build_plan
from migrate.plan.model import NodePlan
from migrate.plan.steps import Annotate, RemovePods, WaitForCri
from migrate.report.stack import stack
from migrate.rules.judge import Inspected, judge
from migrate.sources.table import origin_of
from migrate.targets import Target
from migrate.targets.compose import compose
from migrate.targets.containerd import CONTAINERD
from migrate.targets.crio import CRIO
from tests.captured import BUNDLE, WITH_CRIO, capture_of, cluster, facts, replaced, with_file, with_output

CONFIG = "/etc/containerd/config.toml"
PACKED = "/run/torcx/unpack/docker/usr/share/containerd/config.toml"
SOCKET = "/run/docker/libcontainerd/docker-containerd.sock"
ELSEWHERE = f"""\
version = 2
root = "/data/containerd"
state = "/run/docker/libcontainerd/containerd"

[grpc]
address = "{SOCKET}"
"""
FLATCAR = 'ID=flatcar\nVERSION_ID=2905.2.6\nPRETTY_NAME="Flatcar Container Linux by Kinvolk 2905.2.6 (Oklo)"\n'
DISKS = """\
Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda1 20971520 18771520 2200000 90% /
/dev/vdb 524288000 124288000 400000000 20% /data
"""


def read_from(capture: Capture, path: str) -> Capture:
    """containerd that is started with another file."""
    return with_output(capture, "cmdline containerd.service", f"/usr/bin/containerd\0--config\0{path}\0")


def judged(capture: Capture, target: Target = CONTAINERD, bundle: object = BUNDLE) -> Inspected:
    api = cluster(WITH_CRIO if bundle is WITH_CRIO else BUNDLE)
    (node,) = [one.node for one in match([machine(facts(capture))], api.nodes) if isinstance(one, Matched)]
    (found,) = judge(api, [(capture.host, capture, api.node(node), None)], target, {})
    return found


def planned(capture: Capture, target: Target = CONTAINERD, bundle: object = BUNDLE) -> NodePlan:
    found = judged(capture, target, bundle)
    assert found.view is not None
    return build_plan(found.view, found.findings)


def refusals(capture: Capture, target: Target = CONTAINERD) -> dict[str, str]:
    return {one.path: one.reason for one in compose(target, facts(capture), origin_of(facts(capture)))[1]}


def test_a_file_in_a_volatile_place_is_refused_with_what_to_do() -> None:
    capture = read_from(with_file(with_file(capture_of(), "/etc/os-release", FLATCAR), PACKED, ELSEWHERE), PACKED)
    assert refusals(capture) == {
        PACKED: "it lies in /run, which is made again at each boot: a change would be lost; copy it to /etc/containerd/config.toml, "
        "and let containerd.service read that one (systemctl edit containerd.service: an empty ExecStart=, then the command with --config "
        "/etc/containerd/config.toml), restart it and plan again"
    }
    plan = planned(capture)
    assert ([one.code for one in plan.refusals], plan.steps) == (["D2C606"], ())


@pytest.mark.parametrize(
    ("release", "mounts", "path", "why"),
    [
        (
            FLATCAR,
            "",
            "/usr/share/containerd/config.toml",
            "it belongs to the image of Flatcar Container Linux by Kinvolk 2905.2.6 (Oklo), ",
        ),
        (
            "ID=debian\n",
            "/dev/vda1 / ext4 rw\n/dev/vdb /srv ext4 ro\n",
            "/srv/containerd.toml",
            "it lies on /srv, which is mounted read-only",
        ),
        ("ID=nixos\n", "", "/nix/store/x-containerd/config.toml", "it belongs to a read-only store, "),
    ],
    ids=["image", "read-only", "store"],
)
def test_a_file_that_cannot_be_kept_is_refused(release: str, mounts: str, path: str, why: str) -> None:
    capture = with_output(with_file(capture_of(), "/etc/os-release", release), "mounts", mounts)
    reasons = refusals(read_from(with_file(capture, path, "version = 2\n"), path))
    assert list(reasons) == [path]
    assert reasons[path].startswith(why)


def test_on_a_writable_mount_below_a_read_only_one_files_are_edited() -> None:
    capture = with_output(capture_of(), "mounts", "/dev/vda1 / btrfs ro\noverlay /etc overlay rw\n/dev/vda1 /var btrfs rw\n")
    assert refusals(capture) == {}


def test_its_own_socket_is_what_kubelet_crictl_and_node_program_get() -> None:
    plan = planned(with_file(capture_of(), CONFIG, ELSEWHERE))
    steps = [planned.step for planned in plan.steps]
    endpoint = f"unix://{SOCKET}"
    assert [(one.socket, one.root, one.state) for one in steps if isinstance(one, WaitForCri)] == [
        (SOCKET, "/data/containerd", "/run/docker/libcontainerd/containerd")
    ]
    assert [one.socket for one in steps if isinstance(one, RemovePods)] == [SOCKET]
    assert endpoint in [one.value for one in steps if isinstance(one, Annotate)]
    diffs = {one.path: one.diff for one in plan.files}
    assert f"--container-runtime-endpoint={endpoint}" in diffs["/var/lib/kubelet/kubeadm-flags.env"]
    assert f"+runtime-endpoint: {endpoint}" in diffs["/etc/crictl.yaml"]
    after = stack(facts(with_file(capture_of(), CONFIG, ELSEWHERE)), CONTAINERD)[1]
    assert [layer.link for layer in after if layer.name == "containerd"] == [f"CRI, {endpoint}"]


def test_the_command_line_outranks_the_files() -> None:
    argv = "/usr/bin/containerd\0-c\0/etc/containerd/config.toml\0--address=/run/flag.sock\0--root\0/flag\0"
    found = facts(with_output(with_file(capture_of(), CONFIG, ELSEWHERE), "cmdline containerd.service", argv)).containerd
    assert (found.socket, found.root) == ("/run/flag.sock", "/flag")  # type: ignore[union-attr]


def test_the_unit_tells_of_a_containerd_that_does_not_run() -> None:
    capture = with_file(with_output(capture_of(), "cmdline containerd.service", ""), "/etc/elsewhere.toml", ELSEWHERE)
    unit = "/lib/systemd/system/containerd.service"
    capture = replaced(capture, unit, "ExecStart=/usr/bin/containerd", "ExecStart=/usr/bin/containerd --config /etc/elsewhere.toml")
    found = facts(capture).containerd
    assert (found.config_path, found.socket) == ("/etc/elsewhere.toml", SOCKET)  # type: ignore[union-attr]


def test_a_kubelet_on_that_socket_is_on_containerd() -> None:
    capture = with_file(capture_of(), CONFIG, ELSEWHERE)
    env = "/var/lib/kubelet/kubeadm-flags.env"
    flags = f"--container-runtime=remote --container-runtime-endpoint=unix://{SOCKET}"
    assert facts(replaced(capture, env, "--network-plugin=cni", flags)).endpoint.kind == "containerd"


def test_room_is_judged_on_the_disk_of_the_store() -> None:
    full = with_output(capture_of(), "df", DISKS)
    told = {one.code: one.evidence for one in judged(full).findings if one.code == "D2C401"}
    assert told["D2C401"].startswith("/var/lib/containerd is on /dev/vda1 at /: 2.1 GiB of 20.0 GiB free")
    own = with_file(full, CONFIG, ELSEWHERE)
    assert [one for one in judged(own).findings if one.code == "D2C401"] == []
    small = with_output(own, "df", DISKS.replace("400000000", "2000"))
    told = {one.code: one.evidence for one in judged(small).findings if one.code == "D2C401"}
    assert told["D2C401"].startswith("/data/containerd is on /dev/vdb at /data: ")


def crio() -> Capture:
    return capture_of("lab-w8", WITH_CRIO)


def drop_in(capture: Capture) -> str:
    changes, refused = compose(CRIO, facts(capture), origin_of(facts(capture)))
    assert refused == ()
    return next(one.path for one in changes if "runtime-config" in one.edits)


@pytest.mark.parametrize(
    ("name", "text", "ours"),
    [
        ("99-site.conf", "[crio.runtime]\npids_limit = 4096\n", "zz-docker2cri.conf"),
        ("zz-site.toml", '[crio.runtime]\ncgroup_manager = "systemd"\n', "zz-sitezz-docker2cri.conf"),
        ("zz-site.conf", "[crio.runtime.runtimes.runc]\nprivileged_without_host_devices = true\n", "zz-sitezz-docker2cri.conf"),
        ("zz-site.conf", '[crio.runtime]\nlog_level = "debug"\n', "99-docker2cri.conf"),
        ("10-site.conf", "[crio.runtime]\npids_limit = 4096\n", "99-docker2cri.conf"),
    ],
    ids=["sorts-later", "any-suffix", "a-runtime's-table", "another-key", "sorts-before"],
)
def test_cri_o_s_drop_in_comes_after_those_that_say_otherwise(name: str, text: str, ours: str) -> None:
    capture = with_file(crio(), f"/etc/crio/crio.conf.d/{name}", text)
    assert drop_in(capture) == f"/etc/crio/crio.conf.d/{ours}"
    after = with_file(capture, f"/etc/crio/crio.conf.d/{ours}", "")
    assert drop_in(after) == f"/etc/crio/crio.conf.d/{ours}"


def test_cri_o_s_own_folder_socket_and_store_are_used() -> None:
    loads = '[crio]\nroot = "/data/crio"\n[crio.api]\nlisten = "/run/own/crio.sock"\n'
    capture = with_output(crio(), "crio config", loads)
    capture = with_output(capture, "cmdline crio.service", "/usr/bin/crio\0--config-dir\0/etc/own.d\0")
    assert drop_in(capture) == "/etc/own.d/99-docker2cri.conf"
    plan = planned(capture, CRIO, WITH_CRIO)
    assert [(one.socket, one.root) for one in (step.step for step in plan.steps) if isinstance(one, WaitForCri)] == [
        ("/run/own/crio.sock", "/data/crio")
    ]


def test_cri_o_by_its_new_name_of_the_socket_keeps_the_one_that_old_kubelets_look_for() -> None:
    found = facts(with_output(crio(), "crio config", '[crio.api]\nlisten = "/run/crio/crio.sock"\n')).crio
    assert found is not None
    assert found.socket == "/var/run/crio/crio.sock"
