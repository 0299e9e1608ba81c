"""The line to a node's sshd: a TCP connection, or a proxy command behind a socket pair."""

import contextlib
import select
import socket
import subprocess
import threading
from dataclasses import dataclass
from typing import IO

from migrate.errors import NodeTimeout, NodeUnreachable
from migrate.run.limit import deadline
from migrate.run.ports import HostTarget
from migrate.run.ssh.doors import Dropped
from migrate.run.ssh.text import readable

ENTRY_BYTES = 256 * 1024
"""What a far end may send before the login is done; a greeting, a key exchange and a login take some 5 KiB."""
_KEPT = 16 * 1024


class MeteredSocket(socket.socket):
    """A socket that ends as if the far end hung up after ENTRY_BYTES, until it is told to trust it."""

    __slots__ = ("_left",)

    def __init__(self, connected: socket.socket) -> None:
        super().__init__(fileno=connected.detach())
        self._left: float = ENTRY_BYTES

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Take what came."""
        data = super().recv(size, flags)
        self._left -= 0 if flags & socket.MSG_PEEK else len(data)
        return data if self._left >= 0 else b""

    def spent(self) -> bool:
        """Tell whether the far end sent more than it may."""
        return self._left < 0

    def trust(self) -> None:
        """Take any number of bytes from now on: the far end has shown that it is the node."""
        self._left = float("inf")


class ProxyWords:
    """What a child prints on stderr: read until its end, so that the child never waits; the last 16 KiB are kept."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def text(self, seconds: float) -> str:
        """Give it on one line; waits for its end, at most so long."""
        self._reader.join(seconds)
        return readable(self._kept)

    def _read(self) -> None:
        with self._pipe, contextlib.suppress(OSError, ValueError):
            while data := self._pipe.read1(_KEPT):  # type: ignore[attr-defined]  # a BufferedReader
                self._kept = (self._kept + data)[-_KEPT:]


@dataclass(slots=True)
class SshLine:
    """A connected socket and, behind a bastion, the proxy command that carries it."""

    socket: MeteredSocket
    proxy: subprocess.Popen[bytes] | None = None
    proxy_said: ProxyWords | None = None

    def said(self) -> str:
        """Give what the proxy command printed on stderr, on one line."""
        if self.proxy is None or self.proxy_said is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.proxy.wait(1.0)
        return self.proxy_said.text(1.0)

    def within(self, seconds: float) -> contextlib.AbstractContextManager[threading.Event]:
        """Hang up after `seconds`, however much still arrives; the event tells that this happened."""

        def hang_up() -> None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

        return deadline(seconds, hang_up)

    def first_words(self, seconds: float) -> bytes | None:
        """Look at what the far end says first, without taking it; empty when it hung up, None when it said nothing in time."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return None
        try:
            return self.socket.recv(256, socket.MSG_PEEK)
        except ConnectionResetError:
            return b""

    def close(self) -> None:
        """Hang up, and see the proxy command off."""
        with contextlib.suppress(OSError):
            self.socket.close()
        if self.proxy is not None:
            try:
                self.proxy.wait(1.0)
            except subprocess.TimeoutExpired:
                self.proxy.kill()
                self.proxy.wait()


def dial(target: HostTarget) -> SshLine:
    """Connect; raises NodeUnreachable, NodeTimeout (connect timeout), or Dropped when the far end reset the connection."""
    return _proxy(target, target.proxy_command) if target.proxy_command else _tcp(target)


def _tcp(target: HostTarget) -> SshLine:
    where = f"{target.address} port {target.port}"
    seconds = target.timeouts.connect
    try:
        connected = socket.create_connection((target.address, target.port), timeout=seconds)
    except socket.gaierror as error:
        raise NodeUnreachable(
            node=target.name,
            seen=f"the name {target.address} does not resolve: {error.strerror}",
            expected="a name that resolves, or an address in the inventory (ansible_host)",
            next=f"getent hosts {target.address}",
        ) from None
    except TimeoutError:
        raise NodeTimeout(
            node=target.name,
            seen=f"no TCP connection to {where} within {seconds:g} s (connect timeout)",
            expected="an sshd that answers there",
            next=f"nc -vz {target.address} {target.port}",
        ) from None
    except ConnectionResetError as error:
        raise Dropped(error.strerror) from None
    except OSError as error:
        raise NodeUnreachable(
            node=target.name,
            seen=f"no TCP connection to {where}: {error.strerror}",
            expected="an sshd that answers there",
            next=f"nc -vz {target.address} {target.port}",
        ) from None
    # a peer that vanished: unacknowledged data gives up after `silence`, an idle line is probed by the kernel
    silence = target.timeouts.silence
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_USER_TIMEOUT", silence * 1000), ("TCP_KEEPIDLE", silence / 3), ("TCP_KEEPINTVL", silence / 6)):
        if (option := getattr(socket, name, None)) is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, max(1, int(value)))
    return SshLine(MeteredSocket(connected))


def _proxy(target: HostTarget, command: str) -> SshLine:
    # not paramiko.ProxyCommand: it spins at the end of input and leaves its child unreaped
    ours, theirs = socket.socketpair()
    try:
        child = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE, start_new_session=True
        )
    finally:
        theirs.close()
    assert child.stderr
    return SshLine(MeteredSocket(ours), child, ProxyWords(child.stderr))
