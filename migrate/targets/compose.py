"""Edits of one node composed: every edit of a path in order, one change a file."""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts.capture import PathReading
from migrate.facts.model import NodeFacts
from migrate.facts.origin import Origin
from migrate.formats import FormatError
from migrate.targets import Edit, Target


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
    )


def _text(path: str, source: PathReading | None) -> str | Uncertain | None:
    if source is None or source.kind == "absent":
        return None
    if source.error or source.truncated or source.data is None:
        return Uncertain(path, source.error or ("it is longer than 256 KiB" if source.truncated else f"it is a {source.kind}"))
    try:
        return source.data.decode("utf-8")
    except UnicodeDecodeError:
        return Uncertain(path, "it is not UTF-8 text")
