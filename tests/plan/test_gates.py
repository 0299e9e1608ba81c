"""Windows as they are typed and when they open; gates that a plan cannot have."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from migrate.plan.fleet import FleetPlan, Stage
from migrate.plan.gates import (
    ApproveGate,
    CommandGate,
    Gates,
    HttpGate,
    TimeWindow,
    gate_problem,
    gate_words,
    opening,
    window_of,
)
from migrate.plan.hooks import Hook
from migrate.plan.lease import Approval
from migrate.plan.model import dump_plan, load_plan, sealed
from migrate.report.stages_text import stages_text
from migrate.report.style import Style
from tests.run.test_operate import plan

BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "words", "window"),
    [
        (
            "mon-fri 22:00-05:00 Europe/Berlin",
            "mon-fri 22:00-05:00 Europe/Berlin",
            TimeWindow(days=("mon", "tue", "wed", "thu", "fri"), begin="22:00", end="05:00", zone=BERLIN),
        ),
        ("Sat,sun", "sat,sun 00:00-24:00 UTC", TimeWindow(days=("sat", "sun"))),
        (
            "fri-mon 08:00-12:00",
            "mon,fri,sat,sun 08:00-12:00 UTC",
            TimeWindow(days=("mon", "fri", "sat", "sun"), begin="08:00", end="12:00"),
        ),
        (
            "Asia/Tokyo 2026-12-01..2026-12-20",
            "00:00-24:00 2026-12-01..2026-12-20 Asia/Tokyo",
            TimeWindow(first="2026-12-01", last="2026-12-20", zone="Asia/Tokyo"),
        ),
        ("2026-12-01", "00:00-24:00 2026-12-01 UTC", TimeWindow(first="2026-12-01", last="2026-12-01")),
    ],
)
def test_a_window_as_it_is_typed_and_told(typed: str, words: str, window: TimeWindow) -> None:
    assert window_of(typed) == window
    assert str(window) == words
    assert window_of(words) == window


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("", "it names no hours, weekday or date"),
        ("UTC", "it names no hours, weekday or date"),
        ("mon tue", "tue: it is said twice"),
        ("25:00-26:00", "25:00-26:00 is no weekday, hours, date or time zone"),
        ("08:00-24:30", "08:00-24:30: a day ends at 24:00"),
        ("2026-12-20..2026-12-01", "2026-12-20..2026-12-01: it ends before it begins"),
        ("2026-02-30", "day is out of range for month"),
        ("mon ../../etc/passwd", "../../etc/passwd is no weekday, hours, date or time zone"),
    ],
)
def test_what_is_no_window(typed: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong.replace("..", r"\.\.")):
        window_of(typed)


@pytest.mark.parametrize(
    ("typed", "now", "opens"),
    [
        ("mon-fri 22:00-05:00", "2026-11-30T21:59", "2026-11-30T22:00"),  # a Monday
        ("mon-fri 22:00-05:00", "2026-11-30T22:00", "now"),
        ("mon-fri 22:00-05:00", "2026-12-05T04:59", "now"),  # Friday's, on Saturday morning
        ("mon-fri 22:00-05:00", "2026-12-05T05:00", "2026-12-07T22:00"),
        ("22:00-05:00 Europe/Berlin", "2026-11-30T21:00", "now"),
        ("22:00-05:00 Europe/Berlin", "2026-11-30T20:59", "2026-11-30T21:00"),
        ("00:00-24:00", "2026-11-30T23:59", "now"),
        ("2026-12-24..2026-12-26", "2026-12-27T00:00", None),
        ("2027-12-24..2027-12-26 10:00-11:00", "2026-11-30T00:00", "2027-12-24T10:00"),
        # the clocks of Berlin: 02:00 becomes 03:00 on 2026-03-29, 03:00 becomes 02:00 on 2026-10-25
        ("01:00-03:30 Europe/Berlin", "2026-03-29T01:29", "now"),
        ("01:00-03:30 Europe/Berlin", "2026-03-29T01:31", "2026-03-29T23:00"),
        ("01:00-04:00 Europe/Berlin", "2026-10-25T02:59", "now"),
        ("sat,sun 2026-12-01..2026-12-04", "2026-12-01T00:00", None),
    ],
)
def test_when_a_window_opens(typed: str, now: str, opens: str | None) -> None:
    window = window_of(typed)
    found = opening((window,), at(now), {window.zone: ZoneInfo(window.zone)})
    assert found == (at(now) if opens == "now" else at(opens) if opens else None)


def test_of_several_windows_the_first_that_opens() -> None:
    windows = (window_of("sat"), window_of("tue 10:00-11:00"))
    assert opening(windows, at("2026-11-30T00:00"), {"UTC": UTC}) == at("2026-12-01T10:00")
    assert opening((), at("2026-11-30T00:00"), {}) == at("2026-11-30T00:00")


GATES = Gates(
    soak=600,
    windows=(window_of("sat"), window_of("22:00-05:00 Europe/Berlin")),
    checks=(CommandGate(argv=("./check", "a b")), HttpGate(url="https://ops.example/ok", wait=60), ApproveGate()),
)


def test_gates_are_shown_and_a_part_of_the_plan() -> None:
    fleet = FleetPlan(stages=(Stage(nodes=("w1",)), Stage(nodes=("w2",))), gates=GATES)
    assert stages_text(fleet, Style(width=140)) == (
        "STAGES (the next one begins when all nodes of a stage are migrated)\n"
        "  before each later stage the cluster is well for 600 s\n"
        "  before each later stage: command `./check 'a b'` on the operator's machine, waited for at most 300 s\n"
        "  before each later stage: GET https://ops.example/ok, waited for at most 60 s\n"
        "  before each later stage: approval, waited for at most 3600 s\n"
        "  a node is begun only in: sat 00:00-24:00 UTC; or 22:00-05:00 Europe/Berlin\n"
        "   1. w1 (the canary)\n"
        "   2. w2"
    )
    made = sealed(replace(plan("w1", "w2"), fleet=fleet))
    assert load_plan(dump_plan(made)).stages == fleet
    other = sealed(replace(made, fleet=replace(fleet, gates=replace(GATES, soak=601))))
    assert other.digest != made.digest
    assert [fleet.number(host) for host in ("w1", "w2", "nobody")] == [1, 2, 0]


@pytest.mark.parametrize(
    ("gates", "wrong"),
    [
        (Gates(soak=-1), "its soak of -1 s is none"),
        (Gates(windows=(TimeWindow(begin="25:00"),)), "its window 25:00-24:00 UTC"),
        (Gates(windows=(TimeWindow(zone="../../etc/passwd"),)), "its window 00:00-24:00 ../../etc/passwd"),
        (Gates(windows=(TimeWindow(first="2026-12-01"),)), "its window 00:00-24:00 2026-12-01.. UTC"),
        (Gates(checks=(ApproveGate(wait=10**9),)), "the times of its gate approval are none"),
        (Gates(checks=(CommandGate(argv=("x",), timeout=0),)), "the times of its gate command `x` are none"),
        (Gates(checks=(CommandGate(argv=()),)), "its command gate has no command"),
        (Gates(checks=(CommandGate(argv=("x", "a\nb")),)), "its command gate has no command"),
        (Gates(hooks=(Hook(moment="after-run", argv=()),)), "its hook after the last node has no command"),
        (Gates(hooks=(Hook(moment="before-node", argv=("x", "a\nb")),)), "its hook before each node has no command"),
        (Gates(hooks=(Hook(moment="before-node", argv=("x",), timeout=0),)), "the time of its hook `x` is none"),
        (Gates(checks=(HttpGate(url="file:///etc/passwd"),)), "its gate file:///etc/passwd: no http:// or https:// URL"),
        (Gates(checks=(HttpGate(url="http://"),)), "its gate http://: no http:// or https:// URL"),
        (Gates(checks=(HttpGate(url="http://h:x/"),)), "its gate http://h:x/: Port could not be cast to integer value as 'x'"),
        (Gates(checks=(HttpGate(url="http://me:pass@h/"),)), "its gate http://me:pass@h/: it holds a user or a password"),
    ],
)
def test_gates_that_cannot_be_are_refused_when_a_plan_is_read(gates: Gates, wrong: str) -> None:
    assert gate_problem(gates).startswith(wrong)
    made = sealed(replace(plan("w1"), fleet=FleetPlan(stages=(Stage(nodes=("w1",)),), gates=gates)))
    with pytest.raises(ValueError, match="its"):
        load_plan(dump_plan(made))


def test_every_gate_has_words() -> None:
    assert [gate_words(gate) for gate in GATES.checks] == ["command `./check 'a b'`", "GET https://ops.example/ok", "approval"]


def test_an_approval_is_for_one_plan_and_its_stages() -> None:
    approval = Approval(digest="sha256:a", by="me", at="", stage=2)
    assert [approval.holds("sha256:a", stage) for stage in (2, 3)] == [True, False]
    assert not approval.holds("sha256:b", 2)
    assert replace(approval, stage=0).holds("sha256:a", 1000)
