"""Many nodes at once, doors that drop, and what may not be imported or shown."""

import subprocess
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from migrate.errors import NodeUnreachable, UnexpectedError, UsageError
from migrate.run.fleet import map_hosts
from migrate.run.inventory.read import InventoryHost
from migrate.run.ports import HostTarget, Secret
from migrate.run.ssh.doors import Doors, Dropped
from migrate.run.ssh.exchange import ExchangeEnd, converse
from migrate.run.ssh.rootshell import Markers, command_line, run_body
from migrate.run.ssh.text import readable


class FakeClock:
    def __init__(self) -> None:
        self.passed = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.passed, UTC)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


def hosts(*names: str) -> list[InventoryHost]:
    return [InventoryHost(name) for name in names]


def test_results_keep_the_order_and_failures_stop_nobody() -> None:
    lost = NodeUnreachable(node="b", seen="gone", expected="there", next="look")

    def visit(host: InventoryHost) -> str:
        if host.name == "b":
            raise lost
        if host.name == "c":
            raise KeyError("oops")
        return host.name.upper()

    results = map_hosts(hosts("d", "c", "b", "a"), visit, forks=3)
    assert list(results) == ["d", "c", "b", "a"]
    assert (results["d"], results["b"], results["a"]) == ("D", lost, "A")
    error = results["c"]
    assert isinstance(error, UnexpectedError)
    assert str(error) == (
        "c: unexpected KeyError: 'oops'\n  expected: no defect of this program\n  next: repeat with --debug and report the text"
    )
    assert isinstance(error.__cause__, KeyError)


def test_no_more_than_forks_at_a_time() -> None:
    lock, now, most = threading.Lock(), 0, 0
    both = threading.Barrier(2, timeout=5)

    def visit(_: InventoryHost) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        both.wait()
        with lock:
            now -= 1

    map_hosts(hosts("a", "b", "c", "d"), visit, forks=2)
    assert most == 2
    assert map_hosts([], visit) == {}


def test_a_name_twice() -> None:
    with pytest.raises(UsageError) as caught:
        map_hosts(hosts("a", "b", "a"), lambda host: host.name)
    assert str(caught.value) == "a named more than once\n  expected: every node once\n  next: take the repeated names out"


def test_a_dropped_knock_waits_longer_each_time_and_gives_up() -> None:
    clock = FakeClock()
    moments = []

    def attempt() -> str:
        moments.append(clock.passed)
        if len(moments) < 4:
            raise Dropped("reset")
        return "in"

    assert Doors(clock).knock("node", attempt) == "in"
    assert len(moments) == 4
    assert 0.875 <= clock.passed <= 2.625

    def never() -> str:
        raise Dropped("reset")

    with pytest.raises(Dropped, match="reset"):
        Doors(clock).knock("node", never)
    assert clock.passed < 50


def test_eight_at_one_door() -> None:
    doors, lock, inside, most = Doors(FakeClock()), threading.Lock(), 0, 0
    full = threading.Event()

    def attempt() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == 8:
                full.set()
        assert full.wait(5)
        with lock:
            inside -= 1

    map_hosts(hosts(*(f"n{number}" for number in range(16))), lambda host: doors.knock("same", attempt), forks=16)
    assert most == 8


@dataclass
class Script:
    """A stream that plays what a node prints: an answer for each turn, and what it was sent."""

    turns: list[tuple[bytes, bytes]]
    sent: bytes = b""
    closed: bool = False
    input_open: bool = True

    def send(self, data: memoryview) -> int:
        taken = bytes(data[:7])
        self.sent += taken
        return len(taken)

    def end_input(self) -> None:
        self.input_open = False

    def wait(self, seconds: float, *, sending: bool) -> None: ...

    def read(self) -> tuple[bytes, bytes]:
        return self.turns.pop(0) if self.turns else (b"", b"")

    def ended(self) -> bool:
        return not self.turns

    def close(self) -> None:
        self.closed = True


MARKS = Markers(b"START", b"END", b"PROMPT", b"USER")


