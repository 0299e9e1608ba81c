"""What a person is asked before a plan is applied."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.formats.listing import few
from migrate.plan.gates import NO_GATES, Gates
from migrate.report.chosen import chosen
from migrate.report.stages_text import gate_lines
from migrate.run.owned import Job


def question(jobs: Sequence[Job], target: str, gates: Gates = NO_GATES) -> str:
    """What is asked before anything is done, with what was chosen when the plan was made."""
    return "\n".join([*chosen(job.node for job in jobs), *gate_lines(gates), _asked(jobs, target)])


def prepare_question(jobs: Sequence[Job]) -> str:
    """What is asked before nodes are prepared."""
    return f"Copy what they need to {_names(jobs)}, which nothing else disturbs?"


def _asked(jobs: Sequence[Job], target: str) -> str:
    if jobs and all(job.node.cleans for job in jobs):
        return f"Remove Docker for good from {_names(jobs)}, which cannot be rolled back: there is no Docker to return to then?"
    moved, readied = ([job for job in jobs if job.node.moves is moves] for moves in (True, False))
    if not readied:
        return f"Move {_names(moved)} to {target}?"
    install = f"nstall on {_names(readied)} what a move to {target} needs"
    return f"Move {_names(moved)} to {target}, and i{install}?" if moved else f"I{install}?"


def _names(jobs: Sequence[Job]) -> str:
    return few(job.node.host for job in jobs)
