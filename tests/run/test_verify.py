"""Looking until a node is back: on a cluster that behaves, with the smoke pod, and what is said when it does not come back."""

from __future__ import annotations

import os
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from migrate.errors import ClusterUnreachable, NodeUnreadable, VerificationFailed
from migrate.facts.api import Condition
from migrate.facts.cluster import NodeInfo
from migrate.facts.live import ContainerState, LiveContainer, Waiting
from migrate.facts.pod import ContainerPort, PodContainer, PodSpec
from migrate.plan.drain import classify
from migrate.plan.steps import DrainPolicy
from migrate.run.kube.events import ApiAway, Event, VerifyWaits
from migrate.run.kube.evidence import read_cgroup, read_evidence, read_left, read_network
from migrate.run.kube.port import Said
from migrate.run.kube.smoke import Smoked, smoke, smoke_manifest
from migrate.run.kube.verify import verify_node, verify_workloads
from migrate.run.ports import CommandResult
from migrate.sources.dockershim import DOCKERSHIM
from migrate.verify.counts import WorkloadCount
from migrate.verify.judge import Before, Evidence, Passed
from migrate.verify.network import Network, Port, Reach, Resolver, query
from migrate.verify.snapshot import snapshot
from tests.fakes import Behaviour, FakeClock, FakeCluster

NEW = "containerd://"
PAUSE = "k8s.gcr.io/pause:3.6"


