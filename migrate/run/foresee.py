"""What `apply` and `rollback` would do to one node: all that they look at before they begin is looked at, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from migrate.plan.state import UNTOUCHED, NodeState, Reason
from migrate.run.apply import refuse_held, settled
from migrate.run.cleaned import settled_cleanup
from migrate.run.identify import identify
from migrate.run.owned import Job
from migrate.run.preflight import look_again
from migrate.run.rollback import looked_at
from migrate.run.standing import standing
from migrate.run.work import Work


def foreseen(
    status: Callable[[Sequence[Job], Callable[[Work], NodeState]], Sequence[NodeState]],
    jobs: Sequence[Job],
    would: Callable[[Work], NodeState],
    without_steps: Callable[[Sequence[Job]], Sequence[NodeState]],
) -> tuple[NodeState, ...]:
    """What `would` tells of each node that has steps, and `without_steps` of the others, in the order of `jobs`; `status` is Operator's."""
    ready, rest = ([job for job in jobs if bool(job.node.steps) is steps] for steps in (True, False))
    states = {state.node: state for state in (*status(ready, would), *without_steps(rest))}
    return tuple(states[job.node.host] for job in jobs)


def would_apply(work: Work) -> NodeState:
    """How the node stands, `changed` where `apply` would begin or continue; exit code 5 where it would finish a rollback.

    Raises Refused and its kinds where `apply` would.
    """
    identify(work)
    progress = work.progress()
    if (ended := settled_cleanup(work, progress) if work.plan.cleans else settled(work, progress)) is not None:
        return ended
    if progress.direction == "rollback":
        return _would(standing(work), "apply would finish its rollback", 5)
    if progress.begun:
        return _would(standing(work), "apply would continue", 0)
    refuse_held(work)
    look_again(work)
    asked = f"move it to {work.target.title}" if work.plan.moves else "remove Docker" if work.plan.cleans else "install what it lacks"
    return _would(work.state(UNTOUCHED, 0, "not-begun", "the plan holds"), f"apply would {asked}", 0)


def would_rollback(work: Work, overwrite: frozenset[str] = frozenset()) -> NodeState:
    """How the node stands, `changed` where `rollback` would begin or continue. Raises Refused where `rollback` would."""
    identify(work)
    found = looked_at(work, overwrite)
    return found if isinstance(found, NodeState) else _would(standing(work), f"rollback would put it back on {work.source_title}", 0)


def _would(stands: NodeState, would: str, exit_code: int) -> NodeState:
    """The state of a node that would be changed; what a person would have to do is what the command would do."""
    reason = Reason(code=stands.reason.code, seen=f"{stands.reason.seen}; {would}")
    return replace(stands, exit_code=exit_code, changed=True, reason=reason, details={})
