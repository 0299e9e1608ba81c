"""Applying a plan to one node: its segments in order, nothing else. It continues where a killed run stopped, in the journal's direction."""

from __future__ import annotations

from migrate.errors import ClusterUnreachable, Interrupted, MigrateError, NodeUnreachable, Refused, StalePlan, VerificationFailed
from migrate.facts.model import NodeFacts
from migrate.node import fixed_files
from migrate.plan.inputs import inputs, moved
from migrate.plan.install import forbidding
from migrate.plan.model import SEGMENTS, Segment, alone, dump_plan
from migrate.plan.state import INSTALLED, MIGRATED, NEEDS_ATTENTION, NodeState
from migrate.plan.steps import HOST, size
from migrate.program.journal import Progress
from migrate.program.order import undone_alone
from migrate.program.render import NotAsPlanned, render
from migrate.rules import Finding, NodeView, accept, check
from migrate.rules.table import RULES
from migrate.run.bundle import bundle_data
from migrate.run.perform import perform_all
from migrate.run.remote import LOST
from migrate.run.rollback import roll_back
from migrate.run.work import COMPLETE, Overtaken, Stopped, Work
from migrate.sources.table import origin_of
from migrate.targets.compose import compose

BUDGET_SECONDS = 60.0  # for so long a budget that allows no disruption is waited for: it is so for a moment after other pods moved
BUDGET_POLL = 2.0


class SegmentFailed(Exception):
    """A segment did not finish on the node; the text says why."""


class LeftForAttention(Exception):
    """The node was told to stop where it fails, and did; the text says why."""


def apply(work: Work, *, on_failure: str = "rollback") -> NodeState:
    """Bring one node to the target, or continue to; `on_failure` is `rollback` or `stop`.

    Raises Refused and its kinds before anything is changed, Interrupted when the user stopped it before the switch. Everything later is a
    NodeState: `migrated`, `installed`, `rolled back` (exit code 5), `needs attention` (6), or `lost` (4).
    """
    progress = work.progress()
    if (ended := _ended(work, progress)) is not None:
        return ended
    work.say("node.start", "continues" if progress.begun else "begins")
    if not progress.begun:
        _lay(work)
    work.remote.patience = LOST
    try:
        notes = [note for segment in SEGMENTS for note in _segment(work, segment, on_failure)]
    except Stopped:
        return _stop(work)
    except Overtaken:
        return roll_back(work, work.why(work.progress()), exit_code=5)
    except LeftForAttention as left:
        return _left(work, str(left))
    except SegmentFailed as failed:
        return roll_back(work, str(failed), exit_code=5)
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
    return _migrated(work, notes) if work.plan.moves else _installed(work)


def _ended(work: Work, progress: Progress) -> NodeState | None:
    """How the node stands already when nothing is left to apply; None when there is."""
    if not work.plan.moves and progress.direction == "forward" and "prepare" in progress.finished:
        return _installed(work)
    if progress.direction == "rollback":
        if progress.rolled_back and not work.marked():
            raise work.refuse("this plan was rolled back on this node", "a plan that was made afterwards", work.again)
        return roll_back(work, work.why(progress), exit_code=5)
    if progress.attention is not None:
        return _left(work, progress.attention)
    if COMPLETE in progress.notes and not work.marked():
        seen = f"nothing to do: it runs on {work.target.title} and is verified"
        return work.state(MIGRATED, 0, "nothing-to-do", seen)
    return None


def _migrated(work: Work, notes: list[str]) -> NodeState:
    return work.state(MIGRATED, 0, "verified", "; ".join([f"it runs on {work.target.title} and is verified", *notes]))


def _installed(work: Work) -> NodeState:
    """The end of a plan that only installs: everything that a move needs is there, and the source was not disturbed."""
    what = " and ".join(step.title for step in work.plan.installs)
    seen = f"it has {what} now; {work.source_title} was not disturbed"
    now = f"stopped and disabled, pods run on {work.source_title} as before"
    return work.state(INSTALLED, 0, "installed", seen, now=now, next=work.move)


