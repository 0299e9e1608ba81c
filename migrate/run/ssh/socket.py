"""The line to a node's sshd: a TCP connection, or a proxy command behind a socket pair."""

import contextlib
import select
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from typing import IO

from migrate.errors import NodeTimeout, NodeUnreachable
from migrate.run.ports import HostTarget
from migrate.run.ssh.doors import Dropped
from migrate.run.ssh.text import readable


@dataclass(slots=True)
class SshLine:
    """A connected socket and, behind a bastion, the proxy command that carries it."""

    socket: socket.socket
    proxy: subprocess.Popen[bytes] | None = None
    proxy_said: IO[bytes] | None = None

    def said(self) -> str:
        """Give what the proxy command printed on stderr, on one line."""
        if self.proxy is None or self.proxy_said is None:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.proxy.wait(1.0)
        self.proxy_said.seek(0)
        return readable(self.proxy_said.read())

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
        if self.proxy_said is not None:
            self.proxy_said.close()


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
    return SshLine(connected)


def _proxy(target: HostTarget, command: str) -> SshLine:
    # not paramiko.ProxyCommand: it spins at the end of input and leaves its child unreaped
    ours, theirs = socket.socketpair()
    said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the line
    try:
        child = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=said, start_new_session=True
        )
    finally:
        theirs.close()
    return SshLine(ours, child, said)
