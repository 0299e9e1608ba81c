"""Rolling one node back to what it was, from wherever it stands: the steps of `rollback_of` and no others; all is looked at first."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence

from migrate.errors import ClusterUnreachable, Interrupted, MigrateError, NodeUnreachable, VerificationFailed
from migrate.facts.redact import mask
from migrate.plan.inputs import unified
from migrate.plan.mark import record_of
from migrate.plan.model import PlannedStep
from migrate.plan.state import MIGRATED, NEEDS_ATTENTION, ROLLED_BACK, NodeState
from migrate.plan.steps import ApiStep, HostStep, WriteFile
from migrate.program.journal import Progress
from migrate.program.order import rollback_of, undone_alone
from migrate.run.no_rollback import docker_is_gone, refuse_rollback
from migrate.run.perform import perform_all
from migrate.run.plane import PlanesUnwell
from migrate.run.remote import LOST
from migrate.run.work import StepFailed, Stopped, Work


def rollback(work: Work, overwrite: frozenset[str] = frozenset()) -> NodeState:
    """Roll a node back because it was asked for. Everything is looked at before something is done; raises as `looked_at`."""
    found = looked_at(work, overwrite)
    return found if isinstance(found, NodeState) else roll_back(work, found, exit_code=0)


def looked_at(work: Work, overwrite: frozenset[str] = frozenset()) -> NodeState | str:
    """How a node stands that there is nothing to roll back on, else why one is rolled back that is half-way (empty: it was asked for).

    Raises Refused when a file is neither as planned nor as before (unless it is in `overwrite`), and when there is nothing to return to.
    """
    progress = work.progress()
    if docker_is_gone(work, progress):
        raise refuse_rollback(work)
    doubt = work.doubt(progress)
    if progress.rolled_back and not doubt:
        if not work.marked():
            return work.state(ROLLED_BACK, 0, "nothing-to-do", "nothing to do: it is rolled back")
        return work.why(progress)
    if progress.last is None and not doubt and not work.marked() and work.remote.owner() != work.run:
        return work.state(ROLLED_BACK, 0, "nothing-to-do", "nothing to do: this run never touched it")
    if progress.released is not None:
        raise work.refuse(
            f"run {work.run} was released: {progress.released}",
            "a node that a run holds",
            f"on the node, after a drain: sh {work.remote.home}/restore.sh --force",
        )
    if not work.cut_off:
        _refuse_pods(work, progress)
        _refuse_other_kubelet(work)
    _refuse_changed_files(work, overwrite)
    return ""


def _refuse_pods(work: Work, progress: Progress) -> None:
    """Pods leave as this machine recorded or as the mark says: a plan file and the node's word are no proof that it was applied here."""
    if work.lines and not work.switching(progress):
        return
    node = work.cluster.read_node(work.node)
    mark = record_of(node)
    told = work.recorded and (work.folder.drained(work.plan.host) or (mark is not None and mark.run == work.run))
    if not told and not node.spec.unschedulable:
        drain = f"kubectl drain {work.node} --ignore-daemonsets, then the same command"
        raise work.refuse(
            f"neither a record on this machine nor a mark of run {work.run} on the Node says how its pods may leave",
            "a node that is cordoned and drained, for its own rollback",
            drain if work.recorded else f"{drain}; or docker2cri rollback PLAN {work.plan.host}",
        )


def _refuse_other_kubelet(work: Work) -> None:
    """There may be no source to return to once the kubelet's minor has changed."""
    version = work.cluster.read_node(work.node).status.node_info.kubelet_version
    planned = next((item.value for item in work.plan.inputs if item.what == "version of kubelet"), version)
    if version.split(".")[:2] != planned.split(".")[:2]:
        raise work.refuse(
            f"the kubelet is {version} now and was {planned} when the plan was made",
            f"the same kubelet minor: the files of the plan belong to it{_last_minor(work)}",
            f"docker2cri inspect {work.plan.host}",
        )


def _last_minor(work: Work) -> str:
    last = work.source.minors[1]
    return f", and {work.source.name} is gone from 1.{last + 1} on" if last is not None else ""


