"""Applying a plan to one node: its segments in order, nothing else. It continues where a killed run stopped, in the journal's direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from migrate.errors import ClusterUnreachable, Interrupted, MigrateError, NodeUnreachable, Refused, VerificationFailed
from migrate.formats import FormatError, toml_doc
from migrate.plan.mark import RUN_ANNOTATION, Mark, mark_of
from migrate.plan.model import SEGMENTS, Segment
from migrate.plan.state import INSTALLED, MIGRATED, NEEDS_ATTENTION, PREPARED, NodeState
from migrate.plan.steps import HOST, ValidateFiles
from migrate.program.journal import Progress
from migrate.program.order import undone_alone
from migrate.run.perform import perform_all
from migrate.run.plane import PlanesUnwell
from migrate.run.preflight import lay, look_again
from migrate.run.remote import LOST
from migrate.run.rollback import roll_back
from migrate.run.work import COMPLETE, Overtaken, Stopped, Work

PREPARE = "prepare"
DUMP = "config-dump"  # in RUN/: what the runtime makes of the planned files (migrate/node/steps.sh)


class SegmentFailed(Exception):
    """A segment did not finish on the node; the text says why."""


class LeftForAttention(Exception):
    """The node was told to stop where it fails, and did; the text says why."""


def apply(
    work: Work, keep: Callable[[], None] = lambda: None, *, on_failure: str = "rollback", segments: Sequence[Segment] = SEGMENTS
) -> NodeState:
    """Bring one node to the target, or continue to; `on_failure` is `rollback` or `stop`, `keep` keeps the plan on this machine.

    `segments` are all, or the first alone: what disturbs nothing is done before the rest is wanted.
    Raises Refused and its kinds before anything is changed, Interrupted, Paused or LeaseLost when it was stopped before the switch.
    Everything later is a NodeState: `migrated`, `prepared`, `installed`, `rolled back` (exit code 5), `needs attention` (6), or `lost` (4).
    """
    progress = work.progress()
    if (ended := settled(work, progress)) is not None:
        return ended
    if progress.direction == "rollback":
        return roll_back(work, work.why(progress), exit_code=5)
    work.say("node.start", "continues" if progress.begun else "begins")
    if progress.begun:
        keep()
        _only_prepared(work, progress, segments)
    else:
        refuse_held(work)
        lay(work, keep)
    work.remote.patience = LOST
    try:
        notes = [note for segment in segments for note in _segment(work, segment, on_failure)]
    except Stopped:
        return _stop(work)
    except Overtaken:
        return roll_back(work, work.why(work.progress()), exit_code=5)
    except LeftForAttention as left:
        return _left(work, str(left))
    except SegmentFailed as failed:
        return roll_back(work, str(failed), exit_code=5)
    except PlanesUnwell as wrong:
        now = f"it runs on {work.target.title} and is verified; no other node is begun"
        return work.state(NEEDS_ATTENTION, 6, "control-planes-unwell", wrong.seen, now=now, expected=wrong.expected, next=wrong.next)
    except VerificationFailed as wrong:
        return _unverified(work, wrong.seen, on_failure)
    except NodeUnreachable as wrong:
        return work.lost(wrong)
    except Refused:
        raise
    except MigrateError as wrong:
        if isinstance(wrong, ClusterUnreachable) and work.progress().disarmed:
            return _unfinished(work, wrong)
        return roll_back(work, wrong.seen, exit_code=5, code="step-failed")
    if not work.plan.moves:
        return _installed(work)
    return _migrated(work, notes) if segments is SEGMENTS else _prepared(work)


def _only_prepared(work: Work, progress: Progress, segments: Sequence[Segment]) -> None:
    """A node that was prepared, maybe days ago, is looked at as one that was not begun. Raises Refused and its kinds."""
    drained = work.switching(progress) or work.marked() is not None
    if drained and segments is not SEGMENTS:
        raise work.refuse("its drain has begun", "a node that is not drained", "docker2cri apply with the same plan, which continues")
    if not drained and work.plan.moves:
        look_again(work)


def refuse_held(work: Work) -> None:
    """A node that another run holds is not touched: its mark is looked at before anything is laid. Raises Refused."""
    mark = mark_of(work.cluster.read_node(work.node))
    if isinstance(mark, str) or (mark is not None and mark.run != work.run):
        run = mark.run if isinstance(mark, Mark) else mark
        host = work.plan.host
        raise work.refuse(
            f"run {run} holds this node, and is not finished: {RUN_ANNOTATION}={mark}",
            "a node that no other run holds",
            f"docker2cri status {host}; then docker2cri rollback {host}, or docker2cri release {host} --reason TEXT",
        )


def settled(work: Work, progress: Progress) -> NodeState | None:
    """How the node stands already when nothing is left to do; None when there is. Raises Refused for a run that is over."""
    if doubt := work.doubt(progress):
        return work.state(
            NEEDS_ATTENTION,
            6,
            "journal-broken",
            doubt,
            now="left as it is",
            expected="a journal that tells all that happened",
            next=f"docker2cri rollback {work.plan.host}, which undoes whatever may have happened",
        )
    if progress.released is not None:
        raise work.refuse(f"this plan was released on this node: {progress.released}", "a plan that was made afterwards", work.again)
    if not work.plan.moves and progress.direction == "forward" and "prepare" in progress.finished:
        return _installed(work)
    if progress.direction == "rollback":
        if progress.rolled_back and not work.marked():
            raise work.refuse("this plan was rolled back on this node", "a plan that was made afterwards", work.again)
        return None
    if progress.attention is not None:
        return _left(work, progress.attention)
    if COMPLETE in progress.notes and not work.marked():
        seen = f"nothing to do: it runs on {work.target.title} and is verified"
        return work.state(MIGRATED, 0, "nothing-to-do", seen)
    return None


def _migrated(work: Work, notes: list[str]) -> NodeState:
    return work.state(MIGRATED, 0, "verified", "; ".join([f"it runs on {work.target.title} and is verified", *notes]))


def _prepared(work: Work) -> NodeState:
    """The end of `apply --prepare`: what can be done before the maintenance window is done."""
    seen = f"it has its images and checked files, and runs on {work.source_title} as before"
    then = f"docker2cri apply with the same plan, which drains and switches it; or docker2cri rollback {work.plan.host}"
    return work.state(PREPARED, 0, "prepared", seen, next=then)


def _installed(work: Work) -> NodeState:
    """The end of a plan that only installs: everything that a move needs is there, and the source was not disturbed."""
    what = " and ".join(step.title for step in work.plan.installs)
    seen = f"it has {what} now; {work.source_title} was not disturbed"
    now = f"stopped and disabled, pods run on {work.source_title} as before"
    return work.state(INSTALLED, 0, "installed", seen, now=now, next=work.move)


def _segment(work: Work, segment: Segment, on_failure: str) -> list[str]:
    """Perform one segment where it acts; what the user should know of how its steps ended."""
    steps = work.plan.of(segment.name)
    if not steps:
        return []
    work.segment, work.stoppable = segment.name, segment.stoppable
    try:
        if segment.where == HOST:
            on_the_node(work, segment, on_failure)
            if segment.name == PREPARE and not work.switching(work.progress()):
                _find_planned_values(work)
            return []
        if work.past(segment.name, work.progress()):
            return []
        return perform_all(work, steps)
    finally:
        work.stoppable = False


def on_the_node(work: Work, segment: Segment, on_failure: str) -> None:
    """Start a segment of the node program and follow it to its end; raises SegmentFailed, LeftForAttention, and Stopped."""
    progress = work.progress()
    if segment.name in progress.finished:
        return
    stop = not segment.stoppable and on_failure == "stop"
    work.remote.start("forward", segment.name, *(("--on-failure", "stop") if stop else ()))
    why, paused = "", False
    for entry in work.entries("forward", progress.last.seq if progress.last else 0):
        if entry is not None and entry.event == "failed":
            why = f"{work.named(entry)}: {entry.text}"
        if segment.stoppable and work.interrupt.stops and not paused:
            paused = work.remote.verb("pause").rc == 0
    now = work.progress()
    if segment.name in now.finished and now.direction == "forward":
        return
    if paused and not why and now.direction == "forward":
        raise Stopped
    if now.attention is not None and now.direction == "forward":
        raise LeftForAttention(why or now.attention)
    raise SegmentFailed(why or (now.direction == "rollback" and work.why(now)) or work.remote.result("forward"))


def _find_planned_values(work: Work) -> None:
    """Raises SegmentFailed where the runtime makes something else of its files than was planned, before anything is disturbed."""
    step = next((step for step in work.plan.of(PREPARE) if isinstance(step, ValidateFiles)), None)
    if step is None or not step.values:
        return
    try:
        dump = toml_doc.load((work.remote.kept(DUMP) or b"").decode("utf-8", "replace"))
    except FormatError as wrong:
        raise SegmentFailed(f"what {work.target.title} makes of its files cannot be read: {wrong}") from wrong
    for planned in step.values:
        value = list(planned.value) if isinstance(planned.value, tuple) else planned.value
        if not work.target.holds(dump, planned.key, value):
            said = f"{work.target.title} does not take {'.'.join(planned.key)} = {value!r} from its files"
            raise SegmentFailed(f"{said}; look with: {work.target.program} config dump")


def _unverified(work: Work, why: str, on_failure: str) -> NodeState:
    work.say("note", why, status="failed")
    if on_failure == "rollback" or work.remote.verb("disarm").rc != 0:
        return roll_back(work, why, exit_code=5, code="verification-failed")
    cordoned = "cordoned"
    try:
        perform_all(work, undone_alone(work.plan, work.segment))
    except ClusterUnreachable:
        cordoned = "whether it is cordoned is not known while the API is away"
    return work.state(
        NEEDS_ATTENTION,
        6,
        "verification-failed",
        why,
        now=f"it runs on {work.target.title}, {cordoned}, its guard disarmed (--on-failure stop)",
        expected="a verified node",
        next=f"docker2cri apply with the same plan, which verifies again; or docker2cri rollback {work.plan.host}",
    )


def _unfinished(work: Work, wrong: ClusterUnreachable) -> NodeState:
    return work.state(
        NEEDS_ATTENTION,
        6,
        "api-unreachable",
        wrong.seen,
        now=f"it runs on {work.target.title} and was verified while cordoned; its workloads were not verified",
        expected="an API that answers, to uncordon it and to verify its workloads",
        next=f"docker2cri apply with the same plan, which continues; or docker2cri rollback {work.plan.host}",
    )


def _left(work: Work, why: str) -> NodeState:
    return work.state(
        NEEDS_ATTENTION,
        6,
        "step-failed",
        why,
        now="cordoned, left where the step failed (--on-failure stop)",
        expected="a node that a person has looked at",
        next=f"docker2cri rollback {work.plan.host}",
    )


def _stop(work: Work) -> NodeState:
    """The user wished to stop before the switch: pods may come again, what was prepared stays."""
    try:
        perform_all(work, undone_alone(work.plan, work.segment))
    except MigrateError as wrong:
        return work.state(
            NEEDS_ATTENTION,
            6,
            "not-uncordoned",
            f"interrupted, and it could not be uncordoned: {wrong.seen}",
            expected="a node as it was found",
            next=f"docker2cri rollback {work.plan.host}",
        )
    held, now = work.interrupt.held, f"it runs on {work.source_title} as before, images that were copied stay"
    if held is not None and not work.interrupt.wished.is_set():
        raise type(held)(node=work.plan.host, seen=f"stopped before the switch, {held.seen}; {now}", expected=held.expected, next=held.next)
    raise Interrupted(
        node=work.plan.host,
        seen=f"interrupted before the switch; {now}",
        expected="a run that is continued or rolled back",
        next=f"docker2cri apply with the same plan, which continues; or docker2cri rollback {work.plan.host}",
    )
