"""How a node ends that was not brought to its end: states for errors, refusals and what was never begun."""

from __future__ import annotations

from migrate.errors import (
    Blocked,
    ClusterUnreachable,
    Interrupted,
    LeaseHeld,
    LeaseLost,
    MigrateError,
    NodeUnreachable,
    Paused,
    Refused,
    StalePlan,
    UsageError,
    VerificationFailed,
)
from migrate.plan.state import FAILED, INTERRUPTED, REFUSED, SKIPPED, UNREACHABLE, UNTOUCHED, NodeState, Reason
from migrate.run.owned import Job

PAUSED, LEASE_LOST = "paused", "lease-lost"  # codes of reasons
# Why a node's work ended with an error, most special first: the error, the state, the reason's code
ENDS: tuple[tuple[type[MigrateError], str, str], ...] = (
    (StalePlan, REFUSED, "stale-plan"),
    (Paused, REFUSED, PAUSED),
    (LeaseHeld, REFUSED, "lease-held"),
    (LeaseLost, REFUSED, LEASE_LOST),
    (Refused, REFUSED, "refused"),
    (Interrupted, INTERRUPTED, "interrupted"),
    (NodeUnreachable, UNREACHABLE, "unreachable"),
    (ClusterUnreachable, FAILED, "api-unreachable"),
    (Blocked, FAILED, "blocked"),
    (VerificationFailed, FAILED, "not-verified"),
    (UsageError, FAILED, "usage"),
    (MigrateError, FAILED, "error"),
)


def failure(node: str, run: str, wrong: MigrateError) -> NodeState:
    """The state of a node whose work ended with an error."""
    state, code = _end(wrong)
    reason = Reason(code=code, seen=wrong.seen, expected=wrong.expected, next=wrong.next)
    return NodeState(node=node, state=state, exit_code=wrong.exit_code, reason=reason, run=run)


def code_of(wrong: MigrateError) -> str:
    """The reason's code of an error."""
    return _end(wrong)[1]


def _end(wrong: MigrateError) -> tuple[str, str]:
    return next((state, code) for kind, state, code in ENDS if isinstance(wrong, kind))


def blocked(job: Job) -> NodeState:
    """The state of a node that the plan refuses."""
    codes = ", ".join(dict.fromkeys(refusal.code for refusal in job.node.refusals))
    reason = Reason(
        code="blockers",
        seen=f"the plan has blockers for it{f': {codes}' if codes else ''}",
        expected="a plan without blockers",
        next=f"docker2cri inspect {job.node.host}, which tells what each asks for; then a new plan",
    )
    return NodeState(node=job.node.host, state=REFUSED, exit_code=3, reason=reason, run=job.run)


def nothing(job: Job) -> NodeState:
    """The state of a node with nothing to do."""
    reason = Reason(code="nothing-to-do", seen=f"nothing to do: {job.node.nothing}")
    return NodeState(node=job.node.host, state=UNTOUCHED, exit_code=0, reason=reason, run=job.run)


def never_planned(job: Job) -> NodeState:
    """The state of a node of which a rollback has nothing to undo."""
    reason = Reason(code="no-steps", seen="the plan has no steps for it, so there is nothing to roll back")
    return NodeState(node=job.node.host, state=UNTOUCHED, exit_code=0, reason=reason, run=job.run)


def skipped(job: Job, code: str) -> NodeState:
    """The state of a node that was not begun."""
    seen = "skipped: the run was interrupted" if code == "interrupted" else "skipped: an earlier node failed"
    return NodeState(node=job.node.host, state=SKIPPED, exit_code=0, reason=Reason(code=code, seen=seen), run=job.run)
