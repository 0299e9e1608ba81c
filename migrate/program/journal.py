"""The node's journal, read: lines into entries, entries into where the node stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

EVENTS = frozenset(
    (
        *("begin", "done", "failed", "finished", "undo-begin", "undone", "undo-failed", "rolled-back", "needs-attention"),
        *("disarmed", "uncordoning", "note"),
    )
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
    none; `cause` is what began the rollback: `asked`, `failed`, `guard` or `boot`, empty while none has begun.
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


def parse(text: str) -> tuple[Entry, ...]:
    """The entries of a journal; a last line without its newline was torn and never happened. Raises ValueError for a line that is none."""
    whole = text[: text.rfind("\n") + 1]
    return tuple(_entry(number, line) for number, line in enumerate(whole.splitlines(), 1))


def _entry(number: int, line: str) -> Entry:
    words = line.split(" ", 6)
    try:
        seq, generation, at, event, index, kind = words[:6]
        if event not in EVENTS:
            raise ValueError(event)
        return Entry(
            int(seq), int(generation), float(at), event, None if index == "-" else int(index), kind, words[6] if len(words) > 6 else ""
        )
    except ValueError as wrong:
        raise ValueError(f"line {number} of the journal is no entry: {line[:200]!r}") from wrong


def fold(entries: Iterable[Entry]) -> Progress:
    """Where the node stands after these entries. After the first `undo-begin` the direction is `rollback` for ever."""
    progress = Progress()
    for entry in entries:
        progress = replace(_after(progress, entry), last=entry)
    return progress


def _after(progress: Progress, entry: Entry) -> Progress:
    index = frozenset(() if entry.index is None else (entry.index,))
    match entry.event:
        case "begin":
            return replace(progress, begun=progress.begun | index)
        case "done":
            return replace(progress, done=progress.done | index)
        case "finished":
            return replace(progress, finished=(*progress.finished, entry.kind))
        case "failed":
            return replace(progress, failed=entry)
        case "undo-failed":
            return replace(progress, undo_failed=entry)
        case "undo-begin":
            cause = progress.cause or (entry.text if entry.index is None else "")
            return replace(progress, direction="rollback", attention=None, cause=cause)
        case "undone":
            return replace(progress, undone=progress.undone | index)
        case "rolled-back":
            return replace(progress, rolled_back=True, attention=None)
        case "needs-attention":
            return replace(progress, attention=entry.text)
        case "disarmed":
            return replace(progress, disarmed=True)
        case "uncordoning":
            return replace(progress, uncordoning=True)
        case _:
            return replace(progress, notes=(*progress.notes, entry.text))
