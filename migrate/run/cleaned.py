"""Applying the plan of a cleanup to one node: forward alone. What fails is told and left as it is; there is no rollback of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from migrate.errors import Interrupted, NodeUnreachable
from migrate.formats.quantity import size
from migrate.plan.cleanup import NO_ROLLBACK
from migrate.plan.model import SEGMENTS, Segment
from migrate.plan.state import CLEANED, CLEANING, FAILED, NEEDS_ATTENTION, ROLLED_BACK, UNTOUCHED, NodeState
from migrate.plan.steps import RemoveData, RemovePackages
from migrate.program.journal import Progress
from migrate.run.apply import PREPARE, SegmentFailed, apply, on_the_node, refuse_held
from migrate.run.no_rollback import docker_is_gone
from migrate.run.preflight import lay
from migrate.run.remote import LOST
from migrate.run.work import Stopped, Work

AGAIN = "docker2cri apply with the same plan, which continues"


def carry_out(work: Work, keep: Callable[[], None], *, on_failure: str = "rollback", segments: Sequence[Segment] = SEGMENTS) -> NodeState:
    """Apply whatever plan it is; the rest as `apply` has it."""
    if not work.plan.cleans:
        return apply(work, keep, on_failure=on_failure, segments=segments)
    if segments is not SEGMENTS:
        raise work.refuse(
            "a plan that removes Docker has nothing to prepare", "a plan that moves nodes", "docker2cri apply without --prepare"
        )
    return clean(work, keep)


def clean(work: Work, keep: Callable[[], None] = lambda: None) -> NodeState:
    """Remove Docker from one node, or continue to.

    Raises Refused and its kinds before anything is changed, and Interrupted between two steps. What is removed stays removed.
    """
    progress = work.progress()
    if (ended := settled_cleanup(work, progress)) is not None:
        return ended
    work.say("node.start", "continues" if progress.begun else "begins")
    if progress.begun:
        keep()
    else:
        refuse_held(work)
        lay(work, keep)
    work.remote.patience = LOST
    segment = next(one for one in SEGMENTS if one.name == PREPARE)
    work.segment, work.stoppable = segment.name, True
    try:
        on_the_node(work, segment, "stop")
    except Stopped:
        raise Interrupted(
            node=work.plan.host,
            seen=f"interrupted; {_left(work, work.progress())}",
            expected="a cleanup from its beginning to its end",
            next=AGAIN,
        ) from None
    except SegmentFailed as failed:
        return _failed(work, str(failed), work.progress())
    except NodeUnreachable as wrong:
        return work.lost(wrong)
    finally:
        work.stoppable = False
    return _cleaned(work)


def settled_cleanup(work: Work, progress: Progress) -> NodeState | None:
    """How the node stands already when nothing is left to do; None when there is. Raises Refused for a run that is over."""
    if doubt := work.doubt(progress):
        return _failed(work, doubt, progress)
    if progress.rolled_back:
        raise work.refuse("this plan was given up on this node", "a plan that was made afterwards", work.again)
    if progress.released is not None:
        raise work.refuse(f"this plan was released on this node: {progress.released}", "a plan that was made afterwards", work.again)
    return _cleaned(work) if PREPARE in progress.finished else None


def stands_cleanup(work: Work, progress: Progress, doubt: str) -> NodeState:
    """Where a node of a cleanup stands, by its journal."""
    if doubt:
        return _failed(work, doubt, progress)
    if progress.rolled_back:
        return work.state(ROLLED_BACK, 0, work.cause(progress), "the cleanup was given up before Docker was removed")
    if PREPARE in progress.finished:
        return _cleaned(work)
    if progress.last is None:
        return work.state(UNTOUCHED, 0, "not-begun", "the plan is laid on the node and nothing has begun")
    why = work.why(progress)
    if why:
        return _failed(work, why, progress)
    return work.state(CLEANING, 0, "unfinished", f"the removal of Docker is not finished; {_left(work, progress)}", next=AGAIN)


def verified_cleanup(work: Work, stands: NodeState) -> NodeState:
    """Whether the node of a cleanup is Ready on its runtime, as the API tells; exit code 8 where it is not."""
    node = work.cluster.read_node(work.node)
    runtime = node.status.node_info.container_runtime_version
    if node.ready == "True" and runtime.startswith(work.target.prefix):
        return replace(stands, reason=replace(stands.reason, seen=f"{stands.reason.seen}; Ready on {runtime}"))
    return work.state(
        FAILED,
        8,
        "not-verified",
        f"not verified on {work.target.title}: the Node is {'Ready' if node.ready == 'True' else 'not Ready'} on {runtime}",
        expected=f"a Ready node on {work.target.title}",
        next=f"docker2cri inspect {work.plan.host}",
    )


def _cleaned(work: Work) -> NodeState:
    freed = sum(
        one.size or 0
        for planned in work.plan.steps
        for one in (
            planned.step.entries
            if isinstance(planned.step, RemoveData)
            else planned.step.packages
            if isinstance(planned.step, RemovePackages)
            else ()
        )
    )
    seen = f"Docker is removed from it{f' ({size(freed)} freed)' if freed else ''}; it runs on {work.target.title}"
    return work.state(CLEANED, 0, "cleaned", seen, now=f"it cannot be rolled back, {NO_ROLLBACK}")


def _failed(work: Work, why: str, progress: Progress) -> NodeState:
    return work.state(
        NEEDS_ATTENTION,
        6,
        "step-failed",
        why,
        now=_left(work, progress),
        expected="a node without Docker",
        next=f"fix what was seen, then {AGAIN}; or {_leave(work, progress)}",
    )


def _left(work: Work, progress: Progress) -> str:
    gone = ", what was removed until then stays removed" if docker_is_gone(work, progress) else ", and Docker is still there"
    return f"it runs on {work.target.title} as before{gone}"


def _leave(work: Work, progress: Progress) -> str:
    if docker_is_gone(work, progress):
        return f"docker2cri release {work.plan.host} --reason TEXT, when a person has looked"
    return f"docker2cri rollback {work.plan.host}, which gives the cleanup up"
