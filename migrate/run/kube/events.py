"""What the steps that go through the API tell while they work: values, put into words by whoever shows them.

A callback of type `Tell` gets them; an exception that it raises ends the step between two requests, with nothing half done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from migrate.formats.listing import few
from migrate.plan.drain import PodDecision


@dataclass(frozen=True, slots=True)
class ApiAway:
    """The API does not answer: what is being done, why it cannot, since how many seconds, and after how many it is given up."""

    doing: str
    reason: str
    seconds: float
    bound: float


@dataclass(frozen=True, slots=True)
class DrainBegins:
    """Every pod of the node with what becomes of it; nothing has been touched yet."""

    decisions: tuple[PodDecision, ...]


@dataclass(frozen=True, slots=True)
class PodAppeared:
    """A pod that came to the node during the drain."""

    decision: PodDecision


@dataclass(frozen=True, slots=True)
class PodEvicted:
    """The API took a pod's eviction; `grace` in seconds."""

    pod: str
    owner: str
    grace: int


@dataclass(frozen=True, slots=True)
class PodGone:
    """A pod has left the node, so many seconds after the drain began."""

    pod: str
    seconds: float


@dataclass(frozen=True, slots=True)
class BlockedBudget:
    """A PodDisruptionBudget (`namespace/name`) that forbids the eviction of these pods, and its numbers."""

    budget: str
    pods: tuple[str, ...]
    allowed: int
    healthy: int
    desired: int
    expected: int

    def __str__(self) -> str:
        return (
            f"PDB {self.budget} allows {self.allowed} disruptions: {self.healthy} healthy of {self.expected}, {self.desired} needed; "
            f"it holds {few(self.pods)}"
        )


@dataclass(frozen=True, slots=True)
class HeldPod:
    """A pod that does not leave for another reason than a budget."""

    pod: str
    why: str

    def __str__(self) -> str:
        return f"{self.pod}: {self.why}"


@dataclass(frozen=True, slots=True)
class DrainWaits:
    """What the drain waits for: budgets, pods held by something else, and pods on their way out; `bound` 0 is for ever."""

    budgets: tuple[BlockedBudget, ...]
    held: tuple[HeldPod, ...]
    ending: tuple[str, ...]
    seconds: float
    bound: float


@dataclass(frozen=True, slots=True)
class VolumesWait:
    """Volumes that are still attached to the node or in use on it."""

    volumes: tuple[str, ...]
    seconds: float
    bound: float


@dataclass(frozen=True, slots=True)
class VerifyWaits:
    """What is not yet as it must be; `phase` is `A` or `B`."""

    phase: str
    reasons: tuple[str, ...]
    seconds: float
    bound: float


Event: TypeAlias = ApiAway | DrainBegins | PodAppeared | PodEvicted | PodGone | DrainWaits | VolumesWait | VerifyWaits
Tell: TypeAlias = Callable[[Event], None]
