"""A child process as a Stream: the carrier of the openssh backend, of local runs, and of nothing else."""

import contextlib
import os
import select
import subprocess
from collections.abc import Sequence

_CHUNK = 256 * 1024


class ProcessStream:
    """A child with three pipes, in a session of its own, so that Ctrl-C reaches us alone."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._child = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True
        )
        assert self._child.stdin
        assert self._child.stdout
        assert self._child.stderr
        self._input, self._out, self._err = self._child.stdin, self._child.stdout, self._child.stderr
        self._open = {self._out.fileno(), self._err.fileno()}
        for pipe in (self._input, self._out, self._err):
            os.set_blocking(pipe.fileno(), False)

    def send(self, data: memoryview) -> int:
        """Write what the pipe takes."""
        try:
            return os.write(self._input.fileno(), data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            return len(data)

    def end_input(self) -> None:
        """Close the pipe."""
        self._input.close()

    def wait(self, seconds: float, *, sending: bool) -> None:
        """Poll the pipes; a child that has exited is noticed within 0.2 s even when others hold its pipes."""
        poll = select.poll()
        for descriptor in self._open:
            poll.register(descriptor, select.POLLIN)
        if sending:
            poll.register(self._input.fileno(), select.POLLOUT)
        poll.poll(min(seconds, 0.2) * 1000)

    def read(self) -> tuple[bytes, bytes]:
        """Take what is there."""
        return self._take(self._out.fileno()), self._take(self._err.fileno())

    def ended(self) -> bool:
        """Tell whether both pipes are at their end, or the child is gone."""
        return not self._open or self._child.poll() is not None

    def close(self) -> None:
        """Close the pipes; end the child if it still runs."""
        for pipe in (self._input, self._out, self._err):
            with contextlib.suppress(OSError):
                pipe.close()
        try:
            self._child.wait(1.0)
        except subprocess.TimeoutExpired:
            self._child.terminate()
            try:
                self._child.wait(2.0)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    @property
    def status(self) -> int | None:
        """The child's exit code, None while it runs."""
        return self._child.poll()

    def _take(self, descriptor: int) -> bytes:
        if descriptor not in self._open:
            return b""
        try:
            data = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            self._open.discard(descriptor)
        return data
