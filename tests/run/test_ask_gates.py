"""A command and a URL as they are asked for real: what they say, and that each ends in its time."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from migrate.plan.gates import CommandGate, HttpGate
from migrate.run.ask_gates import ask_gate, run_command


def command(script: str, timeout: int = 20, stops: bool = False, **told: str) -> str:
    return ask_gate(CommandGate(argv=("sh", "-c", script), timeout=timeout), told, lambda: stops)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("true", ""),
        ("echo no; exit 0", ""),
        ("exit 3", "exit code 3"),
        ("echo one; echo two >&2; echo; exit 1", "two; exit code 1"),
        ("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last; exit 1", "last; exit code 1"),
        ('read -r line; [ -z "$line" ]', ""),
        ('[ "$GATE_STAGE" = 2 ]', ""),
    ],
)
def test_a_command_is_open_when_it_exits_with_0(script: str, said: str) -> None:
    assert command(script, GATE_STAGE="2") == said


def test_a_command_that_is_not_there() -> None:
    assert ask_gate(CommandGate(argv=("/nonexistent/x",)), {}, lambda: False) == "/nonexistent/x: No such file or directory"


def test_a_command_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    begun = time.monotonic()
    assert command(f"sleep 600 & echo $! >{tmp_path}/pid; echo waiting; wait", timeout=1) == "waiting; it has not ended after 1 s"
    assert command("sleep 600", timeout=600, stops=True) == "it has not ended after 600 s"
    assert time.monotonic() - begun < 60
    child = int((tmp_path / "pid").read_text())
    for _ in range(100):
        stat = Path(f"/proc/{child}/stat")
        if not stat.exists() or ") Z " in stat.read_text():
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        pytest.fail("its child goes on")


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status = int(self.path.strip("/"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def serving() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_url_is_open_when_it_answers_with_2xx(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as url:
        said = {status: ask_gate(HttpGate(url=f"{url}/{status}"), {}, lambda: False) for status in (200, 204, 302, 404, 503)}
    assert said == {200: "", 204: "", 302: "status 302", 404: "status 404", 503: "status 503"}
    assert ask_gate(HttpGate(url=url), {}, lambda: False).startswith("no answer: ")


def test_a_peer_that_trickles_or_talks_otherwise_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    over = threading.Event()

    def trickle(listening: socket.socket) -> None:
        peer, _ = listening.accept()
        with peer:
            peer.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.2):
                peer.sendall(b"X")

    def talks(listening: socket.socket) -> None:
        peer, _ = listening.accept()
        with peer:
            peer.recv(1000)
            peer.sendall(b"SSH-2.0-x\r\n")

    for act, said in ((trickle, "no answer within 1 s"), (talks, "no answer: BadStatusLine")):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=act, args=(listening,))
            thread.start()
            assert ask_gate(HttpGate(url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=1), {}, lambda: False) == said
            over.set()
            thread.join()


def test_a_command_finds_what_it_is_told_on_its_standard_input() -> None:
    asked = run_command(("sh", "-c", 'read -r line; echo "$line"; exit 1'), 20, lambda: False, stdin=b'{"on": "after-run"}\n')
    assert asked == '{"on": "after-run"}; exit code 1'
