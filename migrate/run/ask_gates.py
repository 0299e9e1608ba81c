"""Gates of the operator's own, asked: a command on this machine, a URL. Each within its time, and little of what it says is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import IO, Any

from migrate import __version__
from migrate.plan.gates import CommandGate, HttpGate

KEPT = 4096  # bytes of an answer that are looked at
STEP = 0.2  # seconds between two looks at a command that runs


def ask_gate(gate: CommandGate | HttpGate, told: Mapping[str, str], stops: Callable[[], bool]) -> str:
    """Nothing where it is open, else why not; `told` is what a command finds in its environment.

    A command is ended, with what it started, when its time is over or `stops` says so.
    """
    if isinstance(gate, HttpGate):
        return _http(gate)
    return run_command(gate.argv, gate.timeout, stops, told)


def run_command(
    argv: Sequence[str], timeout: int, stops: Callable[[], bool], told: Mapping[str, str] = MappingProxyType({}), stdin: bytes = b""
) -> str:
    """Nothing when the command exits with 0 within `timeout` seconds, else why not, with the last line that it said.

    `told` is what it finds in its environment, `stdin` on its standard input.
    """
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(stdin)
        given.seek(0)
        try:
            process = subprocess.Popen(argv, stdin=given, stdout=said, stderr=said, env={**os.environ, **told}, start_new_session=True)
        except (OSError, ValueError) as wrong:
            return f"{argv[0]}: {getattr(wrong, 'strerror', None) or wrong}"
        ends = time.monotonic() + timeout
        try:
            while process.poll() is None and time.monotonic() < ends and not stops():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STEP)
            code = process.poll()
        finally:
            with suppress(OSError):  # what it left running too; a group without processes is none any more
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if code == 0:
            return ""
        last = _last_line(said)
        what = f"it has not ended after {timeout} s" if code is None else f"exit code {code}"
        return f"{last}; {what}" if last else what


def _last_line(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - KEPT))
    lines = [line.strip() for line in said.read(KEPT).decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An answer that leads elsewhere is an answer: another address was not asked for."""

    def redirect_request(self, *given: Any) -> None:
        return None


def _http(gate: HttpGate) -> str:
    """In a thread that is left behind when a peer sends a byte now and then: urllib's time is that of one read."""
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(_status(gate)), daemon=True, name="gate")
    asking.start()
    asking.join(gate.timeout)
    return found[0] if found else f"no answer within {gate.timeout} s"


def _status(gate: HttpGate) -> str:
    opener = urllib.request.build_opener(_NoRedirect)
    request = urllib.request.Request(gate.url, headers={"User-Agent": f"docker2cri/{__version__}"})
    try:
        with opener.open(request, timeout=gate.timeout) as answer:
            status = int(answer.status)
    except urllib.error.HTTPError as wrong:
        with wrong:
            status = wrong.code
    except (OSError, ValueError) as wrong:
        reason = getattr(wrong, "reason", wrong)
        return f"no answer: {reason}"[:200]
    except Exception as wrong:  # http.client's own, for an answer that is none
        return f"no answer: {type(wrong).__name__}"
    return "" if 200 <= status < 300 else f"status {status}"
