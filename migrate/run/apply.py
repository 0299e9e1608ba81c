"""Going there: one node from Docker to the target, told as a story. It continues where a killed run stopped, in the journal's direction."""

from __future__ import annotations

from migrate.errors import ClusterUnreachable, Interrupted, MigrateError, NodeUnreachable, Refused, StalePlan
from migrate.facts.model import NodeFacts
from migrate.node import fixed_files
from migrate.plan.drain import classify
from migrate.plan.inputs import inputs, moved
from migrate.plan.journal import Progress
from migrate.plan.mark import Mark, mark_of
from migrate.plan.model import alone, dump_plan
from migrate.plan.program import NotAsPlanned, render
from migrate.plan.steps import Annotate, Drain, DrainPolicy, WriteFile
from migrate.plan.verify import Before, snapshot
from migrate.rules import NodeView, accept, check
from migrate.rules.table import RULES
from migrate.run.back import SETTLED, go_back
from migrate.run.drain import drain
from migrate.run.volumes import wait_volumes_detached
from migrate.run.work import Outcome, Work
from migrate.targets.compose import compose


class SegmentFailed(Exception):
    """A segment did not finish; the node's journal says where it stands."""


def apply(work: Work, *, on_failure: str = "back") -> Outcome:
    """Bring one node to the target, or continue to; `on_failure` is `back` or `stop`.

    Raises Refused and its kinds before anything is changed, Interrupted when the user stopped it before the switch. Everything later is an
    Outcome: `new`, `old` (restored, exit code 5) or `parked` (6).
    """
    progress = work.progress()
    if progress.restored:
        raise work.refuse(
            "this plan was rolled back on this node",
            "a plan that was made afterwards",
            f"docker2cri plan --to {work.target.name} {work.plan.host} -o plan.json",
        )
    if progress.direction == "back":
        return go_back(work, "an undo had begun: only the way back is open", failed=True)
    if progress.parked is not None:
        return Outcome(work.plan.host, "parked", f"it is parked: {progress.parked}; docker2cri rollback {work.plan.host}", 6)
    if SETTLED in progress.notes:
        return Outcome(work.plan.host, "new", f"nothing to do: it runs on {work.target.name} and was verified", 0)
    work.say("node.start", "continues" if progress.begun else "begins")
    if not progress.begun:
        _lay(work)
    try:
        _segment(work, progress, "prepare", on_failure)
        if not _begun(work, progress, "switch"):
            _vacate(work)
        _segment(work, progress, "switch", on_failure)
        return _settle(work, on_failure)
    except (SegmentFailed, ClusterUnreachable) as failed:
        return go_back(work, str(failed), failed=True)
    except (KeyboardInterrupt, Interrupted):
        outcome = go_back(work, "interrupted by the user", failed=False)
        raise Interrupted(
            node=work.plan.host,
            seen=f"interrupted before the switch; {outcome.text}",
            expected="",
            next=f"docker2cri plan --to {work.target.name} {work.plan.host}, when you want to go on",
        ) from None


def _lay(work: Work) -> None:
    """Look again, refuse what moved since the plan, and lay the program onto the node."""
    work.segment = "preflight"
    work.say("step.start", "reads the node again")
    facts = work.facts()
    paths = [one.step.path for one in work.plan.steps if isinstance(one.step, WriteFile)]
    if gone := moved(work.plan.inputs, inputs(facts, paths)):
        lines = "\n".join(f"{one.what}: planned {one.planned}, now {one.now}\n{one.diff}" for one in gone)
        again = f"docker2cri plan --to {work.target.name} {work.plan.host} -o plan.json"
        raise StalePlan(node=work.plan.host, seen=f"the plan no longer holds\n{lines}", expected="the node as it was planned", next=again)
    _refuse_new_blockers(work, facts)
    changes, refused = compose(work.target, facts)
    if refused:
        raise work.refuse(f"{refused[0].path}: {refused[0].reason}", "files that can be edited with certainty", "mend the file, plan again")
    try:
        program = render(work.plan, changes, work.run, fixed_files())
    except NotAsPlanned as wrong:
        raise StalePlan(node=work.plan.host, seen=str(wrong), expected="the bytes that were planned", next="make a new plan") from wrong
    work.remote.lay(program)
    work.remote.keep("plan.json", dump_plan(alone(work.plan, work.target.name)).encode())


