"""paramiko as carrier: one connection for each node, each phase with its own time limit and its own error.

The only module that imports paramiko. Its SSHClient is not used: the host key must be judged before any login, and a key given by file name
would be validated again for each connection (some 200 ms of CPU for RSA). The plain Transport is: ServiceRequestingTransport never notices
that the far end went away while it waits to be let in.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import paramiko
from paramiko.agent import AgentSSH

from migrate.run.limit import deadline
from migrate.run.ports import Clock, HostTarget
from migrate.run.ssh import failures as ssh_errors
from migrate.run.ssh.channel import ChannelStream, SilenceWatch
from migrate.run.ssh.doors import Doors, Dropped, looks_dropped
from migrate.run.ssh.host import RootHost
from migrate.run.ssh.host_keys import check_host_key, unreadable_known_hosts
from migrate.run.ssh.known_hosts import KnownKey, fingerprint, key_types, load
from migrate.run.ssh.socket import ENTRY_BYTES, SshLine, dial
from migrate.run.ssh.text import readable

# without a handler each failed connection would print a traceback to stderr
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_RSA = ("rsa-sha2-512", "rsa-sha2-256")
_KEEPALIVE_SECONDS = 15
_UNREADABLE_KEY = (OSError, ValueError, TypeError, paramiko.SSHException, paramiko.pkey.UnknownKeyType)


@dataclass(frozen=True, slots=True)
class _Key:
    key: paramiko.PKey
    where: str

    def __str__(self) -> str:
        return f"{self.where} ({fingerprint(self.key.asbytes())})"


class SshClient:
    """The paramiko connections of one run; thread-safe."""

    def __init__(self, doors: Doors, clock: Clock) -> None:
        self._doors = doors
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str, paramiko.PKey | str] = {}
        self._known: dict[tuple[str, ...], tuple[KnownKey, ...]] = {}

    def open(self, target: HostTarget) -> RootHost:
        """Connect, check the host key, log in; raises NodeUnreachable, NodeTimeout, HostKeyRefused, AuthenticationRefused."""
        door = target.proxy_command.replace(target.address, "%h") if target.proxy_command else f"{target.address}:{target.port}"
        try:
            line, transport = self._doors.knock(door, lambda: self._enter(target))
        except Dropped as reason:
            raise ssh_errors.dropped(target, str(reason)) from None

        def start(command: str) -> ChannelStream:
            return _start(target, transport, command, self._clock)

        def end() -> None:
            transport.close()
            line.close()

        return RootHost(target, start, end, self._clock)

    def _enter(self, target: HostTarget) -> tuple[SshLine, paramiko.Transport]:
        line = dial(target)
        transport = None
        try:
            transport = paramiko.Transport(line.socket)
            with line.within(target.timeouts.banner) as late:
                self._greet(target, line, transport, late)
            with line.within(target.timeouts.auth) as late:
                self._log_in(target, line, transport, late)
            line.socket.trust()
        except BaseException:
            if transport is not None:
                transport.close()
            line.close()
            raise
        transport.set_keepalive(_KEEPALIVE_SECONDS)
        return line, transport

    def _greet(self, target: HostTarget, line: SshLine, transport: paramiko.Transport, late: threading.Event) -> None:
        known = self._known_hosts(target)
        first = line.first_words(target.timeouts.banner)
        if first is None or late.is_set():
            raise ssh_errors.no_banner(target)
        if not first:
            raise _hung_up(target, line, "closed before the SSH greeting")
        if not first.startswith(b"SSH-") and looks_dropped(readable(first)):
            raise Dropped(readable(first))
        transport.banner_timeout = transport.handshake_timeout = 2 * target.timeouts.banner  # for each read; `late` comes first
        options = transport.get_security_options()
        wanted = [name for kind in key_types(known, target.address, target.port, alias=target.host_key_alias) for name in _algorithms(kind)]
        options.key_types = sorted(options.key_types, key=lambda kind: kind not in wanted)
        try:
            transport.start_client()
        except paramiko.ssh_exception.IncompatiblePeer as error:
            raise ssh_errors.algorithms_refused(target, str(error)) from None
        except (paramiko.SSHException, EOFError, OSError) as error:
            if late.is_set():
                raise ssh_errors.no_banner(target) from None
            if line.socket.spent():
                raise ssh_errors.too_much(target, ENTRY_BYTES) from None
            if not first.startswith(b"SSH-"):
                raise ssh_errors.no_ssh(target, readable(first)) from None
            raise _hung_up(target, line, str(error) or "closed in the key exchange") from None
        key = transport.get_remote_server_key()
        if check_host_key(target, known, key.get_name(), key.asbytes()):
            with self._lock:
                self._known.pop(target.known_hosts, None)

    def _log_in(self, target: HostTarget, line: SshLine, transport: paramiko.Transport, late: threading.Event) -> None:
        transport.auth_timeout = 2 * target.timeouts.auth  # for each key; `late` comes first
        tried: list[str] = []
        skipped: list[str] = []
        reason = ""
        with contextlib.closing(_Agent(target.agent)) as agent:
            for key in self._candidates(target, agent, skipped):
                tried.append(str(key))
                try:
                    methods = transport.auth_publickey(target.user, key.key)
                except paramiko.BadAuthenticationType as error:
                    reason = f"the server offers only {', '.join(error.allowed_types)}"
                    break
                except (paramiko.SSHException, EOFError, OSError):
                    if late.is_set():
                        raise ssh_errors.auth_late(target) from None
                    if line.socket.spent():
                        raise ssh_errors.too_much(target, ENTRY_BYTES) from None
                    if not transport.is_active():
                        reason = "the server hung up (MaxAuthTries; IdentitiesOnly with one IdentityFile offers fewer keys)"
                        break
                    continue
                if methods:
                    raise ssh_errors.more_wanted(target, methods)
                return
        raise ssh_errors.keys_refused(target, tried, skipped, reason)

    def _candidates(self, target: HostTarget, agent: "_Agent", skipped: list[str]) -> Iterator[_Key]:
        # named files first, whatever the agent holds: sshd hangs up after six refusals
        offered: set[bytes] = set()
        named = {blob for path in target.key_files for blob in _public(path)}
        held = [key for key in agent.get_keys() if not target.identities_only or key.asbytes() in named]
        for source in (self._from_files(target.key_files, skipped, True), held, self._from_files(target.default_key_files, skipped, False)):
            for item in source:
                key = item if isinstance(item, _Key) else _Key(item, "ssh-agent")
                if key.key.asbytes() not in offered:
                    offered.add(key.key.asbytes())
                    yield key

    def _from_files(self, paths: tuple[str, ...], skipped: list[str], named: bool) -> Iterator[_Key]:
        for path in paths:
            with self._lock:
                if path not in self._keys:
                    self._keys[path] = _load(path)
                loaded = self._keys[path]
            if not isinstance(loaded, str):
                yield _Key(loaded, path)
            elif named or loaded != "no such file":
                skipped.append(f"{path}: {loaded}")

    def _known_hosts(self, target: HostTarget) -> tuple[KnownKey, ...]:
        with self._lock:
            try:
                if target.known_hosts not in self._known:
                    self._known[target.known_hosts] = load(target.known_hosts)
                return self._known[target.known_hosts]
            except OSError as error:
                raise unreadable_known_hosts(target, error) from None


class _Agent(AgentSSH):
    """The agent behind one socket, on a connection of its own: paramiko's agent connections are not made for several threads."""

    def __init__(self, path: str | None) -> None:
        super().__init__()
        if path is None:
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(10.0)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]  # the stubs leave it out
        except (OSError, paramiko.SSHException):
            connection.close()

    def close(self) -> None:
        """Leave the agent."""
        self._close()  # type: ignore[attr-defined]


