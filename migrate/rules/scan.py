"""What files say, judged: documents that hold nothing to see are passed over, all others parsed once and asked every rule."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from migrate.facts.model import Place
from migrate.manifests import files, json_nodes, kinds
from migrate.manifests.model import FileLine, Item, Problem, Template, Trouble
from migrate.manifests.nodes import Broken, compose
from migrate.manifests.split import documents
from migrate.manifests.template_text import lines
from migrate.manifests.text import Text
from migrate.manifests.waivers import Waiver, waivers
from migrate.rules import Confidence, Finding, Rule, Seen
from migrate.rules.clean import Cleaner
from migrate.rules.files import FileRule
from migrate.rules.ground import Ground
from migrate.rules.judge import JudgedWorkload
from migrate.rules.lenient import NotUnderstood, TemplateText, judge
from migrate.rules.pod_security import level
from migrate.rules.table import RULES
from migrate.rules.telltale import Telltale, telltale
from migrate.rules.template_lines import line_findings
from migrate.rules.text import values_of
from migrate.rules.workload_rule import WorkloadView, check_workload

_OBJECT = re.compile(r"^[ \t{\"']*(?:apiVersion|kind)[\"']?[ \t]*:", re.MULTILINE)
_ACTION = re.compile(r"\{[{%]")
_BLANK = re.compile(r"(?:---)?(?:\s+|#[^\r\n]*)*+\Z")


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
    misread: NotUnderstood = field(default_factory=NotUnderstood)
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

    @property
    def mark(self) -> tuple[int, ...]:
        """How much was found so far, for `back_to`."""
        return (
            self.documents,
            self.parsed,
            len(self.workloads),
            len(self.findings),
            len(self.waivers),
            len(self.misread.actions),
            len(self.misread.rows),
            len(self.misread.documents),
        )

    def back_to(self, mark: tuple[int, ...]) -> None:
        """Forget all that was found since a mark."""
        self.documents, self.parsed, workloads, findings, waivers, actions, rows, documents = mark
        del self.workloads[workloads:], self.findings[findings:], self.waivers[waivers:]
        del self.misread.actions[actions:], self.misread.rows[rows:], self.misread.documents[documents:]

    def manifests(self, path: str, text: str, first: int = 1, column: int = 1, *, part: bool = False) -> None:
        """Judge a text of whole YAML documents, or of JSON, that begins at line `first` of a file.

        A `part` (a patch) is put into another object, and need not be whole.
        """
        for source in self._telling(Text(path, text, first, column), documents(text)):
            self._document(source, files.document, part=part)

    def items(self, path: str, text: str, spans: Iterable[tuple[int, int]], first: int = 1, column: int = 1) -> None:
        """Judge items of a List, each by itself: `spans` say where they begin and end."""
        for source in self._telling(Text(path, text, first, column), spans):
            self._document(source, kinds.item)

    def _telling(self, whole: Text, spans: Iterable[tuple[int, int]]) -> Iterator[Text]:
        """The parts of a text that may hold something to see; all are counted."""
        text, row, column, counted = whole.text, whole.first, whole.column, 0
        ends = "\r" in text
        for start, end in spans:
            self.documents += 1
            if self._telltale is None or self._telltale.tells(text, start, end):
                breaks = _breaks(text, counted, start, ends)
                line = max(text.rfind("\n", counted, start), text.rfind("\r", counted, start) if ends else -1)
                row, column = row + breaks, start - line if breaks else column + start - counted
                counted = start
                yield Text(whole.path, text[start:end], row, column)

    def whole(self, kind: files.FileKind, path: str, text: str) -> None:
        """Judge a file that is no manifest."""
        source = Text(path, text)
        self._waivers(source)
        self.add(files.read(kind, source))

    def template(self, given: TemplateText) -> None:
        """Judge a template that was not rendered."""
        self._waivers(Text(given.path, given.text, given.first))
        judge(given, self, Scan(self.ground, self.rules, self.everything))

    def values_of(self, path: str, text: str, subject: str) -> None:
        """Judge the values of a chart."""
        source = Text(path, text)
        self._waivers(source)
        try:
            for node in compose(text):
                self.add(item for item in kinds.part(node, source) if not isinstance(item, Problem))
        except Broken as wrong:
            self.add([Problem(Trouble.BROKEN, "file", f"it is no {wrong}; its text was searched", source.place(wrong.offset))])
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

    def _document(self, source: Text, read: files.Reader, *, part: bool = False) -> None:
        self.parsed += 1
        self._waivers(source)
        after = 0
        try:
            for node in compose(source.text):
                found = read(node, source)
                self.add(item for item in found if not (part and isinstance(item, Problem) and item.trouble is Trouble.MISFIT))
                after = node.end_mark.index
        except Broken as wrong:
            self._broken(source, read, wrong, after)

    def _broken(self, source: Text, read: files.Reader, wrong: Broken, after: int) -> None:
        if source.text.lstrip("- \t\r\n")[:1] in ("{", "["):
            try:
                self.add(read(json_nodes.compose(source.text), source))
                return
            except Broken as other:
                wrong = other
        if _BLANK.match(source.text):
            return
        if not _OBJECT.search(source.text):  # no manifest, and not said to be one
            self.misread.documents.append(source.place(min(wrong.offset, len(source.text))))
            return
        if _ACTION.search(source.text):
            judge(
                TemplateText(source.path, source.text, "template", first=source.first), self, Scan(self.ground, self.rules, self.everything)
            )
            return
        place = source.place(min(wrong.offset, len(source.text)))
        self.add([Problem(Trouble.BROKEN, "document", f"it is no {wrong}; its text was searched", place)])
        self.add(lines(source, "document", after))

    def _workload(self, item: Template) -> None:
        if item.config_use:
            key = (item.workload.namespace, item.workload.name)
            ground = replace(self.ground, config_uses={key: (item.config_use,)})
            self.findings += map(self._clean.finding, check_workload(WorkloadView(item.workload, ground), self.rules, item.locate))
            return
        most = Confidence.COULD_REACH if item.part else Confidence.SEEN
        found = check_workload(WorkloadView(item.workload, self.ground), self.rules, item.locate, most)
        if item.part:
            self.findings += map(self._clean.finding, found)
            return
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
