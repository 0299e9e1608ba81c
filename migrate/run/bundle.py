"""Static tarballs on the operator's machine: checked against their published sums and read as a stream, never unpacked here."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from migrate.errors import UsageError
from migrate.plan.steps import BundleSource
from migrate.targets.bundle import Layout, Listed, Name, bundle_files, read_name, wanted

GIB = 1 << 30
TARBALL_BYTES = GIB
MEMBER_BYTES = GIB
TOTAL_BYTES = 4 * GIB  # unpacked
MEMBERS = 10_000
SUM_FILES = (".sha256sum", ".sha256")
SUM_BYTES = 64 << 10
CHUNK = 1 << 20
SUM = re.compile(r"([0-9a-fA-F]{64})(?:[ \t]+\*?(\S.*))?")
KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "FIFO",
}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A tarball that was checked: its layout, version ("1.23.5") and architecture ("amd64"), and what a plan says of it."""

    layout: Layout
    version: str
    arch: str
    source: BundleSource


def named(asked: str) -> tuple[str, str | None]:
    """The path and the SHA-256 of `FILE` or `FILE@sha256:HEX`; raises UsageError for a sum that is none."""
    path, at, digest = asked.rpartition("@sha256:")
    if not at:
        return asked, None
    if not re.fullmatch("[0-9a-fA-F]{64}", digest):
        raise UsageError(seen=f"--install {asked}", expected="64 hexadecimal digits after @sha256:", next=f"sha256sum {path}")
    return path, digest.lower()


def read_bundle(path: str, layouts: Sequence[Layout], digest: str | None = None) -> Bundle:
    """A tarball of one of these layouts, its SHA-256 compared with `digest`, else with the file beside it (.sha256sum, .sha256).

    Raises UsageError for one that cannot be read, has another sum or none to compare with, or is not what its name says.
    """
    place = Path(path).absolute()
    try:
        name = read_name(place.name, layouts)
    except ValueError as wrong:
        raise _unusable(path, str(wrong), *_wants(layouts)) from wrong
    try:
        with place.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > TARBALL_BYTES:
                raise _unusable(path, f"it has {size} bytes", f"a tarball of {TARBALL_BYTES} bytes at most", _again(name))
            found = hashlib.file_digest(file, "sha256").hexdigest()
            _compare(place, found, digest)
            file.seek(0)
            files = bundle_files(name.layout, _members(file, wanted(name.layout)))
    except (ValueError, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as wrong:
        raise _unusable(
            path, str(wrong) or type(wrong).__name__, f"the tarball of {name.layout.title} {name.version}", _again(name)
        ) from wrong
    except OSError as wrong:
        raise _unreadable(path, wrong) from wrong
    return Bundle(name.layout, name.version, name.arch, BundleSource(path=str(place), sha256=found, size=size, files=files))


def bundle_data(source: BundleSource) -> bytes:
    """The bytes of a planned tarball; raises UsageError where it is not there any more as it was planned."""
    try:
        with open(source.path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(source.size) if size == source.size else b""
    except OSError as wrong:
        raise _unreadable(source.path, wrong) from wrong
    found = hashlib.sha256(data).hexdigest()
    if size != source.size or found != source.sha256:
        seen = f"its SHA-256 is {found}" if size == source.size else f"it has {size} bytes"
        expected = f"as planned {source.size} bytes with SHA-256 {source.sha256}"
        raise _unusable(source.path, seen, expected, "put the planned file there again, or make a new plan")
    return data


def _compare(place: Path, found: str, digest: str | None) -> None:
    origin = "--install"
    if digest is None:
        digest, origin = _published(place)
    if found != digest:
        again = "fetch it again, whole, from its project"
        raise _unusable(str(place), f"its SHA-256 is {found}", f"{digest}, as {origin} says", again)


def _published(place: Path) -> tuple[str, str]:
    """The sum that lies beside a tarball, and in which file: `HEX  NAME` or the bare HEX."""
    beside = next((candidate for suffix in SUM_FILES if (candidate := place.with_name(place.name + suffix)).exists()), None)
    by_hand = f"say which it has to be: --install {place}@sha256:HEX"
    if beside is None:
        expected = " or ".join(f"{place.name}{suffix}" for suffix in SUM_FILES)
        fetch = f"fetch {place.name}{SUM_FILES[0]} from where the tarball came from, or {by_hand}"
        raise _unusable(str(place), "nothing says which SHA-256 it has to have", f"{expected} beside it", fetch)
    with beside.open("rb") as file:
        text = file.read(SUM_BYTES).decode("utf-8", "replace")
    lines = [line for text_line in text.splitlines() if (line := SUM.fullmatch(text_line.strip()))]
    sums = {line[1].lower() for line in lines if line[2] is None or line[2].rpartition("/")[2] == place.name}
    if len(sums) != 1:
        raise _unusable(str(beside), f"it does not give one SHA-256 of {place.name}", f"a line `HEX  {place.name}`", by_hand)
    return sums.pop(), beside.name


class _Capped:
    """A stream to read that raises ValueError past TOTAL_BYTES."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        self._stream = stream
        self._left = TOTAL_BYTES

    def read(self, size: int = CHUNK) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError(f"it unpacks to more than {TOTAL_BYTES} bytes")
        return data


def _members(file: IO[bytes], names: frozenset[str]) -> Iterator[Listed]:
    """The members as they come, the content of those that may be taken hashed; the compressed stream is read to its end and its CRC."""
    with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
        stream = _Capped(unpacked)
        with tarfile.open(fileobj=stream, mode="r|") as tar:  # type: ignore[call-overload]
            for number, member in enumerate(tar, 1):
                if number > MEMBERS:
                    raise ValueError(f"it has more than {MEMBERS} members")
                if member.size > MEMBER_BYTES:
                    raise ValueError(f"its member {member.name!r} has {member.size} bytes, expected {MEMBER_BYTES} at most")
                kind = KINDS.get(member.type, "special file")
                content = tar.extractfile(member) if kind == "file" and member.name in names else None
                yield Listed(member.name, kind, member.size, _hash(content) if content else "")
        while stream.read():
            pass


def _hash(content: IO[bytes]) -> str:
    found = hashlib.sha256()
    while data := content.read(CHUNK):
        found.update(data)
    return found.hexdigest()


def _wants(layouts: Sequence[Layout]) -> tuple[str, str]:
    names = " or ".join(f"a file named like {layout.example}" for layout in layouts)
    return names, "name it as its project does, so that version and architecture are known before anything is pushed"


def _again(name: Name) -> str:
    return f"fetch the static tarball of {name.layout.title} {name.version} from its project again"


def _unusable(path: str, seen: str, expected: str, next: str) -> UsageError:
    return UsageError(seen=f"{path}: {seen}", expected=expected, next=next)


def _unreadable(path: str, wrong: OSError) -> UsageError:
    found = wrong.filename or path
    return _unusable(str(found), wrong.strerror or str(wrong), "a file that can be read", f"ls -l {found}")
