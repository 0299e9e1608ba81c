"""The node program in a scratch root: forward, rollback, and everything that may be in the way."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from migrate.node import fixed_files
from migrate.targets.table import TARGETS
from tests.node.conftest import Known
from tests.node.scratch import RUN, SHELLS, STANDALONE, STUBS, Scratch

Prepared = Callable[..., Scratch]
NODE = Path(__file__).resolve().parent.parent.parent / "migrate/node"
UNITS = {"kubelet.service", "containerd.service", "docker2cri-guard.timer"}  # Docker may have used containerd, so it runs on
AFTER = {
    "running": {"docker": [], "k8s": ["pod-portal", "pod-proxy", "pod-tuner"]},
    "leaked": [],
    "rules": 13,
    "marker": True,
    "volatile": ["boot", "docker2cri", "kubelet-may-run"],
}


def is_old(node: Scratch, known: Known) -> None:
    """Everything as before: files byte for byte, services, containers, addresses; no trace but the record of the run."""
    assert node.tree() == known.tree_before
    assert node.state() == {**known.state_before, "current": False}
    assert node.status()["state"] == "rolled-back"


def is_new(node: Scratch, known: Known) -> None:
    assert node.tree() == known.tree_after
    assert node.state() == known.state_after


@pytest.mark.parametrize("part", sorted({one.node_part for one in TARGETS}))
def test_shellcheck_is_silent(part: str) -> None:
    for name in ("program.sh", "restore.sh"):
        checked = subprocess.run(["shellcheck", "-s", "dash", "-"], input=fixed_files(part)[name], capture_output=True, check=False)
        assert checked.stdout.decode() == ""


def test_the_simulated_node_s_own_script_is_clean() -> None:
    checked = subprocess.run(["shellcheck", "-s", "dash", str(STUBS)], capture_output=True, check=False)
    assert checked.stdout.decode() == ""


def lacking(text: str, functions: tuple[str, ...], variables: tuple[str, ...]) -> list[str]:
    """What a part does not define."""
    return [
        *(name for name in functions if f"\n{name}() {{" not in text),
        *(name for name in variables if f"\n{name}=" not in text),
    ]


@pytest.mark.parametrize("part", sorted({one.node_part for one in TARGETS}))
def test_each_target_s_part_defines_what_the_others_call(part: str) -> None:
    functions = (
        *(
            "situate",
            "read_config",
            "config_of",
            "cri_answers",
            "source_runs_in_it",
            "forget_sockets",
            "image_there",
            "image_named",
            "drop_image",
        ),
        *("bring", "stop_new_pods", "new_pods_there", "holds_pods"),
    )
    assert lacking((NODE / part).read_text(), functions, ("runtime", "image_store", "cri_socket")) == []


def test_the_source_s_part_defines_what_the_others_call() -> None:
    functions = (
        *("source_answers", "source_lists_nothing", "stop_source_pods", "pods_in_source", "source_strangers"),
        *("stop_standalone", "start_standalone", "source_image", "source_saves"),
    )
    variables = (
        *("source_title", "source_service", "source_sockets", "source_log", "source_driver_at", "source_serving"),
        *("source_namespace", "source_transport"),
    )
    assert lacking((NODE / "docker.sh").read_text(), functions, variables) == []


@pytest.mark.parametrize("shell", SHELLS)
def test_there_and_back(shell: str, prepared: Prepared, known: Known) -> None:
    node = prepared(shell)
    there = node.verb("forward", "switch")
    assert (there.code, there.out, there.err) == (0, f"{RUN}: switch is finished\n", "")
    assert {key: node.state()[key] for key in AFTER} == AFTER
    assert node.state()["units"] == UNITS | {node.target.unit}
    assert {change.path: node.read(change.path) for change in node.changes} == {change.path: change.after for change in node.changes}
    assert node.status() | {"at": ""} == {
        "run": RUN,
        "state": "switched",
        "direction": "forward",
        "generation": "1",
        "last": "finished - switch",
        "at": "",
        "finished": "prepare switch ",
        "holder": "",
        "why": "",
        "uncordoning": "no",
        "doubt": "",
        "guard": "armed",
        "gate": "open",
        "docker": "stopped",
    }
    again = node.verb("forward", "switch")
    assert (again.code, again.out) == (0, f"{RUN}: nothing to do, switch is finished\n")
    assert node.verb("renew").code == 0
    assert node.verb("disarm").code == 0
    assert [path for path in node.tree() if "docker2cri-guard" in path or "docker2cri-boot" in path or "gate" in path] == []
    back = node.verb("rollback")
    assert (back.code, back.out, back.err) == (0, f"{RUN}: the node is rolled back\n", "")
    is_old(node, known)
    nothing = node.verb("rollback")
    assert (nothing.code, nothing.out) == (0, f"{RUN}: nothing to do, it is rolled back\n")


def test_restore_sh_is_back_and_asks_before_pods_may_run_there(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.verb("disarm")
    assert node.verb("mark", "uncordoning").code == 0
    command = [*node.shell, str(node.run / "restore.sh")]
    refused = subprocess.run(command, env=node.environment(), text=True, capture_output=True, check=False)
    assert (refused.returncode, "drain it first" in refused.stdout) == (7, True)
    is_new_but_disarmed = node.state()["running"]
    assert is_new_but_disarmed == AFTER["running"]
    done = subprocess.run([*command, "--force"], env=node.environment(), text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{RUN}: the node is rolled back\n")
    is_old(node, known)


def test_docker_is_not_woken_by_a_touch_of_its_socket(prepared: Prepared) -> None:
    node = prepared()
    node.verb("forward", "switch")
    for unit in ("docker.socket", "docker.service"):
        node.tool("systemctl", "start", unit)
    assert {"docker.socket", "docker.service"} & set(node.state()["units"]) == set()  # type: ignore[call-overload]


def test_a_file_that_changed_since_the_plan_is_refused_before_the_kubelet_stops(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.write("/var/lib/kubelet/config.yaml", b"edited: by hand\n")
    path = "var/lib/kubelet/config.yaml"
    edited = {**known.tree_before, path: node.tree()[path]}
    ended = node.verb("forward", "switch")
    assert ended.code == 5
    assert "/var/lib/kubelet/config.yaml is not as planned" in ended.out
    assert "kubelet-stop" not in {entry.kind for entry in node.entries()}
    assert node.tree() == edited
    assert node.state() == {**known.state_before, "current": False}


def test_a_file_that_is_neither_before_nor_after_on_rollback_is_kept(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.write("/etc/crictl.yaml", b"mine: true\n")
    back = node.verb("rollback")
    assert back.code == 0
    kept = node.run / "found/etc/crictl.yaml.docker2cri-found"
    assert kept.read_text() == "mine: true\n"
    assert node.progress().notes[-1] == f"/etc/crictl.yaml was neither before nor after; kept as {kept}"
    is_old(node, known)


def test_an_empty_directory_in_the_place_of_dockers_socket_is_removed(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    (node.root / "run/docker.sock").mkdir()
    assert node.verb("rollback").code == 0
    is_old(node, known)


def test_a_full_directory_in_the_place_of_dockers_socket_needs_attention_and_the_rollback_continues_later(
    prepared: Prepared, known: Known
) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.write("/run/docker.sock/other's", b"data")
    back = node.verb("rollback")
    assert back.code == 6
    assert "/run/docker.sock is a directory, and not empty" in back.out
    assert "other's" in back.out
    status = node.status()
    assert (status["state"], status["gate"], status["guard"]) == ("needs-attention", "closed", "off")
    assert "kubelet.service" not in node.state()["units"]  # type: ignore[operator]
    assert node.verb("guard").code == 0
    assert node.verb("boot").code == 0
    assert node.status()["state"] == "needs-attention"
    shutil.rmtree(node.root / "run/docker.sock")
    assert node.verb("rollback").code == 0
    is_old(node, known)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (
            "new-config-fails",
            "step {restart} failed: systemctl restart {unit} exited with 1: Job for {unit} failed",
        ),
        ("new-config-without-cri", "step {wait} failed: CRI does not answer on {socket} within 1 s"),
    ],
)
def test_a_runtime_that_does_not_serve_rolls_the_node_back_at_once(broken: str, said: str, prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.steps("\t60\t", "\t1\t")
    (node.root / ".state" / broken).touch()
    ended = node.verb("forward", "switch")
    target = node.target
    said = said.format(restart=node.step("runtime-restart"), wait=node.step("cri-wait"), unit=target.unit, socket=target.socket)
    assert (ended.code, said in ended.out) == (5, True), ended.out
    (node.root / ".state" / broken).unlink()
    is_old(node, known)


def test_a_configuration_that_the_runtime_refuses_stops_prepare_and_nothing_is_left(fresh: Scratch, known: Known) -> None:
    (fresh.root / ".state/new-config-unreadable").touch()
    ended = fresh.verb("forward", "prepare")
    assert (ended.code, ended.out.splitlines()[-1]) == (1, f"{RUN}: step {fresh.step('validate')} failed: {fresh.kind.refuses}")
    assert fresh.tree() == known.tree_prepared
    assert fresh.state()["running"] == known.state_before["running"]
    assert fresh.verb("rollback").code == 0
    is_old(fresh, known)


def test_a_full_disk_while_images_are_carried(fresh: Scratch, known: Known) -> None:
    (fresh.root / ".state/disk-full").touch()
    ended = fresh.verb("forward", "prepare")
    assert ended.code == 1
    place = fresh.root / fresh.kind.filled
    assert f"image k8s.gcr.io/pause:3.6 was not carried over: the disk of {place} is full (" in ended.out
    assert [path.name for path in (fresh.root / ".state/images").iterdir() if not path.name.startswith("docker-")] == []
    assert fresh.tree() == known.tree_prepared
    (fresh.root / ".state/disk-full").unlink()
    assert fresh.verb("forward", "prepare").code == 0
    assert fresh.verb("rollback").code == 0
    is_old(fresh, known)


def full_disk(node: Scratch, pattern: str, count: int) -> None:
    """A dd that finds no space for what matches, so many times."""
    place = node.root / ".tools/dd"
    left = f"{node.root}/.state/full"
    full = f'echo $((n - 1)) >{left}; echo "dd: error writing: No space left on device" >&2; exit 1'
    cases = f'case "$*:$n" in *{pattern}*:0) ;; *{pattern}*) {full} ;; esac'
    place.write_text(f'#!/bin/sh\nread -r n <{left}\n{cases}\nexec /bin/dd "$@"\n')
    place.chmod(0o755)
    node.write("/.state/full", f"{count}\n".encode())


def test_a_full_disk_while_files_are_staged(prepared: Prepared, known: Known) -> None:
    node = prepared()
    full_disk(node, ".docker2cri-config.yaml", 1)
    ended = node.verb("forward", "switch")
    assert (ended.code, "/var/lib/kubelet/config.yaml cannot be written: the disk with" in ended.out) == (5, True)
    assert "kubelet-stop" not in {entry.kind for entry in node.entries()}
    is_old(node, known)


def test_a_disk_that_is_full_for_the_journal_gets_the_reserve(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    assert (node.run / "reserve").exists()
    full_disk(node, "/journal", 1)
    assert node.verb("rollback").code == 0
    assert not (node.run / "reserve").exists()
    is_old(node, known)


def test_a_container_that_the_plan_does_not_know_stops_it_before_the_kubelet(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.write(f"/.state/docker/{'d' * 64}", b"type=\nuid=\ngrace=\nname=newcomer\nrunning=yes\npolicy=no\n")
    ended = node.verb("forward", "switch")
    assert (ended.code, "containers run in Docker that the plan does not know: newcomer" in ended.out) == (5, True)
    assert node.tree() == known.tree_before


def test_on_failure_stop_leaves_the_node_as_it_stands(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.write(f"/.state/docker/{'d' * 64}", b"type=\nuid=\ngrace=\nname=newcomer\nrunning=yes\npolicy=no\n")
    ended = node.verb("forward", "switch", "--on-failure", "stop")
    assert ended.code == 6
    status = node.status()
    assert (status["state"], status["guard"], status["direction"]) == ("needs-attention", "off", "forward")
    assert node.verb("forward", "switch").code == 7
    (node.root / ".state/docker" / ("d" * 64)).unlink()
    assert node.verb("rollback").code == 0
    is_old(node, known)


def test_docker_that_does_not_answer_again_needs_attention_and_the_kubelet_stays_stopped(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    (node.root / ".state/docker-broken").touch()
    back = node.verb("rollback")
    assert back.code == 6
    assert "kubelet.service" not in node.state()["units"]  # type: ignore[operator]
    (node.root / ".state/docker-broken").unlink()
    assert node.verb("rollback").code == 0
    is_old(node, known)


def test_a_changed_cgroup_driver_of_docker_needs_attention(prepared: Prepared) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.write("/.state/driver", b"systemd\n")
    back = node.verb("rollback")
    assert (back.code, "Docker answers with cgroup driver systemd, it had cgroupfs" in back.out) == (6, True)


# --- who may act


def test_a_lock_that_is_held_is_told_with_its_holder(prepared: Prepared) -> None:
    node = prepared()
    program = node.run / "program.sh"
    program.write_text(program.read_text().replace("take_lock 30", "take_lock 0"))
    with open(node.root / "var/lib/docker2cri/lock", "w") as lock:
        lock.write("process 1 (other back)\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        ended = node.verb("forward", "switch")
        assert ended.code == 7
        assert "is held by process 1 (other back)" in ended.out
        assert node.status()["holder"] == "process 1 (other back)"
    assert node.status()["holder"] == ""


def test_what_a_killed_program_leaves_running_does_not_keep_the_lock(prepared: Prepared, known: Known) -> None:
    node = prepared()
    stub = node.root / ".tools/docker"
    inner = node.root / ".tools/inner/docker"
    inner.parent.mkdir()
    inner.symlink_to(stub.readlink())
    stub.unlink()
    stub.write_text(f'#!/bin/sh\n[ "$1" != stop ] || {{ echo slow >{node.root}/.state/slow; /bin/sleep 4; }}\nexec {inner} "$@"\n')
    stub.chmod(0o755)
    with subprocess.Popen([*node.shell, str(node.run / "program.sh"), "forward", "switch"], env=node.environment()) as program:
        while not (node.root / ".state/slow").exists():
            assert program.poll() is None, "it ended before it stopped anything"
            time.sleep(0.02)
        program.kill()
    with open(node.root / "var/lib/docker2cri/lock") as lock:
        for _ in range(100):  # a child that was just forked lets go of the lock as the first thing that it does
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.02)
        else:
            pytest.fail("a child of the killed program keeps the lock")
    stub.unlink()
    stub.symlink_to(inner.readlink())
    assert node.verb("rollback").code == 0
    time.sleep(4)  # what was left running has ended
    assert node.status()["state"] == "rolled-back"


def test_the_guard_and_disarm_at_once(prepared: Prepared, known: Known) -> None:
    for _ in range(3):
        node = prepared()
        node.verb("forward", "switch")
        command = [*node.shell, str(node.run / "program.sh")]
        both = [subprocess.Popen([*command, verb], env=node.environment(), stdout=subprocess.DEVNULL) for verb in ("guard", "disarm")]
        guard, disarm = (one.wait() for one in both)
        assert guard == 0
        if disarm == 0:
            assert node.status()["state"] == "acknowledged"
            assert node.state()["running"] == AFTER["running"]
        else:
            assert disarm == 7
            is_old(node, known)


def test_a_higher_generation_stops_forward_before_its_next_step(prepared: Prepared, known: Known) -> None:
    node = prepared()
    # it is raised while the pods are being stopped
    (node.root / ".tools/sort").write_text(
        f'#!/bin/sh\n[ -e {node.root}/raised ] || echo 9 >{node.root}/var/lib/docker2cri/generation\nexec /usr/bin/sort "$@"\n'
    )
    (node.root / ".tools/sort").chmod(0o755)
    ended = node.verb("forward", "switch")
    assert (ended.code, ended.out) == (7, f"{RUN}: generation 9 took over, expected was 1; look with: sh {node.run}/program.sh status\n")
    assert [entry.kind for entry in node.entries()][-1] == "addresses"
    (node.root / "raised").touch()
    assert node.verb("rollback").code == 0
    (node.root / "raised").unlink()
    assert node.progress().last is not None
    assert node.progress().last.generation == 10  # type: ignore[union-attr]
    is_old(node, known)


def test_another_run_owns_the_node(prepared: Prepared) -> None:
    node = prepared()
    node.write("/var/lib/docker2cri/current", b"run-0\n")
    ended = node.verb("forward", "switch")
    assert (ended.code, "run run-0 owns this node" in ended.out) == (7, True)


def test_once_a_rollback_began_only_it_is_open(prepared: Prepared) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.verb("rollback", kill_at=4)
    for verb in (("forward", "switch"), ("disarm",), ("renew",), ("mark", "uncordoning")):
        assert node.verb(*verb).code == 7, verb


def test_prepare_pauses_after_its_step_and_continues(fresh: Scratch) -> None:
    node = fresh
    stub = node.root / ".tools/docker"
    real = stub.readlink()
    stub.unlink()
    saved = f"case $1 in save|inspect) sh {node.run}/program.sh pause ;; esac\n"
    (node.root / ".tools/inner").mkdir()
    (node.root / ".tools/inner/docker").symlink_to(real)
    stub.write_text(f'#!/bin/sh\n{saved}exec {node.root}/.tools/inner/docker "$@"\n')
    stub.chmod(0o755)
    paused = node.verb("forward", "prepare")
    carried = int(node.step("carry").split()[0])
    assert (paused.code, paused.out) == (7, f"{RUN}: paused before step {carried + 1} of prepare; it goes on with: forward prepare\n")
    assert [(entry.event, entry.index) for entry in node.entries()][-2:] == [("begin", carried), ("done", carried)]
    stub.unlink()
    stub.symlink_to(real)
    assert node.verb("forward", "prepare").code == 0
    node.verb("forward", "switch")
    assert node.verb("pause").code == 7


def test_disarm_said_twice_is_said_once(prepared: Prepared) -> None:
    node = prepared()
    node.verb("forward", "switch")
    assert [node.verb("disarm").code, node.verb("disarm").code] == [0, 0]


def test_a_torn_last_line_never_happened(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch", kill_at=9)
    whole = (node.run / "journal").read_text()
    (node.run / "journal").write_text(whole + "9 1 1795506253.65 undo-be")
    assert node.status()["direction"] == "forward"
    assert node.verb("forward", "switch").code == 0
    assert (node.run / "journal").read_text().startswith(whole)
    assert [entry.seq for entry in node.entries()] == list(range(1, len(node.entries()) + 1))
    is_new(node, known)


# --- guard and boots


def test_the_guard_fires_and_the_slow_operator_is_fenced(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    fired = node.verb("guard")
    assert (fired.code, fired.out) == (0, f"{RUN}: the node is rolled back\n")
    assert node.verb("disarm").code == 7
    is_old(node, known)


def test_the_guard_that_fires_after_disarm_does_nothing(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.verb("disarm", kill_at=2)  # journalled, and then killed before anything was removed
    assert node.status()["state"] == "acknowledged"
    assert node.verb("guard").code == 0
    status = node.status()
    assert (status["state"], status["gate"], status["guard"]) == ("acknowledged", "none", "off")
    assert node.state()["running"] == AFTER["running"]


@pytest.mark.parametrize("point", [3, 17, 31, 39])
def test_a_boot_inside_switch_rolls_back(point: int, prepared: Prepared, known: Known) -> None:
    node = prepared()
    assert node.verb("forward", "switch", kill_at=point).code == -9
    stopped_by_us = {"standalone"} & {entry.kind for entry in node.entries()}
    node.reboot()
    if not stopped_by_us:  # the boot itself ended it, as without a migration
        node.tool("docker", "start", next(key for key, (name, *_) in STANDALONE.items() if name == "shell"))
    is_old(node, known)


def test_a_boot_before_the_acknowledgement_rolls_back(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.reboot()
    is_old(node, known)


def test_a_boot_inside_the_rollback_finishes_it(prepared: Prepared, known: Known) -> None:
    for point in (5, 21, 33):
        node = prepared()
        node.verb("forward", "switch")
        node.verb("disarm")
        assert node.verb("rollback", kill_at=point).code == -9
        node.reboot()
        is_old(node, known)


def test_a_boot_after_success_stays_and_can_be_rolled_back(prepared: Prepared, known: Known) -> None:
    node = prepared()
    node.verb("forward", "switch")
    node.verb("disarm")
    node.reboot()
    assert node.state()["running"] == AFTER["running"]
    assert node.status()["docker"] == "stopped"
    assert node.verb("rollback").code == 0
    is_old(node, known)
