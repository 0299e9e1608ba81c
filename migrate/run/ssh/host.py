"""A node as root over any carrier: what an outcome means, said to the user."""

import hashlib
from collections.abc import Callable
from typing import NoReturn, Self

from migrate.errors import NodeTimeout, NodeUnreachable, NodeUnreadable, NoSudo, TransferFailed
from migrate.run.ports import OUTPUT_LIMIT, Clock, CommandResult, HostTarget
from migrate.run.ssh import rootshell
from migrate.run.ssh.exchange import ExchangeEnd, SshAnswer, SshStream, converse
from migrate.run.ssh.text import readable

SLOWEST = 50_000  # bytes a second that a file is given to arrive
_DIGEST_LINE = 80
_ASK = "repeat with --ask-become-pass (-K)"


class RootHost:
    """The Host of every backend: `start` begins a command line on the node and gives its stream, `end` closes the connection."""

    def __init__(self, target: HostTarget, start: Callable[[str], SshStream], end: Callable[[], None], clock: Clock) -> None:
        self._target = target
        self._start = start
        self._end = end
        self._clock = clock

    @property
    def name(self) -> str:
        """The node's name in the inventory."""
        return self._target.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._end()

    def run(self, script: bytes, *, timeout: float | None = None, limit: int = OUTPUT_LIMIT) -> CommandResult:
        """Run a script as root; see ports.Host."""
        return self._call(lambda markers: rootshell.run_body(script, markers), timeout or self._target.timeouts.command, limit)

    def put(self, data: bytes, path: str, mode: int, owner: str) -> None:
        """Lay a file onto the node; see ports.Host."""
        _check_path(path)
        sha256 = hashlib.sha256(data).hexdigest()
        seconds = self._target.timeouts.command + len(data) / SLOWEST
        done = self._call(lambda markers: rootshell.put_body(data, sha256, path, mode, owner, markers), seconds, OUTPUT_LIMIT)
        if done.rc != 0:
            raise TransferFailed(
                node=self.name,
                seen=f"{path} could not be written: {readable(done.stderr) or f'exit code {done.rc}'}",
                expected="a directory that root can write to, with room, and a known owner",
                next=f"look on the node: ls -ld {path.rpartition('/')[0] or '/'}; df {path.rpartition('/')[0] or '/'}",
            )

    def get(self, path: str, *, limit: int = OUTPUT_LIMIT) -> bytes:
        """Read a file; see ports.Host."""
        _check_path(path)
        for _ in range(2):
            done = self._call(lambda markers: rootshell.get_body(path, markers), self._target.timeouts.command, limit + _DIGEST_LINE)
            digest, _, data = done.stdout.partition(b"\n")
            if done.rc != 0:
                raise NodeUnreadable(
                    node=self.name,
                    seen=f"{path} cannot be read: {readable(done.stderr) or f'exit code {done.rc}'}",
                    expected="a file that root can read",
                    next=f"look on the node: ls -l {path}",
                )
            if digest.split()[:1] == [hashlib.sha256(data).hexdigest().encode()]:
                return data
        raise NodeUnreadable(
            node=self.name,
            seen=f"{path} changes while it is read",
            expected="the same bytes twice",
            next=f"look who writes it: fuser -v {path}",
        )

    def _call(self, body: Callable[[rootshell.Markers], bytes], timeout: float, limit: int) -> CommandResult:
        markers, password = rootshell.Markers.fresh(), self._target.become_password if self._target.become else None
        line = rootshell.command_line(markers, become=self._target.become, with_password=password is not None)
        answer = converse(self._start(line), body(markers), markers, password, timeout, limit, self._clock)
        if answer.result is None:
            self._refuse(answer, timeout, limit)
        return answer.result

    def _refuse(self, answer: SshAnswer, timeout: float, limit: int) -> NoReturn:
        name, said = self.name, readable(answer.noise)
        match answer.outcome:
            case ExchangeEnd.TOO_LATE:
                raise NodeTimeout(
                    node=name,
                    seen=f"the script did not end within {timeout:g} s (command timeout); it may still run there" + _quote(said),
                    expected=f"an end within {timeout:g} s",
                    next="look on the node what hangs: ps -ef --forest; a node that is only slow: repeat with a longer --command-timeout",
                )
            case ExchangeEnd.TOO_LONG:
                raise NodeUnreadable(
                    node=name,
                    seen=f"more than {limit} bytes of output on one stream; the rest was not read",
                    expected=f"at most {limit} bytes",
                    next="look on the node for the oversized file or list",
                )
            case ExchangeEnd.CUT:
                raise NodeUnreachable(
                    node=name,
                    seen="the connection ended while the script ran" + _quote(said),
                    expected="an answer up to its end marker",
                    next="repeat the command; if it happens again, look on the node: journalctl -u ssh -u sshd -n 50",
                )
            case ExchangeEnd.REFUSED if not said:  # a node that goes down ends a session so
                raise NodeUnreachable(
                    node=name,
                    seen="the connection ended before a root shell started",
                    expected="a node that stays up, and a login shell that runs commands",
                    next=f"ssh {self._target.alias or name} id",
                )
            case _:
                raise no_root(self._target, answer)


def no_root(target: HostTarget, answer: SshAnswer) -> NoSudo | NodeUnreadable:
    """Say why no root shell started, from what sudo (in English, LC_ALL=C) or the login shell printed."""
    said = readable(answer.noise)
    user = target.user or "the login user"
    sudoers = f"on the node, as root: echo '{target.user or 'USER'} ALL=(root) NOPASSWD: /bin/sh' > /etc/sudoers.d/docker2cri"
    rights = "a user who may run /bin/sh as root"
    if answer.outcome is ExchangeEnd.NOT_ROOT:
        return NoSudo(node=target.name, seen=f"{user} is not root and become is off", expected="root", next="repeat with --become (-b)")
    if answer.outcome is ExchangeEnd.WRONG_PASSWORD or "incorrect password attempt" in said:
        seen = f"sudo refuses the password given for {user}"
        return NoSudo(node=target.name, seen=seen, expected="the password that sudo asks for on this node", next=_ASK)
    if "sudo: not found" in said or "sudo: command not found" in said:
        seen = f"{user} is not root and there is no sudo here"
        return NoSudo(node=target.name, seen=seen, expected="sudo, or a login as root", next="repeat with -u root")
    if "a password is required" in said or "a terminal is required" in said:
        seen = f"sudo asks {user} for a password"
        return NoSudo(node=target.name, seen=seen, expected="the password, or a user who needs none", next=f"{_ASK}; or {sudoers}")
    if "must have a tty" in said:
        off = f"on the node, as root: echo 'Defaults:{target.user or 'USER'} !requiretty' > /etc/sudoers.d/docker2cri"
        return NoSudo(node=target.name, seen=f"sudo wants {user} to have a terminal (requiretty)", expected=rights, next=off)
    if "sudo" in said or "not allowed to" in said or "may not run" in said:
        return NoSudo(node=target.name, seen=f"sudo does not make {user} root" + _quote(said), expected=rights, next=sudoers)
    return NodeUnreadable(
        node=target.name,
        seen=f"the login shell of {user} did not start a root shell" + _quote(said),
        expected="a login shell that runs commands (sh, bash, zsh, csh, fish)",
        next=f"ssh {target.alias or target.name} id",
    )


def _quote(said: str) -> str:
    return f": {said}" if said else ""


def _check_path(path: str) -> None:
    if not path.startswith("/") or path.endswith("/") or set(path) & set("\n\0"):
        raise ValueError(f"not the absolute path of a file: {path!r}")