def _refuse_changed_files(work: Work, overwrite: frozenset[str]) -> None:
    """A file that is neither as before nor as planned was edited since: restoring the old one would lose that."""
    facts = work.facts()
    changed = []
    for line in work.lines:
        step = line.step
        if not isinstance(step, WriteFile) or step.path in overwrite:
            continue
        reading = facts.files.get(step.path)
        data = reading.data if reading and reading.kind != "absent" else None
        now = None if data is None else hashlib.sha256(data).hexdigest()
        if now not in {state.sha256 if state else None for state in (step.before, step.after)}:
            after = work.remote.kept(f"files/{line.index}.after")
            planned_text, text = (mask((side or b"").decode("utf-8", "replace")) for side in (after, data))
            changed.append((step.path, unified(planned_text, text, f"{step.path} (planned)", f"{step.path} (now)")))
    if changed:
        paths = " ".join(f"--overwrite {shlex.quote(path)}" for path, _ in changed)
        raise work.refuse(
            f"edited since it was planned: {', '.join(path for path, _ in changed)}\n" + "\n".join(diff for _, diff in changed),
            "files as the plan left them, or as they were before",
            f"keep what was edited elsewhere, then: docker2cri rollback {work.plan.host} {paths}",
        )


def roll_back(work: Work, why: str, *, exit_code: int, code: str = "") -> NodeState:
    """Perform the rollback of whatever may have happened.

    `why`: what made it necessary, empty when it was asked for; `exit_code`: that of a node that is rolled back; `code`: the reason's,
    where the journal does not tell. Never raises for the node's own trouble: a node that cannot be rolled back needs attention, with the
    reasons and the next command. Raises Interrupted when the user stopped it while nothing but pods had been moved.
    """
    work.remote.patience = LOST
    work.segment = "rollback"
    try:
        progress = work.progress()
        if why and progress.direction == "rollback":  # the node did it first, and knows the reason
            why = work.why(progress)
        work.say("note", f"rolls back: {why or 'asked for'}")
        if doubt := work.doubt(progress):
            work.say("note", f"{doubt}; whatever may have happened is undone")
        steps = rollback_of(work.plan, None if doubt else progress)
        drained = [planned.step for planned in steps if planned.segment == "rejoin" and not work.cut_off]
        if drained and (kept := _drained_again(work, drained, why, len(steps))) is not None:
            return kept
        if why and progress.attention is not None and progress.direction == "rollback" and not doubt:  # the node has just tried by itself
            return _unfinished(work, why, f"the rollback stopped: {progress.attention}")
        if (doubt or not progress.rolled_back) and (failed := _on_the_node(work, steps, why, force=bool(doubt))) is not None:
            return failed
        return _rejoin(work, steps, why, exit_code, code, switched=bool(doubt) or work.switching(progress))
    except Interrupted:
        raise
    except NodeUnreachable as wrong:
        return work.lost(wrong)
    except ClusterUnreachable as wrong:
        now = "left as it is; whether it is cordoned is not known while the API is away"
        return _unfinished(work, why, f"the rollback could not be finished: {wrong.seen}", now)
    except MigrateError as wrong:
        return _unfinished(work, why, f"the rollback could not be finished: {wrong.seen}")


def _drained_again(work: Work, steps: Sequence[ApiStep | HostStep], why: str, total: int) -> NodeState | None:
    """Empty the node again: pods came to it after its guard was disarmed. A state when it is not to be, and the node stays as it is."""
    work.stoppable = not why
    try:
        perform_all(work, steps, 0, total)
        return None
    except Stopped:
        _as_it_was(work)
        raise Interrupted(
            node=work.plan.host,
            seen=f"interrupted before the rollback began; it runs on {work.target.title} as before",
            expected="a rollback from its beginning to its end",
            next=f"docker2cri rollback {work.plan.host}",
        ) from None
    except (ClusterUnreachable, NodeUnreachable):
        raise
    except MigrateError as wrong:
        if why:
            raise
        _as_it_was(work)
        now = f"the rollback was not begun; it runs on {work.target.title} as before"
        code = "control-planes-unwell" if isinstance(wrong, StepFailed) else "not-drained"
        return work.state(MIGRATED, 5, code, wrong.seen, now=now, expected=wrong.expected, next=wrong.next)
    finally:
        work.stoppable = False


