"""Programs that a move needs: there, not there, not answering, and not asked about."""

from __future__ import annotations

from dataclasses import replace

from migrate.facts.capture import CommandReading
from tests.captured import WITH_CRIO, capture_of, facts

KEY = "skopeo version"


def test_the_first_line_of_what_they_say() -> None:
    assert facts(capture_of("lab-w8", WITH_CRIO)).tools == {"crictl": "crictl version v1.23.0", "skopeo": "skopeo version 1.9.3"}


def test_one_that_is_not_there() -> None:
    capture = capture_of("lab-w8", WITH_CRIO)
    without = replace(capture, commands={**capture.commands, KEY: CommandReading(127, b"")})
    assert facts(without).tools["skopeo"] is None


def test_one_that_does_not_answer_is_unreadable() -> None:
    capture = capture_of("lab-w8", WITH_CRIO)
    broken = CommandReading(1, b"", b"skopeo: cannot open shared object file\n")
    found = facts(replace(capture, commands={**capture.commands, KEY: broken}))
    assert "skopeo" not in found.tools
    assert [unreadable.reason for unreadable in found.unreadable if unreadable.what == KEY] == [
        "exit code 1: skopeo: cannot open shared object file"
    ]


def test_a_capture_of_an_earlier_version_did_not_ask() -> None:
    capture = capture_of("lab-w8", WITH_CRIO)
    earlier = replace(capture, commands={key: reading for key, reading in capture.commands.items() if key != KEY})
    found = facts(earlier)
    assert "skopeo" not in found.tools
    assert [unreadable for unreadable in found.unreadable if unreadable.what == KEY] == []
