"""What decides on which node a pod may run: tolerations, node affinity, and the requirements that they are made of."""

from __future__ import annotations

from collections.abc import Mapping

from migrate.facts.api import Model


class LabelRequirement(Model, frozen=True):
    """One expression of a selector, of labels or of nodes."""

    key: str
    operator: str
    values: tuple[str, ...] | None = None

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels meet it; an operator that Kubernetes does not know is never met."""
        have, values = labels.get(self.key), self.values or ()
        match self.operator:
            case "In":
                return have in values
            case "NotIn":
                return have not in values
            case "Exists":
                return have is not None
            case "DoesNotExist":
                return have is None
            case "Gt" | "Lt":
                number, bound = _number(have), _number(values[0] if len(values) == 1 else None)
                if number is None or bound is None:
                    return False
                return number > bound if self.operator == "Gt" else number < bound
            case _:
                return False


class NodeSelectorTerm(Model, frozen=True):
    """One alternative of a node selector: all its expressions hold, and all its fields (only `metadata.name` is one)."""

    match_expressions: tuple[LabelRequirement, ...] | None = None
    match_fields: tuple[LabelRequirement, ...] | None = None

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a node is selected; a term without requirements selects none (component-helpers nodeaffinity.go)."""
        expressions, fields = self.match_expressions or (), self.match_fields or ()
        if not expressions and not fields:
            return False
        return all(one.holds(labels) for one in expressions) and all(one.holds({"metadata.name": name}) for one in fields)


class NodeSelector(Model, frozen=True):
    """Alternatives, of which one has to match."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] | None = None

    def matches(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a node is selected."""
        return any(term.matches(name, labels) for term in self.node_selector_terms or ())


class NodeAffinity(Model, frozen=True):
    """The nodes that a pod requires; preferences are not read."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class LabelSelector(Model, frozen=True):
    """A label selector; empty matches everything."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[LabelRequirement, ...] | None = None

    def matches(self, labels: dict[str, str] | None) -> bool:
        """Whether an object with these labels is selected."""
        have = labels or {}
        if any(have.get(key) != value for key, value in (self.match_labels or {}).items()):
            return False
        return all(requirement.holds(have) for requirement in self.match_expressions or ())


class PodTerm(Model, frozen=True):
    """Pods that another pod requires near or far: those selected, on nodes with the same value of the label `topology_key`.

    Without `namespaces` and `namespace_selector` they are of the pod's own namespace.
    """

    topology_key: str = ""
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] | None = None
    namespace_selector: LabelSelector | None = None


class PodAffinity(Model, frozen=True):
    """The terms that a pod requires, of affinity or of anti-affinity."""

    required_during_scheduling_ignored_during_execution: tuple[PodTerm, ...] | None = None


class Affinity(Model, frozen=True):
    """What a pod requires to be near and far from; preferences are not read."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class TopologySpread(Model, frozen=True):
    """How evenly pods are spread over the values of a node label; only `DoNotSchedule` keeps a pod from a node."""

    max_skew: int = 1
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None
    min_domains: int | None = None


class Toleration(Model, frozen=True):
    """A taint that a pod puts up with."""

    key: str = ""
    operator: str = ""
    value: str = ""
    effect: str = ""

    def tolerates(self, key: str, value: str, effect: str) -> bool:
        """Whether it tolerates this taint. Source: k8s.io/api core/v1 toleration.go ToleratesTaint."""
        if (self.effect and self.effect != effect) or (self.key and self.key != key):
            return False
        return self.operator == "Exists" or (self.operator in ("", "Equal") and self.value == value)


def _number(text: str | None) -> int | None:
    sign, digits = (text or "")[:1] == "-", (text or "").removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 20):
        return None
    return -int(digits) if sign else int(digits)
