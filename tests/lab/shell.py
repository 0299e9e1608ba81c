"""Running commands, and the one error of the lab."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Stdin = bytes | IO[bytes] | None


class LabError(Exception):
    """The lab cannot go on; the text says what was seen and what to do."""


def attempt(*argv: str | Path, stdin: Stdin = None, timeout: float = 600, env: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a command and give (exit code, stdout and stderr); 124 when it ran out of time."""
    source = subprocess.PIPE if isinstance(stdin, bytes) else subprocess.DEVNULL if stdin is None else stdin
    try:
        process = subprocess.Popen([str(word) for word in argv], stdin=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    except FileNotFoundError:
        return 127, f"{argv[0]}: not installed"
    with process:
        try:
            output, _ = process.communicate(stdin if isinstance(stdin, bytes) else None, timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            return 124, f"{output.decode(errors='replace')}\nstopped after {timeout:.0f} s"
    return process.returncode, output.decode(errors="replace")


def run(*argv: str | Path, stdin: Stdin = None, timeout: float = 600, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed and give its output."""
    code, output = attempt(*argv, stdin=stdin, timeout=timeout, env=env)
    if code:
        shown = " ".join(str(word) for word in argv)
        raise LabError(f"`{shown}` ended with {code}:\n{output.strip()[-3000:]}")
    return output


def until(what: str, seconds: float, probe: Callable[[], bool], every: float = 0.5) -> None:
    """Wait until `probe` answers true; LabError names `what` when it never does."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not so after {seconds:.0f} s. `python3 -m tests.lab logs DIR` collects what the nodes say.")
        time.sleep(every)


def together(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Do `work` on all items at once and give the results in order; the first failure is raised after all have ended."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return [future.result() for future in [pool.submit(work, item) for item in items]]


class Clock:
    """Says each phase as it begins and how long the one before took."""

    def __init__(self) -> None:
        self._start = self._phase = time.monotonic()
        self._name = ""

    def phase(self, name: str) -> None:
        now = time.monotonic()
        if self._name:
            print(f"lab:   {now - self._phase:5.1f} s  {self._name}", file=sys.stderr, flush=True)
        self._phase, self._name = now, name

    def total(self) -> float:
        self.phase("")
        return time.monotonic() - self._start
