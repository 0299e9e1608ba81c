"""The node program from the operator's side: laid onto the node, started as a systemd unit, followed by its journal.

A cut connection changes nothing on the node: what was started goes on, and the journal is read again from where it was left.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from migrate.errors import NodeUnreachable, NodeUnreadable, Refused
from migrate.plan.journal import Entry, parse
from migrate.plan.program import NodeProgram
from migrate.run.ports import Clock, CommandResult, Host

ROOT = "/var/lib/docker2cri"
POLL = 20.0  # seconds that one question waits on the node for news
LOST = 600.0  # seconds of broken connections before the operator gives up; the node goes on, its guard decides


@dataclass(frozen=True, slots=True)
class Ended:
    """How a verb's unit ended: its exit code, and whether the unit is known at all (a reboot forgets it)."""

    code: int
    known: bool


class Remote:
    """One run's program on one node. `connect` opens a new connection whenever the last one broke."""

    def __init__(self, node: str, run: str, connect: Callable[[], Host], clock: Clock) -> None:
        self.node = node
        self.run = run
        self.home = f"{ROOT}/{run}"
        self._connect = connect
        self._clock = clock
        self._host: Host | None = None

    def close(self) -> None:
        """End the connection, if one is open."""
        if self._host is not None:
            self._host.close()
            self._host = None

    def host(self) -> Host:
        """The connection, opened where there is none."""
        if self._host is None:
            self._host = self._connect()
        return self._host

    def owner(self) -> str:
        """The run that owns the node now, empty for none."""
        return self._ask(f"cat {ROOT}/current 2>/dev/null || :").stdout.decode().strip()

    def lay(self, program: NodeProgram) -> None:
        """Put the program's files onto the node; a program of the same run that lies there already is left as it is.

        Raises Refused when another run owns the node.
        """
        owner = self.owner()
        if owner and owner != self.run:
            raise Refused(
                node=self.node,
                seen=f"run {owner} owns this node and is not finished",
                expected="a node that no other run works on",
                next=f"docker2cri status {self.node}, then docker2cri rollback {self.node} or apply that run's plan to its end",
            )
        lines = [f"if [ -e {self.home}/steps ]; then exit 0; fi", "umask 077", f"rm -rf {self.home}.new", f"mkdir -p {self.home}.new"]
        for file in program.files:
            path = shlex.quote(f"{self.home}.new/{file.path}")
            data = base64.b64encode(file.data).decode()
            lines.append(f'mkdir -p "$(dirname {path})"; echo {data} | base64 -d > {path}; chmod {file.mode} {path}')
        lines += [f"sync {self.home}.new/steps 2>/dev/null || sync", f"mv {self.home}.new {self.home}", f"echo {self.run} > {ROOT}/current"]
        self._checked("set -e\n" + "\n".join(lines), "laying the node program")

    def start(self, verb: str, *arguments: str) -> None:
        """Start a verb as a systemd unit (`docker2cri-forward` or `docker2cri-back`); one that runs already is only followed."""
        unit = f"docker2cri-{verb}"
        words = shlex.join(["sh", f"{self.home}/program.sh", verb, *arguments])
        script = (
            f"if systemctl is-active --quiet {unit}.service; then exit 0; fi\n"
            f"systemctl reset-failed {unit}.service 2>/dev/null || :\n"
            f"exec systemd-run --quiet --unit={unit} --property=RemainAfterExit=yes --property=KillMode=control-group {words}"
        )
        self._checked(f"systemctl stop {unit}.service 2>/dev/null || :\n{script}" if self._ended(unit) else script, f"starting {verb}")

    def follow(self, verb: str, seen: int, renew: Callable[[], None]) -> Iterator[Entry]:
        """The journal's entries after number `seen`, as they come, until the verb's unit has ended; survives broken connections."""
        unit = f"docker2cri-{verb}"
        lost_since: float | None = None
        while True:
            try:
                entries, ended = self._news(unit, seen)
            except NodeUnreachable:
                now = self._clock.monotonic()
                lost_since = now if lost_since is None else lost_since
                if now - lost_since > LOST:
                    raise
                self.close()
                self._clock.sleep(2.0)
                continue
            lost_since = None
            for entry in entries:
                seen = entry.seq
                yield entry
            renew()
            if ended and not entries:
                return

    def journal(self) -> tuple[Entry, ...]:
        """The whole journal of this run; empty when the program was never laid."""
        return parse(self._ask(f"cat {self.home}/journal 2>/dev/null || :").stdout.decode("utf-8", "replace"))

    def verb(self, verb: str, *arguments: str) -> CommandResult:
        """Run a short verb (status, renew, disarm, mark) and wait for it."""
        return self._ask(shlex.join(["sh", f"{self.home}/program.sh", verb, *arguments]))

    def result(self, verb: str) -> int:
        """The exit code of a verb's ended unit, -1 when systemd does not know it any more."""
        said = self._ask(f"systemctl show -p ExecMainStatus -p LoadState docker2cri-{verb}.service").stdout.decode()
        values = dict(line.partition("=")[::2] for line in said.splitlines())
        return int(values.get("ExecMainStatus", "-1")) if values.get("LoadState") == "loaded" else -1

    def _ended(self, unit: str) -> bool:
        return self._ask(f"systemctl show -p SubState {unit}.service").stdout.decode().strip() == "SubState=exited"

    def _news(self, unit: str, seen: int) -> tuple[tuple[Entry, ...], bool]:
        """What is new in the journal, waited for on the node, and whether the unit's process has ended."""
        rounds = int(POLL / 0.1)
        script = f"""
            n=0
            while [ $n -lt {rounds} ]; do
                last=$(tail -n 1 {self.home}/journal 2>/dev/null | cut -d' ' -f1)
                [ "${{last:-0}}" -gt {seen} ] 2>/dev/null && break
                state=$(systemctl show -p SubState {unit}.service)
                [ "$state" = SubState=running ] || [ "$state" = SubState=start ] || break
                n=$((n + 1)); sleep 0.1
            done
            systemctl show -p SubState {unit}.service
            cat {self.home}/journal 2>/dev/null || :
        """
        state, _, text = self._ask(script, timeout=POLL + 40).stdout.decode("utf-8", "replace").partition("\n")
        fresh = tuple(entry for entry in parse(text) if entry.seq > seen)
        return fresh, state not in ("SubState=running", "SubState=start")

    def _checked(self, script: str, what: str) -> None:
        done = self._ask(script)
        if done.rc != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip() or "nothing"
            raise NodeUnreadable(
                node=self.node,
                seen=f"{what} failed with exit code {done.rc}: {said}",
                expected="a node with systemd 219 or later and space in /var/lib",
                next=f"docker2cri status {self.node}",
            )

    def _ask(self, script: str, timeout: float = 120.0) -> CommandResult:
        for attempt in (1, 2):
            try:
                return self.host().run(script.encode(), timeout=timeout)
            except NodeUnreachable:
                self.close()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")
