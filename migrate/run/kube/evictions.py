"""Pods on their way out of a node: when each is tried, what the answer meant for it, and what it waits for."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

from migrate.errors import ClusterUnreachable
from migrate.facts.cluster import Budget
from migrate.facts.live import LivePod
from migrate.plan.drain import PodDecision
from migrate.run.kube.events import BlockedBudget, HeldPod
from migrate.run.kube.port import Accepted, ActingCluster, Eviction, Gone, NamespaceEnds, Never, NotNow
from migrate.run.kube.refused import NotAllowed

AT_ONCE = 8  # evictions under way; pods under one budget are asked for one after the other
FLOOR, LONGEST_FLOOR = 0.1, 0.25  # seconds between two tries of one pod whose budget seems to be open
FIRST_PAUSE, LONGEST_PAUSE, AWAY_PAUSE = 0.25, 5.0, 1.0

EvictionOutcome: TypeAlias = Eviction | ClusterUnreachable


@dataclass(slots=True)
class Leaving:
    """One pod that has to leave. `taken` is when the API took its eviction (monotonic seconds), None while it has not.

    `returned`: its owner put it here after an eviction; `issued`: its eviction was taken, or was asked of an API that did not answer.
    `says` is why it was not taken, `by_budget` whether a budget said so; `budgets` are those over it.
    """

    pod: LivePod
    decision: PodDecision
    returned: bool = False
    issued: bool = False
    taken: float | None = None
    tries: int = 0
    last: float = 0.0
    due: float = 0.0
    says: str = ""
    by_budget: bool = False
    budgets: tuple[Budget, ...] = ()

    def ripe(self, now: float) -> bool:
        """Whether to try now: its pause is over, or its budgets allow it, as far as is known here (the server may know better)."""
        if self.taken is not None:
            return False
        if self.tries == 0 or now >= self.due:
            return True
        return self.by_budget and now >= self.again and all(budget.status.disruptions_allowed > 0 for budget in self.budgets)

    @property
    def again(self) -> float:
        """The earliest time of the next try, however soon its budget opens."""
        return self.last + min(LONGEST_FLOOR, FLOOR * self.tries)

    def settle(self, answer: EvictionOutcome, now: float) -> str | None:
        """Keep an answer; the text of one that waiting does not change, else None."""
        self.tries, self.last, self.by_budget, self.says = self.tries + 1, now, False, ""
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self.tries - 1, 8)) * random.uniform(0.8, 1.2)
        self.due = now + pause
        match answer:
            case Accepted() | Gone():
                self.taken = now
            case NotNow(says=says, budget=budget, after=after):
                self.says, self.by_budget = says, budget
                self.due = now + max(pause, min(after or 0.0, 10.0))
            case NamespaceEnds(says=says):
                self.says = says
            case ClusterUnreachable():
                self.says, self.due = answer.seen, now + min(pause, AWAY_PAUSE)
            case Never(says=says):
                names = ", ".join(budget.metadata.name for budget in self.budgets)
                return f"{self.decision.pod}: {says}" + (f" (PodDisruptionBudgets: {names})" if names else "")
        return None


def ask(cluster: ActingCluster, pods: Iterable[Leaving]) -> list[tuple[Leaving, EvictionOutcome]]:
    """Ask for the eviction of these pods, in parallel; those under the same budget one after the other until one is held.

    Raises NotAllowed; that the API is away is an outcome.
    """
    groups: dict[object, list[Leaving]] = {}
    for leaving in pods:
        groups.setdefault(tuple(budget.metadata.uid for budget in leaving.budgets) or leaving.pod.metadata.uid, []).append(leaving)
    if not groups:
        return []
    ordered = [sorted(group, key=lambda leaving: leaving.pod.ready) for group in groups.values()]  # what is not ready costs no budget
    with ThreadPoolExecutor(min(AT_ONCE, len(ordered)), thread_name_prefix="evict") as threads:
        return [pair for pairs in threads.map(lambda group: [*_ask(cluster, group)], ordered) for pair in pairs]


def _ask(cluster: ActingCluster, group: Sequence[Leaving]) -> Iterator[tuple[Leaving, EvictionOutcome]]:
    held: EvictionOutcome | None = None
    for leaving in group:
        answer = held or _evict(cluster, leaving)
        if isinstance(answer, ClusterUnreachable) or (isinstance(answer, NotNow) and answer.budget and leaving.pod.ready):
            held = answer  # what holds one ready pod holds the others under its budget
        yield leaving, answer


def _evict(cluster: ActingCluster, leaving: Leaving) -> EvictionOutcome:
    try:
        return cluster.evict(leaving.pod)
    except NotAllowed:
        raise
    except ClusterUnreachable as wrong:
        return wrong


def waits(pods: Iterable[Leaving], budgets: Iterable[Budget]) -> tuple[tuple[BlockedBudget, ...], tuple[HeldPod, ...], tuple[str, ...]]:
    """What these pods wait for: budgets with the pods that they hold, pods held by something else, pods that end."""
    known = tuple(budgets)
    blocked: dict[str, tuple[Budget, list[str]]] = {}
    held, ending = [], []
    for leaving in sorted(pods, key=lambda leaving: leaving.decision.pod):
        covering = [budget for budget in known if budget.covers(leaving.pod)] if leaving.by_budget else []
        if leaving.taken is not None:
            ending.append(leaving.decision.pod)
        elif not covering:
            held.append(HeldPod(leaving.decision.pod, leaving.says or "its eviction is being asked for"))
        else:
            for budget in covering:
                blocked.setdefault(budget.metadata.uid, (budget, []))[1].append(leaving.decision.pod)
    return tuple(_blocked(budget, names) for budget, names in blocked.values()), tuple(held), tuple(ending)


def _blocked(budget: Budget, pods: list[str]) -> BlockedBudget:
    status = budget.status
    numbers = (status.disruptions_allowed, status.current_healthy, status.desired_healthy, status.expected_pods)
    return BlockedBudget(f"{budget.metadata.namespace}/{budget.metadata.name}", tuple(pods), *numbers)
