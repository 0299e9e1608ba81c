"""Owners that put pods back on the cordoned node: how many evictions a drain has issued for each, and when it is enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from migrate.facts.cluster import ClusterFacts
from migrate.facts.live import LivePod
from migrate.facts.placement import comeback
from migrate.formats.listing import few
from migrate.plan.drain import EVICT, KEEP, PodDecision
from migrate.run.kube.evictions import Leaving


@dataclass(slots=True)
class OwnerEvictions:
    """The evictions `issued` of one owner's pods; `again` those of pods that had come back already, `came` the pods that came back."""

    issued: int = 0
    again: list[str] = field(default_factory=list)
    came: list[str] = field(default_factory=list)

    @property
    def twice(self) -> bool:
        """Whether a pod that came back and was evicted again has come back again: more came than were evicted for the first time."""
        return bool(self.again) and len(self.came) > self.issued - len(self.again)


class Returns:
    """Counts, for one drain, what its evictions bring back: of one owner at most one pod is evicted a second time."""

    def __init__(self, facts: ClusterFacts) -> None:
        self._facts = facts
        self._existed = {pod.metadata.uid for pod in facts.pods}  # one that was on its way here when the drain began is no return
        self._owners: dict[str, OwnerEvictions] = {}

    def meet(self, pod: LivePod, decision: PodDecision) -> tuple[bool, PodDecision]:
        """A pod that came during the drain: whether its owner put it back, and what is done with it then.

        One that may come back, and did, stays for the switch where no PodDisruptionBudget protects it.
        """
        owner = self._owners.get(decision.owner)
        if decision.action != EVICT or pod.metadata.uid in self._existed or owner is None or not owner.issued:
            return False, decision
        owner.came.append(decision.pod)
        back = comeback(pod, self._facts)
        if back is None or any(budget.covers(pod) for budget in self._facts.budgets):
            return True, decision
        return True, PodDecision(
            pod=decision.pod, owner=decision.owner, action=KEEP, reason=f"it came back: {back.why}", grace=decision.grace
        )

    def allowed(self, pods: Iterable[Leaving]) -> list[Leaving]:
        """Those that may be evicted now: all that have not come back, and of each owner the first that has."""
        found, again = [], {name for name, owner in self._owners.items() if owner.again}
        for leaving in pods:
            if leaving.returned and not leaving.issued:
                if leaving.decision.owner in again:
                    continue
                again.add(leaving.decision.owner)
            found.append(leaving)
        return found

    def issued(self, leaving: Leaving) -> None:
        """The API took an eviction, or may have."""
        if leaving.issued:
            return
        leaving.issued = True
        owner = self._owners.setdefault(leaving.decision.owner, OwnerEvictions())
        owner.issued += 1
        if leaving.returned:
            owner.again.append(leaving.decision.pod)

    def endless(self, pods: Iterable[Leaving]) -> tuple[str, str] | None:
        """The owner that would be evicted for ever, and what it does; None while each may still leave. `pods` are those to leave."""
        known = list(pods)
        for name, owner in self._owners.items():
            theirs = [leaving for leaving in known if leaving.decision.owner == name and leaving.returned]
            held = theirs and owner.again and all(leaving.taken is None and not leaving.issued for leaving in theirs)
            if owner.twice or held:
                pods_of = "pod was" if owner.issued == 1 else "pods were"
                back = f"{len(owner.came)} came back ({few(owner.came)})"
                return name, f"{name} puts its pods back on the cordoned node: {owner.issued} {pods_of} evicted, {back}"
        return None
