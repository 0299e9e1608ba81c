"""One call to a node, whoever carries it: feed the root shell, collect both streams together, tell what went wrong."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from migrate.run.ports import Clock, CommandResult, Secret
from migrate.run.ssh.rootshell import Markers, exit_code

_SLICE_SECONDS = 5.0


class SshStream(Protocol):
    """A running remote command; nothing blocks but `wait`. A connection that dies is an end of stream, or an error of the carrier's own."""

    def send(self, data: memoryview) -> int:
        """Hand over as much as fits now; input that nobody reads any more counts as taken."""

    def end_input(self) -> None:
        """Close the command's standard input."""

    def wait(self, seconds: float, *, sending: bool) -> None:
        """Wait for output, for its end, or (when `sending`) for room; at most so long."""

    def read(self) -> tuple[bytes, bytes]:
        """Take what came since, stdout and stderr."""

    def ended(self) -> bool:
        """Tell whether nothing more will come."""

    def close(self) -> None:
        """Let go of the command, finished or not."""


class ExchangeEnd(Enum):
    """How a call ended."""

    DONE = "done"
    NOT_ROOT = "not root"
    REFUSED = "ended before the root shell started"
    WRONG_PASSWORD = "sudo asked for the password again"
    CUT = "ended after the start and before the end"
    TOO_LONG = "more output than allowed"
    TOO_LATE = "time ran out"


@dataclass(frozen=True, slots=True)
class SshAnswer:
    """An outcome; `result` is there when it is DONE; `noise` is what stderr (then stdout) held when there is none."""

    outcome: ExchangeEnd
    result: CommandResult | None = None
    noise: bytes = b""


class _Sink:
    """One stream of output: what stands between the markers, found as it comes."""

    def __init__(self, markers: Markers) -> None:
        self._markers = markers
        self.data = bytearray()
        self.started = False
        self.rc: int | None = None
        self._from = 0

    def add(self, chunk: bytes) -> None:
        if self.rc is not None:  # a background child that still prints
            return
        self.data += chunk
        if not self.started and (at := self.data.find(self._markers.start)) >= 0:
            del self.data[: at + len(self._markers.start)]
            self.started = True
        if self.started:
            at = self.data.find(self._markers.end, self._from)
            if at < 0:
                self._from = max(0, len(self.data) - len(self._markers.end))
            else:
                self._from = at
                self.rc = exit_code(bytes(self.data[at + len(self._markers.end) :][:8]))
                if self.rc is not None:
                    del self.data[at:]


def converse(
    stream: SshStream, body: bytes, markers: Markers, password: Secret | None, timeout: float, limit: int, clock: Clock
) -> SshAnswer:
    """Carry one call to its outcome; the stream is closed afterwards. `timeout` in seconds for all of it, `limit` in bytes for each stream.

    With a password the body waits until the root shell has started: before that, only sudo reads standard input.
    """
    out, err = _Sink(markers), _Sink(markers)
    pending, asked = memoryview(b"" if password else body), 0
    deadline = clock.monotonic() + timeout
    input_open, body_given = True, password is None
    try:
        while out.rc is None or err.rc is None:
            left = deadline - clock.monotonic()
            if left <= 0:
                return SshAnswer(ExchangeEnd.TOO_LATE, noise=bytes(err.data or out.data))
            ended = stream.ended()
            stdout, stderr = stream.read()
            out.add(stdout)
            err.add(stderr)
            if max(len(out.data), len(err.data)) > limit:
                return SshAnswer(ExchangeEnd.TOO_LONG)
            if markers.not_root in err.data and not err.started:
                return SshAnswer(ExchangeEnd.NOT_ROOT)
            if password and not err.started and err.data.count(markers.prompt) > asked:
                if asked:
                    return SshAnswer(ExchangeEnd.WRONG_PASSWORD)
                asked, pending = 1, memoryview(password.value.encode() + b"\n")
            if err.started and not body_given and not pending:
                pending, body_given = memoryview(body), True
            if ended and not stdout and not stderr:
                outcome = ExchangeEnd.CUT if err.started else ExchangeEnd.REFUSED
                return SshAnswer(outcome, noise=bytes(err.data or out.data).replace(markers.prompt, b""))
            sent = stream.send(pending) if pending else 0
            pending = pending[sent:]
            if body_given and input_open and not pending:
                stream.end_input()
                input_open = False
            if not (ended or stdout or stderr or sent):
                stream.wait(min(left, _SLICE_SECONDS), sending=bool(pending))
        return SshAnswer(ExchangeEnd.DONE, CommandResult(out.rc, bytes(out.data), bytes(err.data)))
    finally:
        stream.close()
