"""Going back: one node to what it was, from wherever it stands; everything is observed first."""

from __future__ import annotations

import hashlib

from migrate.errors import MigrateError
from migrate.facts.redact import mask
from migrate.plan.drain import classify
from migrate.plan.inputs import unified
from migrate.plan.journal import Progress
from migrate.plan.mark import Mark, mark_of
from migrate.plan.steps import Annotate, Drain, DrainPolicy, WriteFile
from migrate.plan.verify import Before, snapshot
from migrate.run.drain import drain
from migrate.run.volumes import wait_volumes_detached
from migrate.run.work import Outcome, Work

DOCKER = "docker://"
SETTLED = "settled"  # the journal's note of a run that is finished and verified


def rollback(work: Work, overwrite: frozenset[str] = frozenset()) -> Outcome:
    """Put a node back because somebody asked for it. Everything is looked at before something is done.

    Raises Refused when a file is neither as planned nor as before (unless it is in `overwrite`), and when there is no way back.
    """
    progress = work.progress()
    if progress.last is None or progress.restored:
        return Outcome(
            work.plan.host, "old", "nothing to do: " + ("it is restored" if progress.restored else "this run never touched it"), 0
        )
    _refuse_other_kubelet(work)
    _refuse_strange_files(work, overwrite)
    return go_back(work, "asked for", failed=False)


def verified(work: Work) -> Outcome:
    """Look whether the node and its workloads are on the runtime that the run left it on; exit code 8 when they are not."""
    progress = work.progress()
    forward = SETTLED in progress.notes and progress.direction == "forward"
    prefix = work.target.prefix if forward else DOCKER
    before = work.before() or Before(node=work.node, kubelet="")
    wrong = work.proved_a(before, prefix) or work.proved_b(before, prefix)
    if wrong is not None:
        return Outcome(work.plan.host, "failed", f"not verified on {prefix}: {wrong}", 8)
    return Outcome(work.plan.host, "new" if forward else "old", f"verified on {prefix}", 0)


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
    texts = {one.what: one.text or "" for one in work.plan.inputs}
    strange = []
    for planned in work.plan.steps:
        step = planned.step
        if not isinstance(step, WriteFile) or step.path in overwrite:
            continue
        reading = facts.files.get(step.path)
        data = reading.data if reading and reading.kind != "absent" else None
        now = None if data is None else hashlib.sha256(data).hexdigest()
        if now not in {state.sha256 if state else None for state in (step.before, step.after)}:
            diff = unified(
                texts.get(step.path, ""), mask((data or b"").decode("utf-8", "replace")), f"{step.path} (before)", f"{step.path} (now)"
            )
            strange.append((step.path, diff + "what was planned:\n" + step.diff))
    if strange:
        paths = " ".join(f"--overwrite {path}" for path, _ in strange)
        raise work.refuse(
            "files were edited since:\n" + "\n".join(diff for _, diff in strange),
            "files as the plan left them, or as they were before",
            f"keep what was edited elsewhere, then: docker2cri rollback {work.plan.host} {paths}",
        )


def go_back(work: Work, why: str, *, failed: bool) -> Outcome:
    """Undo whatever may have happened, verify Docker's pods, uncordon only what we cordoned.

    `failed`: the node was to go there and did not (exit code 5); else it was asked for (0). Never raises for the node's own trouble: a node
    that cannot be restored is `parked`, with the reasons and the next command.
    """
    work.segment = "back"
    work.say("note", f"goes back: {why}")
    try:
        return _undo(work, why, failed=failed)
    except MigrateError as wrong:
        text = f"{why}; the way back could not be finished: {wrong}\n  next: docker2cri rollback {work.plan.host}"
        return Outcome(work.plan.host, "parked", text, 6)


def _undo(work: Work, why: str, *, failed: bool) -> Outcome:
    progress = work.progress()
    before = work.before()
    if _reached(progress) and not progress.restored:
        if progress.disarmed:
            before = _vacate(work) or before
        outcome = _restore(work, progress, why)
        if outcome is not None:
            return outcome
    elif progress.begun and not progress.restored:
        outcome = _restore(work, progress, why)
        if outcome is not None:
            return outcome
    return _settle(work, before, why, failed=failed)


def _reached(progress: Progress) -> bool:
    """Whether the switch began: only then did the node itself change."""
    return "prepare" in progress.finished and len(progress.begun) > 0


def _vacate(work: Work) -> Before | None:
    """Empty the node again: pods came back to it after it was acknowledged. What runs now is what the way back must bring again."""
    policy = next((one.step.policy for one in work.plan.steps if isinstance(one.step, Drain)), DrainPolicy())
    node = work.cluster.read_node(work.node)
    mark = mark_of(node)
    cordoned = mark.cordoned_before if isinstance(mark, Mark) else node.spec.unschedulable
    facts = work.cluster.read()
    accepted = {finding.subject for finding in work.plan.findings if finding.accepted is not None}
    before = snapshot(facts, work.node, classify(facts.pods_on(work.node), facts, policy), accepted)
    work.say("step.start", "cordon")
    work.cluster.cordon(work.node, work.run, cordoned)
    work.say("step.start", "drain")
    drain(work.cluster, work.node, policy, work.clock, work.hear)
    wait_volumes_detached(work.cluster, work.node, work.clock, work.hear)
    return before


def _restore(work: Work, progress: Progress, why: str) -> Outcome | None:
    """Run the node's `back` and follow it; None when the node is restored, else the parked outcome."""
    last = work.progress().last
    work.remote.start("back", *(("--force",) if progress.uncordoning else ()))
    for _ in work.entries("back", last.seq if last else 0):
        pass
    now = work.progress()
    if now.restored:
        return None
    reason = now.parked or now.failed or work.remote.result("back")
    look = f"on the node: sh {work.remote.home}/program.sh status; then: docker2cri rollback {work.plan.host}"
    text = f"{why}; the way back stopped: {reason}\n  next: {look}"
    return Outcome(work.plan.host, "parked", text, 6)


def _settle(work: Work, before: Before | None, why: str, *, failed: bool) -> Outcome:
    for step in work.plan.of("settle"):
        if isinstance(step, Annotate):
            work.cluster.annotate(work.node, step.key, step.before)
    known = before or Before(node=work.node, kubelet="")
    work.say("step.start", "verify the node on Docker")
    verdict = work.proved_a(known, DOCKER)
    if verdict is not None:
        text = f"{why}; back on Docker, and not verified: {verdict}. It stays cordoned: docker2cri verify {work.plan.host}"
        return Outcome(work.plan.host, "parked", text, 6)
    left = _uncordon(work)
    verdict = work.proved_b(known, DOCKER)
    state = "old"
    if verdict is not None:
        work.say("note", f"verify B: {verdict}", status="failed")
        return Outcome(work.plan.host, state, f"{why}; back on Docker, uncordoned, but: {verdict}", 8)
    return Outcome(work.plan.host, state, f"{why}; back on Docker, verified{f'; {left}' if left else ''}", 5 if failed else 0)


def _uncordon(work: Work) -> str | None:
    try:
        return work.cluster.uncordon(work.node, work.run)
    except MigrateError as wrong:
        return str(wrong)
