"""Captures and API readings on disk: one directory is a whole reading, and an offline input."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from migrate.errors import UsageError
from migrate.facts import cluster
from migrate.facts.capture import Capture, dump, load
from migrate.facts.cluster import ClusterFacts
from migrate.facts.names import is_file_name

CAPTURE = ".capture.json"
CLUSTER = "cluster.json"
AGAIN = "docker2cri capture NODE, then repeat with its directory"


def save(directory: Path, captures: Iterable[Capture], facts: ClusterFacts | None = None) -> tuple[Path, ...]:
    """Write HOST.capture.json for each capture, and cluster.json; the paths written. Files are 0600, a new directory is 0700.

    Each file is there whole or not at all. Raises UsageError with the path that could not be written.
    """
    texts = {file_named(capture.host) + CAPTURE: dump(capture) for capture in captures}
    if facts is not None:
        texts[CLUSTER] = cluster.dump_cluster(facts)
    return put_all(directory, texts)


def file_named(name: str) -> str:
    """The name of a host or a run where it becomes that of a file; raises UsageError for one that leads elsewhere."""
    if not is_file_name(name):
        raise UsageError(seen=f"{name!r} is no file name", expected="names without `/`", next="rename the host in the inventory")
    return name


def put_all(directory: Path, texts: Mapping[str, str]) -> tuple[Path, ...]:
    """Write these files of one directory, 0600, each whole or not at all; the paths written. Raises UsageError."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in texts.items():
            put(directory / name, [text.encode("utf-8")])
    except OSError as wrong:
        raise UsageError(
            seen=f"{wrong.filename or directory}: {wrong.strerror}", expected="a directory to write into", next="name another directory"
        ) from wrong
    return tuple(directory / name for name in texts)


def load_capture(path: Path) -> Capture:
    """One saved capture; raises UsageError naming the file."""
    try:
        return load(path.read_text(encoding="utf-8"))
    except OSError as wrong:
        raise _unusable(path, wrong.strerror or str(wrong)) from wrong
    except ValueError as wrong:
        raise _unusable(path, str(wrong)) from wrong


def load_directory(directory: Path) -> tuple[tuple[Capture, ...], ClusterFacts | None]:
    """All captures of a directory in order of their file names, and the API reading when there is one; raises UsageError."""
    captures = tuple(load_capture(path) for path in sorted(directory.glob("*" + CAPTURE)))
    path = directory / CLUSTER
    try:
        facts = cluster.load_cluster(path.read_text(encoding="utf-8")) if path.exists() else None
    except OSError as wrong:
        raise _unusable(path, wrong.strerror or str(wrong)) from wrong
    except ValueError as wrong:
        raise _unusable(path, str(wrong)) from wrong
    if not captures and facts is None:
        raise _unusable(directory, f"neither *{CAPTURE} nor {CLUSTER} in it")
    hosts = [capture.host for capture in captures]
    if twice := sorted({host for host in hosts if hosts.count(host) > 1}):
        raise _unusable(directory, f"more than one capture of {', '.join(twice)}")
    return captures, facts


def put(path: Path, parts: Iterable[bytes]) -> None:
    """Put a file in place whole, 0600, flushed to disk; raises OSError, and what `parts` raises: then nothing is put."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:  # mkstemp made it 0600
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unusable(path: Path, seen: str) -> UsageError:
    return UsageError(seen=f"{path}: {seen}", expected="a reading that docker2cri saved", next=AGAIN)
