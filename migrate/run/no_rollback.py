"""Runs that cannot be rolled back, because Docker was removed from their node."""

from __future__ import annotations

from migrate.errors import Refused
from migrate.facts.parse.remains import CLEANED
from migrate.plan.cleanup import NO_ROLLBACK
from migrate.plan.steps import RemoveChains
from migrate.program.journal import Progress
from migrate.run.work import Work


def docker_is_gone(work: Work, progress: Progress) -> bool:
    """Whether this run has begun to remove Docker from the node, or another one has since: rules of iptables are not Docker itself."""
    before = sum(isinstance(line.step, RemoveChains) for line in work.lines)
    return (work.plan.cleans and max(progress.begun, default=0) > before) or CLEANED in progress.notes


def refuse_rollback(work: Work) -> Refused:
    """Why such a run is not rolled back."""
    how = f"run {work.run} is the removal of Docker" if work.plan.cleans else f"Docker was removed after run {work.run}"
    return work.refuse(
        f"{how}, and cannot be rolled back: {NO_ROLLBACK}",
        f"a node that stays on {work.target.title}",
        f"docker2cri status {work.plan.host}; a node that needs Docker again is set up again",
    )
