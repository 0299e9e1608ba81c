"""Emptying a node: every pod classified first, then evicted as soon as its PodDisruptionBudget lets it go, and waited for.

kubectl asks again 5 s after each 429 (kubernetes/kubectl pkg/drain/drain.go); here the budgets are watched, and a pod is tried as soon as
its budget allows it. The server decides each time, so no budget is ever broken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from migrate.errors import Blocked, ClusterUnreachable, Restored
from migrate.facts.cluster import ClusterFacts
from migrate.facts.live import LivePod
from migrate.facts.pod import Pod
from migrate.plan.drain import EVICT, KEEP, REFUSE, PodDecision, classify
from migrate.plan.steps import DrainPolicy
from migrate.run.kube.events import ApiAway, DrainBegins, DrainWaits, PodAppeared, PodEvicted, PodGone, Tell
from migrate.run.kube.evictions import Leaving, ask, waits
from migrate.run.kube.port import Accepted, ActingCluster, Watch
from migrate.run.kube.returns import Returns
from migrate.run.kube.smoke import remove_smoke
from migrate.run.ports import Clock

TICK = 1.0  # seconds after which what is waited for is told again


class DrainFailed(Restored):
    """Pods did not leave. What was evicted runs elsewhere; the caller uncordons and the node is as before."""


@dataclass(frozen=True, slots=True)
class Drained:
    """The node is empty but for what stays: what was decided of each pod, which pods left (`namespace/name`), and in how many seconds."""

    decisions: tuple[PodDecision, ...]
    left: tuple[str, ...]
    seconds: float


def drain(cluster: ActingCluster, node: str, policy: DrainPolicy, clock: Clock, tell: Tell, patience: float = 120.0) -> Drained:
    """Evict what `plan.drain.classify` says from a cordoned node and wait until it is gone; pods that end already are waited for too.

    A smoke pod that an earlier run left is deleted. Raises Blocked, with every problem, before the first eviction; DrainFailed when pods
    have not left after the policy's time, will not ever, or come back; ClusterUnreachable when the API is away for `patience` seconds.
    """
    if not cluster.read_node(node).spec.unschedulable:
        raise _not_cordoned(node)
    remove_smoke(cluster, node, clock)
    facts = cluster.read()
    pods = facts.pods_on(node)
    decisions = classify(pods, facts, policy)
    _refuse(node, facts, pods, decisions)
    tell(DrainBegins(decisions))
    with cluster.watch(node) as view:
        work = _Work(cluster, node, policy, clock, tell, patience, facts, view)
        work.decided = {pod.metadata.uid: decision for pod, decision in zip(pods, decisions, strict=True)}
        while not work.done():
            work.evict()
            work.report()
            view.wait(work.pause())
        return Drained(decisions, tuple(work.left), clock.monotonic() - work.start)


def problems(facts: ClusterFacts, pods: Iterable[Pod], decisions: Iterable[PodDecision]) -> tuple[str, ...]:
    """Why this drain cannot end, one line for each pod; empty when it can."""
    found = []
    for pod, decision in zip(pods, decisions, strict=True):
        covering = [budget.metadata.name for budget in facts.budgets if budget.covers(pod)]
        if decision.action == REFUSE:
            found.append(f"{decision.pod}: {decision.reason}")
        elif decision.action == EVICT and len(covering) > 1 and pod.status.phase == "Running":
            found.append(
                f"{decision.pod}: {len(covering)} PodDisruptionBudgets cover it ({', '.join(covering)}); the API evicts no such pod"
            )
    return tuple(found)


def _refuse(node: str, facts: ClusterFacts, pods: Iterable[Pod], decisions: Iterable[PodDecision]) -> None:
    found = problems(facts, pods, decisions)
    if found:
        raise Blocked(
            node=node,
            seen=f"{_count(len(found))} cannot be drained, and nothing has been touched:"
            + "".join(f"\n    {problem}" for problem in found),
            expected="pods that can be evicted and are made again elsewhere",
            next=f"fix it or accept it by the code of its finding, then: docker2cri plan {node} --accept CODE=REASON",
        )


def _not_cordoned(node: str, when: str = "") -> DrainFailed:
    return DrainFailed(
        node=node,
        seen=f"it is not cordoned{when}: new pods come as others leave",
        expected="spec.unschedulable: true until the migration ends",
        next=f"kubectl get node {node} --show-managed-fields -o yaml, which says who uncordoned it",
    )


@dataclass(slots=True)
class _Work:
    """One drain: what is where, looked at again after each change."""

    cluster: ActingCluster
    node: str
    policy: DrainPolicy
    clock: Clock
    tell: Tell
    patience: float
    facts: ClusterFacts
    view: Watch
    start: float = field(init=False)
    decided: dict[str, PodDecision] = field(default_factory=dict)
    leaving: dict[str, Leaving] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)
    returns: Returns = field(init=False)
    lost: str | None = None
    away_since: float | None = None
    told: tuple[object, float] = (None, 0.0)

    def __post_init__(self) -> None:
        self.start = self.clock.monotonic()
        self.returns = Returns(self.facts)

    @property
    def spent(self) -> float:
        """Seconds since the drain began."""
        return self.clock.monotonic() - self.start

    def done(self) -> bool:
        """Look at what is on the node now; whether all that had to leave has left. Raises what ends the drain."""
        away = self.view.away()
        self._away(away or self.lost)
        if away is None:
            self._look()
        if endless := self.returns.endless(self.leaving.values()):
            raise self._endless(*endless)
        if self.leaving and self.policy.timeout and self.spent >= self.policy.timeout:
            raise self._late()
        return not self.leaving and away is None

    def _look(self) -> None:
        node, present = self.view.node(), {pod.metadata.uid: pod for pod in self.view.pods()}
        if node is not None and not node.spec.unschedulable:
            raise _not_cordoned(self.node, " any more")
        for uid in self.leaving.keys() - present.keys():
            leaving = self.leaving.pop(uid)
            self.left.append(leaving.decision.pod)
            self.tell(PodGone(leaving.decision.pod, self.spent))
        for uid, pod in present.items():
            if uid in self.leaving:
                self.leaving[uid].pod = pod
            else:
                self._meet(uid, pod)

    def _meet(self, uid: str, pod: LivePod) -> None:
        appeared, returned = uid not in self.decided, False
        if appeared:
            returned, self.decided[uid] = self.returns.meet(pod, self._decide(pod))
            self.tell(PodAppeared(self.decided[uid]))
        decision = self.decided[uid]
        stays = pod.mirror or ((owner := pod.metadata.controller) is not None and owner.kind == "DaemonSet" and decision.action == KEEP)
        if decision.action == EVICT or (pod.leaving and not stays):
            self.leaving[uid] = Leaving(pod, decision, returned, taken=self.clock.monotonic() if pod.leaving else None)
        if appeared and decision.action == REFUSE:
            raise self._failed([f"{decision.pod} came during the drain: {decision.reason}"], "pods that can be evicted")

    def _decide(self, pod: LivePod) -> PodDecision:
        (decision,) = classify([pod], self.facts, self.policy)
        owner = pod.metadata.controller
        if decision.action == REFUSE and owner is not None and owner.kind == "DaemonSet":
            self.facts = self.cluster.read()  # a DaemonSet that is newer than what was read
            (decision,) = classify([pod], self.facts, self.policy)
        return decision

    def evict(self) -> None:
        """One round: every pod whose time has come."""
        for leaving in self.leaving.values():
            leaving.budgets = tuple(budget for budget in self.view.budgets() if budget.covers(leaving.pod))
        ripe = [leaving for leaving in self.leaving.values() if leaving.ripe(self.clock.monotonic())]
        answers = ask(self.cluster, self.returns.allowed(ripe))
        never = []
        if answers:
            self.lost = next((answer.seen for _, answer in answers if isinstance(answer, ClusterUnreachable)), None)
        for leaving, answer in answers:
            said = leaving.settle(answer, self.clock.monotonic())
            never += [said] if said else []
            if isinstance(answer, Accepted | ClusterUnreachable):
                self.returns.issued(leaving)
            if isinstance(answer, Accepted):
                self.tell(PodEvicted(leaving.decision.pod, leaving.decision.owner, leaving.decision.grace))
        if never:
            raise self._failed(never, "pods that the API evicts")

    def _away(self, reason: str | None) -> None:
        now, doing = self.clock.monotonic(), f"draining {self.node}"
        if reason is None:
            self.away_since = None
            return
        self.away_since = now if self.away_since is None else self.away_since
        self.tell(ApiAway(doing, reason, now - self.away_since, self.patience))
        if now - self.away_since >= self.patience:
            raise ClusterUnreachable(
                node=self.node,
                seen=f"{doing}: the API has been away for {now - self.away_since:.0f} s: {reason}",
                expected="an API server that answers",
                next="kubectl get --raw /readyz, then the same command again: it goes on where it was",
            )

    def report(self) -> None:
        """Tell what is waited for, when it changed and once a second."""
        now, known = self.clock.monotonic(), waits(self.leaving.values(), self.view.budgets())
        if self.leaving and (known != self.told[0] or now - self.told[1] >= TICK):
            self.told = known, now
            self.tell(DrainWaits(*known, self.spent, self.policy.timeout))

    def pause(self) -> float:
        """Seconds until something is to be done even if nothing changes."""
        now = self.clock.monotonic()
        tried = self.returns.allowed(leaving for leaving in self.leaving.values() if leaving.taken is None)
        times = [TICK, *(leaving.due - now for leaving in tried)]
        times += [leaving.again - now for leaving in tried if leaving.by_budget and leaving.again > now]
        times += [self.policy.timeout - self.spent] if self.policy.timeout else []
        times += [self.patience - (now - self.away_since)] if self.away_since is not None else []
        return max(0.01, min(times))

    def _late(self) -> DrainFailed:
        now = self.clock.monotonic()
        budgets, held, _ = waits(self.leaving.values(), self.view.budgets())
        lines = [str(obstacle) for obstacle in (*budgets, *held)]
        for leaving in sorted(self.leaving.values(), key=lambda leaving: leaving.decision.pod):
            if leaving.taken is not None:
                finalizers = ", ".join(leaving.pod.metadata.finalizers or ())
                ends = f"{leaving.decision.pod}: ending for {now - leaving.taken:.0f} s, its grace period is {leaving.decision.grace} s"
                lines.append(ends + (f", held by finalizers {finalizers}" if finalizers else ""))
        return self._failed(lines, f"an empty node within {self.policy.timeout} s", f"{_count(len(self.leaving))} still there")

    def _endless(self, owner: str, seen: str) -> DrainFailed:
        return DrainFailed(
            node=self.node,
            seen=f"the drain cannot end:\n    {seen}",
            expected="pods that respect the cordon: no nodeName, no toleration of node.kubernetes.io/unschedulable",
            next=f"scale {owner} down for the migration, or docker2cri plan {self.node}, which may leave its pods for the switch",
        )

    def _failed(self, lines: list[str], expected: str, head: str = "the drain cannot end") -> DrainFailed:
        budgets, _, _ = waits(self.leaving.values(), self.view.budgets())
        next = f"kubectl get pods -A -o wide --field-selector spec.nodeName={self.node}"
        if budgets:
            namespace, _, name = budgets[0].budget.partition("/")
            next = f"kubectl -n {namespace} describe pdb {name}"
        return DrainFailed(node=self.node, seen=f"{head}:" + "".join(f"\n    {line}" for line in lines), expected=expected, next=next)


def _count(pods: int) -> str:
    return "1 pod" if pods == 1 else f"{pods} pods"
