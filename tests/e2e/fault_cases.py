"""Faults on a real node and what they must end in. Each case begins on a whole node on Docker and leaves one that can be rolled back.

A moment is named by the node's journal, whose lines differ in number from runtime to runtime.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from migrate.plan.model import Plan, dump_plan, sealed
from tests.e2e.fault_kills import reached
from tests.e2e.fault_runtimes import CONTAINERD, Runtime
from tests.e2e.faults import DOCKER, PROGRAM, Going, Ground, no_api, no_ssh, run_of, until_true, words
from tests.e2e.looks import CRICTL
from tests.e2e.tool import Ran
from tests.lab.spec import PAUSE

Case = Callable[[Ground], "Result"]


@dataclass(frozen=True, slots=True)
class Result:
    """What the case ended in: a state of docs/glossary.md, the exit code of the command that met the fault, and its first line."""

    state: str
    code: int
    said: str


def ends(ground: Ground, ran: Ran, state: str, code: int, *said: str) -> Result:
    """The tool ended with this state and code, its text says all of that, and the node is so."""
    row = next((line for line in ran.out.splitlines() if line.startswith(ground.name)), "")
    assert ran.code == code, words(ran)
    found = re.match(rf"{ground.name} +{state} +{code} +(.*)", row)
    assert found, words(ran)
    for pattern in said:
        assert re.search(pattern, ran.out + ran.err), f"not said: {pattern}\n{words(ran)}"
    if state == "migrated":
        ground.assert_migrated()
    elif state == "rolled back":
        ground.assert_rolled_back()
    elif state == "needs attention":
        assert ground.cordoned()
    return Result(state, code, " ".join(found[1].split()))


def going(ground: Ground, point: str, *options: str, planned: tuple[str, ...] = ()) -> tuple[Going, str]:
    """apply, at a point; and the plan, made with the options `planned`."""
    plan = ground.plan(*planned)
    run = ground.begin("apply", plan, *options)
    assert run.until(point, reached(ground, run, plan, point)), words(run.end())
    return run, plan


RESTORED = "now: it runs on Docker as before and is verified"
UNTOUCHED = "now: it never left Docker"
BOOTED = "rolled back automatically: the node was booted inside the switch"
SHUTTING_DOWN = r"systemctl [^:]*exited with 1: .*Connection reset by peer"  # a step that runs while systemd ends
GUARD_FIRED = "rolled back automatically: no heartbeat from the operator for 30 s"
PLAN_AGAIN = r"next: fix what was seen, then: docker2cri plan --to \w+ lab-w\d --out plan.json"
# moments of the switch, by the journal's lines
CARRIED_TWO = r"journal (done \d+ carry.*){2}begin"
GUARDED = r"journal done \d+ guard"
PODS_STOPPING = r"journal begin \d+ pods-stop"
SOURCE_STOPPED = r"journal done \d+ source-stop"
FILES_HALF = r"journal source-stop.*(done \d+ file.*){4}"
VERIFYING = "rejoin ^verification of the node"
FILES_DONE = r"journal begin \d+ runtime-restart"


# reboots


def rebooted(ground: Ground, point: str) -> Result:
    run, _ = going(ground, point)
    ground.reboot()
    return ends(ground, run.end(), "rolled back", 5, RESTORED, f"{BOOTED}|did not end by itself|{SHUTTING_DOWN}", PLAN_AGAIN)


def rebooted_pods_stopping(ground: Ground) -> Result:
    """The node is rebooted while its pods are stopped; the tool goes on and tells what happened."""
    return rebooted(ground, PODS_STOPPING)


def rebooted_files_half(ground: Ground) -> Result:
    """The node is rebooted with half of the files written."""
    return rebooted(ground, FILES_HALF)


def rebooted_unverified(ground: Ground) -> Result:
    """The node is rebooted after its kubelet started on the new runtime, before it is verified."""
    return rebooted(ground, VERIFYING)


def rebooted_operator_gone(ground: Ground) -> Result:
    """The tool is killed and the node rebooted in the switch: it rolls back at its boot; the next `apply` uncordons it."""
    run, plan = going(ground, SOURCE_STOPPED)
    run.kill()
    ground.reboot()
    until_true("rolled back", lambda: any(" rolled-back " in line for line in ground.journal(run_of(plan))()))
    said = ground.tool("status", ground.name, state="elsewhere")
    assert said.code == 6, words(said)
    assert f"rolled back on the node and still cordoned by this run ({BOOTED})" in said.out, words(said)
    return ends(ground, ground.tool("apply", plan), "rolled back", 5, BOOTED, RESTORED)


def rebooted_after_success(ground: Ground) -> Result:
    """The node is rebooted after success: it comes up on the new runtime."""
    plan = ground.plan()
    assert ground.tool("apply", plan).code == 0
    ground.reboot()
    ground.wait_moved()
    return ends(ground, ground.tool("verify", ground.name), "migrated", 0, f"verified on {ground.runtime.title}")


def rebooted_before_rollback(ground: Ground) -> Result:
    """Rebooted after success, Docker's socket has become a directory; then rolled back."""
    plan = ground.plan()
    assert ground.tool("apply", plan).code == 0
    ground.reboot()
    ground.sh("mkdir -p /run/docker.sock /run/dockershim.sock")
    ground.wait_moved()
    return ends(
        ground, ground.tool("rollback", ground.name, state="elsewhere"), "rolled back", 0, "it runs on Docker as before and is verified"
    )


