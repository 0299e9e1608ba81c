"""Looking until a node and its workloads are back, with a bound; what counts is judged in plan.verify."""

from __future__ import annotations

from collections.abc import Callable

from migrate.errors import VerificationFailed
from migrate.run.kube.events import ApiAway, Tell, VerifyWaits
from migrate.run.kube.evidence import NodeSays
from migrate.run.kube.port import ActingCluster, Watch
from migrate.run.kube.smoke import Smoked, smoke
from migrate.run.ports import Clock
from migrate.verify.counts import WorkloadCount, counted
from migrate.verify.judge import Before, Failed, Passed, Pending, Verdict, judge_node, judge_workloads, namespaces, pods_left
from migrate.verify.network import Reach, required, silent

SMOKE_SECONDS = 60.0
PATIENCE = 120.0  # seconds that the API may be away, besides the bound
TICK = 1.0
WARNED_PODS = 5
EXPECTED = {
    "node": "the cordoned node Ready on the new runtime, its own pods in new containers, a smoke pod that runs and answers",
    "workloads": "as many pods of each evicted owner Ready as before, nothing here on another runtime, host ports and DNS as before",
}
FLOOR = 0.2  # seconds between two looks, however much changes


def verify_node(
    cluster: ActingCluster,
    before: Before,
    prefix: str,
    says: NodeSays,
    image: str,
    run: str,
    clock: Clock,
    tell: Tell,
    timeout: float,
    excused: frozenset[str] = frozenset(),
) -> Passed:
    """The cordoned node: `judge_node` until it passes, then the smoke pod of `image`, which must be in the new runtime's store.

    The checks of the smoke pod that are `excused` are told and not demanded. Raises VerificationFailed with what was missing at the end,
    ClusterUnreachable when the API is away for too long, what `says` raises.
    """
    with cluster.watch(before.node) as view:

        def look() -> Verdict:
            return judge_node(before, view.node(), view.pods(), says.evidence(), prefix)

        passed = _until(look, cluster, view, before.node, "node", clock, tell, timeout)
    smoked = smoke(cluster, before.node, image, prefix, before.driver, says, run, clock, tell, SMOKE_SECONDS, excused)
    if wrong := [f"smoke pod of {image}: {reason}" for check, reason in smoked.failed.items() if check not in excused]:
        raise _failed(before.node, "node", tuple(wrong), 0.0, None)
    return Passed(notes=(*passed.notes, *smoked.notes, *not_demanded(smoked, image)))


def not_demanded(smoked: Smoked, image: str) -> tuple[str, ...]:
    """What is told of the checks that failed and are not demanded."""
    return tuple(f"smoke pod of {image}, not demanded: {reason}" for reason in smoked.failed.values())


def verify_workloads(
    cluster: ActingCluster, before: Before, prefix: str, says: NodeSays, clock: Clock, tell: Tell, timeout: float
) -> tuple[WorkloadCount, ...]:
    """The workloads after uncordon: `judge_workloads` until it passes and what answered on the node before answers again; their pods then.

    Raises VerificationFailed, ClusterUnreachable as `verify_node`, and what `says` raises.
    """
    found: tuple[WorkloadCount, ...] = ()  # of the look that passed: each pod's owner is looked up, and there are many looks
    with cluster.watch(before.node) as view:

        def look() -> Verdict:
            nonlocal found
            facts = cluster.workloads(namespaces(before))
            verdict = judge_workloads(before, facts, view.node(), view.pods(), prefix)
            if not isinstance(verdict, Passed):
                return verdict
            wanted = required(before.reach, view.pods(), view.node())
            reasons = (*pods_left(says.left()), *(silent(wanted, says.network(wanted)) if wanted != Reach() else ()))
            if reasons:
                return Pending(reasons=reasons)
            found = counted(before, facts, view.pods())
            return verdict

        _until(look, cluster, view, before.node, "workloads", clock, tell, timeout)
        return found


def _until(
    look: Callable[[], Verdict], cluster: ActingCluster, view: Watch, node: str, phase: str, clock: Clock, tell: Tell, timeout: float
) -> Passed:
    """Look at each change and once a second; time in which the API is away does not count, up to PATIENCE."""
    start, away = clock.monotonic(), 0.0
    while True:
        begun = clock.monotonic()
        verdict = look()
        spent = clock.monotonic() - start
        if isinstance(verdict, Passed):
            return verdict
        if isinstance(verdict, Failed) or spent - min(away, PATIENCE) >= timeout:
            raise _failed(node, phase, (*verdict.reasons, *_warned(cluster, view)), spent, timeout)
        lost = view.away()
        tell(VerifyWaits(phase, verdict.reasons, spent, timeout) if lost is None else ApiAway(f"verifying {node}", lost, away, PATIENCE))
        view.wait(TICK)
        clock.sleep(max(0.0, FLOOR - (clock.monotonic() - begun)))
        away += clock.monotonic() - begun if lost else 0.0


def _warned(cluster: ActingCluster, view: Watch) -> tuple[str, ...]:
    """What events say of the first pods that are not Ready: a sandbox or a mount that fails is in no container's status."""
    waiting = [pod for pod in view.pods() if not (pod.ready or pod.finished or pod.leaving)][:WARNED_PODS]
    return tuple(f"{pod.key} was warned of: {warning}" for pod in waiting for warning in cluster.warnings(pod)[:2])


def _failed(node: str, phase: str, reasons: tuple[str, ...], spent: float, timeout: float | None) -> VerificationFailed:
    late = timeout is not None and spent >= timeout
    return VerificationFailed(
        node=node,
        seen=f"verification of the {phase} failed{f' after {spent:.0f} s' if late else ''}:"
        + "".join(f"\n    {reason}" for reason in reasons),
        expected=EXPECTED[phase],
        next=f"docker2cri status {node}",
    )
