"""Going there: one node from Docker to the target, told as a story. It continues where a killed run stopped, in the journal's direction."""

from __future__ import annotations

from migrate.errors import ClusterUnreachable, Interrupted, MigrateError, NodeUnreachable, Refused, StalePlan
from migrate.facts.model import NodeFacts
from migrate.node import fixed_files
from migrate.plan.describe import size
from migrate.plan.inputs import inputs, moved
from migrate.plan.install import forbidding
from migrate.plan.journal import Progress
from migrate.plan.model import alone, dump_plan
from migrate.plan.program import GUARD_SECONDS, NotAsPlanned, render
from migrate.plan.steps import Annotate, WriteFile
from migrate.rules import Finding, NodeView, accept, check
from migrate.rules.drain import budget_exhausted
from migrate.rules.table import RULES
from migrate.run.back import go_back
from migrate.run.bundle import bundle_data
from migrate.run.remote import LOST
from migrate.run.vacate import cordon, vacate
from migrate.run.work import SETTLED, Outcome, Overtaken, Stopped, Work
from migrate.targets.compose import compose

SETTLE_STEPS = 5
BUDGET_SECONDS = 60.0  # for so long a budget that allows no disruption is waited for: it is so for a moment after other pods moved
BUDGET_POLL = 2.0


class SegmentFailed(Exception):
    """A segment did not finish on the node; the text says why."""


class StaysParked(Exception):
    """The node was told to stop where it fails, and did; the text says why."""


def apply(work: Work, *, on_failure: str = "back", guard: int = GUARD_SECONDS) -> Outcome:
    """Bring one node to the target, or continue to; `on_failure` is `back` or `stop`, `guard` in seconds.

    Raises Refused and its kinds before anything is changed, Interrupted when the user stopped it before the switch. Everything later is an
    Outcome: `new`, `old` (restored, exit code 5), `parked` (6), or `lost` (4).
    """
    progress = work.progress()
    if (ended := _ended(work, progress)) is not None:
        return ended
    work.say("node.start", "continues" if progress.begun else "begins")
    if not progress.begun:
        _lay(work, guard)
    work.remote.patience = LOST
    try:
        _segment(work, "prepare", on_failure)
        if not work.plan.moves:
            return _installed(work)
        if not work.switching(work.progress()):
            vacate(work, stoppable=True)
        _segment(work, "switch", on_failure)
        return _settle(work, on_failure)
    except Stopped:
        return _stop(work)
    except Overtaken:
        return go_back(work, work.why(), code=5)
    except StaysParked as parked:
        return _parked(work, str(parked))
    except SegmentFailed as failed:
        return go_back(work, str(failed), code=5)
    except NodeUnreachable as wrong:
        return work.lost(wrong)
    except Refused:
        raise
    except MigrateError as wrong:
        return go_back(work, wrong.seen, code=5)


def _ended(work: Work, progress: Progress) -> Outcome | None:
    """How the node stands already when nothing is to be done on the way there; None when there is."""
    settled = SETTLED in progress.notes
    if not work.plan.moves and progress.direction == "forward" and "prepare" in progress.finished:
        return _installed(work)
    if progress.direction == "back":
        if progress.restored and not work.marked():
            raise work.refuse("this plan was rolled back on this node", "a plan that was made afterwards", work.again)
        return go_back(work, work.why(), code=5)
    if progress.parked is not None:
        return _parked(work, progress.parked)
    if settled and not work.marked():
        return Outcome(work.plan.host, "new", f"nothing to do: it runs on {work.target.title} and was verified", 0)
    return None


def _installed(work: Work) -> Outcome:
    """The end of a plan that only installs: everything that a move needs is there, and Docker served on meanwhile."""
    what = " and ".join(one.title for one in work.plan.installs)
    seen = f"{what} installed beside Docker, which was not disturbed"
    now = "stopped and disabled, pods run on Docker as before"
    return Outcome(work.plan.host, "installed", f"{seen}\n  now: {now}\n  next: {work.move}", 0)


def _lay(work: Work, guard: int) -> None:
    """Look again, refuse what moved since the plan, and lay the program onto the node."""
    work.segment = "preflight"
    work.say("step.start", "reads the node again")
    facts = work.facts()
    paths = [one.step.path for one in work.plan.steps if isinstance(one.step, WriteFile)]
    if gone := moved(work.plan.inputs, inputs(facts, paths)):
        lines = "\n".join(f"{one.what}: planned {one.planned}, now {one.now}\n{one.diff}" for one in gone)
        raise _stale(work, f"the plan no longer holds\n{lines}")
    _refuse_new_blockers(work, facts)
    changes, refused = compose(work.target, facts) if work.plan.moves else ((), ())
    if refused:
        raise work.refuse(f"{refused[0].path}: {refused[0].reason}", "files that can be edited with certainty", "mend the file, plan again")
    try:
        written = dict(work.target.bundle.written)
        program = render(work.plan, changes, work.run, fixed_files(work.target.node_part), guard_seconds=guard, written=written)
    except NotAsPlanned as wrong:
        raise _stale(work, str(wrong)) from wrong
    bundle = next((one.bundle for one in work.plan.installs if one.bundle), None)
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
        if waited < BUDGET_SECONDS and all(one.code == budget_exhausted.code for one in blocking):
            if work.interrupt.wished.is_set():
                raise Interrupted(
                    node=work.plan.host,
                    seen="interrupted before anything was done",
                    expected="a PodDisruptionBudget that allows a disruption",
                    next="the same command again",
                )
            seen = "; ".join(dict.fromkeys(one.evidence for one in blocking))
            work.say("wait", f"waits for a budget: {seen}", data={"seconds": round(waited, 1), "bound": BUDGET_SECONDS})
            work.clock.sleep(BUDGET_POLL)
            continue
        lines = "\n".join(f"{one.code} {one.subject}: {one.evidence}" for one in blocking)
        raise work.refuse(f"blockers that the plan does not know:\n{lines}", "the findings that were planned with", work.again)


