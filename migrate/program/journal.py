"""The node's journal, read: lines into entries, entries into where the node stands."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

EVENTS = (
    *("begin", "done", "failed", "finished", "undo-begin", "undone", "undo-failed", "rolled-back", "needs-attention"),
    *("disarmed", "uncordoning", "note", "broken", "released"),
)
GAP = 1000  # between two entries at most: some are lost on a full disk (migrate/node/journal.sh)
# what a line is, as the node program reads it: no number of more than nine digits, no control characters
LINE = re.compile(
    r"([1-9][0-9]{0,8}) (0|[1-9][0-9]{0,8}) ([0-9]{1,12}\.[0-9]{1,6}) "
    rf"({'|'.join(sorted(EVENTS))}) (-|[1-9][0-9]{{0,8}}) ([a-z-]{{1,40}})(?: ([^\x00-\x1f\x7f]*))?"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: sequence number, generation of whoever wrote it, time in seconds since 1970, what happened.

    `index` is the host step's number, None for an event of no step; `kind` is the step's kind, a segment's name for `finished`.
    """

    seq: int
    generation: int
    at: float
    event: str
    index: int | None
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a node stands, as `fold` makes it of its journal.

    `direction` is `forward` or `rollback`; `begun`, `done`, `undone` hold host step numbers; `finished` the segments that are; `failed` is
    the entry of the step that failed last, `undo_failed` that of the undo, `attention` why the node needs attention, None while there is
    none; `cause` is what began the rollback: `asked`, `failed`, `guard` or `boot`, empty while none has begun. `doubt` is why entries may
    be missing, empty for a whole journal; `released` why a person let the node go.
    """

    direction: str = "forward"
    last: Entry | None = None
    finished: tuple[str, ...] = ()
    begun: frozenset[int] = frozenset()
    done: frozenset[int] = frozenset()
    undone: frozenset[int] = frozenset()
    disarmed: bool = False
    uncordoning: bool = False
    rolled_back: bool = False
    attention: str | None = None
    failed: Entry | None = None
    undo_failed: Entry | None = None
    cause: str = ""
    notes: tuple[str, ...] = ()
    doubt: str = ""
    released: str | None = None


def parse(text: str) -> tuple[Entry, ...]:
    """The entries of a journal; a last line without its newline was torn and never happened.

    Lines that are no entries, or do not follow the one before, are passed over: the first of them is an entry `broken` that says so.
    """
    entries: list[Entry] = []
    seq, broken = 0, False
    for number, line in enumerate(text.split("\n")[:-1], 1):
        entry = _entry(line)
        if entry is not None and seq < entry.seq <= seq + GAP:
            seq = entry.seq
            entries.append(entry)
        elif not broken:
            broken = True
            entries.append(Entry(seq, 0, 0.0, "broken", None, "-", f"line {number} of the journal is no entry: {line[:200]!r}"))
    return tuple(entries)


def _entry(line: str) -> Entry | None:
    found = LINE.fullmatch(line)
    if found is None:
        return None
    seq, generation, at, event, index, kind, text = found.groups()
    return Entry(int(seq), int(generation), float(at), event, None if index == "-" else int(index), kind, text or "")


def fold(entries: Iterable[Entry]) -> Progress:
    """Where the node stands after these entries. After the first `undo-begin` the direction is `rollback` for ever."""
    known = tuple(entries)
    progress = Progress()
    for entry in known:
        progress = _after(progress, entry)
    return replace(
        progress,
        last=known[-1] if known else None,
        begun=_numbers(known, "begin"),
        done=_numbers(known, "done"),
        undone=_numbers(known, "undone"),
        finished=tuple(entry.kind for entry in known if entry.event == "finished"),
        notes=tuple(entry.text for entry in known if entry.event == "note"),
    )


def _numbers(entries: Iterable[Entry], event: str) -> frozenset[int]:
    return frozenset(entry.index for entry in entries if entry.event == event and entry.index is not None)


def _after(progress: Progress, entry: Entry) -> Progress:
    """What one entry decides; what entries add up to is collected by `fold`."""
    match entry.event:
        case "failed":
            return replace(progress, failed=entry)
        case "undo-failed":
            return replace(progress, undo_failed=entry)
        case "undo-begin":
            cause = progress.cause or (entry.text if entry.index is None else "")
            return replace(progress, direction="rollback", attention=None, cause=cause, released=None)
        case "rolled-back":
            return replace(progress, rolled_back=True, attention=None, doubt="")
        case "needs-attention":
            return replace(progress, attention=entry.text)
        case "broken":
            return replace(progress, doubt=progress.doubt or entry.text, rolled_back=False)
        case "released":
            return replace(progress, released=entry.text, attention=None)
        case "disarmed":
            return replace(progress, disarmed=True)
        case "uncordoning":
            return replace(progress, uncordoning=True)
        case _:
            return progress
