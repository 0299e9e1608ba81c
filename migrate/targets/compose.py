"""Edits of one node composed: every edit of a path in order, one change a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from migrate.facts.capture import PathReading
from migrate.facts.model import NodeFacts
from migrate.facts.origin import Origin
from migrate.formats import FormatError
from migrate.targets import Edit, Target

VOLATILE = ("/run/", "/var/run/", "/tmp/", "/dev/", "/proc/", "/sys/")
# os-release IDs of systems whose /usr is an image; those on OSTree carry its mark
IMAGE_SYSTEMS = frozenset(
    (
        "flatcar",
        "coreos",
        "rhcos",
        "bottlerocket",
        "talos",
        "cos",
        "opensuse-microos",
        "opensuse-leap-micro",
        "sle-micro",
        "sl-micro",
        "ubuntu-core",
    )
)
IMAGE_MARK = "/run/ostree-booted"
IMAGE_FOLDERS = ("/usr/", "/lib/", "/lib64/", "/bin/", "/sbin/", "/opt/torcx/")
STORES = ("/nix/store/", "/gnu/store/", "/snap/")


@dataclass(frozen=True, slots=True)
class FileChange:
    """What becomes of one file: its bytes before (None: there is none at `path`) and after, mode and owner kept.

    `start` is the text that the edits began with: that of `base` where a packaged file is overridden, else that of the file itself.
    `early` files are put before the node is disturbed.
    """

    path: str
    base: str | None
    before: bytes | None
    start: str
    after: bytes
    mode: str
    owner: str
    edits: tuple[str, ...]
    whys: tuple[str, ...]
    early: bool = False
    values: Mapping[tuple[str, ...], Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Uncertain:
    """An edit that is refused: the file and why it cannot be edited with certainty."""

    path: str
    reason: str


def compose(target: Target, facts: NodeFacts, origin: Origin) -> tuple[tuple[FileChange, ...], tuple[Uncertain, ...]]:
    """Every file that changes, in the order of the target's edits, and the edits that are refused; files left as they are do not appear."""
    try:
        edits = target.edits(facts, origin)
    except FormatError as wrong:
        return (), (Uncertain(facts.host, str(wrong)),)
    grouped: dict[str, list[Edit]] = {}
    for edit in edits:
        grouped.setdefault(edit.path, []).append(edit)
    outcomes = [_change(path, group, facts) for path, group in grouped.items()]
    changes = tuple(outcome for outcome in outcomes if isinstance(outcome, FileChange))
    return changes, tuple(outcome for outcome in outcomes if isinstance(outcome, Uncertain))


def _change(path: str, group: list[Edit], facts: NodeFacts) -> FileChange | Uncertain | None:
    here = facts.files.get(path)
    if why := kept_from(path, facts):
        if here is not None and here.data is not None and not here.truncated and _unchanged(group, here.text):
            return None
        return Uncertain(path, why + (f"; {group[0].instead}" if group[0].instead else "; let what reads it read a file in /etc"))
    base = group[0].base if here is None or here.kind == "absent" else None
    source = facts.files.get(base) if base else here
    text = _text(path, source)
    if isinstance(text, Uncertain):
        return text
    edited = text
    applied = []
    for edit in group:
        try:
            result = edit.rewrite(edited)
        except ValueError as wrong:
            return Uncertain(path, str(wrong))
        if result != edited:
            applied.append(edit)
        edited = result
    if edited is None or edited == text:
        return None
    return FileChange(
        path=path,
        base=base,
        start=text or "",
        before=None if base or text is None or source is None else source.data,
        after=edited.encode(),
        mode=source.mode if source and source.mode else group[0].mode,
        owner=source.owner if source and source.owner else "root:root",
        edits=tuple(edit.name for edit in applied),
        whys=tuple(edit.why for edit in applied),
        early=any(edit.early for edit in applied),
        values={key: value for edit in applied for key, value in edit.values.items()},
    )


def _unchanged(group: list[Edit], text: str) -> bool:
    edited: str | None = text
    try:
        for edit in group:
            edited = edit.rewrite(edited)
    except ValueError:
        return False
    return edited is None or edited == text


def kept_from(path: str, facts: NodeFacts) -> str | None:
    """Why a change of this file, or of what a link there leads to, would not last or cannot be made; None where it can."""
    here = facts.files.get(path)
    real = here.target if here and here.target else path
    leads = f"it leads to {real}, which" if real != path else "it"
    if volatile := next((folder for folder in VOLATILE if real.startswith(folder)), None):
        return f"{leads} lies in {volatile.rstrip('/')}, which is made again at each boot: a change would be lost"
    if real.startswith(IMAGE_FOLDERS) and (facts.os.id in IMAGE_SYSTEMS or IMAGE_MARK in facts.marks):
        return f"{leads} belongs to the image of {facts.os.name}, which is read-only and replaced at each update"
    if real.startswith(STORES):
        return f"{leads} belongs to a read-only store, from which the system is made"
    above = [mount for mount in facts.mounts if real == mount.path or real.startswith(mount.path.rstrip("/") + "/")]
    mount = max(above, key=lambda mount: len(mount.path), default=None)
    return f"{leads} lies on {mount.path}, which is mounted read-only" if mount and not mount.writable else None


def _text(path: str, source: PathReading | None) -> str | Uncertain | None:
    if source is None or source.kind == "absent":
        return None
    if source.error or source.truncated or source.data is None:
        return Uncertain(path, source.error or ("it is longer than 256 KiB" if source.truncated else f"it is a {source.kind}"))
    try:
        return source.data.decode("utf-8")
    except UnicodeDecodeError:
        return Uncertain(path, "it is not UTF-8 text")
