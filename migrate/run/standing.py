"""Where a node of a run stands: by its own journal and the mark on its Node, and by looking at its workloads. Nothing is changed."""

from __future__ import annotations

from msgspec.structs import replace

from migrate.errors import MigrateError, Refused, VerificationFailed
from migrate.plan.mark import Mark
from migrate.plan.state import (
    FAILED,
    INSTALLED,
    MIGRATED,
    NEEDS_ATTENTION,
    PREPARED,
    RELEASED,
    ROLLED_BACK,
    ROLLING_BACK,
    SWITCHED,
    SWITCHING,
    UNTOUCHED,
    NodeState,
)
from migrate.plan.steps import Step, VerifyControlPlane, VerifyNode, VerifyWorkloads
from migrate.program.journal import Progress
from migrate.program.order import rollback_of
from migrate.run.cleaned import stands_cleanup, verified_cleanup
from migrate.run.identify import identify
from migrate.run.identity import Identity
from migrate.run.no_rollback import docker_is_gone
from migrate.run.perform import perform
from migrate.run.work import COMPLETE, Work


def verified(work: Work) -> NodeState:
    """Look whether the node and its workloads are on the runtime that the run left it on; exit code 8 when they are not."""
    identify(work)
    progress = work.progress()
    if not work.recorded:
        return work.state(
            FAILED,
            8,
            "not-recorded",
            f"neither a plan on this machine nor a mark of run {work.run} on the Node says what to verify",
            expected="the plan that was applied, or the Node's own mark",
            next=f"docker2cri verify PLAN {work.plan.host}",
        )
    if work.plan.cleans:
        return verified_cleanup(work, standing(work))
    cleaned = docker_is_gone(work, progress)
    migrated = cleaned or (progress.direction == "forward" and "switch" in progress.finished)
    runtime = work.target.title if migrated else work.source_title
    steps: tuple[Step, ...] = work.plan.of("rejoin") if migrated else tuple(planned.step for planned in rollback_of(work.plan))
    try:
        for step in steps:
            if isinstance(step, VerifyControlPlane | VerifyNode | VerifyWorkloads):
                perform(work, step)
    except VerificationFailed as wrong:
        return work.state(
            FAILED,
            8,
            "not-verified",
            f"not verified on {runtime}: {wrong.seen}",
            expected=f"a Ready node with its pods on {runtime}",
            next=f"docker2cri status {work.plan.host}",
        )
    since = "; Docker was removed from it, so it cannot be rolled back" if cleaned else ""
    return work.state(MIGRATED if migrated else ROLLED_BACK, 0, "verified", f"verified on {runtime}{since}")


def standing(work: Work) -> NodeState:
    """Where one node stands, why, and the next command; exit code 6 for one that waits for a person."""
    progress = work.progress()
    told = work.told_by_program()
    doubt = told.get("doubt", "") or progress.doubt
    details: dict[str, str] = {}
    try:
        identify(work)
        mark = None if work.cut_off else work.marked()
        details |= {"api": f"not read: {work.cut_off}"} if work.cut_off else {}
    except Refused:
        raise
    except MigrateError as wrong:
        mark, details["api"] = None, f"not read: {wrong.seen}"
    if told.get("holder"):
        details["acts"] = told["holder"]
    holder = work.remote.holder()
    if holder and not Identity.dead(holder):
        details["operator"] = Identity.words(holder)
    details |= {name: told.get(name, "unknown") for name in ("guard", "gate", "docker", "generation", "last")}
    details |= {"plan": "; ".join(work.told)} if work.told else {}
    return replace(_stands(work, progress, mark, doubt, there=bool(told)), details=details)


def _stands(work: Work, progress: Progress, mark: Mark | None, doubt: str, *, there: bool) -> NodeState:
    """`doubt` is Work.doubt, `there` whether the node has the run's program."""
    host, target, source = work.plan.host, work.target.title, work.source_title
    back, on = f"docker2cri rollback {host}", "docker2cri apply with the same plan, which continues"
    either, why = f"{on}; or {back}", work.why(progress)
    leave = f"docker2cri release {host} --reason TEXT, when a person has looked"
    if work.plan.cleans and progress.released is None:
        return stands_cleanup(work, progress, doubt)
    if docker_is_gone(work, progress) and not work.plan.cleans:
        seen = f"runs on {target}, verified; Docker was removed from it since, so it cannot be rolled back"
        return work.state(MIGRATED, 0, "cleaned", seen)
    if progress.released is not None:
        if mark is not None:
            seen = f"released on the node ({progress.released}) and still marked by this run"
            return work.state(
                NEEDS_ATTENTION, 6, "not-uncordoned", seen, next=f"docker2cri release {host} --reason TEXT, which uncordons it"
            )
        return work.state(RELEASED, 0, "released", f"released: {progress.released}")
    if mark is not None and not there:
        seen = f"the Node is marked by run {work.run}, and nothing of that run lies on the machine"
        return work.state(NEEDS_ATTENTION, 6, "record-missing", seen, expected=f"{work.remote.home} on the machine", next=leave)
    if doubt:
        return work.state(NEEDS_ATTENTION, 6, "journal-broken", doubt, next=f"{back}, which undoes whatever may have happened; or {leave}")
    if progress.last is None and mark is None:
        return work.state(UNTOUCHED, 0, "not-begun", "the plan is laid on the node and nothing has begun")
    if progress.rolled_back:
        if mark is not None:
            seen = f"rolled back on the node and still cordoned by this run ({why})"
            next_command = f"{back}, which verifies and uncordons it; or {leave}"
            return work.state(NEEDS_ATTENTION, 6, "not-uncordoned", seen, next=next_command)
        return work.state(ROLLED_BACK, 0, work.cause(progress), f"rolled back ({why})")
    if progress.attention is not None:
        return work.state(NEEDS_ATTENTION, 6, "left", progress.attention, next=f"{back}; or {leave}")
    if progress.direction == "rollback":
        return work.state(ROLLING_BACK, 0, work.cause(progress), f"the rollback is not finished ({why})", next=f"{back}, which continues")
    if mark is None and COMPLETE in progress.notes:
        return work.state(MIGRATED, 0, "verified", f"runs on {target}, verified")
    if progress.disarmed:
        return work.state(
            SWITCHED,
            0,
            "workloads-not-verified",
            f"runs on {target}, verified while cordoned; its workloads are not verified yet",
            next=either,
        )
    if "switch" in progress.finished:
        return work.state(SWITCHED, 0, "not-verified", f"switched to {target}, not verified yet; its guard is armed", next=either)
    if work.switching(progress):
        return work.state(SWITCHING, 0, "unfinished", f"the switch to {target} is not finished; its guard is armed", next=either)
    if not work.plan.moves and "prepare" in progress.finished:
        seen = f"it has what it lacked, and runs on {source} as before"
        return work.state(INSTALLED, 0, "installed", seen, next=work.move)
    return work.state(
        PREPARED, 0, "unfinished", f"runs on {source}{', cordoned by this run' if mark else ''}, the switch has not begun", next=either
    )