def _hung_up(target: HostTarget, line: SshLine, reason: str) -> Exception:
    # a bastion that refuses says why, and refuses again when asked again
    said = line.said()
    return ssh_errors.no_proxy(target, said) if said and not looks_dropped(said) else Dropped(said or reason)


def _start(target: HostTarget, transport: paramiko.Transport, command: str, clock: Clock) -> ChannelStream:
    # paramiko waits for the answer to an exec request without a limit: the deadline hangs up on a frozen peer
    with deadline(target.timeouts.silence, transport.close) as late:
        try:
            channel = transport.open_session(timeout=target.timeouts.silence)
            channel.settimeout(0.0)
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if late.is_set() or "Timeout" in str(error):
                raise ssh_errors.silent(target) from None
            raise ssh_errors.lost(target, str(error) or "end of file") from None

    def gone() -> None:
        transport.close()
        raise ssh_errors.silent(target)

    watch = SilenceWatch(lambda: transport.global_request("keepalive@openssh.com", wait=True), target.timeouts.silence, clock)
    return ChannelStream(channel, watch, gone)


def _algorithms(key_type: str) -> tuple[str, ...]:
    return _RSA if key_type == "ssh-rsa" else (key_type,)


def _load(path: str) -> paramiko.PKey | str:
    try:
        return paramiko.PKey.from_path(path)
    except FileNotFoundError:
        return "no such file"
    except _UNREADABLE_KEY as error:
        return "encrypted" if "encrypted" in str(error) or "password" in str(error).lower() else str(error)[:120]


def _public(path: str) -> Iterator[bytes]:
    for name in (path, f"{path}.pub"):
        with contextlib.suppress(*_UNREADABLE_KEY, UnicodeDecodeError):
            yield paramiko.pkey.PublicBlob.from_file(name).key_blob
