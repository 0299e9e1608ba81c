"""How long a plan waits: the limits of its steps, in seconds. They stand in the steps, and those are the ones that are used."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: `guard` without the operator's heartbeat until the node rolls back, `drain` for the pods to leave, `stop` for a container
    that the node stops to end, `verify_node` and `verify_workloads` for both to be back, `cri` for the new runtime to answer,
    `planes_well` that all control planes have to be well before the next one is moved.
    """

    guard: int = 600
    drain: int = 600
    stop: int = 600
    verify_node: int = 120
    verify_workloads: int = 300
    cri: int = 60
    planes_well: int = 60


DEFAULT = Limits()
