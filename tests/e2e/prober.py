"""Users of a Service: one request every 20 ms on each target, whatever became of the one before.

Open loop: a slow answer delays no later request, each has a TCP connection of its own and is never tried again, and its time counts from
the moment for which it was due. It runs as a process of its own (`python -m tests.e2e.prober`), so that nothing else in a test delays it;
`users()` starts and ends it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EVERY = 0.02  # seconds between two requests on one target
TIMEOUT = 3.0  # seconds after which a request has failed


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its target, when it was due (monotonic clock), seconds to its end, how late it was sent, what went wrong."""

    target: str
    at: float
    took: float
    late: float
    error: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What users saw; `between` and `of` give a part of it."""

    requests: tuple[Request, ...]

    def between(self, start: float, end: float) -> Seen:
        """The requests that were due from `start` until `end`."""
        return Seen(tuple(one for one in self.requests if start <= one.at < end))

    def of(self, *targets: str) -> Seen:
        """The requests on these targets."""
        return Seen(tuple(one for one in self.requests if one.target in targets))

    @property
    def failed(self) -> tuple[Request, ...]:
        """The requests that got no whole answer with status 200 in time."""
        return tuple(one for one in self.requests if one.error)

    @property
    def worst(self) -> float:
        """The slowest answer in seconds, from when its request was due."""
        return max((one.took for one in self.requests), default=math.nan)

    @property
    def worst_sent(self) -> float:
        """The slowest answer in seconds, from when its request was sent: without the delay of the prober itself on a busy machine."""
        return max((one.took - one.late for one in self.requests), default=math.nan)

    def __str__(self) -> str:
        text = f"{len(self.requests)} requests, {len(self.failed)} failed, worst {self.worst_sent * 1000:.0f} ms"
        text += f" ({self.worst * 1000:.0f} ms from when it was due)"
        lines = [f"  {one.target} {_clock(one.at)}: {one.error} after {one.took:.2f} s" for one in self.failed[:10]]
        return "\n".join([text, *lines])


def _clock(at: float) -> str:
    """A time of the monotonic clock as logs write it."""
    return time.strftime("%H:%M:%S", time.localtime(at + time.time() - time.monotonic()))


class Users:
    """The running prober; `seen` once it has ended."""

    def __init__(self) -> None:
        self.seen = Seen(())


def seen_in(probed: Iterable[Users], chapters: Mapping[str, float], chapter: str = "") -> Seen:
    """All that these users saw, or what they saw in one chapter: from its beginning (monotonic clock) to that of the next."""
    everything = Seen(tuple(one for each in probed for one in each.seen.requests))
    names = [*chapters]
    return everything.between(chapters[chapter], chapters[names[names.index(chapter) + 1]]) if chapter else everything


@contextmanager
def users(targets: Mapping[str, str], folder: Path, namespace: int | None = None) -> Iterator[Users]:
    """Probe targets, `{name: ADDRESS:PORT/PATH}`, while the block runs; from the network namespace of a process where one is given."""
    found, out = Users(), folder / f"prober-{namespace or 'here'}.json"
    enter = ["nsenter", f"--net=/proc/{namespace}/ns/net"] if namespace else []
    words = [*enter, sys.executable, "-m", "tests.e2e.prober", str(out), *(f"{name}={where}" for name, where in targets.items())]
    # a session of its own: the kernel shares the processor among sessions (autogroup), whatever the test's own is slowed down to
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "probing\n", f"the prober ended with {process.wait(5)}"
            yield found
        finally:
            process.terminate()
            code = process.wait(TIMEOUT + 10)
    assert code == 0, f"the prober ended with {code}: the run is void"
    found.seen = Seen(tuple(Request(*row) for row in json.loads(out.read_text())))


async def _ask(host: str, port: int, path: str) -> str:
    """One request on a new connection; what is wrong with the answer, empty when nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket() as connection:
        connection.setblocking(False)
        await loop.sock_connect(connection, (host, port))
        await loop.sock_sendall(connection, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := await loop.sock_recv(connection, 4096):
            answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        return f"answered {head[:40]!r}" if head else "the connection was closed without an answer"
    wanted = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), -1)
    return "" if len(body) == wanted else f"{len(body)} of {wanted} bytes came"


async def _request(name: str, host: str, port: int, path: str, due: float, rows: list[Request]) -> None:
    late = time.monotonic() - due
    try:
        async with asyncio.timeout(TIMEOUT):
            error = await _ask(host, port, path)
    except TimeoutError:
        error = "no answer in time"
    except OSError as wrong:
        error = type(wrong).__name__
    rows.append(Request(name, due, time.monotonic() - due, late, error))


async def _schedule(name: str, where: str, start: float, ended: asyncio.Event, rows: list[Request]) -> None:
    address, _, path = where.partition("/")
    host, _, port = address.rpartition(":")
    number = 0
    async with asyncio.TaskGroup() as group:
        while not ended.is_set():
            due = start + number * EVERY
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(_request(name, host, int(port), f"/{path}", due, rows))
            number += 1


async def _probe(targets: Sequence[tuple[str, str]]) -> list[Request]:
    ended, rows = asyncio.Event(), list[Request]()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    start = time.monotonic() + 0.1
    print("probing", flush=True)
    async with asyncio.TaskGroup() as group:
        for place, (name, where) in enumerate(targets):
            group.create_task(_schedule(name, where, start + place * EVERY / len(targets), ended, rows))
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Probe until SIGTERM, then write every request to a file as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.prober", description="Probe targets every 20 ms until SIGTERM.")
    parser.add_argument("out", type=Path)
    parser.add_argument("targets", nargs="+", metavar="NAME=ADDRESS:PORT/PATH")
    asked = parser.parse_args(argv)
    rows = asyncio.run(_probe([(name, where) for name, _, where in (word.partition("=") for word in asked.targets)]))
    asked.out.write_text(json.dumps([[one.target, one.at, one.took, one.late, one.error] for one in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
