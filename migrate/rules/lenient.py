"""Templates that were not rendered, judged as far as they are understood: what is told of a condition's branch is text only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from migrate.facts.model import Place
from migrate.formats.listing import plural
from migrate.manifests import files
from migrate.manifests.actions import bare_name
from migrate.manifests.mending import trees
from migrate.manifests.model import Item, Problem, Trouble
from migrate.manifests.template import Templated, readings
from migrate.manifests.template_text import lines
from migrate.manifests.text import Text
from migrate.rules import Confidence, Finding, Severity
from migrate.rules.table import RULES
from migrate.rules.workload_rule import WorkloadRule

if TYPE_CHECKING:
    from migrate.rules.scan import Scan


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A template that was not rendered: `values` are the default ones, None for none; all of it is `doubtful` where it may not be used."""

    path: str
    text: str
    subject: str
    values: Mapping[str, Any] | None = None
    first: int = 1
    jinja: bool = False
    doubtful: bool = False
    kind: files.FileKind = files.FileKind.MANIFEST

    @property
    def bare_path(self) -> str:
        """The path of what the template makes."""
        return bare_name(self.path)


EXAMPLES = 3


@dataclass(slots=True)
class NotUnderstood:
    """Where texts were not understood: `actions` that put in lines of their own, `rows` of which only the text was searched.

    `documents` are neither YAML nor JSON, and name no kind.
    """

    actions: list[Place] = field(default_factory=list)
    rows: list[Place] = field(default_factory=list)
    documents: list[Place] = field(default_factory=list)

    @property
    def told(self) -> list[tuple[str, str]]:
        """What was not understood, each with what that means."""
        asked = ", ".join(rule.code for rule in RULES if isinstance(rule, WorkloadRule) and rule.lines)
        reasons = (
            ("template action", self.actions, "what it puts in is not known, no rule was asked about it"),
            ("template line", self.rows, f"not understood, of its text only {asked} were asked"),
            ("document", self.documents, "neither YAML nor JSON, nothing of it was judged"),
        )
        return [(plural(len(places), what), f"{why}: {_listed(places)}") for what, places, why in reasons if places]


def _listed(places: list[Place]) -> str:
    return ", ".join(f"{place.path}:{place.line}" for place in places[:EXAMPLES]) + (" ..." if len(places) > EXAMPLES else "")


def judge(given: TemplateText, scan: Scan, inner: Scan) -> None:
    """Judge a template into `scan`; `inner` is an empty one like it."""
    told: set[tuple[str, str, str, Place | None]] = set()
    for reading in readings(given.text, given.values, jinja=given.jinja):
        before = inner.mark
        if given.kind is not files.FileKind.MANIFEST:
            inner.add(files.read(given.kind, Text(given.bare_path, reading.text)))
        else:
            for source in reading.sources(given.path, given.first):
                scan.documents, scan.parsed = scan.documents + 1, scan.parsed + 1
                inner.add(_items(source, reading, given.subject, scan.misread))

        def once(found: Iterator[Finding], reading: Templated = reading) -> Iterator[Finding]:
            for finding in (_told(finding, reading, given) for finding in found):
                key = (finding.code, finding.subject, finding.evidence, finding.location)
                if key not in told:
                    told.add(key)
                    yield finding

        scan.findings += once(iter(inner.findings))
        for judged in inner.workloads:
            findings = tuple(once(iter(judged.findings)))
            if findings or (scan.everything and not judged.findings):
                workload = replace(
                    judged.workload, name=reading.told(judged.workload.name), namespace=reading.told(judged.workload.namespace)
                )
                scan.workloads.append(replace(judged, workload=workload, findings=findings))
        inner.back_to(before)
        whole = Text(given.path, given.text, given.first)
        scan.misread.actions += (place for offset in reading.unknown if (place := whole.place(offset)) not in scan.misread.actions[-200:])


def _items(source: Text, reading: Templated, subject: str, misread: NotUnderstood) -> Iterator[Item]:
    found, lost = trees(source)
    for node in found:
        for item in files.document(reading.filled(node), source):
            if not (isinstance(item, Problem) and item.trouble is Trouble.MISFIT):  # a template shows no types
                yield item
    only = set(lost) if found else None
    left = list(lines(source, subject, only=only)) if lost else []
    misread.rows += (line.place for line in left if line.place not in misread.rows[-200:])
    yield from left


def _told(finding: Finding, reading: Templated, given: TemplateText) -> Finding:
    row = (finding.location.line or given.first) - given.first if finding.location else 0
    place = finding.location and replace(finding.location, path=given.path)
    said = replace(finding, subject=reading.told(finding.subject), evidence=reading.told(finding.evidence), location=place)
    if not given.doubtful and row not in reading.doubtful:
        return said
    blocks = finding.severity is Severity.BLOCKER
    return replace(
        said,
        severity=Severity.WARNING if blocks else finding.severity,
        acceptable=finding.acceptable and not blocks,
        confidence=Confidence.TEXT_ONLY,
    )
