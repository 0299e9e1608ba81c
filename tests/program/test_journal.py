"""The node's journal, read."""

from __future__ import annotations

import pytest

from migrate.program.journal import Entry, Progress, fold, parse

THERE = """\
1 1 1795506247.63 begin 1 carry
2 1 1795506247.66 done 1 carry
3 1 1795506247.81 finished - prepare
4 1 1795506247.82 begin 2 guard
5 1 1795506247.88 done 2 guard
6 1 1795506248.13 begin 3 kubelet-stop
"""


def test_entries_hold_what_a_line_says() -> None:
    assert parse("54 1 1795506253.41 failed 29 cri-wait CRI does not answer on  /run/x\n") == (
        Entry(54, 1, 1795506253.41, "failed", 29, "cri-wait", "CRI does not answer on  /run/x"),
    )
    assert parse("56 2 1795506253.41 undo-begin - rollback asked\n") == (
        Entry(56, 2, 1795506253.41, "undo-begin", None, "rollback", "asked"),
    )


@pytest.mark.parametrize("torn", ["", "7", "7 1 17955", "7 1 1795506248.2 done 3", "7 1 1795506248.2 done 3 kubelet-stop"])
def test_a_torn_last_line_never_happened(torn: str) -> None:
    assert parse(THERE + torn) == parse(THERE)


@pytest.mark.parametrize(
    "line",
    [
        *("nonsense", "", "7 1 x begin 3 file", "7 1 1.0 began 3 file", "7 1 1.0 begin three file", "7 1 1.0 begin 3"),
        *("08 1 1.0 begin 3 file", "6 1 1.0 begin 3 file", "999999999 1 1.0 begin 3 file", f"{'9' * 5000} 1 1.0 begin 3 file"),
        *(
            "7 abc 1.0 begin 3 file",
            "7 1 1.0 begin ² file",
            "7 1 1.0 begin 007 file",
            "7 1 1.0 note - - a\x0bb",
            "\0\0\0",
            "7 1 1.0 note - - x\r",
        ),
    ],
)
def test_a_whole_line_that_is_no_entry_is_passed_over_and_said(line: str) -> None:
    entries = parse(f"{THERE}{line}\n7 1 1795506248.20 done 3 kubelet-stop\n")
    assert [entry for entry in entries if entry.event != "broken"] == list(parse(f"{THERE}7 1 1795506248.20 done 3 kubelet-stop\n"))
    progress = fold(entries)
    assert progress.doubt.startswith("line 7 of the journal is no entry: ")
    assert progress.done == frozenset((1, 2, 3))


def test_what_was_in_doubt_is_undone_from_what_there_is() -> None:
    text = f"{THERE}7 1 1.00 rolled-back - -\n8 2 1.00 broken - - the journal was broken\n"
    assert (fold(parse(text)).rolled_back, fold(parse(text)).doubt) == (False, "the journal was broken")
    again = fold(parse(f"{text}9 2 1.00 undo-begin - rollback asked\n10 2 1.00 rolled-back - -\n"))
    assert (again.rolled_back, again.doubt) == (True, "")


def test_a_node_that_a_person_let_go() -> None:
    assert fold(parse(f"{THERE}7 1 1.00 needs-attention - - it failed\n8 1 1.00 released - - looked at\n")).released == "looked at"


def test_where_a_node_stands_inside_switch() -> None:
    entries = parse(THERE)
    assert fold(entries) == Progress(
        direction="forward", last=entries[-1], finished=("prepare",), begun=frozenset((1, 2, 3)), done=frozenset((1, 2))
    )


def test_after_the_first_undo_the_direction_is_rollback_for_ever() -> None:
    text = THERE + (
        "7 1 1795506249.00 failed 3 kubelet-stop it does not stop\n"
        "8 2 1795506249.10 undo-begin - rollback failed\n"
        "9 2 1795506249.20 undo-failed 3 kubelet-stop it does not start\n"
        "10 2 1795506249.30 needs-attention - - kubelet-stop: it does not start\n"
    )
    left = fold(parse(text))
    assert (left.direction, left.attention, left.cause) == ("rollback", "kubelet-stop: it does not start", "failed")
    assert left.failed is not None
    assert left.undo_failed is not None
    assert (left.failed.text, left.undo_failed.text) == ("it does not stop", "it does not start")
    more = "11 3 1795506300.00 undo-begin - rollback asked\n12 3 1795506300.20 undone 3 kubelet-stop\n13 3 1795506301.00 rolled-back - -\n"
    again = fold(parse(text + more))
    assert (again.direction, again.attention, again.rolled_back, again.undone) == ("rollback", None, True, frozenset((3,)))
    assert again.cause == "failed"


def test_acknowledged_and_uncordoning() -> None:
    progress = fold(parse("1 1 1.00 disarmed - -\n2 1 2.00 uncordoning - -\n3 1 3.00 note - - seen by a person\n"))
    assert (progress.disarmed, progress.uncordoning, progress.notes) == (True, True, ("seen by a person",))


def test_an_empty_journal() -> None:
    assert fold(parse("")) == Progress()