def _lay(work: Work) -> None:
    """Look again, refuse what moved since the plan, and lay the program onto the node."""
    work.segment = "preflight"
    work.say("step.start", "reads the node again")
    facts = work.facts()
    if gone := moved(work.plan.inputs, inputs(facts, [step.path for step in work.plan.files])):
        lines = "\n".join(f"{item.what}: planned {item.planned}, now {item.now}\n{item.diff}" for item in gone)
        count = f"{len(gone)} input{'s' if len(gone) > 1 else ''} changed since it was made"
        raise _stale(work, f"plan is stale: {count}\n{lines}")
    _refuse_new_blockers(work, facts)
    changes, refused = compose(work.target, facts, origin_of(facts)) if work.plan.moves else ((), ())
    if refused:
        raise work.refuse(f"{refused[0].path}: {refused[0].reason}", "files that can be edited with certainty", "fix the file, plan again")
    try:
        written = dict(work.target.bundle.written)
        program = render(work.plan, changes, work.run, fixed_files(work.target.node_part, work.source.node_part), written=written)
    except NotAsPlanned as wrong:
        raise _stale(work, str(wrong)) from wrong
    bundle = next((step.bundle for step in work.plan.installs if step.bundle), None)
    data = bundle_data(bundle) if bundle else b""
    work.remote.lay(program, dump_plan(alone(work.plan, work.target.name)).encode())
    if bundle is not None:
        work.say("step.start", f"pushes {bundle.path} ({size(bundle.size)})")
        work.remote.push(data, "bundle.tar.gz")


def _stale(work: Work, seen: str) -> StalePlan:
    return StalePlan(node=work.plan.host, seen=seen, expected="the node as it was planned", next=work.again)


def _refuse_new_blockers(work: Work, facts: NodeFacts) -> None:
    begun = work.clock.monotonic()
    while blocking := _new_blockers(work, facts):
        waited = work.clock.monotonic() - begun
        if waited < BUDGET_SECONDS and all(finding.transient for finding in blocking):
            if work.interrupt.wished.is_set():
                raise Interrupted(
                    node=work.plan.host,
                    seen="interrupted before anything was done",
                    expected="a PodDisruptionBudget that allows a disruption",
                    next="the same command again",
                )
            seen = "; ".join(dict.fromkeys(finding.evidence for finding in blocking))
            work.say("wait", f"waits for a budget: {seen}", data={"seconds": round(waited, 1), "bound": BUDGET_SECONDS})
            work.clock.sleep(BUDGET_POLL)
            continue
        lines = "\n".join(f"{finding.code} {finding.subject}: {finding.evidence}" for finding in blocking)
        raise work.refuse(f"blockers that the plan does not know:\n{lines}", "the findings that were planned with", work.again)


def _new_blockers(work: Work, facts: NodeFacts) -> list[Finding]:
    cluster = work.cluster.read()
    view = NodeView(facts, cluster.node(work.node), cluster.pods_on(work.node), cluster, work.target)
    reasons = {finding.code: finding.accepted for finding in work.plan.findings if finding.accepted is not None}
    found = accept(check(view, RULES), reasons)
    return [finding for finding in found if finding.blocks] if work.plan.moves else list(forbidding(found))


def _segment(work: Work, segment: Segment, on_failure: str) -> list[str]:
    """Perform one segment where it acts; what the user should know of how its steps ended."""
    steps = work.plan.of(segment.name)
    if not steps:
        return []
    work.segment, work.stoppable = segment.name, segment.stoppable
    try:
        if segment.where == HOST:
            _on_the_node(work, segment, on_failure)
            return []
        if work.past(segment.name, work.progress()):
            return []
        return perform_all(work, steps)
    finally:
        work.stoppable = False


def _on_the_node(work: Work, segment: Segment, on_failure: str) -> None:
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
        if segment.stoppable and work.interrupt.wished.is_set() and not paused:
            paused = work.remote.verb("pause").rc == 0
    now = work.progress()
    if segment.name in now.finished and now.direction == "forward":
        return
    if paused and not why and now.direction == "forward":
        raise Stopped
    if now.attention is not None and now.direction == "forward":
        raise LeftForAttention(why or now.attention)
    raise SegmentFailed(why or (now.direction == "rollback" and work.why(now)) or work.remote.result("forward"))


def _unverified(work: Work, why: str, on_failure: str) -> NodeState:
    work.say("note", why, status="failed")
    if on_failure == "rollback" or work.remote.verb("disarm").rc != 0:
        return roll_back(work, why, exit_code=5, code="verification-failed")
    perform_all(work, undone_alone(work.plan, work.segment))
    return work.state(
        NEEDS_ATTENTION,
        6,
        "verification-failed",
        why,
        now=f"it runs on {work.target.title}, cordoned, its guard disarmed (--on-failure stop)",
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
    raise Interrupted(
        node=work.plan.host,
        seen=f"interrupted before the switch; it runs on {work.source_title} as before, images that were copied stay",
        expected="a run that is continued or rolled back",
        next=f"docker2cri apply with the same plan, which continues; or docker2cri rollback {work.plan.host}",
    )