def test_markers_in_pieces_between_noise() -> None:
    text = b"noise STARTout ENENEND3; no"
    stream = Script([(text[at : at + 1], b"lecture STARTerr END3; later"[at : at + 1]) for at in range(28)])
    answer = converse(stream, b"body", MARKS, None, 10, 1000, FakeClock())
    assert (answer.outcome, stream.sent, stream.closed, stream.input_open) == (ExchangeEnd.DONE, b"body", True, False)
    assert answer.result is not None
    assert (answer.result.rc, answer.result.stdout, answer.result.stderr) == (3, b"out ENEN", b"err ")


def test_the_body_waits_for_the_shell_when_there_is_a_password() -> None:
    quiet = (b"", b"")
    stream = Script([quiet, (b"", b"PROM"), quiet, (b"", b"PT"), *[quiet] * 9, (b"START", b"START"), *[quiet] * 9, (b"END0;", b"END0;")])
    answer = converse(stream, b"body", MARKS, Secret("horse"), 10, 1000, FakeClock())
    assert (answer.outcome, stream.sent) == (ExchangeEnd.DONE, b"horse\nbody")
    stream = Script([(b"", b"STARTx"), *[quiet] * 9, (b"STARTy", b""), (b"END0;", b"END0;")])
    answer = converse(stream, b"body", MARKS, Secret("horse"), 10, 1000, FakeClock())
    assert (answer.outcome, stream.sent) == (ExchangeEnd.DONE, b"body")
    stream = Script([(b"", b"PROMPT"), quiet, (b"", b"Sorry, try again.\nPROMPT"), quiet])
    answer = converse(stream, b"body", MARKS, Secret("horse"), 10, 1000, FakeClock())
    assert (answer.outcome, stream.sent) == (ExchangeEnd.WRONG_PASSWORD, b"horse\n")


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    for out, err, outcome in (
        (b"", b"sudo: no", ExchangeEnd.REFUSED),
        (b"STARTabc", b"STARTdef", ExchangeEnd.CUT),
        (b"STARTaEND0;", b"STARTb", ExchangeEnd.CUT),
    ):
        answer = converse(Script([(out, err)]), b"body", MARKS, None, 10, 1000, FakeClock())
        assert (answer.outcome, answer.result) == (outcome, None)


def test_command_line_and_body_whole() -> None:
    assert command_line(MARKS, become=True, with_password=False) == (
        """exec /bin/sh -c 'LC_ALL=C; export LC_ALL; if [ "$(id -u)" -eq 0 ]; then exec /bin/sh -c "$1"; """
        """else exec sudo -n -- /bin/sh -c "$1"; fi' sh 'printf %s START; printf %s START >&2; IFS= read -r line && eval "$line"'"""
    )
    assert "sudo -S -p PROMPT --" in command_line(MARKS, become=True, with_password=True)
    assert "sudo" not in command_line(MARKS, become=False, with_password=True)
    assert run_body(b"id", MARKS) == b"/bin/sh -s; r=$?; printf %s%s\\; END $r; printf %s%s\\; END $r >&2\n{\nid\n} </dev/null\n"


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "csh", "fish", "zsh", "ksh"])
def test_every_login_shell_reads_the_command_line_alike(shell: str) -> None:
    command = command_line(MARKS, become=True, with_password=False).replace("id -u", "echo 0")
    try:
        done = subprocess.run([shell, "-c", command], input=run_body(b'echo "it\'s" 1>&2', MARKS), capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"no {shell} here")
    assert (done.stdout, done.stderr) == (b"STARTEND0;", b"STARTit's\nEND0;")


def test_a_secret_is_in_no_text() -> None:
    target = HostTarget("n", "a", "u", become_password=Secret("horse"))
    assert "horse" not in f"{target!r}{target}{target.become_password}{target.become_password!r}"


def test_what_a_node_prints_is_made_readable() -> None:
    assert readable(b"\x1b[31mred\x1b[0m\x07\r\n\n  two\t\x1b]0;title\x07\xff") == "red; two�"
    assert readable(b"x" * 500) == "…" + "x" * 400


def test_paramiko_is_imported_late() -> None:
    code = "import sys, migrate.run.ssh.connect, migrate.run.ssh.config, migrate.run.inventory.read; sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
