"""The control of the smoke pod: what it does before anything is disturbed, and what is therefore not demanded of it later."""

from __future__ import annotations

from msgspec.structs import replace

from migrate.facts.cluster import SMOKE_ANNOTATION
from migrate.facts.redact import mask, printable
from migrate.plan.mark import record_of
from migrate.plan.steps import RUNS, SMOKE_CHECKS, SmokeTest, VerifyNode
from migrate.run.kube.smoke import Smoked, smoke
from migrate.run.work import StepFailed, Work
from migrate.sources.table import SOURCES
from migrate.verify.judge import Before

SOURCE_PREFIXES = frozenset(source.prefix for source in SOURCES)
REASON_LIMIT = 300  # characters in the annotation


def smoke_test(work: Work, step: SmokeTest) -> None:
    """Run the smoke pod, and record which of its checks fail twice. Not on a node that carries the mark: it may be half empty.

    Raises StepFailed where it never runs and that was not accepted; the Node tells so to the next plan (D2C335).
    """
    if work.marked() is not None:
        return
    before = work.before()
    found = _twice(work, step, before.driver)
    for note in (
        *found.notes,
        *(f"{_pod(step)}: {reason}; it failed twice, so it is not demanded later" for reason in found.failed.values()),
    ):
        work.say("note", note)
    never = found.failed.get(RUNS)
    work.cluster.annotate(work.node, SMOKE_ANNOTATION, None if never is None else mask(printable(f"{step.image}: {never}"))[:REASON_LIMIT])
    if never is not None and step.required:
        raise StepFailed(
            node=work.node,
            seen=f"{_pod(step)} never ran, before anything was disturbed: {never}; accept it in a new plan: --accept D2C335=REASON",
            expected="a pod that runs on this node",
            next="docker2cri explain D2C335",
        )
    work.keep_before(replace(before, smoke_failed=tuple(check for check in SMOKE_CHECKS if check in found.failed)))


def excused_checks(work: Work, before: Before, step: VerifyNode) -> frozenset[str]:
    """The checks that are not demanded of the smoke pod of `step`: those that failed before anything was disturbed.

    Where nobody tried, nothing is demanded on the source: what fails there may have failed before.
    """
    mark = record_of(work.cluster.read_node(work.node))
    known = [failed for failed in (mark.smoke_failed if mark and mark.run == work.run else None, before.smoke_failed) if failed is not None]
    if not known and step.prefix in SOURCE_PREFIXES:
        return frozenset(SMOKE_CHECKS) - {RUNS}
    return frozenset(check for failed in known for check in failed)


def _twice(work: Work, step: SmokeTest, driver: str) -> Smoked:
    """The smoke pod as often as it takes until every check that fails has failed before; the notes are the last one's."""
    seen: set[str] = set()
    while True:
        says = work.asked(step.prefix)
        found = smoke(work.cluster, work.node, step.image, step.prefix, driver, says, work.run, work.clock, work.hear, step.timeout)
        if found.failed.keys() <= seen:
            return found
        seen |= found.failed.keys()


def _pod(step: SmokeTest) -> str:
    return f"the smoke pod of {step.image}"
