"""What each step through the API does. Each looks first, so that a second time does nothing; none is known by name anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from msgspec.structs import replace

from migrate.errors import ClusterUnreachable, MigrateError, NodeUnreadable, VerificationFailed
from migrate.facts.cluster import CRI_SOCKET, ClusterFacts
from migrate.facts.live import LiveNode
from migrate.plan.drain import classify
from migrate.plan.mark import Mark, mark_of, record_of
from migrate.plan.steps import (
    Annotate,
    ApiStep,
    CheckControlPlanes,
    Complete,
    Cordon,
    Direction,
    Disarm,
    Drain,
    DrainPolicy,
    EtcdSnapshot,
    MoveEtcdLeader,
    RecordWorkloads,
    SettleControlPlane,
    SmokeTest,
    Step,
    Uncordon,
    VerifyControlPlane,
    VerifyNode,
    VerifyWorkloads,
    WaitVolumesDetached,
    describe,
)
from migrate.rules import Allow
from migrate.run.control import excused_checks, smoke_test
from migrate.run.kube.drain import drain
from migrate.run.kube.verify import verify_node, verify_workloads
from migrate.run.kube.volumes import wait_volumes_detached
from migrate.run.plane import (
    check_control_planes,
    move_etcd_leader,
    remember_plane,
    settle_control_plane,
    verify_control_plane,
)
from migrate.run.snapshot import keep_snapshot
from migrate.run.work import COMPLETE, StepFailed, Work
from migrate.sources.table import origin_of
from migrate.verify.counts import After
from migrate.verify.judge import Before
from migrate.verify.network import reach_of, remembered
from migrate.verify.snapshot import snapshot

# pods under these accepted findings are required afterwards as all others are
COME_BACK = (Allow.LEAVE_RETURNING, Allow.KILL)


def perform(work: Work, step: ApiStep) -> str | None:
    """Do one step; what the user should know of how it ended, or None.

    Raises StepFailed, VerificationFailed, ClusterUnreachable, and what the drain and the wait for volumes raise.
    """
    match step:
        case RecordWorkloads(on=on):
            _record(work, on)
        case SmokeTest():
            smoke_test(work, step)
        case Cordon():
            _cordon(work)
        case Uncordon(on=on):
            stays = work.cluster.uncordon(work.node, work.run, migrated=on == "apply" and work.plan.moves)
            return f"it stays cordoned: {stays}" if stays else None
        case Drain(policy=policy):
            drain(work.cluster, work.node, policy, work.clock, work.hear)
        case WaitVolumesDetached(timeout=timeout):
            wait_volumes_detached(work.cluster, work.node, work.clock, work.hear, timeout)
        case Annotate(key=key, value=value):
            work.cluster.annotate(work.node, key, value)
        case VerifyNode():
            _verified_node(work, step)
        case VerifyWorkloads():
            _verified_workloads(work, step)
        case EtcdSnapshot():
            keep_snapshot(work)
        case CheckControlPlanes():
            check_control_planes(work, step)
        case MoveEtcdLeader():
            move_etcd_leader(work, step)
        case VerifyControlPlane():
            verify_control_plane(work, step)
        case SettleControlPlane():
            settle_control_plane(work, step)
        case Disarm():
            _disarm(work)
        case Complete():
            work.remote.verb("mark", COMPLETE)
        case _:
            assert_never(step)
    return None


def _record(work: Work, on: Direction) -> None:
    """Record what runs. It is recorded before the mark is set, and never after: then the node may be half empty."""
    facts = work.cluster.read()
    if work.marked() is None:
        excused = (found for found in work.plan.findings if found.accepted is not None and found.allows not in COME_BACK)
        accepted = {finding.subject for finding in excused}
        decisions = classify(facts.pods_on(work.node), facts, _policy(work))
        taken = snapshot(facts, work.node, decisions, accepted)
        before = _with_the_nodes_own(work, facts, taken, on)
        for note in before.notes:
            work.say("note", note)
        work.keep_before(replace(before, smoke_failed=work.before().smoke_failed))


def _policy(work: Work) -> DrainPolicy:
    return next((planned.step.policy for planned in work.plan.steps if isinstance(planned.step, Drain)), DrainPolicy())


def _with_the_nodes_own(work: Work, cluster: ClusterFacts, before: Before, on: Direction) -> Before:
    """What only the node itself can say of how it was: its kubelet's cgroup driver, and what answers on it."""
    facts = work.facts()
    looked = reach_of(facts, cluster.pods_on(work.node), cluster.node(work.node))
    reach, notes = remembered(looked, work.asked(work.target.prefix).network(looked))
    found = replace(before, driver=origin_of(facts).cgroup_driver or "", reach=reach, notes=(*before.notes, *notes))
    return remember_plane(work, found, work.plan.plane, on) if work.plan.plane else found


