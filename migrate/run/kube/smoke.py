"""A pod of the pause image on the node: the proof that a sandbox gets an address, a container starts, and logs and exec reach it."""

from __future__ import annotations

from typing import Any

from migrate.errors import ClusterUnreachable
from migrate.facts.live import LivePod
from migrate.plan.cgroup import misplaced
from migrate.run.kube.events import Tell, VerifyWaits
from migrate.run.kube.evidence import NodeSays
from migrate.run.kube.port import ActingCluster, PodRefused, Said
from migrate.run.ports import Clock
from migrate.sources.table import SOURCES
from migrate.verify.judge import HOPELESS, Failed, Passed

NAMESPACE = "kube-system"  # where admission is least strict and no quota is usual
MISSING = "/docker2cri-no-such-command"
# How the runtimes say that a command does not exist: runc, crun, and kubelets that pass on only the system's words.
NOT_FOUND = ("executable file not found", "no such file or directory", "not found in $PATH", "executable file `")
FORBIDDEN = (401, 403)
BEFORE = frozenset(source.prefix for source in SOURCES)  # what a rollback verifies: there all is as it was
OWN_WORDS = "OCI runtime exec failed"
GONE_SECONDS = 30.0
POLL = 0.25


def smoke_name(node: str) -> str:
    """The pod's name: the same in every run, so that one left behind is found."""
    return f"docker2cri-smoke-{node}"


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
            "namespace": NAMESPACE,
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
    while (pod := cluster.read_pod(NAMESPACE, name)) is not None:
        if not asked:
            cluster.delete_pod(NAMESPACE, name, uid=pod.metadata.uid, grace=1)
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
) -> Passed | Failed:
    """Run it and take it away again; it has to lie in the cgroup where the kubelet's `driver` has it (empty: not known).

    Refused by admission it proves nothing, and that is a note of Passed, no failure.
    """
    if not remove_smoke(cluster, node, clock):
        return Failed(reasons=(f"{NAMESPACE}/{smoke_name(node)}, left by an earlier run, does not end within {GONE_SECONDS:.0f} s",))
    try:
        made = cluster.create_pod(smoke_manifest(node, image, run))
    except PodRefused as refused:
        return Passed(notes=(f"no smoke test: {refused.seen}",))
    verdict: Passed | Failed = Failed(reasons=())
    try:
        changed = [container for container in made.spec.containers if (container.image, container.image_pull_policy) != (image, "Never")]
        if changed:  # a sidecar, AlwaysPullImages, a registry rewritten: what runs then is not what is to be proved
            said = f"{changed[0].name} of {changed[0].image}, imagePullPolicy {changed[0].image_pull_policy}"
            verdict = Passed(notes=(f"no smoke test: admission changed the pod: {said}",))
        else:
            verdict = _run(cluster, node, image, prefix, clock, tell, timeout)
        if isinstance(verdict, Passed) and not changed:
            verdict = _placed(cluster, node, image, prefix, driver, says, verdict)
    finally:
        gone = remove_smoke(cluster, node, clock)
    if not gone:
        stays = f"{NAMESPACE}/{smoke_name(node)} does not end within {GONE_SECONDS:.0f} s"
        return Failed(reasons=(*(verdict.reasons if isinstance(verdict, Failed) else ()), stays))
    return verdict


def _run(cluster: ActingCluster, node: str, image: str, prefix: str, clock: Clock, tell: Tell, timeout: float) -> Passed | Failed:
    start, name = clock.monotonic(), smoke_name(node)
    while True:
        pod = cluster.read_pod(NAMESPACE, name)
        reason = _pod_reason(pod, prefix)
        note = ""
        if not reason:
            reason, note = _answers(cluster, name, prefix)
        spent = clock.monotonic() - start
        if not reason:
            return Passed(notes=(note,) if note else ())
        if spent >= timeout or pod is None or pod.finished or any(word in reason for word in HOPELESS):
            return Failed(reasons=(f"smoke pod of {image}: {reason}",))
        tell(VerifyWaits("node", (f"smoke pod: {reason}",), spent, timeout))
        clock.sleep(POLL)


def _placed(cluster: ActingCluster, node: str, image: str, prefix: str, driver: str, says: NodeSays, passed: Passed) -> Passed | Failed:
    """The verdict with what its cgroup adds: on rollback a note, for all is as it was, and this was so as well."""
    pod = cluster.read_pod(NAMESPACE, smoke_name(node))
    ids = [status.container_id.removeprefix(prefix) for status in (pod.status.container_statuses if pod else None) or ()]
    if not driver or not ids:
        return Passed(notes=(*passed.notes, "the smoke pod's cgroup is not checked: the kubelet's driver is not known"))
    wrong = misplaced(says.cgroup(ids[0]), driver, ids[0])
    if wrong and prefix not in BEFORE:
        return Failed(reasons=(f"smoke pod of {image}: {wrong}",))
    return Passed(notes=(*passed.notes, f"smoke pod: {wrong}")) if wrong else passed


def _pod_reason(pod: LivePod | None, prefix: str) -> str:
    if pod is None:
        return "it was deleted meanwhile"
    ids = [status.container_id for status in pod.status.container_statuses or ()]
    if pod.status.phase != "Running" or not pod.ready:
        return pod.trouble or f"it is {pod.status.phase or 'not seen by the kubelet yet'}"
    return "" if all(container.startswith(prefix) for container in ids) else f"it runs in {ids[0][:24]}, not in {prefix}"


def _answers(cluster: ActingCluster, name: str, prefix: str) -> tuple[str, str]:
    """What does not work through the kubelet's streaming server, empty when all does; and a note.

    That the user may not do it is a note. So is the source's own trouble with exec: on rollback all is as it was, and this was so as well.
    """
    try:
        logs = cluster.logs(NAMESPACE, name)
        if logs.status not in (200, *FORBIDDEN):
            return f"its log cannot be read: {logs.text}", ""
        said = cluster.execute(NAMESPACE, name, (MISSING,))
    except ClusterUnreachable as wrong:
        return wrong.seen, ""
    text = said.text or f"HTTP {said.status}"
    if logs.status in FORBIDDEN or said.status in FORBIDDEN:
        return "", f"logs and exec are not proved: {logs.text if logs.status in FORBIDDEN else text}"
    if runtime_answered(said):
        return "", ""
    if prefix in BEFORE and OWN_WORDS in said.text:
        return "", f"exec does not work on this node, as before: {text}"
    return f"exec of a missing command should say `executable file not found`, and says: {text}", ""


def runtime_answered(said: Said) -> bool:
    """Whether the refusal of an exec is the runtime's own: the way to it is open."""
    return said.status in (101, 500) and any(words in said.text for words in NOT_FOUND)
