"""Pods placed one after the other, by the scheduler's filters: resources, volumes, affinity between pods, topology spread.

Source: kubernetes pkg/scheduler/framework/plugins (noderesources, nodeaffinity, tainttoleration, volumebinding, interpodaffinity,
podtopologyspread). A cordoned node is a domain of the spread still (nodeTaintsPolicy Ignore), and what it lost counts there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.facts.cluster import ClusterFacts, Node
from migrate.facts.demand import Amounts, demand, told
from migrate.facts.placement import bound_elsewhere
from migrate.facts.pod import Pod, PodSpec
from migrate.facts.pod_scheduling import LabelSelector
from migrate.facts.room import Selection, far, near, selected_in, selection_of, shape
from migrate.formats.listing import few

KEPT_APART, NOT_NEAR, UNEVEN = "kept apart by anti-affinity", "without the pods that it must be near", "kept free by its topology spread"
TOO_LITTLE = "with too little "
NO_VOLUME = "that cannot reach its volumes"


@dataclass(frozen=True, slots=True)
class Company:
    """What pods say of each other, for one pod: the values of node labels where it may not be, by label; then, for each label that matters,
    the pods by its value, and how few (`near`) or how many (`spread`) may be there.
    """

    barred: dict[str, set[str]]
    near: tuple[tuple[str, Counter[str], int], ...]
    spread: tuple[tuple[str, Counter[str], int], ...]

    def refuses(self, node: Node) -> str:
        """Why the pod may not be on this node, else nothing."""
        labels = node.metadata.labels or {}
        if any(labels[label] in values for label, values in self.barred.items() if label in labels):
            return KEPT_APART
        if any(label not in labels or counts[labels[label]] < least for label, counts, least in self.near):
            return NOT_NEAR
        return UNEVEN if any(label not in labels or counts[labels[label]] > most for label, counts, most in self.spread) else ""


class Trial:
    """Pods placed one after the other on nodes that are not drained; `pack` fills the fullest node that fits, else each takes the next."""

    def __init__(self, cluster: ClusterFacts, moving: Sequence[Pod], away: frozenset[str], *, pack: bool = False) -> None:
        self._cluster = cluster
        self._room = cluster.room
        self._moving = moving
        self._away = away
        self._pack = pack
        self._taken: dict[str, Counter[str]] = {}
        self._landed: list[tuple[Pod, str]] = []
        self._counts: dict[tuple[Selection, str, bytes], tuple[LabelSelector, PodSpec | None, Counter[str]]] = {}
        self._next = 0
        self._hopeless: dict[tuple[bytes, frozenset[tuple[str, int]]], str] = {}  # room only becomes less: the same pod again fits no more

    def place(self, pod: Pod) -> str:
        """Put a pod on a node; why that is not possible, else nothing."""
        spec, asks = pod.spec, demand(pod.spec)
        nodes, refused = self._room.open_to(spec)
        same = shape(spec), frozenset(asks.items())
        if same in self._hopeless:
            return self._hopeless[same]
        company = Company(self._barred(pod), self._near(pod), self._spread(pod))
        reasons: Counter[str] = Counter()
        best: dict[str, int] = {}
        claims = any(volume.persistent_volume_claim for volume in spec.volumes or ())
        order = reversed(nodes) if self._pack else (nodes[(self._next + at) % len(nodes)] for at in range(len(nodes)))
        for node in order:
            if node.name in self._away:
                continue
            if claims and bound_elsewhere(pod, node, self._cluster):
                reasons[NO_VOLUME] += 1
            elif lacking := self._lacking(node.name, asks, best):
                reasons[TOO_LITTLE + lacking] += 1
            elif why := company.refuses(node):
                reasons[why] += 1
            else:
                self._next += 1
                self._land(pod, node.name, asks)
                return ""
        reasons.update(why for name, why in refused.items() if name not in self._away)
        said = self._said(reasons, asks, best)
        if not claims and all(why.startswith(TOO_LITTLE) or why in refused.values() for why in reasons):
            self._hopeless[same] = said
        return said

    def _said(self, reasons: Counter[str], asks: Amounts, best: Amounts) -> str:
        words = [
            f"{count:,} {why}{self._amounts(why, asks, best)}" for why, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
        ]
        others = sum(reasons.values())
        return (
            f"none of {others:,} other nodes takes it: {few(words)}" if others > 1 else f"the only other node does not take it: {words[0]}"
        )

    def _amounts(self, why: str, asks: Amounts, best: Amounts) -> str:
        resource = why.removeprefix(TOO_LITTLE)
        if resource not in best:
            return ""
        return f" ({told(resource, asks[resource])} asked, at most {told(resource, max(0, best[resource]))} free)"

    def _lacking(self, node: str, asks: Amounts, best: dict[str, int]) -> str:
        free, taken = self._room.free[node], self._taken.get(node)
        if free is None:
            return ""
        for name, amount in asks.items():
            left = free.get(name, 0) - (taken[name] if taken else 0)
            if amount > left and amount > 0:
                best[name] = max(best.get(name, left), left)
                return name
        return ""

    def _land(self, pod: Pod, node: str, asks: Amounts) -> None:
        self._taken.setdefault(node, Counter()).update(asks)
        self._landed.append((pod, node))
        for (selection, label, _), (selector, among, counts) in self._counts.items():
            value = self._room.value(node, label, among)
            if value is not None and _means(selection, selector, pod):
                counts[value] += 1

    def _count(self, selection: Selection, selector: LabelSelector, label: str, among: PodSpec | None = None) -> Counter[str]:
        """Selected pods by the value of a node label, without those that move and with those that were placed."""
        key = selection, label, shape(among) if among else b""
        if key not in self._counts:
            counts = self._room.domains(selection, selector, label, among).copy()
            for pod, node, step in (
                *((pod, pod.spec.node_name, -1) for pod in self._moving),
                *((pod, node, 1) for pod, node in self._landed),
            ):
                if _means(selection, selector, pod) and (value := self._room.value(node, label, among)) is not None:
                    counts[value] += step
            self._counts[key] = selector, among, counts
        return self._counts[key][2]

    def _barred(self, pod: Pod) -> dict[str, set[str]]:
        """The values of node labels where pods that run, or were placed, keep this one away, or it them."""
        barred: dict[str, set[str]] = {}
        for term in far(pod.spec):
            if (selection := selection_of(pod, term)) and term.label_selector is not None:
                counts = self._count(selection, term.label_selector, term.topology_key)
                barred.setdefault(term.topology_key, set()).update(value for value, count in counts.items() if count > 0)
        for wary in self._room.wary(pod.metadata.namespace):
            if wary.means(pod):
                where, label = wary.where.copy(), wary.term.topology_key
                for other in self._moving:
                    if (value := self._room.value(other.spec.node_name, label)) is not None and _has(other, wary.selection, label):
                        where[value] -= 1
                barred.setdefault(label, set()).update(value for value, count in where.items() if count > 0)
        for other, node in self._landed:
            for term in far(other.spec):
                selection = selection_of(other, term)
                value = self._room.value(node, term.topology_key)
                if value is not None and selection and term.label_selector and _means(selection, term.label_selector, pod):
                    barred.setdefault(term.topology_key, set()).add(value)
        return barred

    def _near(self, pod: Pod) -> tuple[tuple[str, Counter[str], int], ...]:
        """The first of pods that want to be near each other may be anywhere."""
        found = []
        for term in near(pod.spec):
            if (selection := selection_of(pod, term)) and term.label_selector is not None:
                counts = self._count(selection, term.label_selector, term.topology_key)
                first = _means(selection, term.label_selector, pod) and not any(count > 0 for count in counts.values())
                found.append((term.topology_key, counts, 0 if first else 1))
        return tuple(found)

    def _spread(self, pod: Pod) -> tuple[tuple[str, Counter[str], int], ...]:
        found = []
        for one in pod.spec.topology_spread_constraints or ():
            if one.when_unsatisfiable == "DoNotSchedule":
                selector = one.label_selector
                selection = selected_in((pod.metadata.namespace,), selector)
                counts = self._count(selection, selector, one.topology_key, pod.spec) if selector else Counter[str]()
                values, used = self._room.values(one.topology_key, pod.spec), [count for count in counts.values() if count > 0]
                lowest = min(used, default=0) if len(used) == len(values) >= (one.min_domains or 0) else 0
                itself = bool(selector and selector.matches(pod.metadata.labels))
                found.append((one.topology_key, counts, lowest + one.max_skew - itself))
        return tuple(found)


def _means(selection: Selection, selector: LabelSelector, pod: Pod) -> bool:
    return pod.metadata.namespace in selection[0] and selector.matches(pod.metadata.labels)


def _has(pod: Pod, selection: Selection, label: str) -> bool:
    return any(term.topology_key == label and selection_of(pod, term) == selection for term in far(pod.spec))
