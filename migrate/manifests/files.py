"""Which reader a file is for, by its name and, where that is unclear, by how it begins; and what every reader gives for a whole text."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from enum import StrEnum

from yaml.nodes import Node

from migrate.manifests import ci, compose_file, dockerfile, kinds, unit
from migrate.manifests.model import Item, Problem, Trouble
from migrate.manifests.nodes import Broken, compose
from migrate.manifests.shell import uses
from migrate.manifests.text import Text

Reader = Callable[[Node, Text], Iterator[Item]]


class FileKind(StrEnum):
    """What a file is. Of a YAML file it is what its name says; each document is read as what it holds."""

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
_SCRIPT = re.compile(r".+\.(?:sh|bash|ksh)|.*\.env")
_SHEBANG = re.compile(rb"#!\s*(?:/\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:ba|da|k|z|a)?sh\b")
_OBJECT = re.compile(rb"[\s{\[\"']*(?:apiVersion|kind|metadata|items|groups)[\"']?[ \t]*:")
_FIRST = re.compile(rb"(?:[ \t\r\n]|[#;][^\n]*\n|---[^\n]*\n|//[^\n]*\n)*([^\r\n]*)")
_SECTION = re.compile(rb"\[(?:Unit|Service|Socket|Timer|Install|Path|Mount)\]\s*\Z")
_PIPELINE = re.compile(rb"(?:@Library\([^)]*\)\s*_?|pipeline\s*\{|node\s*(?:\([^)]*\)\s*)?\{|properties\(\[).*")


def kind_of(path: str, head: bytes = b"") -> FileKind | None:
    """What the file at a path is; `head` is how it begins, for names that are unclear. None for what is not read."""
    name = posixpath.basename(path)
    if compose_file.NAME.fullmatch(name):
        return FileKind.COMPOSE
    if ci.NAME.fullmatch(name) or ci.FOLDERS.search(path):
        return FileKind.CI
    if ci.JENKINSFILE.fullmatch(name):
        return FileKind.JENKINSFILE
    if dockerfile.NAME.fullmatch(name) or (dockerfile.LIKE.fullmatch(name) and dockerfile.begins(head)):
        return FileKind.DOCKERFILE
    if unit.NAME.fullmatch(name) or unit.DROP_IN.search(path):
        return FileKind.UNIT
    if _SCRIPT.fullmatch(name) or _SHEBANG.match(head):
        return FileKind.SCRIPT
    return FileKind.MANIFEST if _MANIFEST.fullmatch(name) else _by_content(head)


def _by_content(head: bytes) -> FileKind | None:
    """What a file with a name that says nothing begins as: its first line that is no comment decides."""
    found = _FIRST.match(head)
    first = found[1].strip() if found else b""
    if _SECTION.match(first):
        return FileKind.UNIT
    if _PIPELINE.match(first):
        return FileKind.JENKINSFILE
    if dockerfile.looks_like(head):
        return FileKind.DOCKERFILE
    return FileKind.MANIFEST if first and found and _OBJECT.match(head, found.start(1)) else None


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


def document(node: Node, source: Text, named: FileKind = FileKind.MANIFEST) -> Iterator[Item]:
    """What one YAML document says, as what it holds; where that is unclear as what the file's name says."""
    if compose_file.is_compose(node, by_name=named is FileKind.COMPOSE):
        return compose_file.compose_file(node, source)
    if kinds.is_object(node):
        return kinds.document(node, source)
    if named is FileKind.CI or ci.is_ci(node):
        return ci.ci_file(node, source)
    return kinds.document(node, source)


def _documents(kind: FileKind, source: Text) -> Iterator[Item]:
    try:
        for node in compose(source.text):
            yield from document(node, source, kind)
    except Broken as wrong:
        yield Problem(Trouble.BROKEN, str(kind), f"it is no {wrong}", source.place(wrong.offset))
        yield from uses(source, str(kind))