def socket_directory_used(ground: Ground) -> Result:
    """Docker's socket has become a directory with a file in it: the node needs attention, it is named; emptied, `rollback` ends."""
    plan = ground.plan()
    assert ground.tool("apply", plan).code == 0
    ground.sh("rm -f /run/docker.sock && mkdir /run/docker.sock && echo kept >/run/docker.sock/kept")
    ended = ends(
        ground,
        ground.tool("rollback", ground.name),
        "needs attention",
        6,
        "/run/docker.sock is a directory, and not empty",
        "docker2cri rollback",
    )
    ground.assert_needs_attention("/run/docker.sock is a directory, and not empty")
    ground.sh("rm /run/docker.sock/kept")
    ends(ground, ground.tool("rollback", ground.name), "rolled back", 0)
    return ended


# connections, operators that are gone or slow


def sessions_killed(ground: Ground) -> Result:
    """Every SSH session is ended on the node inside the switch."""
    run, _ = going(ground, PODS_STOPPING)
    ground.sh("pkill -f '^sshd: root'; true")
    return ends(ground, run.end(), "migrated", 0)


def connection_dropped(ground: Ground) -> Result:
    """Port 22 of the node is dropped for 50 s inside the switch; the node goes on meanwhile."""
    run, plan = going(ground, GUARDED)
    with no_ssh(ground):
        until_true("switch finished", lambda: any("finished - switch" in line for line in ground.journal(run_of(plan))()))
        time.sleep(50)
    return ends(ground, run.end(), "migrated", 0)


def guard_fires(ground: Ground) -> Result:
    """The operator is gone for good inside the switch: the guard fires; `status` tells it, another machine's `rollback` ends it."""
    run, plan = going(ground, VERIFYING, planned=("--guard", "30"))
    run.kill()
    _guard_fired(ground, plan)
    said = ground.tool("status", ground.name, state="elsewhere")
    assert said.code == 6, words(said)
    assert f"{ground.name}: rolled back on the node and still cordoned by this run ({GUARD_FIRED})" in said.out, words(said)
    assert f"next: docker2cri rollback {ground.name}, which verifies and uncordons it" in said.out, words(said)
    until_true("its pods are ready on Docker", lambda: not ground.pods_lacking(DOCKER))
    return ends(
        ground,
        ground.tool("rollback", ground.name, state="elsewhere"),
        "rolled back",
        0,
        f"{GUARD_FIRED}; it runs on Docker as before and is verified",
    )