def _as_it_was(work: Work) -> None:
    work.stoppable = False
    perform_all(work, undone_alone(work.plan, "rejoin", rollback=True))


def _on_the_node(work: Work, steps: Sequence[PlannedStep], why: str, *, force: bool) -> NodeState | None:
    """Run the node's own rollback and follow it; None when the node is rolled back, else that it needs attention.

    `force`: the node was drained before, though its journal may not tell that pods had come.
    """
    progress = work.progress()
    work.remote.start("rollback", *(("--force",) if progress.uncordoning or force else ()))
    for _ in work.entries("rollback", progress.last.seq if progress.last else 0):
        pass
    now = work.progress()
    if now.rolled_back and not now.doubt:
        return None
    undo = now.undo_failed
    reason = now.attention or (undo.text if undo else None) or work.remote.result("rollback")
    begun = now.direction == "rollback"
    stopped = "the rollback stopped" if begun else f"the rollback was not begun, the node runs on {work.target.title} as before"
    return _unfinished(work, why, f"{stopped}: {reason}")


def _rejoin(work: Work, steps: Sequence[PlannedStep], why: str, exit_code: int, code: str, *, switched: bool) -> NodeState:
    """The rest through the API; a verification that fails before the mark is removed leaves the node cordoned, and a person looks."""
    rest = [planned.step for planned in steps if planned.segment != "rejoin" and isinstance(planned.step, ApiStep)]
    source = work.source_title
    try:
        notes = perform_all(work, rest, len(steps) - len(rest), len(steps))
    except PlanesUnwell as wrong:
        seen = f"{_then(why)}it runs on {source} again and is verified; {wrong.seen}"
        return work.state(ROLLED_BACK, 8, "control-planes-unwell", seen, expected=wrong.expected, next=wrong.next)
    except VerificationFailed as wrong:
        if work.marked():
            return _unfinished(work, why, f"it runs on {source} again and is not verified: {wrong.seen}")
        return work.state(
            ROLLED_BACK,
            8,
            "workloads-not-verified",
            f"{_then(why)}it runs on {source} again and is verified, but its workloads are not: {wrong.seen}",
            expected="as many pods of each owner Ready as before",
            next=f"docker2cri verify {work.plan.host}",
        )
    if switched and not work.recorded:
        return _by_itself(work, notes)
    ran = f"it runs on {source} as before and is verified" if switched else f"it never left {source}"
    if work.plan.cleans:
        ran = f"the cleanup is given up, it runs on {work.target.title} as before; the run that moved it can be rolled back"
    now = "; ".join([ran, *notes, *(work.plan.may_differ if work.plan.installs else ())])
    code = code or work.cause(work.progress())
    if exit_code == 0:
        return work.state(ROLLED_BACK, 0, code, f"{_then(why)}{now}")
    expected = f"a node on {work.target.title}"
    return work.state(ROLLED_BACK, exit_code, code, why, now=now, expected=expected, next=f"fix what was seen, then: {work.again}")


def _by_itself(work: Work, notes: Sequence[str]) -> NodeState:
    """The node says that it is rolled back; what ran on it before, nobody recorded."""
    return work.state(
        ROLLED_BACK,
        8,
        "not-recorded",
        "; ".join(["it is rolled back by its own journal; neither a plan here nor a mark on the Node says what to verify", *notes]),
        expected=f"a person who looks whether it is Ready with its pods on {work.source_title}",
        next=f"kubectl get pods -A -o wide --field-selector spec.nodeName={work.node}; then kubectl uncordon {work.node}",
    )


def _then(why: str) -> str:
    return f"{why}; " if why else ""


def _unfinished(work: Work, why: str, reason: str, now: str = "cordoned, and left as it is") -> NodeState:
    return work.state(
        NEEDS_ATTENTION,
        6,
        "rollback-unfinished",
        f"{_then(why)}{reason}",
        now=now,
        expected=f"a node that is verified on {work.source_title}",
        next=f"fix what was seen (on the node: sh {work.remote.home}/program.sh status), then: docker2cri rollback {work.plan.host}; "
        f"or docker2cri release {work.plan.host} --reason TEXT, when a person has looked",
    )
