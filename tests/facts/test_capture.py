"""A capture as JSON: the same value comes back, and a file that is none is refused with a reason."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.facts.capture import ABSENT, Capture, CommandReading, PathReading, dump, load

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
COMMANDS = st.builds(
    CommandReading,
    rc=st.integers(0, 255),
    stdout=st.binary(max_size=30),
    stderr=st.binary(max_size=30),
    truncated=st.booleans(),
    skipped=st.none() | TEXT.filter(bool),
)
PATHS = st.builds(
    PathReading,
    kind=st.sampled_from(["file", "directory", "socket", "absent", "other"]),
    mode=TEXT,
    owner=TEXT,
    size=st.integers(0, 2**50),
    mtime=st.integers(-1, 2**40),
    target=st.none() | TEXT.filter(bool),
    data=st.none() | st.binary(max_size=30),
    error=st.none() | TEXT.filter(bool),
    truncated=st.booleans(),
)
CAPTURES = st.builds(
    Capture,
    host=TEXT,
    taken=st.integers(0, 2**40),
    commands=st.dictionaries(TEXT, COMMANDS, max_size=3),
    paths=st.dictionaries(TEXT, PATHS, max_size=3),
    redacted=st.booleans(),
)


@given(CAPTURES)
def test_load_gives_back_what_dump_wrote(capture: Capture) -> None:
    text = dump(capture)
    assert load(text) == capture
    assert dump(load(text)) == text


def test_text_stays_readable_and_bytes_are_base64() -> None:
    capture = Capture(
        "n1", 5, {"id": CommandReading(0, b"0\n")}, {"/a": PathReading("file", "644", "root:root", 2, 7, data=b"\xff\x00"), "/b": ABSENT}
    )
    assert json.loads(dump(capture)) == {
        "format": 1,
        "host": "n1",
        "taken": 5,
        "redacted": False,
        "commands": {"id": {"rc": 0, "stdout": "0\n"}},
        "paths": {
            "/a": {"kind": "file", "mode": "644", "owner": "root:root", "size": 2, "mtime": 7, "data": {"base64": "/wA="}},
            "/b": {"kind": "absent"},
        },
    }


def test_an_empty_file_is_not_an_unread_one() -> None:
    capture = Capture("n1", 5, {}, {"/empty": PathReading("file", data=b""), "/unread": PathReading("file")})
    assert [load(dump(capture)).paths[path].data for path in ("/empty", "/unread")] == [b"", None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "not a docker2cri capture of format 1"),
        ('{"format": 2}', "not a docker2cri capture of format 1"),
        ('{"format": 1, "host": "n1", "taken": 1, "redacted": false, "commands": {}}', "a capture lacks or misshapes 'paths'"),
        (
            '{"format": 1, "host": "n1", "taken": 1, "redacted": false, "commands": {}, "paths": {"/x": {}}}',
            "a capture lacks or misshapes 'kind'",
        ),
    ],
)
def test_what_is_no_capture_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="capture") as wrong:
        load(text)
    assert str(wrong.value) == reason


def test_under_gives_path_order() -> None:
    capture = Capture("n1", 0, {}, {"/etc/b": ABSENT, "/etc/a": ABSENT, "/usr": ABSENT})
    assert [path for path, _ in capture.under("/etc/")] == ["/etc/a", "/etc/b"]
