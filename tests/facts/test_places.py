"""Programs and folders are where the node's units say: a kubelet outside PATH, CNI folders of its flags."""

from __future__ import annotations

from dataclasses import replace

from migrate.facts.capture import Capture, CommandReading, PathReading
from migrate.facts.model import Kubelet
from migrate.facts.node import facts_from
from migrate.sources.table import origin_of
from migrate.targets.compose import compose
from migrate.targets.containerd import CONTAINERD
from tests.captured import capture_of, with_file, with_output

UNIT, ENV = "/usr/lib/systemd/system/kubelet.service", "/opt/kubernetes/cfg/kubelet.conf"
PROGRAM = "/opt/kubernetes/bin/kubelet"
FLAGS = """KUBELET_OPTS="--v=2 \\
--network-plugin=cni \\
--kubeconfig=/opt/kubernetes/cfg/kubelet.kubeconfig \\
--config=/var/lib/kubelet/config.yaml \\
--pod-infra-container-image=k8s.gcr.io/pause:3.6"
"""


def by_hand(flags: str = FLAGS) -> Capture:
    """lab-w1 with its kubelet from binaries in /opt, as how-tos install it."""
    shown = f"ActiveState=active\nUnitFileState=enabled\nMainPID=362\nFragmentPath={UNIT}\nEnvironmentFiles={ENV} (ignore_errors=no)\n"
    capture = with_output(capture_of(), "systemctl show kubelet.service", shown)
    capture = with_file(capture, UNIT, f"[Service]\nEnvironmentFile=/opt/%j/kubelet.conf\nExecStart={PROGRAM} $KUBELET_OPTS\n")
    capture = with_file(capture, ENV, flags)
    return replace(capture, commands={**capture.commands, "kubelet version": CommandReading(127)})


def kubelet(capture: Capture, reported: str = "") -> Kubelet:
    found = facts_from(capture, reported).kubelet
    assert isinstance(found, Kubelet)
    return found


def test_a_capture_that_did_not_ask_the_kubelet_takes_the_word_of_the_node() -> None:
    found = kubelet(by_hand(), "v1.20.10")
    assert (found.version, found.reported, found.program) == ("v1.20.10", True, PROGRAM)
    assert facts_from(by_hand(), "v1.20.10").endpoint.kind == "dockershim"
    assert kubelet(by_hand()).version == ""


def test_a_kubelet_that_was_asked_and_did_not_answer_is_not_known() -> None:
    asked = by_hand()
    asked = replace(asked, paths={**asked.paths, PROGRAM: PathReading("file", "755", "root:root")})
    found = kubelet(asked, "v1.20.10")
    assert (found.version, found.reported) == ("", False)


def test_only_the_changed_flags_of_a_continued_variable_are_in_the_diff() -> None:
    facts = facts_from(by_hand(), "v1.20.10")
    changes, refused = compose(CONTAINERD, facts, origin_of(facts))
    assert refused == ()
    after = next(one.after.decode() for one in changes if one.path == ENV)
    before, last = FLAGS.replace("--network-plugin=cni \\\n", "").rsplit('"', 1)
    put = (" --container-runtime=remote", " --container-runtime-endpoint=unix:///run/containerd/containerd.sock")
    assert after == before + "".join(f" \\\n{flag.strip()}" for flag in put) + '"' + last
    assert UNIT not in {one.path for one in changes}


def listing(*paths: str) -> CommandReading:
    return CommandReading(1, "".join(f"{path}\n" for path in paths).encode())


def test_each_folder_of_plugins_is_judged_by_itself() -> None:
    capture = by_hand(FLAGS.replace("--v=2", "--cni-bin-dir=/opt/kube/bin/,/usr/lib/cni"))
    everywhere = listing("/opt/cni/bin/bridge", "/usr/lib/cni/loopback", "/opt/kube/bin/portmap")
    capture = replace(capture, commands={**capture.commands, "cni plugins": everywhere})
    before = facts_from(capture).cni
    assert (before.bin_dirs, before.plugins, before.unread) == (
        ("/opt/kube/bin", "/usr/lib/cni"),
        ("loopback", "portmap"),
        ("/opt/kube/bin",),
    )
    read = replace(capture, paths={**capture.paths, "/opt/kube/bin": PathReading("directory", "755", "root:root")})
    assert facts_from(read).cni.unread == ()


def test_percent_signs_of_the_command_line_are_resolved() -> None:
    capture = with_file(by_hand(), UNIT, f"[Service]\nExecStart={PROGRAM} --eviction-hard=memory.available<5%% --hostname-override=%H\n")
    flags = {flag.name: flag.value for flag in kubelet(capture).flags}
    assert flags == {"eviction-hard": "memory.available<5%", "hostname-override": "%H"}
