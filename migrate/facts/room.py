"""The room on a cluster's nodes as the scheduler counts it: what is allocatable less what their pods ask for, and who keeps whom away.

Each answer is kept: thousands of pods ask the same. Pods that ran to their end or are being deleted take no room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from migrate.facts.demand import CPU, PODS, Amounts, amounts, demand
from migrate.facts.placement import keeps_out, selected

if TYPE_CHECKING:
    from migrate.facts.cluster import Node
    from migrate.facts.pod import Pod, PodSpec
    from migrate.facts.pod_scheduling import LabelSelector, PodTerm

Groups = tuple[str, ...]  # namespaces
Selection = tuple[Groups, bytes]  # the pods that a selector means, as a key


class Room:
    """Nodes, the one with most CPU free first, and what can be had on them."""

    def __init__(self, nodes: Iterable[Node], pods: Iterable[Pod]) -> None:
        self._by_namespace: dict[str, list[Pod]] = {}
        self.free: dict[str, Amounts | None] = {}  # by node; None where its kubelet never told what it has
        allocatable = {node.name: node for node in nodes}
        used: dict[str, Counter[str]] = {name: Counter() for name in allocatable}
        for pod in pods:
            if pod.spec.node_name in allocatable and not pod.finished and pod.metadata.deletion_timestamp is None:
                self._by_namespace.setdefault(pod.metadata.namespace, []).append(pod)
                used[pod.spec.node_name].update(demand(pod.spec))
        for name, node in allocatable.items():
            has = amounts(node.status.allocatable)
            self.free[name] = {each: has[each] - used[name][each] for each in has} if has else None
        self.nodes = tuple(sorted(allocatable.values(), key=lambda node: (-(self.free[node.name] or {}).get(CPU, 0), node.name)))
        self.by_name = allocatable
        self.kept: dict[tuple[str, ...], Any] = {}  # what was foreseen of a drain of these nodes, by those who foresee it
        self._open: dict[bytes, tuple[tuple[Node, ...], Mapping[str, str]]] = {}
        self._matching: dict[Selection, Counter[str]] = {}
        self._domains: dict[tuple[Selection, str, bytes], Counter[str]] = {}
        self._values: dict[tuple[str, bytes], frozenset[str]] = {}
        self._wary: dict[str, tuple[Wary, ...]] | None = None

    def open_to(self, spec: PodSpec) -> tuple[tuple[Node, ...], Mapping[str, str]]:
        """The nodes that would take a pod if they had room, and by name why each other one would not."""
        key = shape(spec)
        if key not in self._open:
            refused = {node.name: why for node in self.nodes if (why := keeps_out(spec, node))}
            self._open[key] = tuple(node for node in self.nodes if node.name not in refused), refused
        return self._open[key]

    def domains(self, selection: Selection, selector: LabelSelector, label: str, among: PodSpec | None = None) -> Counter[str]:
        """How many selected pods run under each value of a node label, of the values that have some; `among` as in `value`."""
        key = selection, label, shape(among) if among else b""
        if key not in self._domains:
            found = Counter[str]()
            for node, count in self._pods_by_node(selection, selector).items():
                if (value := self.value(node, label, among)) is not None:
                    found[value] += count
            self._domains[key] = found
        return self._domains[key]

    def values(self, label: str, among: PodSpec) -> frozenset[str]:
        """The values of a label of the nodes that a pod's node selector and affinity mean."""
        key = label, shape(among)
        if key not in self._values:
            found = (self.value(node.name, label, among) for node in self.nodes)
            self._values[key] = frozenset(value for value in found if value is not None)
        return self._values[key]

    def wary(self, namespace: str) -> tuple[Wary, ...]:
        """The terms by which pods that run keep pods of a namespace away."""
        if self._wary is None:
            found: dict[tuple[Selection, str], Wary] = {}
            for pod in (pod for pods in self._by_namespace.values() for pod in pods):
                for term in far(pod.spec):
                    if (selection := selection_of(pod, term)) and term.label_selector is not None:
                        wary = found.setdefault((selection, term.topology_key), Wary(selection, term))
                        if (value := self.value(pod.spec.node_name, term.topology_key)) is not None:
                            wary.where[value] += 1
            by: dict[str, list[Wary]] = {}
            for wary in found.values():
                for each in wary.selection[0]:
                    by.setdefault(each, []).append(wary)
            self._wary = {each: tuple(many) for each, many in by.items()}
        return self._wary.get(namespace, ())

    def value(self, node: str, label: str, among: PodSpec | None = None) -> str | None:
        """The value of a label of a node; None without one, and where `among`'s node selector and affinity do not mean the node."""
        found = self.by_name[node]
        return (found.metadata.labels or {}).get(label) if among is None or selected(among, found) else None

    def _pods_by_node(self, selection: Selection, selector: LabelSelector) -> Counter[str]:
        if selection not in self._matching:
            pods = (pod for namespace in selection[0] for pod in self._by_namespace.get(namespace, ()))
            self._matching[selection] = Counter(pod.spec.node_name for pod in pods if selector.matches(pod.metadata.labels))
        return self._matching[selection]


class Wary:
    """Pods that run and want selected pods away from them: `where` counts them by the value of their nodes' label."""

    def __init__(self, selection: Selection, term: PodTerm) -> None:
        self.selection = selection
        self.term = term
        self.where: Counter[str] = Counter()

    def means(self, pod: Pod) -> bool:
        """Whether they keep this pod away."""
        selector = self.term.label_selector
        return selector is not None and pod.metadata.namespace in self.selection[0] and selector.matches(pod.metadata.labels)


def shape(spec: PodSpec) -> bytes:
    """What of a pod decides, without its volumes, whether a node would take it at all."""
    affinity = spec.affinity.node_affinity if spec.affinity else None
    return msgspec.json.encode((spec.node_selector, affinity, spec.tolerations))


def near(spec: PodSpec) -> tuple[PodTerm, ...]:
    """The pods that it requires near."""
    found = spec.affinity.pod_affinity if spec.affinity else None
    return (found.required_during_scheduling_ignored_during_execution if found else None) or ()


def far(spec: PodSpec) -> tuple[PodTerm, ...]:
    """The pods that it requires away."""
    found = spec.affinity.pod_anti_affinity if spec.affinity else None
    return (found.required_during_scheduling_ignored_during_execution if found else None) or ()


def selection_of(pod: Pod, term: PodTerm) -> Selection | None:
    """The pods that a term of a pod means, None where that depends on labels of namespaces, which are not read."""
    if term.namespace_selector is not None:
        return None
    return selected_in(term.namespaces or (pod.metadata.namespace,), term.label_selector)


def selected_in(namespaces: Iterable[str], selector: LabelSelector | None) -> Selection:
    """The selected pods of these namespaces, as a key."""
    return tuple(sorted(namespaces)), msgspec.json.encode(selector)


def size_of(asks: Amounts, largest: Amounts) -> float:
    """How much of the largest room a pod takes, by the resource of which it takes most."""
    return max((amount / largest[name] for name, amount in asks.items() if name != PODS and largest.get(name)), default=0.0)
