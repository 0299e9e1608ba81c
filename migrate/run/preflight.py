"""Before anything is done to a node: it is read again, what moved or would not be planned now is refused, the program is laid onto it."""

from __future__ import annotations

from collections.abc import Callable

from migrate.errors import Interrupted, StalePlan
from migrate.facts.model import NodeFacts
from migrate.formats.listing import few
from migrate.node import fixed_files
from migrate.plan.again import accepted_in, limits_of, strays
from migrate.plan.inputs import inputs, moved
from migrate.plan.install import forbidding
from migrate.plan.model import alone, dump_plan
from migrate.plan.steps import CloseRun, size
from migrate.program.render import NodeProgram, NotAsPlanned, render
from migrate.rules import Finding, NodeView, accept, check
from migrate.rules.cleanup import CLEANUP_RULES
from migrate.rules.table import RULES
from migrate.run.bundle import bundle_data
from migrate.run.cleanup import read_remains
from migrate.run.identify import ANOTHER_CA, another_ca
from migrate.run.work import Work
from migrate.sources.table import origin_of
from migrate.targets.compose import compose

BUDGET_SECONDS = 60.0  # for so long a budget that allows no disruption is waited for: it is so for a moment after other pods moved
BUDGET_POLL = 2.0


def lay(work: Work, keep: Callable[[], None]) -> None:
    """Look again as `look_again` does, and lay the program onto the node.

    A plan that is refused is not kept here: what is kept is what a rollback goes by.
    """
    program = look_again(work)
    bundle = next((step.bundle for step in work.plan.installs if step.bundle), None)
    data = bundle_data(bundle) if bundle else b""
    keep()
    closes = next((planned.step.run for planned in work.plan.steps if isinstance(planned.step, CloseRun)), "")
    work.remote.lay(program, dump_plan(alone(work.plan, work.target.name)).encode(), closes)
    if bundle is not None:
        work.say("step.start", f"pushes {bundle.path} ({size(bundle.size)})")
        work.remote.push(data, "bundle.tar.gz")


def look_again(work: Work) -> NodeProgram:
    """Read the node again and refuse what moved since the plan and what would not be planned now: the program that would be laid.

    Raises Refused and its kinds, and Interrupted while it waits for a budget.
    """
    work.segment = "preflight"
    if another_ca(work):
        raise _stale(work, ANOTHER_CA)
    work.say("step.start", "reads the node again")
    facts = work.facts()
    if gone := moved(work.plan.inputs, inputs(facts, [step.path for step in work.plan.files])):
        lines = "\n".join(f"{item.what}: planned {item.planned}, now {item.now}\n{item.diff}" for item in gone)
        count = f"{len(gone)} input{'s' if len(gone) > 1 else ''} changed since it was made"
        raise _stale(work, f"plan is stale: {count}\n{lines}")
    view, found = _refuse_new_blockers(work, facts)
    _refuse_strays(work, view, found)
    changes, refused = compose(view.target, facts, origin_of(facts)) if work.plan.moves else ((), ())
    if refused:
        raise work.refuse(f"{refused[0].path}: {refused[0].reason}", "files that can be edited with certainty", "fix the file, plan again")
    try:
        written = dict(work.target.bundle.written)
        return render(work.plan, changes, work.run, fixed_files(work.target.node_part, work.source.node_part), written=written)
    except NotAsPlanned as wrong:
        raise _stale(work, str(wrong)) from wrong


def _stale(work: Work, seen: str) -> StalePlan:
    return StalePlan(node=work.plan.host, seen=seen, expected="the node as it was planned", next=work.again)


def _refuse_strays(work: Work, view: NodeView, found: tuple[Finding, ...]) -> None:
    """Whatever the plan file says, no step is taken that would not be planned."""
    fresh = work.plan_again(view, found)
    wrong = [f"{refusal.code}: {refusal.reason}" for refusal in fresh.refusals]
    if not fresh.steps:
        wrong = wrong or [fresh.nothing or "nothing would be planned now"]
    if lines := wrong or strays(work.plan, fresh, view.facts):
        raise _stale(work, "the plan is not what would be planned now:\n" + "\n".join(lines))


def _refuse_new_blockers(work: Work, facts: NodeFacts) -> tuple[NodeView, tuple[Finding, ...]]:
    """What is judged now, with what was accepted in the plan."""
    begun = work.clock.monotonic()
    remains = None
    if work.plan.cleans:
        with work.connect() as host:
            remains = read_remains(host, facts)
    rules = CLEANUP_RULES if work.plan.cleans else RULES
    while True:
        cluster = work.cluster.read()
        view = NodeView(
            facts,
            cluster.node(work.node),
            cluster.pods_on(work.node),
            cluster,
            work.target,
            stop_timeout=limits_of(work.plan).stop,
            remains=remains,
        )
        found = accept(check(view, rules), accepted_in(work.plan))
        blocking = list(forbidding(found)) if work.plan.installs else [finding for finding in found if finding.blocks]
        if not blocking:
            return view, found
        waited = work.clock.monotonic() - begun
        if waited < BUDGET_SECONDS and all(finding.transient for finding in blocking):
            if work.interrupt.held is not None:
                raise work.interrupt.held
            if work.interrupt.wished.is_set():
                raise Interrupted(
                    node=work.plan.host,
                    seen="interrupted before anything was done",
                    expected="no blocker that passes by itself",
                    next="the same command again",
                )
            seen = few(dict.fromkeys(finding.evidence for finding in blocking), joint="; ")
            work.say("wait", f"waits for a budget or for room: {seen}", data={"seconds": round(waited, 1), "bound": BUDGET_SECONDS})
            work.clock.sleep(BUDGET_POLL)
            continue
        lines = "\n".join(f"{finding.code} {finding.subject}: {finding.evidence}" for finding in blocking)
        raise work.refuse(f"blockers that the plan does not know:\n{lines}", "the findings that were planned with", work.again)
