"""A pod that does nothing on the node: the proof that a sandbox gets an address, a container starts, and logs and exec reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from migrate.errors import ClusterUnreachable, NodeUnreadable
from migrate.facts.live import LivePod
from migrate.facts.pod import SMOKE_NAMESPACE, smoke_name
from migrate.plan.cgroup import misplaced
from migrate.plan.steps import CGROUP, ENDS, EXEC, LOGS, RUNS
from migrate.run.kube.events import Tell, VerifyWaits
from migrate.run.kube.evidence import NodeSays
from migrate.run.kube.port import ActingCluster, PodRefused, Said
from migrate.run.ports import Clock
from migrate.verify.judge import HOPELESS

MISSING = "/docker2cri-no-such-command"
# How the runtimes say that a command does not exist: runc, crun, and kubelets that pass on only the system's words.
NOT_FOUND = ("executable file not found", "no such file or directory", "not found in $PATH", "executable file `")
FORBIDDEN = (401, 403)
GONE_SECONDS = 30.0
POLL = 0.25


@dataclass(frozen=True, slots=True)
class Smoked:
    """What came of a smoke pod: why each of SMOKE_CHECKS failed that did, and what is told besides.

    Where it does not run nothing else is known; where admission would not have it nothing is known at all, which is a note.
    """

    failed: Mapping[str, str]
    notes: tuple[str, ...] = ()


def smoke_manifest(node: str, image: str, run: str) -> dict[str, Any]:
    """The pod: bound to the node past the scheduler, tolerating all, nothing pulled, no token, no privilege."""
    container = {
        "name": "pause",
        "image": image,
        "imagePullPolicy": "Never",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": True,
            "runAsUser": 65535,
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": smoke_name(node),
            "namespace": SMOKE_NAMESPACE,
            "labels": {"app.kubernetes.io/managed-by": "docker2cri", "docker2cri.io/run": run},
        },
        "spec": {
            "nodeName": node,
            "containers": [container],
            "tolerations": [{"operator": "Exists"}],
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
        },
    }


def remove_smoke(cluster: ActingCluster, node: str, clock: Clock) -> bool:
    """Delete the smoke pod, also one that an earlier run left; whether it is gone after `GONE_SECONDS` at most."""
    deadline, name = clock.monotonic() + GONE_SECONDS, smoke_name(node)
    asked = False
    while (pod := cluster.read_pod(SMOKE_NAMESPACE, name)) is not None:
        if not asked:
            cluster.delete_pod(SMOKE_NAMESPACE, name, uid=pod.metadata.uid, grace=1)
            asked = True
        if clock.monotonic() >= deadline:
            return False
        clock.sleep(POLL)
    return True


def smoke(
    cluster: ActingCluster,
    node: str,
    image: str,
    prefix: str,
    driver: str,
    says: NodeSays,
    run: str,
    clock: Clock,
    tell: Tell,
    timeout: float,
    excused: frozenset[str] = frozenset(),
) -> Smoked:
    """Run it and take it away again; it has to lie in the cgroup where the kubelet's `driver` has it (empty: not known).

    `excused` checks are looked at and not waited for; one that is not expected to run is not tried. Raises ClusterUnreachable.
    """
    if not image or RUNS in excused:
        return Smoked({}, (f"no smoke test: {'it did not run before either' if image else 'no image is known that runs here'}",))
    if not remove_smoke(cluster, node, clock):
        return Smoked({RUNS: f"{SMOKE_NAMESPACE}/{smoke_name(node)}, left by an earlier run, does not end within {GONE_SECONDS:.0f} s"})
    try:
        made = cluster.create_pod(smoke_manifest(node, image, run))
    except PodRefused as refused:
        return Smoked({}, (f"no smoke test: {refused.seen}",))
    found = Smoked({})
    try:
        changed = [container for container in made.spec.containers if (container.image, container.image_pull_policy) != (image, "Never")]
        if changed:  # a sidecar, AlwaysPullImages, a registry rewritten: what runs then is not what is to be proved
            said = f"{changed[0].name} of {changed[0].image}, imagePullPolicy {changed[0].image_pull_policy}"
            found = Smoked({}, (f"no smoke test: admission changed the pod: {said}",))
        else:
            found = _placed(cluster, node, prefix, driver, says, _run(cluster, node, prefix, clock, tell, timeout, excused))
    finally:
        gone = remove_smoke(cluster, node, clock)
    stays = {} if gone else {ENDS: f"{SMOKE_NAMESPACE}/{smoke_name(node)} does not end within {GONE_SECONDS:.0f} s"}
    return Smoked({**found.failed, **stays}, found.notes)


def _run(cluster: ActingCluster, node: str, prefix: str, clock: Clock, tell: Tell, timeout: float, excused: frozenset[str]) -> Smoked:
    start, name = clock.monotonic(), smoke_name(node)
    while True:
        pod = cluster.read_pod(SMOKE_NAMESPACE, name)
        reason = _pod_reason(pod, prefix)
        found = Smoked({RUNS: reason}) if reason else _answers(cluster, name)
        lacks = [reason for check, reason in found.failed.items() if check not in excused]
        spent = clock.monotonic() - start
        if not lacks or spent >= timeout or pod is None or pod.finished or any(word in reason for word in HOPELESS):
            return found
        tell(VerifyWaits("node", (f"smoke pod: {lacks[0]}",), spent, timeout))
        clock.sleep(POLL)


def _placed(cluster: ActingCluster, node: str, prefix: str, driver: str, says: NodeSays, found: Smoked) -> Smoked:
    """What is found of one that runs, with what its cgroup adds."""
    if RUNS in found.failed:
        return found
    pod = cluster.read_pod(SMOKE_NAMESPACE, smoke_name(node))
    ids = [status.container_id.removeprefix(prefix) for status in (pod.status.container_statuses if pod else None) or ()]
    if not driver or not ids:
        return Smoked(found.failed, (*found.notes, "the smoke pod's cgroup is not checked: the kubelet's driver is not known"))
    try:
        wrong = misplaced(says.cgroup(ids[0]), driver, ids[0])
    except NodeUnreadable as unread:
        wrong = unread.seen
    return Smoked({**found.failed, CGROUP: wrong}, found.notes) if wrong else found


def _pod_reason(pod: LivePod | None, prefix: str) -> str:
    if pod is None:
        return "it was deleted meanwhile"
    ids = [status.container_id for status in pod.status.container_statuses or ()]
    if pod.status.phase != "Running" or not pod.ready:
        return pod.trouble or f"it is {pod.status.phase or 'not seen by the kubelet yet'}"
    return "" if all(container.startswith(prefix) for container in ids) else f"it runs in {ids[0][:24]}, not in {prefix}"


def _answers(cluster: ActingCluster, name: str) -> Smoked:
    """What does not work through the kubelet's streaming server. That the user may not do it is a note."""
    failed, notes = {}, []
    try:
        logs = cluster.logs(SMOKE_NAMESPACE, name)
        if logs.status in FORBIDDEN:
            notes.append(f"its log is not proved: {logs.text}")
        elif logs.status != 200:
            failed[LOGS] = f"its log cannot be read: {logs.text}"
    except ClusterUnreachable as wrong:
        failed[LOGS] = wrong.seen
    try:
        said = cluster.execute(SMOKE_NAMESPACE, name, (MISSING,))
        text = said.text or f"HTTP {said.status}"
        if said.status in FORBIDDEN:
            notes.append(f"exec is not proved: {text}")
        elif not runtime_answered(said):
            failed[EXEC] = f"exec of a missing command should say `executable file not found`, and says: {text}"
    except ClusterUnreachable as wrong:
        failed[EXEC] = wrong.seen
    return Smoked(failed, tuple(f"smoke pod: {note}" for note in notes))


def runtime_answered(said: Said) -> bool:
    """Whether the refusal of an exec is the runtime's own: the way to it is open."""
    return said.status in (101, 500) and any(words in said.text for words in NOT_FOUND)