def guard_fires_apply_typed(ground: Ground) -> Result:
    """The same, and `apply` is typed: only the rollback is open."""
    run, plan = going(ground, FILES_DONE, planned=("--guard", "30"))
    run.kill()
    _guard_fired(ground, plan)
    return ends(ground, ground.tool("apply", plan), "rolled back", 5, GUARD_FIRED, RESTORED, PLAN_AGAIN)


def slow_operator(ground: Ground) -> Result:
    """The tool sleeps (SIGSTOP) inside `rejoin`, the guard fires, the tool wakes: it finds the node rolled back and ends that."""
    run, plan = going(ground, VERIFYING, planned=("--guard", "30"))
    run.signal(signal.SIGSTOP)
    _guard_fired(ground, plan)
    run.signal(signal.SIGCONT)
    return ends(ground, run.end(), "rolled back", 5, GUARD_FIRED, RESTORED, PLAN_AGAIN)


def slow_operator_overtaken(ground: Ground) -> Result:
    """The tool sleeps before the switch, its claim runs out, another operator rolls back; the first wakes and does nothing more."""
    run, _ = going(ground, "drain ^cordon")
    run.signal(signal.SIGSTOP)
    ground.sh("sed -i 's/^[0-9]*/1/' /run/docker2cri-operator/claim")  # as if it had not been renewed for a minute
    ended = ends(ground, ground.tool("rollback", ground.name, state="elsewhere"), "rolled back", 0)
    run.signal(signal.SIGCONT)
    late = run.end()
    assert late.code in (5, 7), words(late)
    ground.assert_rolled_back()
    return ended


def _guard_fired(ground: Ground, plan: str) -> None:
    until_true("the guard has rolled it back", lambda: any(" rolled-back " in line for line in ground.journal(run_of(plan))()), 150)


# disks, services, pods


def disk_full_images(ground: Ground) -> Result:
    """The disk of containerd's store is full while images are carried over."""
    store = "/var/lib/containerd/io.containerd.content.v1.content"
    ground.sh("ctr -n k8s.io images ls -q | xargs -r ctr -n k8s.io images rm --sync")  # what an earlier case carried
    plan = ground.plan()
    size = "$(($(du -sk /tmp/held | cut -f1) + 8192))k"
    ground.sh(f"cp -a {store} /tmp/held && mount -t tmpfs -o size={size} none {store} && cp -a /tmp/held/. {store}")
    try:
        return ends(ground, ground.tool("apply", plan), "rolled back", 5, "no space left|disk of .* is full", UNTOUCHED, PLAN_AGAIN)
    finally:
        # what came over stays, or containerd's database would name blobs that are not there
        ground.sh(f"rm -rf /tmp/held; cp -a {store} /tmp/held; umount -l {store}; cp -a /tmp/held/. {store}; rm -rf /tmp/held")


def disk_full_file(ground: Ground) -> Result:
    """The disk that a planned file lies on is full: found out before the kubelet stops."""
    plan = ground.plan()
    copy = (
        "cp -a /etc/containerd /tmp/held && mount -t tmpfs -o size=64k,mode=755 none /etc/containerd && cp -a /tmp/held/. /etc/containerd"
    )
    ground.sh(f"{copy} && dd if=/dev/zero of=/etc/containerd/filler bs=4k 2>/dev/null; true")
    try:
        ended = ground.tool("apply", plan)
    finally:
        ground.sh("umount -l /etc/containerd; rm -rf /tmp/held")
    assert not any("kubelet-stop" in line and " begin " in line for line in ground.journal(run_of(plan))())
    return ends(ground, ended, "rolled back", 5, "cannot be written|full|No space", PLAN_AGAIN)


