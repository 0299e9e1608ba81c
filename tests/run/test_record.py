"""What commands told is kept by run on this machine; a disk that is full ends the record and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.errors import UsageError
from migrate.plan.events import Event
from migrate.run.record import RunRecord, afters, befores, events_in, recorded
from migrate.run.runs import RunFolder
from migrate.verify.counts import After, WorkloadCount
from migrate.verify.judge import Before

RUN = "0123456789ab"


def event(kind: str, text: str, at: float = 1.0, run: str = RUN, **data: float) -> Event:
    return Event(at=at, type=kind, run=run, node="w1", segment="drain", text=text, data=dict(data))


def test_events_are_kept_by_run_and_each_command_says_what_it_is(tmp_path: Path) -> None:
    for name in ("apply", "rollback"):
        record = RunRecord(name, tmp_path)
        record.keep(event("step.start", "cordon"))
        record.keep(Event(at=2.0, type="note", text="of no run"))
        record.keep(event("node.end", "done", run="ba9876543210"))
    found = recorded(RUN, tmp_path)
    assert [(each.type, each.text, each.data.get("command")) for each in found] == [
        ("version", "1.0", "apply"),
        ("step.start", "cordon", None),
        ("version", "1.0", "rollback"),
        ("step.start", "cordon", None),
    ]
    assert len(recorded("ba9876543210", tmp_path)) == 4
    assert (tmp_path / RUN / "events.jsonl").stat().st_mode & 0o777 == 0o600


def test_of_a_wait_the_last_word_is_kept(tmp_path: Path) -> None:
    record = RunRecord("apply", tmp_path)
    for seconds in (0.0, 0.2, 0.4):
        record.keep(event("wait", "for a", seconds=seconds))
    record.keep(event("wait", "for b", seconds=0.6))
    record.keep(event("step.start", "next"))
    told = [(each.text, each.data.get("seconds")) for each in recorded(RUN, tmp_path)]
    assert told == [("1.0", None), ("for a", 0.4), ("for b", 0.6), ("next", None)]


def test_a_record_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / RUN).write_text("a file in its place")
    record = RunRecord("apply", tmp_path)
    record.keep(event("step.start", "cordon"))
    record.keep(event("step.start", "drain"))
    record.keep(event("node.end", "done", run="ba9876543210"))
    assert len(recorded("ba9876543210", tmp_path)) == 2


def test_a_run_that_this_machine_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        recorded(RUN, tmp_path)
    assert refused.value.seen == f"{tmp_path}/{RUN}/events.jsonl: No such file or directory"
    assert refused.value.next == "docker2cri status, which reads the nodes themselves; or docker2cri report on the machine that ran it"


def test_lines_that_are_cut_off_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events"
    lines = [json.dumps({"at": 1.0, "type": "note", "text": "a"}, separators=(",", ":")), "{", '{"at": "x"}', '{"at":2.0,"type":"no']
    path.write_text("\n".join(lines))
    assert [each.text for each in events_in(path) or ()] == ["a"]
    path.write_text('{"format": "docker2cri/v1"}')
    assert events_in(path) is None


def test_what_ran_before_and_what_was_verified_are_read_and_what_cannot_be_is_left_out(tmp_path: Path) -> None:
    folder = RunFolder(RUN, tmp_path)
    after = After(at=1.0, prefix="containerd://", workloads=(WorkloadCount(owner="Deployment shop/web", before=2, after=2),))
    folder.keep_before("w1", Before(node="w1", kubelet="v1.23.17"))
    folder.keep_after("w1", after)
    (tmp_path / RUN / "w2.before.json").write_text("{")
    (tmp_path / RUN / "w2.after.json").write_text("[]")
    assert befores(RUN, ("w1", "w2", "w3"), tmp_path) == {"w1": Before(node="w1", kubelet="v1.23.17")}
    assert afters(RUN, ("w1", "w2", "w3", "../x"), tmp_path) == {"w1": after}
