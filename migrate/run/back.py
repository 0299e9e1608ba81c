"""Going back: one node to what it was, from wherever it stands; everything is observed first."""

from __future__ import annotations

from migrate.errors import MigrateError
from migrate.plan.drain import classify
from migrate.plan.journal import Progress
from migrate.plan.mark import Mark, mark_of
from migrate.plan.steps import Annotate, Drain, DrainPolicy
from migrate.plan.verify import Before, snapshot
from migrate.run.drain import drain
from migrate.run.volumes import wait_volumes_detached
from migrate.run.work import Outcome, Work

DOCKER = "docker://"


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
    before = work.folder.before(work.plan.host)
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
    reason = now.parked or now.failed or f"back ended with exit code {work.remote.result('back')}"
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
