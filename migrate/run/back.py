"""Going back: one node to what it was, from wherever it stands; everything is observed first."""

from __future__ import annotations

import hashlib

from migrate.errors import ClusterUnreachable, Interrupted, MigrateError, NodeUnreachable
from migrate.facts.redact import mask
from migrate.plan.inputs import unified
from migrate.plan.journal import Progress
from migrate.plan.steps import Annotate, WriteFile
from migrate.run.remote import LOST
from migrate.run.vacate import vacate
from migrate.run.work import Outcome, Overtaken, Stopped, Work

DOCKER = "docker://"


def rollback(work: Work, overwrite: frozenset[str] = frozenset()) -> Outcome:
    """Put a node back because somebody asked for it. Everything is looked at before something is done.

    Raises Refused when a file is neither as planned nor as before (unless it is in `overwrite`), and when there is no way back.
    """
    progress = work.progress()
    if progress.restored:
        if not work.marked():
            return Outcome(work.plan.host, "old", "nothing to do: it is restored", 0)
        return go_back(work, work.why(), code=0)
    if progress.last is None and work.remote.owner() != work.run:
        return Outcome(work.plan.host, "old", "nothing to do: this run never touched it", 0)
    _refuse_other_kubelet(work)
    _refuse_strange_files(work, overwrite)
    return go_back(work, "", code=0)


def _refuse_other_kubelet(work: Work) -> None:
    """There is no dockershim to return to once the kubelet's minor has changed."""
    version = work.cluster.read_node(work.node).status.node_info.kubelet_version
    planned = next((one.value for one in work.plan.inputs if one.what == "version of kubelet"), version)
    if version.split(".")[:2] != planned.split(".")[:2]:
        raise work.refuse(
            f"the kubelet is {version} now and was {planned} when the plan was made",
            "the same kubelet minor: the files of the plan belong to it, and dockershim is gone from 1.24 on",
            f"docker2cri inspect {work.plan.host}",
        )


def _refuse_strange_files(work: Work, overwrite: frozenset[str]) -> None:
    """A file that is neither as before nor as planned was edited by somebody since: putting the old one back would lose that."""
    facts = work.facts()
    lines = {step.arguments[0]: step.index for step in work.steps if step.kind == "file"}
    strange = []
    for planned in work.plan.steps:
        step = planned.step
        if not isinstance(step, WriteFile) or step.path in overwrite:
            continue
        reading = facts.files.get(step.path)
        data = reading.data if reading and reading.kind != "absent" else None
        now = None if data is None else hashlib.sha256(data).hexdigest()
        if now not in {state.sha256 if state else None for state in (step.before, step.after)}:
            after = work.remote.kept(f"files/{lines[step.path]}.after")
            planned_text, text = (mask((side or b"").decode("utf-8", "replace")) for side in (after, data))
            strange.append((step.path, unified(planned_text, text, f"{step.path} (planned)", f"{step.path} (now)")))
    if strange:
        paths = " ".join(f"--overwrite {path}" for path, _ in strange)
        raise work.refuse(
            f"edited since it was planned: {', '.join(path for path, _ in strange)}\n" + "\n".join(diff for _, diff in strange),
            "files as the plan left them, or as they were before",
            f"keep what was edited elsewhere, then: docker2cri rollback {work.plan.host} {paths}",
        )


def go_back(work: Work, why: str, *, code: int) -> Outcome:
    """Undo whatever may have happened, verify Docker's pods, uncordon only what we cordoned.

    `why`: what made it necessary, empty when somebody asked for it; `code`: the exit code of a node that is restored. Never raises for the
    node's own trouble: a node that cannot be restored is `parked`, with the reasons and the next command. Raises Interrupted when the user
    stopped it while nothing but pods had been moved.
    """
    if isinstance(work.overtaken, Overtaken):
        work.overtaken = None
    work.remote.patience = LOST
    work.segment = "back"
    try:
        progress = work.progress()
        if why and progress.direction == "back":  # the node did it first, and knows the reason
            why = work.why()
        work.say("note", f"goes back: {why or 'asked for'}")
        if progress.disarmed and progress.direction == "forward" and (kept := _vacated(work, why)) is not None:
            return kept
        work.segment = "back"
        if why and progress.parked is not None and progress.direction == "back":  # the node has just tried by itself
            return _parked(work, why, f"the way back stopped: {progress.parked}")
        if not progress.restored and (parked := _restore(work, progress, why)) is not None:
            return parked
        return _settle(work, why, code, switched=work.switching(progress))
    except Interrupted:
        raise
    except NodeUnreachable as wrong:
        return work.lost(wrong)
    except ClusterUnreachable as wrong:
        now = "left as it is; whether it is cordoned is not known while the API is away"
        return _parked(work, why, f"the way back could not be finished: {wrong.seen}", now)
    except MigrateError as wrong:
        return _parked(work, why, f"the way back could not be finished: {wrong.seen}")


