"""What files say, judged: documents that hold nothing to see are passed over, all others parsed once and asked every rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from migrate.facts.model import Place
from migrate.manifests import files, json_nodes, kinds
from migrate.manifests.compose_file import compose_file, is_compose
from migrate.manifests.model import FileLine, Item, Problem, Template, Trouble
from migrate.manifests.nodes import Broken, compose
from migrate.manifests.split import documents
from migrate.manifests.template_text import lines
from migrate.manifests.text import Text
from migrate.manifests.waivers import Waiver, waivers
from migrate.rules import Finding, Rule, Seen
from migrate.rules.clean import Cleaner
from migrate.rules.files import FileRule
from migrate.rules.ground import Ground
from migrate.rules.judge import JudgedWorkload
from migrate.rules.pod_security import level
from migrate.rules.table import RULES
from migrate.rules.telltale import Telltale, telltale
from migrate.rules.template_lines import line_findings
from migrate.rules.text import values_of
from migrate.rules.workload_rule import WorkloadView, check_workload

_OBJECT = re.compile(r"^[ \t{\"']*(?:apiVersion|kind)[\"']?[ \t]*:", re.MULTILINE)
_BLANK = re.compile(r"(?:---)?\s*(?:#[^\r\n]*\s*)*\Z")


@dataclass(frozen=True, slots=True)
class Judged:
    """What was found: `findings` are of no workload."""

    workloads: tuple[JudgedWorkload, ...] = ()
    findings: tuple[Finding, ...] = ()
    waivers: tuple[Waiver, ...] = ()


@dataclass(slots=True)
class Scan:
    """One scan: where workloads are thought to run, the rules, and whether those without findings are told too. Results are added up."""

    ground: Ground
    rules: tuple[Rule, ...] = RULES
    everything: bool = False
    documents: int = 0
    parsed: int = 0
    workloads: list[JudgedWorkload] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    waivers: list[Waiver] = field(default_factory=list)
    _telltale: Telltale | None = field(init=False)
    _values: dict[str, str] = field(init=False)
    _codes: frozenset[str] = field(init=False)
    _clean: Cleaner = field(default_factory=Cleaner)

    def __post_init__(self) -> None:
        self._telltale = None if self.everything else telltale(self.rules, self.ground)
        self._values = values_of(self.ground.target)
        self._codes = frozenset(rule.code for rule in RULES)

    @property
    def judged(self) -> Judged:
        """All that was found so far."""
        return Judged(tuple(self.workloads), tuple(self.findings), tuple(self.waivers))

    def manifests(self, path: str, text: str, first: int = 1) -> None:
        """Judge a text of whole YAML documents, or of JSON, that begins at line `first` of a file."""
        row, counted, ends = first, 0, "\r" in text
        for start, end in documents(text):
            self.documents += 1
            if self._telltale is None or self._telltale.tells(text, start, end):
                row, counted = row + _breaks(text, counted, start, ends), start
                self._document(Text(path, text[start:end], row))

    def whole(self, kind: files.FileKind, path: str, text: str) -> None:
        """Judge a file that is no manifest."""
        source = Text(path, text)
        self._waivers(source)
        self.add(files.read(kind, source))

    def text_of(self, path: str, text: str, subject: str) -> None:
        """Judge the lines of a template that was not rendered."""
        source = Text(path, text)
        self._waivers(source)
        self.add(lines(source, subject))

    def rendered(self, path: str, text: str, template: str) -> None:
        """Judge one rendered document; places are those lines of its template that say the same once, else the template as a whole."""
        inner = Scan(self.ground, self.rules, self.everything)
        inner.manifests(path, text)
        self.documents, self.parsed = self.documents + inner.documents, self.parsed + inner.parsed
        self._waivers(Text(path, template))
        made = text.split("\n")
        lines_of: dict[str, list[int]] = {}
        for row, line in enumerate(template.split("\n"), 1):
            lines_of.setdefault(line.strip(), []).append(row)

        def placed(finding: Finding) -> Finding:
            at = finding.location
            line = made[at.line - 1] if at and at.line and at.line <= len(made) else ""
            rows = lines_of.get(line.strip(), [])
            place = Place(at.path if at else path, rows[0] if len(rows) == 1 and line.strip() else None)
            return replace(finding, location=place, evidence=f"{finding.evidence} (as rendered)")

        self.findings += map(placed, inner.findings)
        for judged in inner.workloads:
            workload = replace(judged.workload, place=Place(self._clean.text(path)))
            self.workloads.append(replace(judged, workload=workload, findings=tuple(map(placed, judged.findings))))

    def built(self, path: str, text: str) -> None:
        """Judge what a kustomization makes: only what was not seen in the files that it is made of is told, at the kustomization."""
        inner = Scan(self.ground, self.rules)
        inner.manifests(path, text)
        known = (*self.findings, *(finding for judged in self.workloads for finding in judged.findings))
        told = {(finding.code, finding.evidence) for finding in known}
        for judged in inner.workloads:
            fresh = [finding for finding in judged.findings if (finding.code, finding.evidence) not in told]
            if fresh:
                place = Place(self._clean.text(path))
                said = tuple(replace(finding, location=place, evidence=f"{finding.evidence} (as built)") for finding in fresh)
                self.workloads.append(replace(judged, workload=replace(judged.workload, place=place), findings=said))

    def add(self, items: Iterable[Item]) -> None:
        """Judge what a reader found."""
        for item in items:
            if isinstance(item, Template):
                self._workload(item)
            elif isinstance(item, FileLine):
                self.findings += map(self._clean.finding, line_findings(item, self.rules, self._values))
            else:
                seen = Seen(item.subject, item.why if isinstance(item, Problem) else item.evidence)
                rules = [rule for rule in self.rules if isinstance(rule, FileRule) and rule.reads(item)]
                self.findings += (self._clean.finding(rule.finding(seen, self._values, location=item.place)) for rule in rules)

    def _document(self, source: Text) -> None:
        self.parsed += 1
        self._waivers(source)
        after = 0
        try:
            for node in compose(source.text):
                self.add(compose_file(node, source) if is_compose(node) else kinds.document(node, source))
                after = node.end_mark.index
        except Broken as wrong:
            self._broken(source, wrong, after)

    def _broken(self, source: Text, wrong: Broken, after: int) -> None:
        if source.text.lstrip("- \t\r\n")[:1] in ("{", "["):
            try:
                self.add(kinds.document(json_nodes.compose(source.text), source))
                return
            except Broken as other:
                wrong = other
        if _BLANK.match(source.text) or not _OBJECT.search(source.text):
            return  # no manifest, and not said to be one
        place = source.place(min(wrong.offset, len(source.text)))
        self.add([Problem(Trouble.BROKEN, "document", f"it is no {wrong}; its text was searched", place)])
        self.add(lines(source, "document", after))

    def _workload(self, item: Template) -> None:
        if item.config_use:
            key = (item.workload.namespace, item.workload.name)
            ground = replace(self.ground, config_uses={key: (item.config_use,)})
            self.findings += map(self._clean.finding, check_workload(WorkloadView(item.workload, ground), self.rules, item.locate))
            return
        found = check_workload(WorkloadView(item.workload, self.ground), self.rules, item.locate)
        if found or self.everything:
            workload = self._clean.workload(item.workload)
            findings = tuple(map(self._clean.finding, found))
            self.workloads.append(JudgedWorkload(workload, level(item.workload, self.ground.kubernetes).name, findings))

    def _waivers(self, source: Text) -> None:
        for waiver in waivers(source):
            if isinstance(waiver, Problem):
                self.add([waiver])
                continue
            self.waivers.append(replace(waiver, path=self._clean.text(waiver.path), reason=self._clean.text(waiver.reason)))
            for code in waiver.codes:
                if code not in self._codes:
                    self.add([Problem(Trouble.WAIVER, "waiver", f"{code} is no rule", Place(waiver.path, waiver.line))])


def _breaks(text: str, start: int, end: int, returns: bool) -> int:
    if not returns:
        return text.count("\n", start, end)
    return len(re.findall(r"\r\n?|\n", text[start:end]))
