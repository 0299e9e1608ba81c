"""What the rest of the program may ask of a node and of time, and the values that describe one connection."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

OUTPUT_LIMIT = 16 * 1024 * 1024
COMMAND_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a script left behind: exit code 0..255 and both streams, whole."""

    rc: int
    stdout: bytes
    stderr: bytes

    @property
    def values(self) -> dict[str, str]:
        """What its lines NAME=VALUE say, as the node program answers."""
        return dict(line.split("=", 1) for line in self.stdout.decode("utf-8", "replace").splitlines() if "=" in line)


class Host(Protocol):
    """One node, as root. Every call may raise NodeUnreachable, NoSudo or NodeUnreadable; one thread at a time."""

    @property
    def name(self) -> str:
        """The node's name in the inventory."""

    def run(self, script: bytes, *, timeout: float | None = None, limit: int = OUTPUT_LIMIT) -> CommandResult:
        """Run a POSIX sh script as root; `timeout` in seconds for all of it (None: as the target says), `limit` in bytes for each stream.

        The script reaches `/bin/sh -s` on standard input and starts only when it has arrived whole; its own standard input is empty.
        A longer answer or a late one is an error (NodeUnreadable, NodeTimeout), never a shorter result.
        """

    def put(self, data: bytes, path: str, mode: int, owner: str) -> None:
        """Put a file in place of `path` by rename, flushed to disk and its sha256 compared; `owner` is `user:group` or `uid:gid`.

        Raises TransferFailed; what stood at `path` is then untouched.
        """

    def get(self, path: str, *, limit: int = OUTPUT_LIMIT) -> bytes:
        """Read a file of at most `limit` bytes, its sha256 compared; raises NodeUnreadable."""

    def close(self) -> None:
        """End the connection; may be called twice."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class Clock(Protocol):
    """Time, handed in so that tests do not wait."""

    def now(self) -> datetime:
        """The time in UTC, aware."""

    def monotonic(self) -> float:
        """Seconds that never go backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A password: kept out of repr, str and every log line."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "Secret()"


class HostKeyChecking(StrEnum):
    """What to do about a host key that known_hosts does not vouch for."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"
    OFF = "off"


class Backend(StrEnum):
    """Who speaks to the node."""

    PARAMIKO = "paramiko"
    OPENSSH = "openssh"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Time limits in seconds; an error names the one that ran out.

    `silence`: no output and no answer to a keepalive for so long. `command`: all of a script that has no limit of its own.
    """

    connect: float = 10.0
    banner: float = 30.0
    auth: float = 30.0
    silence: float = 30.0
    command: float = COMMAND_TIMEOUT


@dataclass(frozen=True, slots=True)
class HostTarget:
    """All that is needed to reach one node as root, every source of configuration already merged.

    `name` is the inventory's word, `alias` what the ssh binary is given, `address` and `port` where the packets go. `agent` is a
    socket path or None. `proxy_command` is ready for `/bin/sh -c`. `ssh_options` are the ssh_config pairs asked for.
    """

    name: str
    address: str
    user: str
    port: int = 22
    alias: str = ""
    backend: Backend = Backend.PARAMIKO
    key_files: tuple[str, ...] = ()
    default_key_files: tuple[str, ...] = ()
    agent: str | None = None
    identities_only: bool = False
    known_hosts: tuple[str, ...] = ()
    host_key_alias: str | None = None
    host_key_checking: HostKeyChecking = HostKeyChecking.STRICT
    hash_known_hosts: bool = False
    proxy_command: str | None = None
    ssh_options: tuple[tuple[str, str], ...] = ()
    config_file: str | None = None
    become: bool = True
    become_password: Secret | None = None
    timeouts: Timeouts = Timeouts()
