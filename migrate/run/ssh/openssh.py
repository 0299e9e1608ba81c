"""The system's ssh as carrier: a master connection for each node (ControlMaster), a session for each call; and the local shell.

For what paramiko cannot do: host certificates, FIDO keys, GSSAPI, rare algorithms. Nothing is ever asked on the terminal (BatchMode).
"""

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable

from migrate.errors import AuthenticationRefused, HostKeyRefused, MigrateError, NodeTimeout, NodeUnreachable
from migrate.run.ports import Clock, HostTarget
from migrate.run.ssh.config import NEUTRAL, SESSION, arguments, known
from migrate.run.ssh.doors import Doors, Dropped, looks_dropped
from migrate.run.ssh.host import RootHost
from migrate.run.ssh.subprocess_stream import ProcessStream
from migrate.run.ssh.text import readable

_STALE = ("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED", "host key is known for")


def open_local(target: HostTarget, clock: Clock) -> RootHost:
    """Take the machine we are on for the node (ansible_connection=local)."""
    return RootHost(target, lambda line: ProcessStream(["/bin/sh", "-c", line]), lambda: None, clock)


def open_openssh(target: HostTarget, doors: Doors, clock: Clock) -> RootHost:
    """Connect and log in; raises NodeUnreachable, NodeTimeout, HostKeyRefused or AuthenticationRefused."""
    folder = tempfile.TemporaryDirectory(prefix="d2c-")
    base = _base(target, folder.name)
    try:
        doors.knock(_door(target), _master(target, base))
    except Dropped as dropped:
        folder.cleanup()
        raise NodeUnreachable(
            node=target.name,
            seen=f"sshd dropped every connection before the login: {dropped}",
            expected="an ssh server that lets eight unauthenticated connections in at a time",
            next="look at MaxStartups and PerSourcePenalties in the sshd_config of the node or its bastion",
        ) from None
    except BaseException:
        folder.cleanup()
        raise

    def end() -> None:
        with contextlib.suppress(FileNotFoundError):
            subprocess.run(
                [*base, "-O", "exit", "--", target.alias], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False
            )
        folder.cleanup()

    session = [*base, *arguments(known(SESSION), None), "-T", "--", target.alias]
    return RootHost(target, lambda line: ProcessStream([*session, line]), end, clock)


def _base(target: HostTarget, folder: str) -> list[str]:
    times = target.timeouts
    ours = (
        ("BatchMode", "yes"),
        ("ControlPath", os.path.join(folder, "s")),
        ("ControlMaster", "auto"),
        ("ControlPersist", "60"),
        ("ConnectTimeout", f"{max(1, round(times.connect))}"),
        ("ServerAliveInterval", f"{max(1, round(times.silence / 3))}"),
        ("ServerAliveCountMax", "2"),
        ("LogLevel", "ERROR"),
        ("ForwardAgent", "no"),
        ("ForwardX11", "no"),
        *known(NEUTRAL),
    )
    return ["ssh", *arguments((*ours, *target.ssh_options), target.config_file)]


def _master(target: HostTarget, base: list[str]) -> Callable[[], None]:
    # -f: ssh leaves for the background once it is logged in; its stderr is a file, since the master would hold a pipe open for ever
    limit = target.timeouts.connect + target.timeouts.banner + target.timeouts.auth

    def attempt() -> None:
        with tempfile.TemporaryFile() as said:
            try:
                done = subprocess.run(
                    [*base, "-f", "-N", "--", target.alias],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, timeout=limit, check=False, start_new_session=True,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise NodeTimeout(
                    node=target.name,
                    seen=f"ssh did not log in within {limit:g} s (connect, banner and auth timeout together)",
                    expected="a login without questions",
                    next=f"ssh -v {target.alias}",
                ) from None
            said.seek(0)
            text = readable(said.read())
        if done.returncode == 0:
            return
        if looks_dropped(text):
            raise Dropped(text)
        raise _failure(target, text)

    return attempt


def _failure(target: HostTarget, text: str) -> MigrateError:
    again = shlex.join(["ssh", *arguments(target.ssh_options, target.config_file), "--", target.alias, "true"])
    if any(word in text for word in _STALE):
        expected = "a host key that known_hosts or a certificate authority vouches for"
        return HostKeyRefused(node=target.name, seen=f"ssh refuses the host key: {text}", expected=expected, next=again)
    if "Permission denied" in text or "Too many authentication failures" in text:
        expected = "a key that the node knows, without a question on the terminal"
        return AuthenticationRefused(node=target.name, seen=f"ssh cannot log in: {text}", expected=expected, next=again)
    kind = NodeTimeout if "timed out" in text else NodeUnreachable
    return kind(node=target.name, seen=f"ssh cannot connect: {text}", expected="a connection", next=again)


def _door(target: HostTarget) -> str:
    return next((value for key, value in target.ssh_options if key.lower() in ("proxyjump", "proxycommand")), target.alias)
