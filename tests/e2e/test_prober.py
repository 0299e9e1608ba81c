"""The prober sees what a user would: what it reports as failed, and that nothing slows its schedule. No lab is needed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.e2e.prober import EVERY, users

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server on loopback that does `answer` with each connection, in a thread of its own; gives its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:

        def serve() -> None:
            with suppress(OSError):  # it was closed
                while True:
                    threading.Thread(target=answer, args=(listening.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def saying(*parts: bytes, wait: float = 0.0) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # the prober gave up
            connection.recv(4096)
            for part in parts:
                time.sleep(wait)
                connection.sendall(part)

    return answer


def errors(port: int, folder: Path, seconds: float = 0.3) -> tuple[int, set[str]]:
    """How many requests there were, and everything that was wrong with one of them."""
    with users({"it": f"127.0.0.1:{port}/"}, folder) as found:
        time.sleep(seconds)
    return len(found.seen.requests), {one.error for one in found.seen.requests}


def test_whole_answers_are_good(tmp_path: Path) -> None:
    with server(saying(WHOLE[:20], WHOLE[20:])) as port:
        assert errors(port, tmp_path)[1] == {""}


def test_everything_else_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = int(closed.getsockname()[1])
    assert errors(port, tmp_path)[1] == {"ConnectionRefusedError"}
    for parts, said in (
        ((), "the connection was closed without an answer"),
        ((WHOLE[:-1],), "1 of 2 bytes came"),
        ((b"HTTP/1.1 503 Service Unavailable\r\n\r\n",), "answered b'HTTP/1.1 503 Service Unavailable'"),
    ):
        with server(saying(*parts)) as port:
            assert errors(port, tmp_path)[1] == {said}


def test_slow_answers_fail_and_delay_no_other(tmp_path: Path) -> None:
    with server(saying(WHOLE, wait=4.0)) as port:
        count, said = errors(port, tmp_path, 1.0)
    assert said == {"no answer in time"}
    assert count >= 0.8 / EVERY
