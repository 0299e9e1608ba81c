"""Findings as they may be shown: on one line, without terminal escapes and secrets, whatever a file or the API put into them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from migrate.facts.pod import PodSpec
from migrate.facts.redact import mask, printable
from migrate.facts.workload import Workload
from migrate.rules import Finding

KNOWN = 20_000


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Texts are cleaned once: the same ones come again and again."""

    _known: dict[str, str] = field(default_factory=dict)

    def text(self, text: str) -> str:
        """One text."""
        known = self._known.get(text)
        if known is None:
            if len(self._known) >= KNOWN:
                self._known.clear()
            known = self._known[text] = mask(printable(" ".join(text.split())))
        return known

    def finding(self, one: Finding) -> Finding:
        """One finding."""
        place = one.location and replace(one.location, path=self.text(one.location.path))
        return replace(one, subject=self.text(one.subject), evidence=self.text(one.evidence), location=place)

    def workload(self, one: Workload) -> Workload:
        """A workload's names and place, without what its pods are made of."""
        place = one.place and replace(one.place, path=self.text(one.place.path))
        kind, namespace, name = self.text(one.kind), self.text(one.namespace), self.text(one.name)
        return Workload(kind, namespace, name, PodSpec(), replicas=one.replicas, pods=one.pods, nodes=one.nodes, place=place)
