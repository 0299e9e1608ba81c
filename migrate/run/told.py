"""What the steps through the API tell, in words."""

from __future__ import annotations

from typing import assert_never

from migrate.formats.listing import few
from migrate.run.kube.events import (
    ApiAway,
    DrainBegins,
    DrainWaits,
    Event,
    PodAppeared,
    PodEvicted,
    PodGone,
    VerifyWaits,
    VolumesWait,
)


def words(event: Event) -> str:
    """One event as one line; how long it lasts already is in `data`."""
    match event:
        case ApiAway(doing=doing, reason=reason):
            return f"{doing}: the API does not answer ({reason})"
        case DrainBegins(decisions=decisions):
            counts = {action: sum(decision.action == action for decision in decisions) for action in ("evict", "keep")}
            return f"drain: {counts['evict']} pods to evict, {counts['keep']} stay"
        case PodAppeared(decision=decision):
            return f"{decision.pod} came to the node: {decision.action} ({decision.reason})"
        case PodEvicted(pod=pod, grace=grace):
            return f"evicted {pod} (grace {grace} s)"
        case PodGone(pod=pod, seconds=seconds):
            return f"{pod} is gone after {seconds:.1f} s"
        case DrainWaits(budgets=budgets, held=held, ending=ending):
            parts = [few(map(str, each), joint="; ") for each in (budgets, held) if each]
            parts += [f"ending: {few(ending)}"] if ending else []
            return f"drain waits: {'; '.join(parts) or 'for the watch'}"
        case VolumesWait(volumes=volumes):
            return f"waits for volumes: {few(volumes)}"
        case VerifyWaits(phase=phase, reasons=reasons):
            return f"verification of the {phase}: {few(reasons, joint='; ')}"
        case _:
            assert_never(event)


def data(event: Event) -> dict[str, str | int | float | bool]:
    """For programs: since how many seconds a thing is waited for, and how long at most (0 is for ever); the pod that was evicted."""
    match event:
        case PodEvicted(pod=pod, grace=grace):
            return {"evicted": pod, "grace": grace}
        case ApiAway() | DrainWaits() | VolumesWait() | VerifyWaits():
            return {"seconds": round(event.seconds, 1), "bound": event.bound}
        case _:
            return {}
