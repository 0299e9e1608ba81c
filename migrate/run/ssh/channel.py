"""A paramiko channel as a Stream, and the watch over a peer that says nothing. Works on the shape of a channel; imports no paramiko."""

import contextlib
import select
import threading
from collections.abc import Callable
from typing import Protocol

from migrate.run.ports import Clock

_CHUNK = 256 * 1024


class _Channel(Protocol):
    """What is used of paramiko.Channel (non-blocking)."""

    closed: bool
    eof_received: int

    def fileno(self) -> int: ...
    def recv_ready(self) -> bool: ...
    def recv_stderr_ready(self) -> bool: ...
    def recv(self, nbytes: int) -> bytes: ...
    def recv_stderr(self, nbytes: int) -> bytes: ...
    def send_ready(self) -> bool: ...
    def send(self, s: bytes) -> int: ...
    def shutdown_write(self) -> None: ...
    def close(self) -> None: ...


class SilenceWatch:
    """Tells a dead or frozen peer from a busy one: after a third of `silence` without output it sends a request that sshd always answers.

    paramiko's own keepalive asks for no answer; TCP alone does not notice a frozen sshd.
    """

    def __init__(self, ask: Callable[[], object], silence: float, clock: Clock) -> None:
        self._ask = ask
        self._silence = silence
        self._clock = clock
        self._heard = clock.monotonic()
        self._asked_at = 0.0
        self._asking: threading.Thread | None = None

    def heard(self) -> None:
        """Note that something came."""
        self._heard = self._clock.monotonic()

    def dead(self) -> bool:
        """Tell whether the peer has left a request unanswered for too long; asks when it is time to."""
        now = self._clock.monotonic()
        if self._asking is not None:
            if not self._asking.is_alive():
                self._asking = None
                self.heard()
                return False
            return now - self._asked_at > self._silence * 2 / 3
        if now - self._heard > self._silence / 3:
            self._asked_at = now
            self._asking = threading.Thread(target=self._ask, name="ssh-keepalive", daemon=True)
            self._asking.start()
        return False


class ChannelStream:
    """One exec channel; `gone` is called, and raises, when the watch finds the peer dead."""

    def __init__(self, channel: _Channel, watch: SilenceWatch, gone: Callable[[], None]) -> None:
        self._channel = channel
        self._watch = watch
        self._gone = gone

    def send(self, data: memoryview) -> int:
        """Send what the window takes."""
        if not self._channel.send_ready():
            return len(data) if self._channel.closed else 0
        try:
            return self._channel.send(bytes(data[:_CHUNK]))
        except TimeoutError:
            return 0
        except OSError:
            return len(data)

    def end_input(self) -> None:
        """Send the end of input."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.shutdown_write()

    def wait(self, seconds: float, *, sending: bool) -> None:
        """Poll the channel's pipe in short turns: a window that opens does not wake it, and its two halves can lose a wake-up to a race."""
        poll = select.poll()
        poll.register(self._channel.fileno(), select.POLLIN)
        poll.poll(min(seconds, 0.02 if sending else 0.2) * 1000)
        if self._watch.dead():
            self._gone()

    def read(self) -> tuple[bytes, bytes]:
        """Take what is there."""
        out = self._channel.recv(_CHUNK) if self._channel.recv_ready() else b""
        err = self._channel.recv_stderr(_CHUNK) if self._channel.recv_stderr_ready() else b""
        if out or err:
            self._watch.heard()
        return out, err

    def ended(self) -> bool:
        """Tell whether the far end closed its streams, or the connection is gone."""
        return self._channel.closed or bool(self._channel.eof_received)

    def close(self) -> None:
        """Close the channel."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()
