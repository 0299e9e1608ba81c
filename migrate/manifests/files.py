"""Which reader a file is for, and what every reader but that of manifests gives for a whole text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from enum import StrEnum

from migrate.manifests import ci, compose_file, dockerfile, unit
from migrate.manifests.model import Item, Problem, Trouble
from migrate.manifests.nodes import Broken, compose
from migrate.manifests.shell import uses
from migrate.manifests.text import Text


class FileKind(StrEnum):
    """What a file is, by its name."""

    MANIFEST = "manifest"
    COMPOSE = "Compose file"
    DOCKERFILE = "Dockerfile"
    SCRIPT = "script"
    CI = "CI file"
    JENKINSFILE = "Jenkinsfile"
    UNIT = "unit file"


CHART = "Chart.yaml"
KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})
_MANIFEST = re.compile(r".+\.(?:ya?ml|json)")
_SCRIPT = re.compile(r".+\.(?:sh|bash|ksh)")
_SHEBANG = re.compile(rb"#!\s*(?:/\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:ba|da|k|z|a)?sh\b")


def kind_of(path: str, head: bytes = b"") -> FileKind | None:
    """What the file at a path is; `head` is how it begins, for names that say nothing. None for what is not read."""
    name = posixpath.basename(path)
    if compose_file.NAME.fullmatch(name):
        return FileKind.COMPOSE
    if ci.NAME.fullmatch(name) or ci.FOLDERS.search(path):
        return FileKind.CI
    if ci.JENKINSFILE.fullmatch(name):
        return FileKind.JENKINSFILE
    if dockerfile.NAME.fullmatch(name):
        return FileKind.DOCKERFILE
    if unit.NAME.fullmatch(name) or unit.DROP_IN.search(path):
        return FileKind.UNIT
    if _SCRIPT.fullmatch(name) or _SHEBANG.match(head):
        return FileKind.SCRIPT
    return FileKind.MANIFEST if _MANIFEST.fullmatch(name) else None


def read(kind: FileKind, source: Text) -> Iterator[Item]:
    """What one file of any kind but a manifest says."""
    name = posixpath.basename(source.path)
    match kind:
        case FileKind.SCRIPT:
            yield from uses(source, name)
        case FileKind.DOCKERFILE:
            yield from dockerfile.dockerfile(source)
        case FileKind.UNIT:
            dropped = unit.DROP_IN.search(source.path)
            yield from unit.unit(source, posixpath.basename(posixpath.dirname(source.path)).removesuffix(".d") if dropped else name)
        case FileKind.JENKINSFILE:
            yield from ci.jenkinsfile(source)
        case FileKind.COMPOSE | FileKind.CI:
            yield from _documents(kind, source)
        case FileKind.MANIFEST:
            raise ValueError("manifests are read document by document")


def _documents(kind: FileKind, source: Text) -> Iterator[Item]:
    try:
        for node in compose(source.text):
            yield from compose_file.compose_file(node, source) if kind is FileKind.COMPOSE else ci.ci_file(node, source)
    except Broken as wrong:
        yield Problem(Trouble.BROKEN, str(kind), f"it is no {wrong}", source.place(wrong.offset))
        yield from uses(source, str(kind))
