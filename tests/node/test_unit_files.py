"""systemd reads the planned unit files before anything stops: what it says of them, and did not say of those there are, is an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.node.scratch import RUN, SHELLS, Scratch

UNIT = b"[Unit]\nDescription=containerd\n[Service]\nExecStart=/usr/bin/containerd\n"
PROXY = "/etc/systemd/system/containerd.service.d/docker2cri-proxy.conf"


@pytest.fixture(params=SHELLS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "root", SHELLS[request.param])
    made.write("/lib/systemd/system/containerd.service", UNIT)
    return made


def planned(node: Scratch, text: bytes) -> None:
    """Another text for a drop-in of the plan."""
    index = next(line.index for line in node.program.lines if line.kind == "file" and line.arguments[0] == PROXY)
    node.write(f"/var/lib/docker2cri/{RUN}/files/{index}.after", text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            b"[Service]\nUnknownLimit=1\n",
            "containerd.service.d/docker2cri-proxy.conf: Unknown key 'UnknownLimit' in section [Service], ignoring.",
        ),
        (b"[Service]\nExecStart=/bin/true\n", "containerd.service: Service has more than one ExecStart= setting"),
    ],
)
def test_a_drop_in_that_systemd_does_not_take_stops_prepare(text: bytes, said: str, node: Scratch) -> None:
    before = node.tree(), node.state()
    planned(node, text)
    ended = node.verb("forward", "prepare")
    assert ended.code == 1
    reason = f"{RUN}: step 6 validate failed: systemd does not read the planned unit files as they are meant: {said}"
    assert ended.out.splitlines()[-1].startswith(reason), ended.out
    assert f"the files lie in {node.run}/verify/planned" in ended.out
    assert "plymouth" not in ended.out
    assert (node.tree(), {**node.state(), "current": False}) == before


def test_what_it_says_already_of_the_units_as_they_are_does_not_count(node: Scratch) -> None:
    node.write("/etc/systemd/system/containerd.service.d/10-mine.conf", b"[Service]\nUnknownKey=1\nExecStart=/usr/bin/true\n")
    ended = node.verb("forward", "prepare")
    assert (ended.code, ended.out, ended.err) == (0, f"{RUN}: prepare is finished\n", "")
    assert not (node.run / "verify").exists()


def test_a_planned_drop_in_is_read_in_the_place_of_the_one_that_is_there(node: Scratch) -> None:
    node.write(PROXY, b"[Service]\nUnknownKey=1\n")
    planned(node, b"[Service]\nUnknownOther=1\n")
    assert "Unknown key 'UnknownOther'" in node.verb("forward", "prepare").out
    planned(node, b"[Service]\nLimitNOFILE=1\n")
    assert node.verb("forward", "prepare").code == 0


def test_a_node_without_systemd_analyze_goes_on(node: Scratch) -> None:
    program = node.run / "program.sh"
    program.write_text(program.read_text().replace("has systemd-analyze", "has no-such-tool"))
    planned(node, b"[Service]\nUnknownLimit=1\n")
    assert node.verb("forward", "prepare").code == 0