class Scene:
    """A node w1 whose kubelet has just been started on containerd, cordoned, its pods of before evicted."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.cluster = FakeCluster(self.clock)
        self.events: list[Event] = []
        self.place = "/kubepods/besteffort/pod1/{id}"
        self.answers = Network()
        self.in_docker: tuple[str, ...] = ()
        self.cluster.add_node("w1")
        self.cluster.add_node("w2")
        self.cluster.add_owner("DaemonSet ops/agent", ["w1"])
        self.cluster.add_owner("ReplicaSet shop/web", ["w1", "w2"])
        facts = self.cluster.read()
        self.before: Before = snapshot(facts, "w1", classify(facts.pods_on("w1"), facts, DrainPolicy()))
        self.before = replace(self.before, driver="cgroupfs")
        for pod in self.cluster.pods_on("w1"):
            if pod.metadata.namespace == "shop":
                self.cluster.remove(pod)
        self.cluster.schedulable("w1", False)
        self.clock.sleep(10)
        self.started = self.clock.now().timestamp()

    def comes_back(self, node: float | None, pods: float | None) -> None:
        """The node becomes Ready on containerd after so many seconds, its pod after so many."""
        if node is not None:
            self.clock.after(node, self._node_ready)
        if pods is not None:
            self.clock.after(pods, self._pod_ready)

    def a(self, timeout: float = 60) -> Passed:
        return verify_node(self.cluster, self.before, NEW, self, PAUSE, "run-1", self.clock, self.events.append, timeout)

    def b(self, timeout: float = 60) -> Passed:
        return verify_workloads(self.cluster, self.before, NEW, self, self.clock, self.events.append, timeout)

    def evidence(self) -> Evidence:
        return Evidence(kubelet_started=self.started, left=self.left())

    def left(self) -> tuple[str, ...]:
        return self.in_docker

    def cgroup(self, container: str) -> str:
        return f"0::{self.place.format(id=container)}\n"

    def network(self, reach: Reach) -> Network:
        return replace(self.answers, open=self.answers.open & frozenset(reach.ports))

    def _node_ready(self) -> None:
        node = self.cluster.nodes["w1"]
        ready = Condition(type="Ready", status="True", last_heartbeat_time=self.clock.stamp())
        info = NodeInfo(container_runtime_version="containerd://1.6.20")
        self.cluster.nodes["w1"] = replace(node, status=replace(node.status, conditions=(ready,), node_info=info))
        self.cluster.version += 1

    def _pod_ready(self) -> None:
        (pod,) = (one for one in self.cluster.pods_on("w1") if one.metadata.namespace == "ops")
        self.cluster.change(pod, container_statuses=(LiveContainer(name="c", ready=True, container_id="containerd://new"),))


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_passes_soon_after_the_pods_are_back(scene: Scene) -> None:
    scene.comes_back(node=5.0, pods=7.0)
    assert scene.a() == Passed()
    # 1 s for the smoke pod to start, 1 s for it to end; within half a second of what can be seen
    assert scene.clock.passed - 10 == pytest.approx(7 + 1 + 1, abs=0.6)
    assert scene.cluster.read_pod("kube-system", "docker2cri-smoke-w1") is None
    reasons = [one.reasons for one in scene.events if isinstance(one, VerifyWaits)]
    assert ("ops/agent-x1: no container of containerd:// yet",) in reasons


def test_a_pod_whose_sandbox_is_not_made_is_told_with_what_the_events_say(scene: Scene) -> None:
    scene.comes_back(node=5.0, pods=None)
    (pod,) = scene.cluster.pods_on("w1")
    state = ContainerState(waiting=Waiting(reason="ContainerCreating"))
    scene.cluster.change(pod, container_statuses=(LiveContainer(name="c", state=state),), conditions=())
    scene.cluster.warned[pod.key] = ("FailedCreatePodSandBox: mkdir: read-only file system", "FailedMount: timed out", "BackOff: later")
    with pytest.raises(VerificationFailed) as error:
        scene.a(timeout=60)
    assert error.value.seen == (
        "verification of the node failed after 60 s:\n"
        "    ops/agent-x1: c: ContainerCreating\n"
        "    ops/agent-x1 was warned of: FailedCreatePodSandBox: mkdir: read-only file system\n"
        "    ops/agent-x1 was warned of: FailedMount: timed out"
    )


def test_a_node_that_is_ready_and_whose_pods_are_not_fails_and_says_why(scene: Scene) -> None:
    scene.comes_back(node=5.0, pods=None)
    (pod,) = scene.cluster.pods_on("w1")
    state = ContainerState(waiting=Waiting(reason="CreateContainerError", message="no such device"))
    scene.cluster.change(pod, container_statuses=(LiveContainer(name="c", state=state),), conditions=())
    with pytest.raises(VerificationFailed) as error:
        scene.a(timeout=60)
    assert str(error.value) == (
        "w1: verification of the node failed after 60 s:\n"
        "    ops/agent-x1: c: CreateContainerError: no such device\n"
        "  expected: the cordoned node Ready on the new runtime, its own pods in new containers, a smoke pod that runs and answers\n"
        "  next: docker2cri status w1"
    )


def test_what_cannot_pass_fails_at_once(scene: Scene) -> None:
    scene.comes_back(node=5.0, pods=None)
    (pod,) = scene.cluster.pods_on("w1")
    state = ContainerState(waiting=Waiting(reason="ErrImageNeverPull"))
    scene.cluster.change(pod, container_statuses=(LiveContainer(name="c", state=state),), conditions=())
    with pytest.raises(VerificationFailed) as error:
        scene.a(timeout=60)
    assert str(error.value).startswith("w1: verification of the node failed:\n    ops/agent-x1: c: ErrImageNeverPull\n")
    assert scene.clock.passed < 12


def test_time_without_an_api_does_not_count(scene: Scene) -> None:
    scene.comes_back(node=65.0, pods=66.0)
    scene.clock.after(1.0, lambda: setattr(scene.cluster, "down_until", scene.clock.passed + 60))
    assert scene.a(timeout=30) == Passed()
    away = [one for one in scene.events if isinstance(one, ApiAway)]
    assert (away[-1].doing, away[-1].reason, away[-1].bound) == ("verifying w1", "https://api: no connection", 120)


WHOLE = (
    WorkloadCount(owner="ReplicaSet shop/web", before=2, after=2),
    WorkloadCount(owner="DaemonSet ops/agent", before=1, after=1, stays=True),
)


def test_b_passes_when_the_owners_are_whole(scene: Scene) -> None:
    scene._node_ready()
    scene.clock.after(3.0, lambda: scene.cluster.add_pod("", "w2", "ReplicaSet shop/web") and None)
    (agent,) = scene.cluster.pods_on("w1")
    scene.cluster.change(agent, container_statuses=(LiveContainer(name="c", ready=True, container_id="containerd://new"),))
    assert scene.b() == WHOLE
    assert scene.clock.passed - 10 == pytest.approx(3, abs=1.1)


def test_b_fails_with_what_is_missing(scene: Scene) -> None:
    scene._node_ready()
    scene._pod_ready()
    with pytest.raises(VerificationFailed) as error:
        scene.b(timeout=30)
    assert str(error.value) == (
        "w1: verification of the workloads failed after 30 s:\n"
        "    ReplicaSet shop/web: 1 of 2 pods Ready\n"
        "  expected: as many pods of each evicted owner Ready as before, nothing here on another runtime, host ports and DNS as before\n"
        "  next: docker2cri status w1"
    )


DNS = Resolver("10.96.0.10", "kubernetes.default.svc.cluster.local")
PORT = Port("10.0.0.1", 9080)


def whole(scene: Scene) -> None:
    """All is back as pods; the agent has a host port."""
    spec = PodSpec(containers=(PodContainer(name="c", ports=(ContainerPort(host_port=9080, host_ip="10.0.0.1"),)),))
    (agent,) = scene.cluster.pods_on("w1")
    scene.cluster.alive[agent.metadata.uid] = replace(agent, spec=replace(spec, node_name="w1"))
    scene._node_ready()
    scene._pod_ready()
    scene.cluster.add_pod("", "w2", "ReplicaSet shop/web")
    scene.before = replace(scene.before, reach=Reach(ports=(PORT,), resolver=DNS))


def test_b_waits_until_what_answered_on_the_node_before_answers_again(scene: Scene) -> None:
    whole(scene)
    scene.clock.after(3.0, lambda: setattr(scene, "answers", Network(open=frozenset((PORT,)))))
    scene.clock.after(6.0, lambda: setattr(scene, "answers", Network(open=frozenset((PORT,)), resolves=True)))
    assert scene.b() == WHOLE
    assert scene.clock.passed - 10 == pytest.approx(6, abs=1.1)


def test_b_fails_with_the_port_and_the_name_that_do_not_answer_any_more(scene: Scene) -> None:
    whole(scene)
    with pytest.raises(VerificationFailed) as error:
        scene.b(timeout=30)
    assert str(error.value) == (
        "w1: verification of the workloads failed after 30 s:\n"
        "    hostPort 10.0.0.1:9080 does not answer on the node, and did before\n"
        f"    the cluster's DNS at 10.96.0.10 does not resolve {DNS.name} from the node, and did before\n"
        "  expected: as many pods of each evicted owner Ready as before, nothing here on another runtime, host ports and DNS as before\n"
        "  next: docker2cri status w1"
    )


# the smoke pod


def smoked(scene: Scene, prefix: str = NEW, *excused: str) -> Smoked:
    driver, clock, tell = scene.before.driver, scene.clock, scene.events.append
    return smoke(scene.cluster, "w1", PAUSE, prefix, driver, scene, "run-1", clock, tell, 20, frozenset(excused))


def left(scene: Scene) -> bool:
    return scene.cluster.read_pod("kube-system", "docker2cri-smoke-w1") is not None


def test_the_smoke_pod_needs_nothing() -> None:
    pod = smoke_manifest("w1", PAUSE, "run-1")
    spec = pod["spec"]
    assert (spec["nodeName"], spec["tolerations"], spec["automountServiceAccountToken"]) == ("w1", [{"operator": "Exists"}], False)
    assert (spec["containers"][0]["image"], spec["containers"][0]["imagePullPolicy"]) == (PAUSE, "Never")


def test_a_smoke_pod_that_runs_and_answers_passes_and_is_taken_away(scene: Scene) -> None:
    scene._node_ready()
    assert smoked(scene) == Smoked({})
    assert not left(scene)


def test_one_left_by_an_earlier_run_is_taken_away_first(scene: Scene) -> None:
    scene.cluster.create_pod(smoke_manifest("w1", PAUSE, "run-0"))
    scene._node_ready()
    assert smoked(scene) == Smoked({})
    assert not left(scene)


def test_refused_by_admission_it_is_a_note(scene: Scene) -> None:
    scene.cluster.admission = "policy forbids it"
    assert smoked(scene) == Smoked({}, ("no smoke test: the API will not have pod docker2cri-smoke-w1: policy forbids it",))


def test_changed_by_admission_it_is_a_note(scene: Scene) -> None:
    scene.cluster.pull_policy = "Always"
    note = f"no smoke test: admission changed the pod: pause of {PAUSE}, imagePullPolicy Always"
    assert smoked(scene) == Smoked({}, (note,))
    assert not left(scene)


def test_what_the_user_may_not_do_is_a_note(scene: Scene) -> None:
    scene._node_ready()
    scene.cluster.exec_says = Said(403, "pods is forbidden")
    assert smoked(scene) == Smoked({}, ("smoke pod: exec is not proved: pods is forbidden",))
    scene.cluster.logs_say = Said(403, "HTTP 403: pods/log is forbidden")
    notes = ("smoke pod: its log is not proved: HTTP 403: pods/log is forbidden", "smoke pod: exec is not proved: pods is forbidden")
    assert smoked(scene) == Smoked({}, notes)


def test_an_image_that_is_not_there_fails_at_once(scene: Scene) -> None:
    scene.cluster.behaviour["Pod"] = Behaviour(trouble="ErrImageNeverPull")
    assert smoked(scene) == Smoked({"runs": "c: ErrImageNeverPull"})
    assert not left(scene)


def test_one_that_does_not_start_fails_and_is_taken_away(scene: Scene) -> None:
    scene.cluster.behaviour["Pod"] = Behaviour(ready=None)
    assert smoked(scene) == Smoked({"runs": "c: ContainerCreating"})
    assert not left(scene)


def test_one_in_the_wrong_runtime_fails(scene: Scene) -> None:
    found = smoked(scene)
    assert found.failed["runs"].startswith("it runs in docker://")


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("rpc error: code = Unknown desc = failed to exec in container: executable file not found in $PATH: unknown", True),
        ("exec failed: unable to start container process: exec: /x: stat /x: no such file or directory: unknown", True),
        ("executable file `/x` not found: No such file or directory: OCI runtime attempted to invoke a command that was not found", True),
        ("error dialing backend: dial tcp 10.0.0.1:10250: connect: connection refused", False),
        ("", False),
    ],
)
def test_the_runtimes_own_answer_to_exec(scene: Scene, said: str, passes: bool) -> None:
    scene._node_ready()
    scene.cluster.exec_says = Said(500, said)
    why = said or "HTTP 500"
    text = f"exec of a missing command should say `executable file not found`, and says: {why}"
    assert smoked(scene) == Smoked({} if passes else {"exec": text})


def test_a_smoke_pod_in_a_cgroup_of_the_other_driver_fails(scene: Scene) -> None:
    scene._node_ready()
    scene.before = replace(scene.before, driver="systemd")
    found = smoked(scene)
    assert found.failed["cgroup"].startswith("its cgroup is /kubepods/besteffort/pod1/0000")
    assert found.failed["cgroup"].endswith(", and by the kubelet's driver (systemd) it is a scope of its pod's slice in kubepods.slice")
    assert not left(scene)


def test_a_kubelet_whose_driver_is_not_known(scene: Scene) -> None:
    scene._node_ready()
    scene.before = replace(scene.before, driver="")
    assert smoked(scene) == Smoked({}, ("the smoke pod's cgroup is not checked: the kubelet's driver is not known",))


def test_what_is_excused_is_told_and_not_waited_for(scene: Scene) -> None:
    scene.cluster.exec_says = Said(101, "OCI runtime exec failed: error setting rlimits")
    begun = scene.clock.passed
    found = smoked(scene, "docker://", "exec")
    assert found.failed.keys() == {"exec"}
    assert scene.clock.passed - begun < 5
    assert smoked(scene, "docker://", "runs") == Smoked({}, ("no smoke test: it did not run before either",))


def test_a_node_that_does_not_say_where_the_pod_lies(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(_: Scene, container: str) -> str:
        raise NodeUnreadable(node="w1", seen=f"no cgroup of {container[:4]}", expected="one", next="look")

    monkeypatch.setattr(Scene, "cgroup", unread)
    scene._node_ready()
    assert smoked(scene) == Smoked({"cgroup": "no cgroup of 0000"})


def test_a_log_that_cannot_be_read_fails(scene: Scene) -> None:
    scene._node_ready()
    scene.cluster.logs_say = Said(500, "HTTP 500: no log")
    assert smoked(scene) == Smoked({"logs": "its log cannot be read: HTTP 500: no log"})


def test_a_smoke_pod_that_does_not_end_is_told(scene: Scene) -> None:
    scene._node_ready()
    scene.cluster.behaviour["Pod"] = Behaviour(ready=1.0, ends=None)
    assert smoked(scene) == Smoked({"ends": "kube-system/docker2cri-smoke-w1 does not end within 30 s"})


def test_the_api_goes_away_while_it_runs(scene: Scene) -> None:
    scene._node_ready()
    scene.clock.after(0.4, lambda: setattr(scene.cluster, "down_until", 1e9))
    with pytest.raises(ClusterUnreachable):
        smoked(scene)


# what the node says


class Node:
    """A host that answers with a canned text."""

    name = "w1"

    def __init__(self, stdout: str, rc: int = 0, stderr: str = "") -> None:
        self.answer = CommandResult(rc, stdout.encode(), stderr.encode())
        self.script = b""

    def run(self, script: bytes, **_: object) -> CommandResult:
        self.script = script
        return self.answer


SAID = "ExecMainStartTimestampMonotonic=4000500000\nuptime=5000.25\nnow=1700001000\ncontainers\nabc\ndef\n"


def test_the_kubelets_start_by_the_nodes_clock() -> None:
    assert read_evidence(Node(SAID), NEW) == Evidence(kubelet_started=1700000000.0, running=frozenset(("abc", "def")))


def test_a_kubelet_that_ends_again_and_again_says_why(tmp_path: Path) -> None:
    log = """
        I1130 00:46:51.786026    7931 server.go:1246] "Started kubelet"
        E1130 00:46:51.810643    7931 kubelet.go:1414] "Failed to start cAdvisor" err="password=Planted-Pa55"
        kubelet.service: Main process exited, code=exited, status=1/FAILURE
        E1130 00:46:59.966358    8093 plugins.go:613] "Error initializing" err="the one that runs now"
        I1130 00:46:59.971058    8093 all of its containers
    """
    lines = "\n".join(line.strip() for line in log.splitlines())
    show = "echo ExecMainStartTimestampMonotonic=1000000; echo NRestarts=12"
    found = read_evidence(Shell(tmp_path, systemctl=show, ctr=TASKS, journalctl=f"cat <<'E'\n{lines}\nE"), NEW)
    assert (found.restarts, found.running) == (12, frozenset(("abc",)))
    assert found.ended == ('E1130 00:46:51.810643    7931 kubelet.go:1414] "Failed to start cAdvisor" err="password=REDACTED"')
    assert read_evidence(Shell(tmp_path, systemctl=show, ctr=TASKS, journalctl="exit 1"), NEW).ended == ""


LEFT = "case $* in 'ps --filter name=^/?k8s_ --filter label=io.kubernetes.pod.uid --format {{.Names}}') echo k8s_web; echo k8s_POD ;; esac"


def test_a_docker_that_keeps_running_names_what_a_kubelet_left_there(tmp_path: Path) -> None:
    assert read_left(Shell(tmp_path, systemctl="true", docker=LEFT), DOCKERSHIM) == ("k8s_web", "k8s_POD")
    assert read_left(Shell(tmp_path, systemctl="true", docker="true"), DOCKERSHIM) == ()
    with pytest.raises(NodeUnreadable) as wrong:
        read_left(Shell(tmp_path, systemctl="exit 3", docker=LEFT), DOCKERSHIM)
    assert str(wrong.value).splitlines()[0].endswith("Docker does not say which containers it runs: docker.service does not run")
    assert wrong.value.next == "on the node: systemctl status docker.socket docker.service"


def test_a_node_with_pods_in_a_docker_that_keeps_running_is_not_verified(scene: Scene) -> None:
    scene.comes_back(1, 1)
    scene.cluster.add_pod("", "w2", "ReplicaSet shop/web")
    scene.in_docker = ("k8s_web",)
    for phase in (scene.a, scene.b):
        with pytest.raises(VerificationFailed, match="\n    containers of pods run in Docker, which Kubernetes has left: k8s_web"):
            phase(10)
    scene.in_docker = ()
    scene.a()
    scene.b()


def test_docker_is_asked_only_while_it_runs() -> None:
    node = Node(SAID)
    read_evidence(node, "docker://")
    assert b"if systemctl is-active --quiet docker.service; then docker ps -q --no-trunc; fi" in node.script


@pytest.mark.parametrize(
    ("node", "why"),
    [
        (Node(SAID.replace("4000500000", "0")), "kubelet.service has not been started since the boot"),
        (Node("", 127, "sh: ctr: not found"), "sh: ctr: not found"),
        (Node(SAID.replace("uptime=5000.25", "")), "'uptime'"),
    ],
)
def test_a_node_that_cannot_say_is_an_error(node: Node, why: str) -> None:
    with pytest.raises(NodeUnreadable) as error:
        read_evidence(node, NEW)
    assert str(error.value) == (
        f"w1: it does not say when its kubelet started and what runs: {why}\n"
        "  expected: the start of kubelet.service and the running containers of containerd://\n"
        "  next: on the node: systemctl status kubelet.service"
    )


class Shell:
    """A host that is this machine, with stand-ins for systemctl and the runtimes."""

    name = "w1"

    def __init__(self, folder: Path, **programs: str) -> None:
        self.path = f"{folder}:/usr/bin:/bin"
        for name, body in programs.items():
            (folder / name).write_text(f"#!/bin/sh\n{body}\n")
            (folder / name).chmod(0o755)

    def run(self, script: bytes, **_: object) -> CommandResult:
        done = subprocess.run(["/bin/sh", "-s"], input=script, capture_output=True, check=False, env={"PATH": self.path})
        return CommandResult(done.returncode, done.stdout, done.stderr)


SYSTEMCTL = "case $1 in show) echo ExecMainStartTimestampMonotonic=1000000 ;; is-active) exit 0 ;; esac"
TASKS = "printf 'TASK PID STATUS\\nabc 12 RUNNING\\ndef 0 STOPPED\\n'"


def test_the_script_under_a_real_shell(tmp_path: Path) -> None:
    node = Shell(tmp_path, systemctl=SYSTEMCTL, ctr=TASKS, docker="echo d0c")
    found = read_evidence(node, NEW)
    boot = time.time() - float(Path("/proc/uptime").read_text().split()[0])
    assert found.kubelet_started == pytest.approx(boot + 1, abs=2)
    assert found.running == frozenset(("abc",))
    assert read_evidence(node, "docker://").running == frozenset(("d0c",))


def test_a_runtime_that_does_not_answer_is_no_empty_list(tmp_path: Path) -> None:
    with pytest.raises(NodeUnreadable, match="cannot connect"):
        read_evidence(Shell(tmp_path, systemctl=SYSTEMCTL, ctr="echo cannot connect >&2; exit 1"), NEW)


CONTAINER = "ab" * 32
PID = os.getpid()


@pytest.mark.parametrize(
    ("prefix", "programs"),
    [
        (NEW, {"ctr": f"echo TASK PID STATUS; echo {CONTAINER} {PID} RUNNING; echo {'cd' * 32} 1 RUNNING"}),
        ("docker://", {"docker": f"""[ "$1 $2 $3 $4" = "inspect -f {{{{.State.Pid}}}} {CONTAINER}" ] && echo {PID}"""}),
        ("cri-o://", {"crictl": f'[ "$6" = {CONTAINER} ] && echo {PID}'}),
    ],
)
def test_a_containers_cgroup(tmp_path: Path, prefix: str, programs: dict[str, str]) -> None:
    assert read_cgroup(Shell(tmp_path, **programs), prefix, CONTAINER) == Path(f"/proc/{PID}/cgroup").read_text()


@pytest.mark.parametrize(
    ("container", "why"), [(CONTAINER, "it has no process"), ("$(reboot)", "its ID is none"), ("cd" * 32, "it has no process")]
)
def test_a_container_without_a_cgroup(tmp_path: Path, container: str, why: str) -> None:
    node = Shell(tmp_path, ctr=f"echo TASK PID STATUS; echo {CONTAINER} 0 STOPPED")
    with pytest.raises(NodeUnreadable) as error:
        read_cgroup(node, NEW, container)
    assert str(error.value).startswith(f"w1: the cgroup of container {container[:12]} cannot be read: {why}\n")


TOOLS = ("timeout", "head", "od", "tr")


class Bare(Shell):
    """A host with one program to connect with, or none."""

    def __init__(self, folder: Path, tool: str) -> None:
        super().__init__(folder)
        self.path = str(folder)
        for name in (*TOOLS, *filter(None, (tool,))):
            found = shutil.which(name)
            if found is None:
                pytest.skip(f"this machine has no {name}")
            (folder / name).symlink_to(found)


@pytest.fixture
def resolver() -> Iterator[str]:
    """An address of loopback where every question over TCP is answered with one record."""
    address = "127.0.0.77"

    class Answers(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = b""
            while len(asked) < len(query(DNS.name)) and (more := self.request.recv(512)):
                asked += more
            if asked == query(DNS.name):
                self.request.sendall(asked[:4] + b"\x85\x80\x00\x01\x00\x01" + asked[10:] + bytes(16))

    class Server(socketserver.TCPServer):
        allow_reuse_address = True  # a connection of the test before may still be on its way out

    try:
        server = Server((address, 53), Answers)
    except OSError as wrong:
        pytest.skip(f"port 53 of {address}: {wrong}")
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield address
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("tool", ["bash", "socat", "nc"])
def test_what_answers_on_a_node(tmp_path: Path, resolver: str, tool: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as gone:
        up, down = Port("127.0.0.1", listener.getsockname()[1]), Port("127.0.0.1", gone.getsockname()[1])
        gone.close()
        node = Bare(tmp_path, tool)
        assert read_network(node, Reach(ports=(up, down), resolver=Resolver(resolver, DNS.name))) == Network(
            open=frozenset((up,)), resolves=True
        )
        assert read_network(node, Reach(ports=(down,), resolver=Resolver("127.0.0.78", DNS.name))) == Network()


def test_a_name_that_the_dns_does_not_know(tmp_path: Path, resolver: str) -> None:
    assert read_network(Bare(tmp_path, "bash"), Reach(resolver=Resolver(resolver, "kubernetes.default.svc.example"))) == Network()


def test_a_node_with_nothing_to_connect_with(tmp_path: Path) -> None:
    looked = Reach(ports=(Port("127.0.0.1", 1),), resolver=Resolver("127.0.0.77", DNS.name))
    assert read_network(Bare(tmp_path, ""), looked) == Network(tool=False)


def test_a_node_that_does_not_say_what_answers() -> None:
    with pytest.raises(NodeUnreadable) as error:
        read_network(Node("", 127, "sh: not found"), Reach())
    assert str(error.value) == (
        "w1: it does not say what answers on it: sh: not found\n"
        "  expected: a POSIX /bin/sh with timeout, head and od\n"
        "  next: on the node: command -v timeout head od"
    )
