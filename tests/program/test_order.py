"""The rollback of a plan: whole, and from wherever a run stands."""

from __future__ import annotations

from migrate.plan.steps import describe
from migrate.program.journal import Progress
from migrate.program.order import host_lines, rollback_of, undone_alone
from tests.node.scratch import planned

PLAN, _ = planned()
LINES = {line.kind: line.index for line in reversed(host_lines(PLAN))}  # the first of each kind


def told(since: Progress | None = None) -> list[str]:
    return [describe(step.step) for step in rollback_of(PLAN, since)]


def begun(upto: str, **more: object) -> Progress:
    return Progress(begun=frozenset(range(1, LINES[upto] + 1)), **more)  # type: ignore[arg-type]


DRAIN_AGAIN = ["record the workloads", "cordon", "drain", "wait until volumes are detached"]
SWITCH_STARTS = [
    "stop the kubelet",
    "stop and remove the pods' containers in containerd (killed after 600 s)",
    "release the addresses of stopped sandboxes in lab",
]
SWITCH_ENDS = [
    "restart containerd.service, as it was found",
    "start docker.socket, docker.service, wait until Docker answers",
    "start the kubelet",
    "start standalone containers forwarder, shell",
    "wait until the pods run in Docker again",
    "remove staged files",
    "disarm the guard",
]
API_ENDS = ["annotate kubeadm.alpha.kubernetes.io/cri-socket=/var/run/dockershim.sock", "verify the cordoned node on Docker"]
UNCORDONED = ["uncordon", "verify the workloads on Docker"]


def without_files(texts: list[str]) -> list[str]:
    return [text for text in texts if not text.startswith(("restore /", "remove /"))]


def test_the_whole_rollback() -> None:
    texts = told()
    assert without_files(texts)[: len(DRAIN_AGAIN) + len(SWITCH_STARTS)] == DRAIN_AGAIN + SWITCH_STARTS
    assert without_files(texts)[len(DRAIN_AGAIN) + len(SWITCH_STARTS) :][: len(SWITCH_ENDS)] == SWITCH_ENDS
    assert texts[-4:] == API_ENDS + UNCORDONED
    files = [text for text in texts if text.startswith(("restore /", "remove /"))]
    assert len(files) == len(PLAN.files)


def test_before_the_guard_is_disarmed_no_pod_can_have_come() -> None:
    assert told(begun("kubelet-start"))[:3] == SWITCH_STARTS
    assert told(begun("kubelet-start", disarmed=True))[:4] == DRAIN_AGAIN
    assert told(begun("kubelet-start", disarmed=True, direction="rollback"))[:3] == SWITCH_STARTS


def test_what_has_not_begun_is_not_rolled_back() -> None:
    assert told(begun("kubelet-stop"))[:5] == [
        "start the kubelet",
        "start standalone containers forwarder, shell",
        "wait until the pods run in Docker again",
        "remove staged files",
        "disarm the guard",
    ]
    assert told(begun("carry")) == UNCORDONED
    assert told(Progress()) == UNCORDONED


def test_what_is_undone_is_not_undone_again() -> None:
    part = begun("kubelet-start", direction="rollback", undone=frozenset((LINES["kubelet-start"], LINES["pods-remove"])))
    assert told(part)[0] == "release the addresses of stopped sandboxes in lab"
    whole = begun("kubelet-start", direction="rollback", rolled_back=True)
    assert told(whole) == API_ENDS + UNCORDONED


def test_a_segment_that_was_stopped_is_taken_back_alone() -> None:
    assert [describe(step) for step in undone_alone(PLAN, "drain")] == ["uncordon"]
    assert [describe(step) for step in undone_alone(PLAN, "rejoin")] == ["cordon"]
    assert [describe(step) for step in undone_alone(PLAN, "rejoin", rollback=True)] == ["uncordon"]
    assert undone_alone(PLAN, "prepare") == ()