def _cordon(work: Work) -> None:
    """Cordon the node with this run's mark, which says how it was found; what an earlier mark of this run recorded stays."""
    node = work.cluster.read_node(work.node)
    known = record_of(node)
    found = known if known is not None and known.run == work.run else _mark(work, node)
    held = isinstance(mark_of(node), Mark)
    work.cluster.cordon(work.node, found if held else replace(found, cordoned_before=node.spec.unschedulable))


def _mark(work: Work, node: LiveNode) -> Mark:
    """The mark of this run on a node that has none of it."""
    smoked = (planned.step for planned in work.plan.steps if isinstance(planned.step, VerifyNode))
    return Mark(
        run=work.run,
        cordoned_before=node.spec.unschedulable,
        source=work.source.name,
        target=work.target.name,
        cri_socket=node.metadata.annotation(CRI_SOCKET),
        drain=_policy(work),
        image=next((step.image for step in smoked), ""),
        smoke_failed=work.before().smoke_failed,
        alone=work.plan.alone,
        etcd_elsewhere=work.plan.plane is not None and not work.plan.plane.etcd,
    )


def _verified_node(work: Work, step: VerifyNode) -> None:
    """What cannot be seen is not verified: an API or a node that does not say is a failure here."""
    says = work.asked(step.prefix)
    try:
        before = work.before()
        excused = excused_checks(work, before, step)
        passed = verify_node(work.cluster, before, step.prefix, says, step.image, work.run, work.clock, work.hear, step.timeout, excused)
    except (NodeUnreadable, ClusterUnreachable) as wrong:
        raise VerificationFailed(
            node=work.node, seen=f"the node cannot be verified: {wrong.seen}", expected=wrong.expected, next=wrong.next
        ) from wrong
    for note in passed.notes:
        work.say("note", note)


def _verified_workloads(work: Work, step: VerifyWorkloads) -> None:
    says = work.asked(step.prefix)
    found = verify_workloads(work.cluster, work.before(), step.prefix, says, work.clock, work.hear, step.timeout)
    try:
        work.folder.keep_after(work.plan.host, After(at=work.clock.now().timestamp(), prefix=step.prefix, workloads=found))
    except MigrateError as wrong:  # for the run's report alone
        work.say("note", wrong.seen)


def _disarm(work: Work) -> None:
    """The node acknowledges it, and knows that pods may come from now on: restore.sh then asks for a drain first."""
    for verb in (("disarm",), ("mark", "uncordoning")):
        done = work.remote.verb(*verb)
        if done.rc != 0:
            said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
            raise StepFailed(
                node=work.node,
                seen=f"the guard could not be disarmed: {said}",
                expected="a node that acknowledges",
                next=f"docker2cri status {work.plan.host}",
            )


def perform_all(work: Work, steps: Sequence[Step], before: int = 0, total: int = 0) -> list[str]:
    """Do these steps in their order and tell each; what the user should know of how they ended.

    They are told as numbers `before` + 1 and so on of `total` (their own count, when it is 0). Raises what `perform` and `heed` raise.
    """
    notes = []
    for number, step in enumerate(steps, before + 1):
        assert isinstance(step, ApiStep)  # load_plan refused anything else here
        work.step(describe(step), number, total or len(steps))
        if (note := perform(work, step)) is not None:
            work.say("note", note)
            notes.append(note)
    work.heed()
    return notes
