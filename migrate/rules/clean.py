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

    def finding(self, finding: Finding) -> Finding:
        """One finding."""
        place = finding.location and replace(finding.location, path=self.text(finding.location.path))
        return replace(finding, subject=self.text(finding.subject), evidence=self.text(finding.evidence), location=place)

    def workload(self, workload: Workload) -> Workload:
        """A workload's names and place, without what its pods are made of."""
        place = workload.place and replace(workload.place, path=self.text(workload.place.path))
        kind, namespace, name = self.text(workload.kind), self.text(workload.namespace), self.text(workload.name)
        return Workload(kind, namespace, name, PodSpec(), replicas=workload.replicas, pods=workload.pods, nodes=workload.nodes, place=place)