def _new_blockers(work: Work, facts: NodeFacts) -> list[Finding]:
    cluster = work.cluster.read()
    view = NodeView(facts, cluster.node(work.node), cluster.pods_on(work.node), cluster, work.target)
    reasons = {finding.code: finding.accepted for finding in work.plan.findings if finding.accepted is not None}
    found = accept(check(view, RULES), reasons)
    return [one for one in found if one.blocks] if work.plan.moves else list(forbidding(found))


def _segment(work: Work, segment: str, on_failure: str) -> None:
    """Run a segment on the node and follow it to its end; raises SegmentFailed, StaysParked, and Stopped in `prepare`."""
    progress = work.progress()
    if segment in progress.finished:
        return
    work.segment = segment
    stop = segment == "switch" and on_failure == "stop"
    work.remote.start("forward", segment, *(("--on-failure", "stop") if stop else ()))
    why, paused = "", False
    for entry in work.entries("forward", progress.last.seq if progress.last else 0):
        if entry is not None and entry.event == "failed":
            why = f"{work.named(entry)}: {entry.text}"
        if segment == "prepare" and work.interrupt.wished.is_set() and not paused:
            paused = work.remote.verb("pause").rc == 0
    now = work.progress()
    if segment in now.finished and now.direction == "forward":
        return
    if paused and not why and now.direction == "forward":
        raise Stopped
    if now.parked is not None and now.direction == "forward":
        raise StaysParked(why or now.parked)
    raise SegmentFailed(why or (now.direction == "back" and work.why()) or work.remote.result("forward"))


def _settle(work: Work, on_failure: str) -> Outcome:
    work.segment = "settle"
    work.step("verify the node while cordoned", 1, SETTLE_STEPS)
    wrong = work.proved_a(work.target.prefix)
    if wrong is not None:
        return _unproved(work, f"verify A: {wrong}", on_failure)
    work.step("disarm the guard", 2, SETTLE_STEPS)
    for verb in (("disarm",), ("mark", "uncordoning")):
        done = work.remote.verb(*verb)
        if done.rc != 0:
            said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()
            return go_back(work, f"the guard could not be disarmed: {said}", code=5)
    try:
        return _release(work, on_failure)
    except ClusterUnreachable as wrong_now:
        return work.outcome(
            "parked",
            6,
            f"{wrong_now.seen}; it runs on {work.target.title} and was verified while cordoned, its workloads were not",
            expected="an API that answers, to uncordon it and to verify its workloads",
            next=f"docker2cri apply with the same plan, which goes on there; or docker2cri rollback {work.plan.host}",
        )


def _release(work: Work, on_failure: str) -> Outcome:
    for step in work.plan.of("settle"):
        if isinstance(step, Annotate):
            work.step(f"annotate {step.key}", 3, SETTLE_STEPS)
            work.cluster.annotate(work.node, step.key, step.after)
    work.step("uncordon", 4, SETTLE_STEPS)
    stays = work.cluster.uncordon(work.node, work.run)
    if stays:
        work.say("note", f"it stays cordoned: {stays}")
    work.step("verify the workloads", 5, SETTLE_STEPS)
    wrong = work.proved_b(work.target.prefix)
    if wrong is not None:
        return _unproved(work, f"verify B: {wrong}", on_failure)
    work.remote.verb("mark", SETTLED)
    return Outcome(work.plan.host, "new", f"runs on {work.target.title}, verified{f'; it stays cordoned: {stays}' if stays else ''}", 0)


def _unproved(work: Work, why: str, on_failure: str) -> Outcome:
    work.say("note", why, status="failed")
    if on_failure == "back" or work.remote.verb("disarm").rc != 0:
        return go_back(work, why, code=5)
    cordon(work)
    return work.outcome(
        "parked",
        6,
        f"{why}\n  now: left on {work.target.title} as it is, cordoned, its guard disarmed (--on-failure stop)",
        expected="a verified node",
        next=f"docker2cri apply with the same plan, which verifies again; or docker2cri rollback {work.plan.host}",
    )


def _parked(work: Work, why: str) -> Outcome:
    return work.outcome(
        "parked",
        6,
        f"{why}\n  now: cordoned, left where it failed (--on-failure stop)",
        expected="a node that somebody has looked at",
        next=f"docker2cri rollback {work.plan.host}",
    )


def _stop(work: Work) -> Outcome:
    """The user wished to stop before the switch: pods may come again, what was prepared stays."""
    try:
        work.cluster.uncordon(work.node, work.run)
    except MigrateError as wrong:
        return work.outcome(
            "parked",
            6,
            f"interrupted, and it could not be uncordoned: {wrong.seen}",
            expected="a node as it was found",
            next=f"docker2cri rollback {work.plan.host}",
        )
    raise Interrupted(
        node=work.plan.host,
        seen="interrupted before the switch; it runs on Docker as before, what was prepared (images carried over) stays",
        expected="to be continued or taken back",
        next=f"docker2cri apply with the same plan, which goes on; or docker2cri rollback {work.plan.host}",
    )
