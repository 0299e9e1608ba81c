"""Files for a scan: found, classified, read in bounded pieces; charts and kustomizations rendered where their programs are."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from migrate.errors import UsageError
from migrate.facts.model import Place, Unreadable
from migrate.manifests.files import CHART, KUSTOMIZATIONS, FileKind, kind_of
from migrate.manifests.model import Problem, Trouble
from migrate.manifests.split import LIMIT, Piece, pieces
from migrate.rules.scan import Scan
from migrate.run.render import NotRendered, Renderers

BLOCK = 1024 * 1024
HEAD = 128
SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".terraform", ".tox"})
STDIN = "-"


@dataclass(slots=True)
class Files:
    """One walk over paths into a Scan. `read` counts files, `unreadable` is what could not be read, `rendered` says how charts were."""

    scan: Scan
    renderers: Renderers
    read: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    rendered: list[str] = field(default_factory=list)

    def paths(self, paths: Iterable[str], stdin: BinaryIO) -> None:
        """Judge files, folders and (`-`) standard input; raises UsageError for a path that does not exist."""
        for path in paths:
            if path == STDIN:
                self._stream("<stdin>", stdin)
                self.read += 1
            elif not os.path.lexists(path):
                raise UsageError(
                    seen=f"{path}: no such file or folder", expected="files, folders, or - for standard input", next=f"ls {path}"
                )
            elif os.path.isdir(path):
                self._folder(path)
            else:
                self._file(path, asked=True)

    def _folder(self, path: str) -> None:
        try:
            entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        except OSError as wrong:
            self._lost(path, wrong)
            return
        names = {entry.name for entry in entries}
        if CHART in names:
            self._chart(path)
            return
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED:
                    self._folder(entry.path)
            elif not entry.is_symlink() or entry.is_file():
                self._file(entry.path)
        if names & KUSTOMIZATIONS:
            self._kustomization(path, sorted(names & KUSTOMIZATIONS)[0])

    def _file(self, path: str, *, asked: bool = False) -> None:
        try:
            mode = os.stat(path).st_mode
            if not stat.S_ISREG(mode):
                if asked:
                    self.unreadable.append(Unreadable(path, "it is no regular file"))
                return
            with open(path, "rb") as file:
                head = file.read(HEAD)
                file.seek(0)
                kind = kind_of(path, head) or (FileKind.MANIFEST if asked else None)
                if kind is None:
                    return
                self.read += 1
                if kind is FileKind.MANIFEST:
                    self._stream(path, file)
                else:
                    self._whole(kind, path, file)
        except OSError as wrong:
            self._lost(path, wrong)

    def _stream(self, path: str, file: BinaryIO) -> None:
        for piece in pieces(iter(lambda: file.read(BLOCK), b"")):
            if not piece.whole:
                where = f"{path}:{piece.first}"
                self.unreadable.append(Unreadable(where, f"a document of more than {LIMIT // 1024 // 1024} MiB; it was passed over"))
                continue
            self.scan.manifests(path, self._text(path, piece), piece.first)

    def _whole(self, kind: FileKind, path: str, file: BinaryIO) -> None:
        data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            self.unreadable.append(Unreadable(path, f"a {kind} of more than {LIMIT // 1024 // 1024} MiB; it was passed over"))
            return
        self.scan.whole(kind, path, self._text(path, Piece(data, 1)))

    def _text(self, path: str, piece: Piece) -> str:
        """The text of a piece; what is no UTF-8 is told once a piece, and read around."""
        data = piece.data.removeprefix(b"\xef\xbb\xbf") if piece.first == 1 else piece.data
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as wrong:
            what = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else f"byte 0x{data[wrong.start]:02x}"
            line = piece.first + data.count(b"\n", 0, wrong.start)
            column = wrong.start - data.rfind(b"\n", 0, wrong.start)
            why = f"it is no UTF-8 text ({what}); the rest was read"
            self.scan.add([Problem(Trouble.BROKEN, "file", why, Place(path, line, column=column))])
            return data.decode("utf-8", "replace")

    def _chart(self, path: str) -> None:
        try:
            text = self.renderers.chart(path)
        except NotRendered as wrong:
            self._unrendered(f"chart {path}", os.path.join(path, CHART), wrong)
            self._templates(path)
            return
        self.rendered.append(f"{path}: helm template")
        self.read += 1
        for template, document in _sources(text):
            place = os.path.join(path, *template.split("/")[1:]) if template else path
            self.scan.rendered(place, document, _readable(place))

    def _templates(self, path: str) -> None:
        """The text of a chart's templates and values, its own and those of its subcharts."""
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(set(folders) - SKIPPED)
            inside = "templates" in Path(folder).relative_to(path).parts
            for name in sorted(names):
                file = os.path.join(folder, name)
                if (inside and name.endswith((".yaml", ".yml", ".json", ".tpl"))) or name == "values.yaml":
                    self.read += 1
                    if (text := self._bounded(file)) is not None:
                        self.scan.text_of(file, text, f"chart {path}")

    def _bounded(self, path: str) -> str | None:
        try:
            with open(path, "rb") as file:
                data = file.read(LIMIT + 1)
        except OSError as wrong:
            self._lost(path, wrong)
            return None
        if len(data) > LIMIT:
            self.unreadable.append(Unreadable(path, f"a template of more than {LIMIT // 1024 // 1024} MiB; it was passed over"))
            return None
        return self._text(path, Piece(data, 1))

    def _kustomization(self, path: str, name: str) -> None:
        place = os.path.join(path, name)
        try:
            text = self.renderers.kustomization(path)
        except NotRendered as wrong:
            self._unrendered(f"kustomization {path}", place, wrong)
            return
        self.rendered.append(f"{path}: kubectl kustomize")
        self.scan.built(place, text)

    def _unrendered(self, what: str, place: str, wrong: NotRendered) -> None:
        self.rendered.append(f"{what.partition(' ')[2]}: by its text, {wrong}")
        self.scan.add([Problem(Trouble.UNRENDERED, what, str(wrong), Place(place, 1, column=1))])

    def _lost(self, path: str, wrong: OSError) -> None:
        self.unreadable.append(Unreadable(path, wrong.strerror or str(wrong)))


def _sources(text: str) -> Iterator[tuple[str, str]]:
    """The documents of `helm template`, each with the template that its comment names; `helm` writes the chart's name first."""
    template, lines = "", list[str]()
    for line in text.splitlines(keepends=True):
        if line.startswith("---"):
            if lines:
                yield template, "".join(lines)
            lines = []
        elif line.startswith("# Source: ") and not any(earlier.strip("- \n") for earlier in lines):
            template = line.removeprefix("# Source: ").strip()
        lines.append(line)
    if lines:
        yield template, "".join(lines)


def _readable(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")[:LIMIT]
    except OSError:
        return ""