FILL = "dd if=/dev/zero of=/var/lib/docker2cri/filler bs=4k oflag=append conv=notrunc 2>/dev/null; true"


def disk_full_journal(ground: Ground) -> Result:
    """The disk of the run's own folder fills up inside the switch: its reserve is enough to roll back, and to record that."""
    ground.sh("mkdir -p -m 700 /var/lib/docker2cri && mount -t tmpfs -o size=2m,mode=700 none /var/lib/docker2cri")
    try:
        run, _ = going(ground, "switch ^stop the kubelet")
        ground.sh(FILL)
        return ends(ground, run.end(), "rolled back", 5, "the disk with /var/lib/docker2cri is full", RESTORED, PLAN_AGAIN)
    finally:
        ground.sh("umount -l /var/lib/docker2cri")


def disk_read_only(ground: Ground) -> Result:
    """That disk becomes read-only before the guard is disarmed: nothing can be recorded, it needs attention; writable, `rollback` ends."""
    ground.sh("mkdir -p -m 700 /var/lib/docker2cri && mount -t tmpfs -o size=8m,mode=700 none /var/lib/docker2cri")
    try:
        run, _ = going(ground, VERIFYING)
        ground.sh("mount -o remount,ro /var/lib/docker2cri")
        ended = ends(ground, run.end(), "needs attention", 6, "docker2cri rollback")
        ground.sh("mount -o remount,rw /var/lib/docker2cri")
        ends(ground, ground.tool("rollback", ground.name), "rolled back", 0)
    finally:
        ground.sh("umount -l /var/lib/docker2cri")
    return ended


SANDBOXES = "pgrep -a -x conmon | sed -n 's/.* -c \\([0-9a-f]*\\) .* -n k8s_POD_.*/\\1/p'"
FIXES_ETC = "the file system at /etc is mounted read-only, expected was one to write to; fix it: mount -o remount,rw /etc"


