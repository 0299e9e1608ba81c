"""The node program from the operator's side: laid onto the node, started as a systemd unit, followed by its journal.

A cut connection changes nothing on the node: what was started goes on, and the journal is read again from where it was left.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Callable, Iterator

from migrate.errors import NodeUnreachable, NodeUnreadable, Refused
from migrate.plan.journal import Entry, parse
from migrate.plan.program import NodeProgram
from migrate.run.ports import Clock, CommandResult, Host

ROOT = "/var/lib/docker2cri"
POLL = 20.0  # seconds that one question waits on the node for news
CLAIM = 60  # seconds that an operator's claim lasts without being renewed
LOST = 600.0  # seconds of broken connections before the operator gives up; the node goes on, its guard decides


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
            f"case $(systemctl show -p SubState {unit}.service) in SubState=running | SubState=start) exit 0 ;; esac\n"
            f"systemctl stop {unit}.service 2>/dev/null || :\n"
            f"systemctl reset-failed {unit}.service 2>/dev/null || :\n"
            f"rm -f {self.home}/exit.{verb}\n"
            f"exec systemd-run --quiet --unit={unit} --property=KillMode=control-group {words}"
        )
        self._checked(script, f"starting {verb}")

    def follow(self, verb: str, seen: int) -> Iterator[Entry]:
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
            if ended and not entries:
                return

    def keep(self, name: str, data: bytes) -> None:
        """Keep a file in the run's folder on the node, so that any machine can go on; one that is there stays as it is."""
        path = f"{self.home}/{name}"
        encoded = base64.b64encode(data).decode()
        self._checked(
            f"[ -e {path} ] || {{ umask 077; echo {encoded} | base64 -d >{path}.new && mv {path}.new {path}; }}", f"keeping {name}"
        )

    def kept(self, name: str) -> bytes | None:
        """A file that was kept, None when there is none."""
        path = f"{self.home}/{name}"
        done = self._ask(f"[ -e {path} ] || exit 9\ncat {path}")
        return done.stdout if done.rc == 0 else None

    def journal(self) -> tuple[Entry, ...]:
        """The whole journal of this run; empty when the program was never laid."""
        return parse(self._ask(f"cat {self.home}/journal 2>/dev/null || :").stdout.decode("utf-8", "replace"))

    def verb(self, verb: str, *arguments: str) -> CommandResult:
        """Run a short verb (status, renew, disarm, mark) and wait for it."""
        return self._ask(shlex.join(["sh", f"{self.home}/program.sh", verb, *arguments]))

    def result(self, verb: str) -> str:
        """How a verb's unit ended, as its exit code and a sentence; what is known when it did not end by itself (a reboot, a kill)."""
        said = self._ask(f"cat {self.home}/exit.{verb} 2>/dev/null || :").stdout.decode("utf-8", "replace").strip()
        return said or f"{verb} did not end by itself (the node was rebooted, or the unit killed)"

    def claim(self, me: str, dead: str = "") -> str | None:
        """Take or renew the operator's claim on this node; who holds it instead, or None when it is ours.

        `me` is `HOST PID START`. A claim that was not renewed for CLAIM seconds by the node's clock is free, and so is that of `dead`.
        """
        script = f"""
            mkdir -p {ROOT}; umask 077
            exec 8>>{ROOT}/operator.lock
            flock -w 5 8 || exit 9
            now=$(date +%s)
            if read -r at holder <{ROOT}/operator && [ "$holder" != {shlex.quote(me)} ] && [ "$holder" != {shlex.quote(dead)} ] \\
                && [ $((now - at)) -lt {CLAIM} ]; then
                printf '%s\\n' "$holder"
                exit 0
            fi
            printf '%s %s\\n' "$now" {shlex.quote(me)} >{ROOT}/operator
        """
        return self._ask(script).stdout.decode("utf-8", "replace").strip() or None

    def release(self, me: str) -> None:
        """Give the claim back, if it is ours."""
        script = f'read -r at holder <{ROOT}/operator && [ "$holder" = {shlex.quote(me)} ] && rm -f {ROOT}/operator {ROOT}/operator.lock'
        self._ask(script)

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