def _refuse_new_blockers(work: Work, facts: NodeFacts) -> None:
    cluster = work.cluster.read()
    view = NodeView(facts, cluster.node(work.node), cluster.pods_on(work.node), cluster, work.target)
    reasons = {finding.code: finding.accepted for finding in work.plan.findings if finding.accepted is not None}
    blocking = [one for one in accept(check(view, RULES), reasons) if one.blocks]
    if blocking:
        lines = "\n".join(f"{one.code} {one.subject}: {one.evidence}" for one in blocking)
        again = f"docker2cri plan --to {work.target.name} {work.plan.host}"
        raise work.refuse(f"blockers that the plan does not know:\n{lines}", "the findings that were planned with", again)


def _begun(work: Work, progress: Progress, segment: str) -> bool:
    return segment in progress.finished or any(step.index in work.progress().begun for step in work.steps if step.segment == segment)


def _segment(work: Work, progress: Progress, segment: str, on_failure: str) -> None:
    """Run a segment on the node and follow it to its end; raises SegmentFailed."""
    if segment in progress.finished:
        return
    work.segment = segment
    last = work.progress().last
    work.remote.start("forward", segment, *(("--on-failure", "stop") if on_failure == "stop" and segment == "switch" else ()))
    for _ in work.entries("forward", last.seq if last else 0):
        pass
    now = work.progress()
    if segment in now.finished and now.direction == "forward":
        return
    raise SegmentFailed(now.failed or now.parked or work.remote.result("forward"))


def policy_of(work: Work) -> DrainPolicy:
    """How this plan drains."""
    return next((one.step.policy for one in work.plan.steps if isinstance(one.step, Drain)), DrainPolicy())


def _vacate(work: Work) -> None:
    """Cordon, remember what runs, drain, wait for volumes. Each is looked at first, so that a second time does nothing."""
    work.segment = "vacate"
    node = work.cluster.read_node(work.node)
    mark = mark_of(node)
    before = mark.cordoned_before if isinstance(mark, Mark) else node.spec.unschedulable
    facts = work.cluster.read()
    decisions = classify(facts.pods_on(work.node), facts, policy_of(work))
    accepted = {finding.subject for finding in work.plan.findings if finding.accepted is not None}
    work.keep_before(snapshot(facts, work.node, decisions, accepted))
    work.say("step.start", "cordon", step=1, steps=3)
    work.cluster.cordon(work.node, work.run, before)
    try:
        work.say("step.start", "drain", step=2, steps=3)
        drain(work.cluster, work.node, policy_of(work), work.clock, work.hear)
        work.say("step.start", "wait until volumes are detached", step=3, steps=3)
        wait_volumes_detached(work.cluster, work.node, work.clock, work.hear)
    except (Refused, NodeUnreachable):
        raise
    except MigrateError as wrong:
        raise SegmentFailed(str(wrong)) from wrong


def _settle(work: Work, on_failure: str) -> Outcome:
    work.segment = "settle"
    before = work.before() or Before(node=work.node, kubelet="")
    steps = 5
    work.say("step.start", "verify the node while cordoned", step=1, steps=steps)
    verdict = work.proved_a(before, work.target.prefix)
    if verdict is not None:
        return _unproved(work, f"verify A: {verdict}", on_failure)
    work.say("step.start", "disarm the guard", step=2, steps=steps)
    done = work.remote.verb("disarm")
    if done.rc != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        return go_back(work, f"the guard could not be disarmed: {said}", failed=True)
    for step in work.plan.of("settle"):
        if isinstance(step, Annotate):
            work.say("step.start", f"annotate {step.key}", step=3, steps=steps)
            work.cluster.annotate(work.node, step.key, step.after)
    work.say("step.start", "uncordon", step=4, steps=steps)
    work.remote.verb("mark", "uncordoning")
    left = work.cluster.uncordon(work.node, work.run)
    if left:
        work.say("note", left)
    work.say("step.start", "verify the workloads", step=5, steps=steps)
    verdict = work.proved_b(before, work.target.prefix)
    if verdict is not None:
        return _unproved(work, f"verify B: {verdict}", on_failure)
    work.remote.verb("mark", SETTLED)
    return Outcome(work.plan.host, "new", f"runs on {work.target.name}, verified", 0)


def _unproved(work: Work, why: str, on_failure: str) -> Outcome:
    work.say("note", why, status="failed")
    if on_failure == "stop":
        work.remote.verb("disarm")
        return Outcome(work.plan.host, "parked", f"{why}; left as it is: docker2cri rollback {work.plan.host}", 6)
    return go_back(work, why, failed=True)
