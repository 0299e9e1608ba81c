"""What files say, judged: documents that hold nothing to see are passed over, all others parsed once and asked every rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from migrate.facts.model import Place
from migrate.manifests import files, json_nodes, kinds
from migrate.manifests.compose_file import compose_file, is_compose
from migrate.manifests.model import Item, Line, Problem, Template, Trouble, Use
from migrate.manifests.nodes import Broken, compose
from migrate.manifests.split import documents
from migrate.manifests.template_text import lines
from migrate.manifests.text import Text
from migrate.manifests.waivers import Waiver, waivers
from migrate.rules import Finding, Rule
from migrate.rules.clean import Cleaner
from migrate.rules.ground import Ground
from migrate.rules.judge import JudgedWorkload
from migrate.rules.pod_security import level
from migrate.rules.sight import WorkloadView, check_workload
from migrate.rules.table import RULES
from migrate.rules.telltale import Telltale, telltale
from migrate.rules.template_lines import line_findings

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
    _by_slug: Mapping[str, Rule] = field(init=False)
    _codes: frozenset[str] = field(init=False)
    _clean: Cleaner = field(default_factory=Cleaner)

    def __post_init__(self) -> None:
        self._telltale = None if self.everything else telltale(self.rules, self.ground)
        self._by_slug = {one.slug: one for one in self.rules}
        self._codes = frozenset(one.code for one in RULES)

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

        def placed(one: Finding) -> Finding:
            line = made[one.location.line - 1] if one.location and one.location.line and one.location.line <= len(made) else ""
            rows = lines_of.get(line.strip(), [])
            place = Place(one.location.path if one.location else path, rows[0] if len(rows) == 1 and line.strip() else None)
            return replace(one, location=place, evidence=f"{one.evidence} (as rendered)")

        self.findings += map(placed, inner.findings)
        for one in inner.workloads:
            workload = replace(one.workload, place=Place(self._clean.text(path)))
            self.workloads.append(replace(one, workload=workload, findings=tuple(map(placed, one.findings))))

    def built(self, path: str, text: str) -> None:
        """Judge what a kustomization makes: only what was not seen in the files that it is made of is told, at the kustomization."""
        inner = Scan(self.ground, self.rules)
        inner.manifests(path, text)
        told = {(one.code, one.evidence) for one in (*self.findings, *(one for work in self.workloads for one in work.findings))}
        for work in inner.workloads:
            fresh = [one for one in work.findings if (one.code, one.evidence) not in told]
            if fresh:
                place = Place(self._clean.text(path))
                said = tuple(replace(one, location=place, evidence=f"{one.evidence} (as built)") for one in fresh)
                self.workloads.append(replace(work, workload=replace(work.workload, place=place), findings=said))

    def add(self, items: Iterable[Item]) -> None:
        """Judge what a reader found."""
        for item in items:
            if isinstance(item, Template):
                self._workload(item)
            elif isinstance(item, Line):
                self.findings += map(self._clean.finding, line_findings(item, self._by_slug))
            else:
                self.findings += (self._clean.finding(_finding(one, item)) for one in self.rules if one.reads and one.reads(item))

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
            findings = tuple(self._clean.finding(one) for one in found)
            self.workloads.append(JudgedWorkload(workload, level(item.workload, self.ground.kubernetes).name, findings))

    def _waivers(self, source: Text) -> None:
        for one in waivers(source):
            if isinstance(one, Problem):
                self.add([one])
                continue
            self.waivers.append(replace(one, path=self._clean.text(one.path), reason=self._clean.text(one.reason)))
            for code in one.codes:
                if code not in self._codes:
                    self.add([Problem(Trouble.WAIVER, "waiver", f"{code} is no rule", Place(one.path, one.line))])


def _finding(one: Rule, item: Use | Problem) -> Finding:
    said = item.why if isinstance(item, Problem) else item.evidence
    return Finding(one.code, one.slug, one.severity, one.acceptable, "", item.subject, said, one.what, one.remedy, location=item.place)


def _breaks(text: str, start: int, end: int, returns: bool) -> int:
    if not returns:
        return text.count("\n", start, end)
    return len(re.findall(r"\r\n?|\n", text[start:end]))
