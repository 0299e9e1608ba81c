"""What the steps through the API tell, in words."""

from __future__ import annotations

from typing import assert_never

from migrate.run.api_events import (
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
    """One event as one line."""
    match event:
        case ApiAway(doing=doing, reason=reason, seconds=seconds, bound=bound):
            return f"{doing}: the API does not answer ({reason}), {seconds:.0f} of {bound:.0f} s"
        case DrainBegins(decisions=decisions):
            counts = {action: sum(one.action == action for one in decisions) for action in ("evict", "keep")}
            return f"drain: {counts['evict']} pods to evict, {counts['keep']} stay"
        case PodAppeared(decision=decision):
            return f"{decision.pod} came to the node: {decision.action} ({decision.reason})"
        case PodEvicted(pod=pod, grace=grace):
            return f"evicted {pod} (grace {grace} s)"
        case PodGone(pod=pod, seconds=seconds):
            return f"{pod} is gone after {seconds:.1f} s"
        case DrainWaits(budgets=budgets, held=held, ending=ending, seconds=seconds, bound=bound):
            parts = [*map(str, budgets), *map(str, held), *([f"ending: {', '.join(ending)}"] if ending else [])]
            return f"drain waits, {seconds:.0f} of {bound:.0f} s: {'; '.join(parts) or 'for the watch'}"
        case VolumesWait(volumes=volumes, seconds=seconds, bound=bound):
            return f"waits for volumes, {seconds:.0f} of {bound:.0f} s: {', '.join(volumes)}"
        case VerifyWaits(phase=phase, reasons=reasons, seconds=seconds, bound=bound):
            return f"verify {phase}, {seconds:.0f} of {bound:.0f} s: {'; '.join(reasons)}"
        case _:
            assert_never(event)
