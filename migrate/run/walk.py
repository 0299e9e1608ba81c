"""Every path below a folder, once: folders as they are opened, files to read, and what is passed over with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.manifests.ignore import Pattern, left_out, patterns
from migrate.run.below import Foreign, leads_out, open_below

SKIPPED = frozenset({".git", ".hg", ".svn", "node_modules", "__pycache__", ".venv", ".terraform", ".tox"})
IGNORE = ".gitignore"
LONGEST = 64 * 1024  # bytes of a .gitignore that are read

Segments = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenedFolder:
    """A folder whose files and folders follow; `at` is its path from the root, `names` what it holds."""

    path: str
    at: Segments = ()
    names: frozenset[str] = frozenset()
    parent: OpenedFolder | None = None


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file to read."""

    path: str
    folder: OpenedFolder


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file, or a folder with all that is in it, that is not read, with the reason; `lost` where it should have been and could not."""

    path: str
    reason: str
    lost: bool = False


Met = OpenedFolder | FoundFile | PassedOver


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is left out: paths by `excluded` patterns, and by .gitignore files where `gitignore` says so."""

    excluded: tuple[Pattern, ...] = ()
    gitignore: bool = False


def walk(root: str, limits: LeftOut) -> Iterator[Met]:
    """What is met below a folder, names in order; folders wait on a list, so that depth costs no stack."""
    waiting: list[tuple[OpenedFolder, tuple[tuple[Segments, tuple[Pattern, ...]], ...]]] = [(OpenedFolder(root), ())]
    while waiting:
        folder, ignored = waiting.pop()
        try:
            entries = sorted(os.scandir(folder.path), key=lambda entry: entry.name)
            if limits.gitignore and any(entry.name == IGNORE for entry in entries):
                with open_below(os.path.join(folder.path, IGNORE), root) as file:
                    text = file.read(LONGEST).decode("utf-8", "replace")
                ignored = (*ignored, (folder.at, patterns(text.splitlines())))
        except Foreign:
            pass  # it is passed over below
        except OSError as wrong:
            yield PassedOver(folder.path, wrong.strerror or str(wrong), lost=True)
            continue
        folder = OpenedFolder(folder.path, folder.at, frozenset(entry.name for entry in entries), folder.parent)
        yield folder
        below = []
        for entry in entries:
            at = (*folder.at, entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            answers = (left_out(known, at[len(base) :], is_folder) for base, known in reversed(ignored))
            if reason := _reason(entry, is_folder, root):
                yield PassedOver(entry.path, reason)
            elif left_out(limits.excluded, at, is_folder):
                yield PassedOver(entry.path, "--exclude leaves it out")
            elif next((answer for answer in answers if answer is not None), False):
                yield PassedOver(entry.path, "a .gitignore leaves it out")
            elif is_folder:
                below.append((OpenedFolder(entry.path, at, parent=folder), ignored))
            else:
                yield FoundFile(entry.path, folder)
        waiting += reversed(below)


def _reason(entry: os.DirEntry[str], is_folder: bool, root: str) -> str:
    """Why an entry is passed over whatever the limits say; empty for one that is not."""
    if is_folder:
        return "a folder of a tool" if entry.name in SKIPPED else ""
    try:
        if entry.is_file():
            return (
                "a link that leads out of the folder, which is not followed" if entry.is_symlink() and leads_out(entry.path, root) else ""
            )
    except OSError:
        pass
    return "a link to a folder or to nothing, which is not followed" if entry.is_symlink() else "no regular file"
