"""The report of a run as it is published. `docs/schema/run-v1.json` is its JSON schema.

Format `docker2cri.run/v1`: fields are only added, never renamed or given another meaning; a reader ignores fields that it does not know.
Fields that are empty are left out. Times are RFC 3339, durations seconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from migrate.facts.resolve import resolve
from migrate.verify.counts import WorkloadCount

RUN_FORMAT: Literal["docker2cri.run/v1"] = "docker2cri.run/v1"


class _RunModel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A frozen value of the run's report."""


class RunCommand(_RunModel, frozen=True, kw_only=True, omit_defaults=True):
    """One command that worked on the run: `apply` or `rollback`, the tool's version, when its first and its last event were."""

    name: str
    tool: str
    began: str
    ended: str


class RunStep(_RunModel, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a node: when it began, how long it took. `ended` is False where the command ended before it did."""

    segment: str
    text: str
    began: str
    seconds: float
    ended: bool = True


class RunSegment(_RunModel, frozen=True, kw_only=True, omit_defaults=True):
    """How long a node was in one segment (`drain`, `switch`), all commands together."""

    name: str
    seconds: float


class RunWait(_RunModel, frozen=True, kw_only=True, omit_defaults=True):
    """What was waited for, how long, and how long at most (0 is without an end)."""

    segment: str
    text: str
    seconds: float
    bound: float = 0.0


class RunNode(_RunModel, frozen=True, kw_only=True, omit_defaults=True):
    """One node of the run: the last command that worked on it, its state (`under way` where that told none), the reason's first line.

    `seconds` are those in which a command worked on it. `evicted` counts pods, `notes` are what was told of it besides.
    `runtime` is where its workloads were verified last (`containerd`), empty where they were not; then `workloads` have no `after`.
    """

    node: str
    state: str
    command: str = ""
    reason: str = ""
    began: str = ""
    ended: str = ""
    seconds: float = 0.0
    segments: tuple[RunSegment, ...] = ()
    steps: tuple[RunStep, ...] = ()
    waits: tuple[RunWait, ...] = ()
    evicted: int = 0
    notes: tuple[str, ...] = ()
    runtime: str = ""
    workloads: tuple[WorkloadCount, ...] = ()


class RunReport(_RunModel, frozen=True, kw_only=True, omit_defaults=True):
    """A run: its plan's digest and target, the commands in their order, what was told of the run as a whole, and each node of the plan.

    `seconds` are from the first event to the last.
    """

    format: Literal["docker2cri.run/v1"]
    run: str
    digest: str
    target: str
    began: str
    ended: str
    seconds: float
    commands: tuple[RunCommand, ...]
    notes: tuple[str, ...] = ()
    nodes: tuple[RunNode, ...] = ()


resolve(RunReport)
