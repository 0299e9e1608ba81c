"""Files for a scan: found, classified, read in bounded pieces; charts and kustomizations rendered where their programs are."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO

from migrate.errors import UsageError
from migrate.facts.model import Place
from migrate.formats.listing import plural
from migrate.manifests.actions import JINJA, bare_name
from migrate.manifests.chart_values import merged, values_in
from migrate.manifests.files import CHART, FileKind, kind_of
from migrate.manifests.ignore import left_out
from migrate.manifests.model import Problem, Trouble
from migrate.manifests.split import Piece, characters, pieces
from migrate.rules.lenient import TemplateText
from migrate.run.below import open_below, strange, tree
from migrate.run.chart_folder import VALUES, ChartFolder, is_library, sources
from migrate.run.kustomizations import kustomizations
from migrate.run.ledger import Tally
from migrate.run.limit import rarely_collected
from migrate.run.opened import Damaged, blocks, head, is_archive, unpack
from migrate.run.render import NOT_ASKED, NotRendered, Renderers
from migrate.run.texts import STDIN_NAME, Texts
from migrate.run.walk import FoundFile, LeftOut, OpenedFolder, PassedOver, walk

HEAD = 4096
STDIN = "-"
HELM = ("chart", "rendered with the default values and those given: other values may make something else")
KUSTOMIZE = ("kustomization", "built: told is what its files do not show already")
NESTED = 4  # archives inside of archives


@dataclass(slots=True)
class Files(Texts):
    """One walk over paths into a Scan: `limits` leave paths out, `rendered` counts charts and kustomizations by how they were read."""

    renderers: Renderers
    limits: LeftOut = field(default_factory=LeftOut)
    rendered: dict[tuple[str, str], Tally] = field(default_factory=dict)
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def told(self) -> list[tuple[str, str]]:
        """What was not looked at, each with its reason."""
        rendered = [(plural(tally.count, kind), f"{how}: {tally}") for (kind, how), tally in self.rendered.items()]
        return [*((file.what, file.reason) for file in self.unreadable), *self.ledger.told, *rendered, *self.scan.misread.told]

    def paths(self, paths: Iterable[str], stdin: BinaryIO) -> None:
        """Judge files, folders and (`-`) standard input; raises UsageError for a path that does not exist."""
        with rarely_collected():
            self._paths(paths, stdin)

    def _paths(self, paths: Iterable[str], stdin: BinaryIO) -> None:
        for path in paths:
            if path == STDIN:
                self._stream(STDIN_NAME, stdin)
            elif not os.path.lexists(path):
                raise UsageError(
                    seen=f"{path}: no such file or folder",
                    expected="files, folders, or - for standard input",
                    next=_look(path),
                )
            elif os.path.isdir(path):
                self._asked_folder(path)
            else:
                self._file(path, asked=True)

    def _asked_folder(self, path: str) -> None:
        before = self.ledger.read, len(self.unreadable)
        self._folder(path)
        if (self.ledger.read, len(self.unreadable)) == before:
            self._unread(self._name(path), "nothing in it could be read: it has no file of a kind that is read")

    def _folder(self, root: str) -> None:
        outer, self._root = self._root, root
        charts: dict[str, ChartFolder] = {}
        walked = list(walk(root, self.limits))
        found = kustomizations(walked, root)
        for met in walked:
            match met:
                case OpenedFolder():
                    around = charts.get(met.parent.path) if met.parent else None
                    if around is None or (CHART in met.names and not around.has_subchart(met.path)):
                        around = self._chart(met) if CHART in met.names else None
                    if around:
                        charts[met.path] = around
                case FoundFile():
                    chart = charts.get(met.folder.path)
                    if chart is None or not chart.reads(met.path):
                        self._file(met.path, part=found.is_part(met.path))
                    elif chart.rendered:
                        self.ledger.take(self._name(met.path))
                    else:
                        self._template(met.path, chart)
                case PassedOver() if met.lost:
                    self._refused(met.path, met.reason)
                case PassedOver():
                    self.ledger.skip(self._name(met.path), met.reason)
        for path, file in found.built:
            self._kustomization(path, file)
        self._root = outer

    def _file(self, path: str, *, asked: bool = False, part: bool = False) -> None:
        try:
            with open_below(path, None if asked else self._root) as file:
                start = head(file, HEAD)
                if is_archive(start):
                    self._archive(path, file, self._asked_folder if asked else self._folder)
                    return
                known = bare_name(path.removesuffix(".gz"))
                kind = kind_of(known, start)
                if kind is None:
                    self.ledger.leave(self._name(path))
                    if asked:
                        self._unread(self._name(path), "a kind that is not read; nothing of it was judged")
                    return
                if known != path.removesuffix(".gz"):
                    self._loose(kind, self._name(path), file)
                elif kind is FileKind.MANIFEST:
                    self._stream(self._name(path), file, part=part)
                else:
                    self._whole(kind, self._name(path), file)
        except OSError as wrong:
            self._lost(path, wrong)

    def _archive(self, path: str, file: BinaryIO, walked: Callable[[str], None]) -> None:
        """The files of an archive as those of a folder with its name."""
        name = self._name(path)
        if len(self._shown) >= NESTED:
            self._refused(path, f"an archive inside of {NESTED} others: nothing of it was judged")
            return
        with tempfile.TemporaryDirectory(prefix="docker2cri-") as folder:
            self._shown.append((folder, name))
            try:
                unpack(file, folder, lambda member, reason: self.ledger.skip(f"{name}/{member}", f"a member of an archive; {reason}"))
                walked(folder)
            except Damaged as wrong:
                self._refused(path, str(wrong))
                self._folder(folder)
            self._shown.pop()

    def _stream(self, name: str, file: BinaryIO, *, part: bool = False) -> None:
        judged = lost = 0
        try:
            for piece in pieces(blocks(file)):
                if piece.lost:
                    lost += 1
                    self._unread(name, piece.lost, piece.first)
                elif (text := self._text(name, piece)) is not None:
                    if not self._in_time(name, piece.first, text, self._judge(name, text, piece, part)):
                        lost += 1
                        break
                    judged += 1
                else:
                    lost += 1
        except Damaged as wrong:
            lost += 1
            self._unread(name, f"{wrong}; {'the rest of it was not' if judged else 'nothing of it was'} judged")
        self.ledger.put(name, read=judged > 0 or not lost)

    def _judge(self, name: str, text: str, piece: Piece, part: bool) -> Callable[[], None]:
        if piece.items:
            return partial(self.scan.items, name, text, characters(piece, text), piece.first, piece.column)
        return partial(self.scan.manifests, name, text, piece.first, piece.column, part=part)

    def _whole(self, kind: FileKind, name: str, file: BinaryIO) -> None:
        text = self._limited(name, file, str(kind))
        read = text is not None and self._in_time(name, 1, text, partial(self.scan.whole, kind, name, text))
        self.ledger.put(name, read=read)

    def _chart(self, folder: OpenedFolder) -> ChartFolder:
        """Judge what a chart is rendered to; its templates are read in its place where that fails, and for a library, which has none."""
        path, name = folder.path, self._name(folder.path)
        if is_library(self._readable(os.path.join(path, CHART))):
            return ChartFolder(path, rendered=False)
        try:
            if odd := strange(path, self._root):
                raise NotRendered(odd)
            text = self.renderers.chart(path)
        except NotRendered as wrong:
            self._unrendered(f"chart {name}", os.path.join(name, CHART), wrong)
            return ChartFolder(path, rendered=False)
        self.rendered.setdefault(HELM, Tally()).add(name)
        inside = {os.path.relpath(entry.path, path): entry.path for entry in tree(path)}
        for template, document in sources(text):
            place = inside.get(template.partition("/")[2])  # what the program says of names is looked up, never opened
            if not place or not left_out(self.limits.excluded, (*folder.at, *os.path.relpath(place, path).split(os.sep)), False):
                shown = self._name(place or path)
                judge = partial(self.scan.rendered, shown, document, self._readable(place) if place else "")
                self._in_time(shown, 1, document, judge)
        return ChartFolder(path, rendered=True)

    def _loose(self, kind: FileKind, name: str, file: BinaryIO) -> None:
        """A template outside of a chart."""
        text = self._limited(name, file, "template")
        given = TemplateText(name, text or "", "template", jinja=name.removesuffix(".gz").endswith(JINJA), kind=kind)
        self.ledger.put(name, read=text is not None and self._in_time(name, 1, given.text, partial(self.scan.template, given)))

    def _template(self, path: str, chart: ChartFolder) -> None:
        """The text of a template or of values."""
        text = self._bounded(path)
        name = self._name(path)
        if text is not None:
            subject = f"chart {self._name(chart.path)}"
            if os.path.basename(path) == VALUES:
                judge = partial(self.scan.values_of, name, text, subject)
            else:
                folder = chart.innermost(path)
                values = self._values(folder, own=folder == chart.path)
                judge = partial(self.scan.template, TemplateText(name, text, subject, values, doubtful=folder != chart.path))
            self.ledger.put(name, read=self._in_time(name, 1, text, judge))

    def _values(self, folder: str, *, own: bool) -> dict[str, Any]:
        """The default values of a chart; over those of the chart that was asked for what is given on the command line."""
        if folder not in self._known:
            found = values_in(self._readable(os.path.join(folder, VALUES)))
            self._known[folder] = merged(found, self.renderers.given) if own else found
        return self._known[folder]

    def _kustomization(self, path: str, file: str) -> None:
        name = self._name(path)
        place = os.path.join(name, file)
        try:
            if odd := strange(path, self._root):
                raise NotRendered(odd)
            text = self.renderers.kustomization(path)
        except NotRendered as wrong:
            self._unrendered(f"kustomization {name}", place, wrong)
            return
        self.rendered.setdefault(KUSTOMIZE, Tally()).add(name)
        self.scan.built(place, text)

    def _unrendered(self, what: str, place: str, wrong: NotRendered) -> None:
        kind, _, name = what.partition(" ")
        general = str(wrong) == NOT_ASKED or str(wrong).endswith(" is not installed")
        how = f"read by its files, {wrong if general else 'its rendering failed'}"
        self.rendered.setdefault((kind, how), Tally()).add(name)
        if str(wrong) != NOT_ASKED:
            self.scan.add([Problem(Trouble.UNRENDERED, what, str(wrong), Place(place, 1, column=1))])


def _look(path: str) -> str:
    """The command that shows the nearest folder around a path."""
    while not os.path.isdir(path := os.path.dirname(path) or "."):
        pass
    return f"ls {shlex.quote(path)}"
