"""The probe's answer: whatever a shell writes is read back, and nothing that a node prints can pass for more than it is."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.facts.capture import ABSENT, Capture, CommandReading, PathReading
from migrate.facts.frames import FILE_CAP, OUTPUT_CAP, BrokenAnswer, decode

MARKER = "d2c-0123456789abcdef"
SAFE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._@:+,% -"


def field(name: str, data: bytes) -> str:
    encoded = base64.b64encode(data).decode()
    return f"{name} {len(encoded)} {encoded}"


def head(kind: str, key: str) -> str:
    if all(letter in SAFE for letter in key):
        return f"{MARKER} {kind} {key}"
    return f"{MARKER} {kind} ={base64.b64encode(key.encode()).decode()}"


def command(key: str, reading: CommandReading) -> list[str]:
    if reading.skipped is not None:
        return [head("run", key), f"skip {reading.skipped}"]
    return [head("run", key), f"rc {reading.rc}", field("out", reading.stdout), field("err", reading.stderr)]


def path(key: str, reading: PathReading) -> list[str]:
    if reading.kind == "absent":
        return [head("path", key), "dangling" if reading.error else "absent"]
    name = {"file": "regular file", "directory": "directory", "socket": "socket", "other": "fifo"}[reading.kind]
    lines = [head("path", key), f"stat {reading.mode} {reading.owner} {reading.size} {reading.mtime} {name}"]
    lines += [field("link", reading.target.encode())] if reading.target is not None else []
    lines += [field("data", reading.data)] if reading.data is not None else []
    return lines + ([f"error {reading.error}"] if reading.error else [])


def answer(commands: dict[str, CommandReading], paths: dict[str, PathReading], before: str = "") -> bytes:
    frames = [command(key, reading) for key, reading in commands.items()] + [path(key, reading) for key, reading in paths.items()]
    lines = [before, *(line for frame in frames for line in frame), f"{MARKER} end {len(frames)}", ""]
    return "\n".join(lines).encode()


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(lambda key: not key.startswith("="))
COMMANDS = st.one_of(
    st.builds(CommandReading, rc=st.integers(0, 255), stdout=st.binary(max_size=80), stderr=st.binary(max_size=40)),
    st.builds(CommandReading, rc=st.just(0), skipped=st.sampled_from(["docker.service is not active", "unit not loaded"])),
)
PATHS = st.one_of(
    st.just(ABSENT),
    st.just(PathReading("absent", error="a symbolic link that leads nowhere")),
    st.builds(
        PathReading,
        kind=st.sampled_from(["file", "directory", "socket", "other"]),
        mode=st.sampled_from(["644", "1777"]),
        owner=st.just("root:root"),
        size=st.integers(0, 2**40),
        mtime=st.integers(-1, 2**33),
        target=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        data=st.none() | st.binary(max_size=80),
        error=st.none() | st.just("permission denied"),
    ),
)


@given(st.dictionaries(KEYS.filter(lambda key: key != "date"), COMMANDS, max_size=4), st.dictionaries(KEYS, PATHS, max_size=4))
def test_what_the_shell_writes_is_read_back(commands: dict[str, CommandReading], paths: dict[str, PathReading]) -> None:
    assert decode(answer(commands, paths), MARKER, "n1") == Capture("n1", 0, commands, paths)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_cut_answer_is_no_answer(data: bytes, keep: int) -> None:
    whole = answer(
        {"uname": CommandReading(0, data), "id": CommandReading(0, b"0\n")}, {"/etc/x": PathReading("file", "644", "a:b", data=data)}
    )
    cut = whole[: min(keep, len(whole) - 2)]
    with pytest.raises(BrokenAnswer):
        decode(cut, MARKER, "n1")


@given(
    st.lists(
        st.sampled_from(
            [
                b"run x",
                b"path /y",
                b"end 1",
                b"end",
                b"rc 1",
                b"out 4 YWFh",
                b"err 0 ",
                b"stat 1 2 3",
                b"stat a b \xb2 4 d",
                b"link x",
                b"data 9 ..",
                b"absent",
                MARKER.encode() + b" ",
                b"\n",
                b"\xff",
                b"=!",
                b"skip",
            ]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_any_bytes_are_an_answer_or_broken(data: bytes) -> None:
    with suppress(BrokenAnswer):
        assert decode(data, MARKER, "n1").host == "n1"


def test_what_comes_before_the_first_frame_is_nothing() -> None:
    motd = "Welcome!\nrc 1\nout 4 YWFh\nother-marker run id"
    assert decode(answer({"id": CommandReading(0, b"0\n")}, {}, before=motd), MARKER, "n1").commands == {"id": CommandReading(0, b"0\n")}


def test_a_node_cannot_forge_a_frame_without_the_marker() -> None:
    forged = b"\nd2c-ffffffffffffffff path /etc/docker/daemon.json\nstat 644 root:root 2 1 regular file\n\x1b[2J\x00"
    got = decode(answer({"docker info": CommandReading(0, forged, forged)}, {}), MARKER, "n1")
    assert got == Capture("n1", 0, {"docker info": CommandReading(0, forged, forged)}, {})


def test_a_link_target_with_line_ends_stays_a_target() -> None:
    hostile = PathReading("file", "644", "root:root", 1, 1, target=f"/tmp/a\n{MARKER} end 1\ndata 4 AAAA")
    assert decode(answer({}, {"/etc/cni/net.d/x": hostile}), MARKER, "n1").paths == {"/etc/cni/net.d/x": hostile}


@pytest.mark.parametrize(
    ("lines", "seen"),
    [
        ([f"{MARKER} run id", "rc 0", "out 4 YW"], "a command lacks err"),
        ([f"{MARKER} run id", "rc 0", "out 4 YW", "err 0 ", f"{MARKER} end 1"], "a field of 2 characters says it has 4"),
        ([f"{MARKER} run id", "rc 0", "out 2 YW", "err 0 ", f"{MARKER} end 1"], "not base64: Incorrect padding"),
        ([f"{MARKER} run id", "rc x", "out 0 ", "err 0 ", f"{MARKER} end 1"], "not a number: 'x'"),
        ([f"{MARKER} run id", "rc 0", "out 0 ", "err 0 ", f"{MARKER} end 2"], "1 of 2 frames arrived"),
        ([f"{MARKER} run id", "rc 0", "out 0 ", "err 0 "], "the answer has no end"),
        ([f"{MARKER} make coffee", f"{MARKER} end 1"], "unknown frame 'make'"),
        ([f"{MARKER} path /x", "stat 644 root:root 1 regular", f"{MARKER} end 1"], "stat told 4 of 5 values"),
        ([], "the answer has no end"),
    ],
)
def test_a_broken_answer_says_what_is_wrong(lines: list[str], seen: str) -> None:
    with pytest.raises(BrokenAnswer) as wrong:
        decode("\n".join(lines).encode(), MARKER, "n1")
    assert str(wrong.value) == seen


def test_output_at_the_cap_is_marked_truncated() -> None:
    full = answer({"big": CommandReading(141, b"x" * OUTPUT_CAP)}, {"/big": PathReading("file", "644", "a:b", data=b"x" * FILE_CAP)})
    got = decode(full, MARKER, "n1")
    assert (got.commands["big"].truncated, got.paths["/big"].truncated) == (True, True)


def test_a_look_after_a_read_keeps_the_content() -> None:
    read, looked = PathReading("file", "644", "a:b", 1, 1, data=b"x"), PathReading("file", "644", "a:b", 1, 1)
    lines = [*path("/x", read), *path("/x", looked), f"{MARKER} end 2"]
    assert decode("\n".join(lines).encode(), MARKER, "n1").paths == {"/x": read}


@pytest.mark.parametrize(("date", "taken"), [(CommandReading(0, b"1700000000\n"), 1700000000), (CommandReading(127), 0)])
def test_taken_is_the_nodes_clock(date: CommandReading, taken: int) -> None:
    assert decode(answer({"date": date}, {}), MARKER, "n1").taken == taken
