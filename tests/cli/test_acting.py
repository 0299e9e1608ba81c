"""What `apply` and `rollback` have in common on the command line: the question, Ctrl-C, and the stream of events."""

from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from migrate import __version__
from migrate.cli import act
from migrate.cli.options import ReachOptions
from migrate.cli.show import Show
from migrate.errors import UsageError
from migrate.plan.events import VERSION, Event
from migrate.plan.state import MIGRATED, NodeState, Reason
from migrate.run.operate import Operator

from .test_commands import PROGRAM

TOLD = Event(at=1.0, type="wait", run="r", node="w1", segment="rejoin", text="verify A: not yet", data={"seconds": 3.0, "bound": 120})
ENDED = NodeState(node="w1", state=MIGRATED, exit_code=0, reason=Reason(code="verified", seen="verified"))
REACH = ReachOptions(None, None, None, None, (), None, "paramiko", None, False, None, 120)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"n\n", "not confirmed\r\n  expected: yes\r\n  next: docker2cri rollback w1 --yes\r\n"),
        (b"\n", "not confirmed\r\n  expected: yes\r\n  next: docker2cri rollback w1 --yes\r\n"),
    ],
)
def test_on_a_terminal_it_asks_and_only_yes_is_yes(tmp_path: Path, typed: bytes, said: str) -> None:
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen([str(PROGRAM), "rollback", "w1"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        os.write(ours, typed)
        code = process.wait(60)
        text = b""
        try:
            while more := os.read(ours, 4096):
                text += more
        except OSError:  # its end, as a terminal tells it
            os.close(ours)
    assert code == 7
    assert "Roll w1 back to Docker? [y/N]: " in text.decode()
    assert text.decode().endswith(said)


def test_ctrl_c_and_sigterm_are_wishes_that_are_told_and_the_handlers_come_back(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def work(operator: Operator) -> list[NodeState]:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(os.getpid(), number)
        return [ENDED]

    assert act._run(REACH, None, work) == [ENDED]
    told = "stopping: before the switch after this step; a node inside it is finished or rolled back first\n"
    assert capfd.readouterr().err == f"{told}still {told}"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_events_go_to_a_file_line_by_line_as_they_come(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events"
    with Show(str(path), live=False) as show:
        show.tell(TOLD)
        first, second = lines(path.read_text("utf-8"))
    assert (first["type"], first["text"], first["data"]) == ("version", VERSION, {"tool": __version__})
    assert {name: second[name] for name in ("type", "run", "node", "segment", "text", "data")} == {
        "type": "wait",
        "run": "r",
        "node": "w1",
        "segment": "rejoin",
        "text": "verify A: not yet",
        "data": {"seconds": 3.0, "bound": 120},
    }
    assert capsys.readouterr().err.endswith(" w1 [rejoin] verify A: not yet (3 of 120 s)\n")


def test_events_on_standard_output_leave_it_open(capsys: pytest.CaptureFixture[str]) -> None:
    with Show("-", live=False) as show:
        show.tell(TOLD)
    print("{}")
    assert [line.get("type") for line in lines(capsys.readouterr().out)] == ["version", "wait", None]


HOSTILE = "[/x] [red]x[/red] \x1b]0;title\x07\x1b]52;c;cm0gLXJm\x07\x9b31m\u202epassword: Planted-Pa55\rok"
HARMLESS = "[/x] [red]x[/red] password: REDACTED"


def test_what_a_node_says_is_neither_markup_nor_an_order_nor_a_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events"
    path.write_text("of a run before")
    path.chmod(0o644)
    event = Event(at=1.0, type="step.start", node="w1[bold]", segment="[x]", text=HOSTILE, data={"cause": HOSTILE})
    with Show(str(path), live=True) as show:
        show.tell(event)
        console = Console(file=io.StringIO(), width=200, force_terminal=True)
        console.print(show._table())
        show.tell(replace(event, type="node.end", status=HOSTILE))
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    assert drawn.split() == ["w1[bold]", "[x]", *drawn.split()[2:3], *HARMLESS.split()]
    assert path.stat().st_mode & 0o777 == 0o600
    told = [line for line in lines(path.read_text("utf-8")) if line["type"] != "version"]
    assert [(line["text"], line["data"]) for line in told] == [(HARMLESS, {"cause": HARMLESS})] * 2
    assert all(letter not in capsys.readouterr().err for letter in ("Planted", "\x9b", "\u202e", "\x07"))


def test_events_that_cannot_be_written_are_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        Show(str(tmp_path / "no" / "file"), live=False)
    assert str(refused.value) == (
        f"--events {tmp_path}/no/file: No such file or directory\n  expected: a file that can be written, or -\n  next: name another"
    )