def _vacated(work: Work, why: str) -> Outcome | None:
    """Empty the node again: pods came back to it after it was acknowledged. An outcome when it is not to be, and stays as it is."""
    try:
        vacate(work, stoppable=not why)
    except Stopped:
        work.cluster.uncordon(work.node, work.run)
        raise Interrupted(
            node=work.plan.host,
            seen=f"interrupted before the way back began; it runs on {work.target.title} as before",
            expected="a rollback from its beginning to its end",
            next=f"docker2cri rollback {work.plan.host}",
        ) from None
    except (ClusterUnreachable, NodeUnreachable):
        raise
    except MigrateError as wrong:
        if why:
            raise
        work.cluster.uncordon(work.node, work.run)
        text = f"{wrong.seen}\n  now: the way back was not begun; it runs on {work.target.title} as before"
        return work.outcome("new", 5, text, expected=wrong.expected, next=wrong.next)
    return None


def _restore(work: Work, progress: Progress, why: str) -> Outcome | None:
    """Run the node's `back` and follow it; None when the node is restored, else the parked outcome."""
    work.remote.start("back", *(("--force",) if progress.uncordoning else ()))
    for _ in work.entries("back", progress.last.seq if progress.last else 0):
        pass
    now = work.progress()
    if now.restored:
        return None
    reason = now.parked or now.failed or work.remote.result("back")
    begun = (
        "the way back stopped" if now.direction == "back" else f"the way back was not begun, the node runs on {work.target.title} as before"
    )
    return _parked(work, why, f"{begun}: {reason}")


def _settle(work: Work, why: str, code: int, *, switched: bool) -> Outcome:
    for step in work.plan.of("settle"):
        if isinstance(step, Annotate):
            work.step(f"annotate {step.key}")
            work.cluster.annotate(work.node, step.key, step.before)
    if switched:
        work.step("verify the node on Docker")
        wrong = work.proved_a(DOCKER)
        if wrong is not None:
            return _parked(work, why, f"it is back on Docker, and not verified: {wrong}")
    stays = None
    if work.marked():
        work.step("uncordon")
        stays = work.cluster.uncordon(work.node, work.run)
    work.step("verify the workloads")
    wrong = work.proved_b(DOCKER)
    also = f"; it stays cordoned: {stays}" if stays else ""
    if wrong is not None:
        return work.outcome(
            "old",
            8,
            f"{_then(why)}back on Docker and verified{also}, but its workloads are not: {wrong}",
            expected="as many pods of each owner Ready as before",
            next=f"docker2cri verify {work.plan.host}",
        )
    stay = f"; {'; '.join(work.plan.may_differ)}" if not work.plan.moves else ""
    now = f"{'back on Docker' if switched else 'it never left Docker'}, verified{also}{stay}"
    if code == 0:
        return Outcome(work.plan.host, "old", f"{_then(why)}{now}", 0)
    seen = f"{why}\n  now: {now}"
    return work.outcome("old", code, seen, expected=f"a node on {work.target.title}", next=f"mend what was seen, then: {work.again}")


def _then(why: str) -> str:
    return f"{why}; " if why else ""


def _parked(work: Work, why: str, reason: str, now: str = "cordoned, and left as it is") -> Outcome:
    return work.outcome(
        "parked",
        6,
        f"{_then(why)}{reason}\n  now: {now}",
        expected="a node that is verified on Docker",
        next=f"mend what was seen (on the node: sh {work.remote.home}/program.sh status), then: docker2cri rollback {work.plan.host}",
    )