def etc_read_only(ground: Ground) -> Result:
    """/etc is read-only when a rollback is typed: seen before anything is stopped, its pods stay where they are; fixed, it ends."""
    assert ground.tool("apply", ground.plan()).code == 0
    ground.sh("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    try:
        ended = ends(
            ground, ground.tool("rollback", ground.name), "needs attention", 6, FIXES_ETC, "nothing was changed", "docker2cri rollback"
        )
        assert not ground.pods_lacking(ground.runtime.prefix)
    finally:
        ground.sh("umount -l /etc")
    ends(ground, ground.tool("rollback", ground.name), "rolled back", 0)
    return ended


def etc_read_only_switch(ground: Ground) -> Result:
    """/etc becomes read-only before the files of the switch are laid: gate and guard cannot be removed; fixed, `rollback` ends."""
    run, _ = going(ground, GUARDED)
    ground.sh("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
    try:
        ended = ends(ground, run.end(), "needs attention", 6, FIXES_ETC, "docker2cri rollback")
        ground.assert_needs_attention(FIXES_ETC)
    finally:
        ground.sh("umount -l /etc")
    ends(ground, ground.tool("rollback", ground.name), "rolled back", 0)
    return ended


DROPINS = "/etc/systemd/system/containerd.service.d"
BROKEN = f"mkdir -p {DROPINS} && printf '[Service]\\nExecStartPre=/bin/false\\n' >{DROPINS}/99-broken.conf"
FIXED = f"rm -f {DROPINS}/99-broken.conf; rmdir {DROPINS} 2>/dev/null; systemctl daemon-reload"


def containerd_broken(ground: Ground) -> Result:
    """containerd does not start any more in the switch; nor on its old configuration: the node needs attention; fixed, `rollback` ends."""
    run, _ = going(ground, "drain ^cordon")
    ground.sh(BROKEN)
    try:
        ended = ends(ground, run.end(), "needs attention", 6, "restart containerd.service", "docker2cri rollback")
        ground.assert_needs_attention("containerd")
    finally:
        ground.sh(FIXED)
    ends(ground, ground.tool("rollback", ground.name, state="elsewhere"), "rolled back", 0)
    return ended


REFUSING = "/run/systemd/system/containerd.service.d"
REFUSE = f"mkdir -p {REFUSING} && printf '[Service]\\nExecStartPre=/usr/bin/test ! -e /etc/crictl.yaml\\n' >{REFUSING}/99-broken.conf"


def containerd_refuses(ground: Ground) -> Result:
    """containerd does not start any more once the node is configured: the node rolls back by itself."""
    run, _ = going(ground, "drain ^cordon")
    ground.sh(REFUSE)
    try:
        return ends(ground, run.end(), "rolled back", 5, "restart containerd.service", RESTORED, PLAN_AGAIN)
    finally:
        ground.sh(f"rm -rf {REFUSING}; systemctl daemon-reload")


def stop_on_failure(ground: Ground) -> Result:
    """The same with --on-failure stop: it stays where it failed; `status` and `apply` say so, `rollback` ends it."""
    run, plan = going(ground, "drain ^cordon", "--on-failure", "stop")
    ground.sh(REFUSE)
    try:
        ended = ends(
            ground, run.end(), "needs attention", 6, "restart containerd.service", "left where the step failed", "next: docker2cri rollback"
        )
        ground.assert_needs_attention("runtime-restart|restart containerd.service")
        ends(ground, ground.tool("apply", plan), "needs attention", 6, "next: docker2cri rollback")
    finally:
        ground.sh(f"rm -rf {REFUSING}; systemctl daemon-reload")
    ends(ground, ground.tool("rollback", ground.name, state="elsewhere"), "rolled back", 0)
    return ended


def sandbox_disowned(ground: Ground) -> Result:
    """Sandboxes whose making lost its caller, as when a kubelet stops: CRI-O runs and does not list them; the rollback ends them too."""
    assert ground.tool("apply", ground.plan()).code == 0
    for number, seconds in enumerate(("0.04", "0.06", "0.08", "0.1")):
        asked = json.dumps({"metadata": {"name": "disowned", "namespace": "default", "uid": f"d{number}", "attempt": 0}, "linux": {}})
        ground.sh(f"echo '{asked}' >/tmp/disowned.json; timeout -s KILL {seconds} {CRICTL} runp /tmp/disowned.json; rm /tmp/disowned.json")
    time.sleep(2)
    run, listed = (set(ground.sh(script).split()) for script in (SANDBOXES, f"{CRICTL} pods -q --no-trunc"))
    assert run - listed, "CRI-O lists all sandboxes that run: the fault was not made"
    return ends(ground, ground.tool("rollback", ground.name), "rolled back", 0)


def bare_pod(ground: Ground) -> Result:
    """A bare pod comes to the node after the plan was made and checked: nothing can be drained, the node is as before."""
    run, _ = going(ground, "prepare ^copy image")
    spec = {"nodeName": ground.name, "containers": [{"name": "pause", "image": PAUSE}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"alone-{ground.name}"}, "spec": spec}
    subprocess.run([*ground.kubectl(), "create", "-f", "-"], input=json.dumps(pod), text=True, check=True, capture_output=True)
    try:
        why = f"default/alone-{ground.name}: nothing manages it: it would be gone for good"
        return ends(ground, run.end(), "rolled back", 5, why, UNTOUCHED, PLAN_AGAIN)
    finally:
        ground.lab.kubectl("delete", "pod", f"alone-{ground.name}", "--grace-period=0", "--force")


def ready_without_pods(ground: Ground) -> Result:
    """The node becomes Ready and one of its pods does not (its image is lost): its verification fails and it is rolled back, saying why."""
    run, _ = going(ground, "drain ^cordon")
    ground.sh("ctr -n k8s.io images rm --sync docker.io/lab/busybox:1.35")
    return ends(
        ground,
        run.end(),
        "rolled back",
        5,
        "verification of the node failed.*(\n.*)*ops/node-tuner-.*(ErrImage|ImagePull)",
        RESTORED,
        PLAN_AGAIN,
    )


def unproved_and_stop(ground: Ground) -> Result:
    """The same with --on-failure stop: left on containerd; fixed, `apply` verifies again and ends."""
    ground.sh("docker save lab/busybox:1.35 >/tmp/busybox.tar")
    run, plan = going(ground, "drain ^cordon", "--on-failure", "stop")
    ground.sh("ctr -n k8s.io images rm --sync docker.io/lab/busybox:1.35")
    ended = ends(
        ground, run.end(), "needs attention", 6, "verification of the node failed", "it runs on containerd, cordoned, its guard disarmed"
    )
    ground.sh("ctr -n k8s.io images import /tmp/busybox.tar >/dev/null && rm /tmp/busybox.tar")
    ends(ground, ground.tool("apply", plan), "migrated", 0)
    return ended


# the API


def api_short(ground: Ground, point: str) -> Result:
    run, plan = going(ground, point)
    with no_api(ground, refused=True):
        begun = time.monotonic()
        if point.startswith("journal"):  # inside the switch nothing goes through the API: it is missed once the node's part is done
            until_true("switch finished", lambda: any("finished - switch" in line for line in ground.journal(run_of(plan))()))
        time.sleep(max(5.0, 20 - (time.monotonic() - begun)))
    ended = run.end()
    assert any(re.search(r": the API does not answer \(https://.*refused", one.get("text", "")) for one in run.events()), words(ended)
    return ends(ground, ended, "migrated", 0)


def api_short_drain(ground: Ground) -> Result:
    """The API is away for 20 s in `drain`."""
    return api_short(ground, "drain ^cordon")


def api_short_switch(ground: Ground) -> Result:
    """The API is away for 20 s in `switch`."""
    return api_short(ground, GUARDED)


def api_short_rejoin(ground: Ground) -> Result:
    """The API is away for 20 s in `rejoin`."""
    return api_short(ground, VERIFYING)


def api_long(ground: Ground, point: str, *said: str) -> Result:
    run, _ = going(ground, point)
    with no_api(ground, refused=False):
        ended = run.end(900)
    result = ends(ground, ended, "needs attention", 6, *said, "docker2cri rollback")
    ends(ground, ground.tool("rollback", ground.name, state="elsewhere"), "rolled back", 0)
    return result


def api_long_drain(ground: Ground) -> Result:
    """The API stays away in `drain`: nothing was switched, but it cannot be uncordoned; `rollback` does when the API is there again."""
    return api_long(ground, "drain ^drain$", "no connection", "whether it is cordoned is not known")


def api_long_switch(ground: Ground) -> Result:
    """The API stays away in `switch`: not verified, so rolled back, which cannot be finished; `rollback` finishes it later."""
    return api_long(ground, GUARDED, "the node cannot be verified")


def api_long_rejoin(ground: Ground) -> Result:
    """The API stays away after the guard was disarmed: it needs attention on the new runtime; `apply` continues and ends."""
    run, plan = going(ground, "rejoin ^disarm")
    with no_api(ground, refused=False):
        ended = run.end(900)
    result = ends(
        ground,
        ended,
        "needs attention",
        6,
        f"it runs on {ground.runtime.title} and was verified while cordoned",
        "docker2cri apply with the same plan",
    )
    ends(ground, ground.tool("apply", plan), "migrated", 0)
    return result


# people


def second_operator(ground: Ground) -> Result:
    """A second operator at the same time: refused, told who; the first one is not disturbed."""
    run, _ = going(ground, "drain ^cordon")
    second = ground.tool("rollback", ground.name, state="elsewhere")
    assert second.code == 7, words(second)
    assert f"another operator works on it: process {run.process.pid} of " in second.out, words(second)
    ends(ground, run.end(), "migrated", 0)
    return Result("refused", 7, "another operator works on it")


def interrupted(ground: Ground, point: str, number: int) -> Result:
    run, plan = going(ground, point)
    run.signal(number)
    ended = run.end()
    assert ended.code == 130, words(ended)
    assert "interrupted before the switch; it runs on Docker as before" in ended.out, words(ended)
    assert not ground.cordoned()
    assert ground.sh("docker ps -q | head -n 1")
    ends(ground, ground.tool("apply", plan), "migrated", 0)
    return Result("interrupted", 130, "interrupted before the switch; it runs on Docker as before")


def interrupted_prepare(ground: Ground) -> Result:
    """Ctrl-C while images are carried over; then `apply` continues."""
    return interrupted(ground, CARRIED_TWO, signal.SIGINT)


def interrupted_drain(ground: Ground) -> Result:
    """Ctrl-C once the node is cordoned; then `apply` continues."""
    return interrupted(ground, "drain ^drain", signal.SIGINT)


def terminated_drain(ground: Ground) -> Result:
    """SIGTERM once the node is cordoned, as a CI system sends it; then `apply` continues."""
    return interrupted(ground, "drain ^cordon", signal.SIGTERM)


def interrupted_switch(ground: Ground) -> Result:
    """Ctrl-C inside the switch, twice: the node is finished first."""
    run, _ = going(ground, PODS_STOPPING)
    run.signal(signal.SIGINT)
    time.sleep(1)
    run.signal(signal.SIGINT)
    told = "stopping: before the switch after this step; a node inside it is finished or rolled back first"
    return ends(ground, run.end(), "migrated", 0, f"(?m)^{told}", f"still {told}")


def interrupted_rollback(ground: Ground) -> Result:
    """Ctrl-C while a rollback moves pods away: it stays migrated; then `rollback` ends."""
    assert ground.tool("apply", ground.plan()).code == 0
    run = ground.begin("rollback", ground.name)
    assert run.told("rollback", "^cordon"), words(run.end())
    run.signal(signal.SIGINT)
    ended = run.end()
    assert ended.code == 130, words(ended)
    said = f"interrupted before the rollback began; it runs on {ground.runtime.title} as before"
    assert said in ended.out, words(ended)
    ground.assert_migrated()
    return Result("interrupted", 130, said)


def not_confirmed(ground: Ground) -> Result:
    """No terminal and no --yes: refused."""
    plan = ground.plan()
    done = subprocess.run(
        [PROGRAM, "apply", plan], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=ground.environment(), check=False
    )
    assert done.returncode == 7
    assert done.stderr == f"no terminal to ask on\n  expected: --yes, or a terminal\n  next: docker2cri apply {plan} --yes\n"
    ground.assert_rolled_back()
    return Result("refused", 7, "no terminal to ask on")


def other_kubelet(ground: Ground) -> Result:
    """The kubelet is of another minor than when the plan was made: no rollback, and why."""
    plan = ground.plan()
    assert ground.tool("apply", plan).code == 0
    path = ground.path(f"/var/lib/docker2cri/{run_of(plan)}/plan.json")
    kept = path.read_text("utf-8")
    assert "v1.23.17" in kept
    changed = json.loads(kept)
    for one in changed["nodes"][0]["inputs"]:
        if one["what"] == "version of kubelet":
            one["value"] = one["value"].replace("1.23.17", "1.22.17")
    changed["digest"] = ""
    path.write_text(_sealed(json.dumps(changed)))
    ended = ground.tool("rollback", ground.name, state="elsewhere")
    assert ended.code == 7, words(ended)
    assert "the kubelet is v1.23.17 now and was v1.22.17 when the plan was made" in ended.out, words(ended)
    assert "dockershim is gone from 1.24 on" in ended.err, words(ended)
    path.write_text(kept)
    ground.assert_migrated()
    return Result("refused", 7, "the kubelet is v1.23.17 now and was v1.22.17 when the plan was made")


def _sealed(text: str) -> str:
    return dump_plan(sealed(msgspec.json.decode(text, type=Plan)))


def edited_after_plan(ground: Ground) -> Result:
    """A file is edited by hand after planning: refused with a diff; nothing is left on the node."""
    plan = ground.plan()
    ground.sh("echo '# an admin was here' >>/etc/containerd/config.toml")
    try:
        ended = ground.tool("apply", plan)
    finally:
        ground.sh("sed -i '$d' /etc/containerd/config.toml")
    assert ended.code == 7, words(ended)
    assert "plan is stale: 1 input changed since it was made" in ended.out, words(ended)
    assert re.search(r"(?m)^\+# an admin was here$", ended.err), words(ended)
    ground.assert_rolled_back()
    return Result("refused", 7, "plan is stale: 1 input changed since it was made")


def edited_after_success(ground: Ground) -> Result:
    """A planned file is edited after success: `rollback` is refused with the diff, and restores it with --overwrite."""
    assert ground.tool("apply", ground.plan()).code == 0
    ground.sh("echo '# an admin was here' >>/etc/containerd/config.toml")
    ended = ground.tool("rollback", ground.name)
    assert ended.code == 7, words(ended)
    assert "edited since it was planned: /etc/containerd/config.toml" in ended.out, words(ended)
    assert re.search(r"(?m)^\+# an admin was here$", ended.err), words(ended)
    assert "--overwrite /etc/containerd/config.toml" in ended.err, words(ended)
    ends(ground, ground.tool("rollback", ground.name, "--overwrite", "/etc/containerd/config.toml"), "rolled back", 0)
    return Result("refused", 7, "edited since it was planned: /etc/containerd/config.toml")


def applied_twice(ground: Ground) -> Result:
    """The second apply of a finished plan does nothing and says so."""
    plan = ground.plan()
    assert ground.tool("apply", plan).code == 0
    return ends(ground, ground.tool("apply", plan), "migrated", 0, f"nothing to do: it runs on {ground.runtime.title} and is verified")


CASES: tuple[Case, ...] = (
    *(rebooted_pods_stopping, rebooted_files_half, rebooted_unverified, rebooted_operator_gone, rebooted_after_success),
    *(rebooted_before_rollback, socket_directory_used),
    *(sessions_killed, connection_dropped, guard_fires, guard_fires_apply_typed, slow_operator, slow_operator_overtaken),
    *(
        disk_full_images,
        disk_full_file,
        disk_full_journal,
        disk_read_only,
        etc_read_only,
        etc_read_only_switch,
        containerd_broken,
        containerd_refuses,
        stop_on_failure,
    ),
    *(sandbox_disowned, bare_pod, ready_without_pods, unproved_and_stop),
    *(api_short_drain, api_short_switch, api_short_rejoin, api_long_drain, api_long_switch, api_long_rejoin),
    *(second_operator, interrupted_prepare, interrupted_drain, terminated_drain, interrupted_switch, interrupted_rollback),
    *(not_confirmed, other_kubelet, edited_after_plan, edited_after_success, applied_twice),
)

# about containerd's own configuration, drop-ins and store, or made with its own tools
OF_CONTAINERD: tuple[Case, ...] = (
    *(disk_full_images, disk_full_file, containerd_broken, containerd_refuses, stop_on_failure),
    *(ready_without_pods, unproved_and_stop, edited_after_plan, edited_after_success),
)
OF_CRIO: tuple[Case, ...] = (sandbox_disowned,)


def cases(runtime: Runtime) -> tuple[Case, ...]:
    """The cases that are made with a runtime."""
    others = OF_CRIO if runtime is CONTAINERD else OF_CONTAINERD
    return tuple(case for case in CASES if case not in others)
