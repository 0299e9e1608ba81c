"""Files as UTF-8 bytes, bounded: gzip is unpacked and UTF-16 decoded while it is read, an archive is unpacked into a folder of its own."""

from __future__ import annotations

import codecs
import gzip
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, BinaryIO, cast

BLOCK = 1024 * 1024
UNPACKED = 256 * 1024 * 1024
MEMBERS = 20_000
GZIP = b"\x1f\x8b"
_BOMS = (
    (codecs.BOM_UTF8, ""),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDEST = 4  # bytes of a character in UTF-32
_DAMAGED = (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, OverflowError)
MIB = 1024 * 1024


class Damaged(Exception):
    """Why the bytes of a file end before the file does, in a few words."""


def blocks(file: BinaryIO, size: int = BLOCK) -> Iterator[bytes]:
    """The UTF-8 bytes of a file, read in blocks of `size`; raises Damaged for what cannot be unpacked or decoded, after what could."""
    raw = _raw(file, size)
    first = next(raw, b"")
    bom, encoding = next(((bom, encoding) for bom, encoding in _BOMS if first.startswith(bom)), (b"", ""))
    if encoding:
        yield from _decoded(first, raw, encoding)
        return
    yield first[len(bom) :]
    yield from raw


def head(file: BinaryIO, size: int) -> bytes:
    """How a file begins, as UTF-8 bytes; empty for what cannot be unpacked. The file stands at its begin afterwards."""
    try:
        return next(blocks(file, _WIDEST * size), b"")[:size]
    except Damaged:
        return b""
    finally:
        file.seek(0)


def is_archive(start: bytes) -> bool:
    """Whether a file that begins so is a tar archive (POSIX.1 and GNU: `ustar` at byte 257)."""
    return start[257:262] == b"ustar"


def unpack(file: BinaryIO, folder: str, skip: Callable[[str, str], None]) -> None:
    """Write the regular files of a tar archive below a folder; `skip` is told name and reason of all others. Raises Damaged."""
    count = 0
    try:
        with tarfile.open(fileobj=cast("BinaryIO", _Stream(_raw(file))), mode="r|") as archive:
            for member in archive:
                count += 1
                if count > MEMBERS:
                    raise Damaged(f"an archive of more than {MEMBERS:,} files; the rest was not read")
                parts = [part for part in member.name.split("/") if part not in ("", ".")]
                if member.isdir():
                    continue
                if not member.isfile():
                    skip(member.name, "no regular file")
                elif not parts or ".." in parts or "\0" in member.name:
                    skip(member.name, "its name leads out of the archive")
                else:
                    _write(Path(folder, *parts), archive.extractfile(member), member.name, skip)
    except _DAMAGED as wrong:
        raise Damaged(f"the archive breaks off: {_short(wrong)}") from wrong


def _write(path: Path, content: IO[bytes] | None, name: str, skip: Callable[[str, str], None]) -> None:
    data = content.read() if content else b""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as wrong:
        skip(name, wrong.strerror or str(wrong))


def _raw(file: BinaryIO, size: int = BLOCK) -> Iterator[bytes]:
    first = file.read(size)
    parts = chain((first,), iter(lambda: file.read(size), b""))
    if not first.startswith(GZIP):
        yield from parts
        return
    unpacked, packed = 0, gzip.GzipFile(fileobj=cast("BinaryIO", _Stream(parts)), mode="rb")
    while True:
        try:
            block = packed.read1(size)
        except _DAMAGED as wrong:
            raise Damaged(f"gzip data that breaks off: {_short(wrong)}") from wrong
        if not block:
            return
        unpacked += len(block)
        if unpacked > UNPACKED:
            raise Damaged(f"it unpacks to more than {UNPACKED // MIB} MiB")
        yield block


def _decoded(first: bytes, rest: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(first).encode("utf-8", "replace")
        for block in rest:
            yield decoder.decode(block).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
    except UnicodeDecodeError as wrong:
        raise Damaged(f"{encoding.upper()} text that breaks off: {wrong.reason}") from wrong


def _short(wrong: BaseException) -> str:
    if isinstance(wrong, OSError) and wrong.errno:
        return os.strerror(wrong.errno)
    return str(wrong).partition("\n")[0] or type(wrong).__name__


class _Stream:
    """Blocks as a file that is read from begin to end."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def read(self, size: int) -> bytes:
        """At most `size` bytes; fewer at the end alone."""
        found = [self._rest]
        length = len(self._rest)
        while length < size and (block := next(self._parts, b"")):
            found.append(block)
            length += len(block)
        data = b"".join(found)
        self._rest = data[size:]
        return data[:size]
