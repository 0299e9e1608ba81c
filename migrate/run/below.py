"""Files below a folder that others wrote: only regular ones that lie in it, by their links too, are opened."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import BinaryIO


class Foreign(OSError):
    """A path that is not opened: it is no regular file, or leads out of its folder."""


def open_below(path: str, root: str | None = None) -> BinaryIO:
    """The file at a path, opened to read; nothing waits for a FIFO or a device.

    Raises OSError, and Foreign for what is no regular file and for a link that leads out of `root` (None: it was named by the user).
    """
    if root is not None and leads_out(path, root):
        raise Foreign(0, f"it leads out of {root}")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Foreign(0, "it is no regular file")
    return os.fdopen(descriptor, "rb")


def readable(path: str, root: str, limit: int) -> str:
    """The text of a file below `root`, at most `limit` bytes of it; empty for one that cannot be read."""
    try:
        with open_below(path, root) as file:
            return file.read(limit).decode("utf-8", "replace")
    except OSError:
        return ""


def leads_out(path: str, root: str) -> bool:
    """Whether a path leads, by its links, to a place that is not below `root`."""
    real, top = os.path.realpath(path), os.path.realpath(root)
    return real != top and not real.startswith(top.rstrip("/") + "/")


def tree(folder: str) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder that is no folder, by name; linked folders are not entered. Raises OSError."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from tree(entry.path)
        else:
            yield entry


def strange(folder: str, root: str) -> str:
    """The first thing in a folder that no other program is to open: what is no regular file, or leads elsewhere; empty for none."""
    for entry in tree(folder):
        name = os.path.relpath(entry.path, folder)
        if entry.is_symlink():
            if leads_out(entry.path, root):
                return f"{name} leads out of {root}"
            if not leads_out(os.path.dirname(entry.path), entry.path):
                return f"{name} leads to a folder around it"
        if os.path.exists(entry.path) and not (entry.is_file() or entry.is_dir()):
            return f"{name} is no regular file"
    return ""
