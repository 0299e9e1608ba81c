"""The node program from the operator's side: laid onto the node, started as a systemd unit, followed by its journal.

A cut connection changes nothing on the node: what was started goes on, and the journal is read again from where it was left.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from migrate.errors import HostKeyRefused, NodeUnreachable, NodeUnreadable, NoSudo, Refused
from migrate.plan.mark import RUN_NAME
from migrate.program.journal import Entry, parse
from migrate.program.render import NodeProgram
from migrate.run.ports import Clock, CommandResult, Host
from migrate.run.ssh.text import readable

ROOT = "/var/lib/docker2cri"
CLAIMS = "/run/docker2cri-operator"  # not on a disk: one that is full must not keep anybody from going back
POLL = 5.0  # seconds that one question waits on the node for news
CLAIM = 60  # seconds that an operator's claim lasts without being renewed
LOST = 600.0  # seconds of broken connections before the operator gives up; the node goes on, its guard decides
AGAIN = 2.0  # seconds between two attempts to connect

# Who holds a claim that still counts, as $holder; $now in seconds since the boot. Not the time of day: a clock that is set back would keep
# a dead operator's claim for as long; a claim from after now is none of this boot's clock.
_HOLDER = f"""
    now=$(sed 's/[^0-9].*//' /proc/uptime) holder=
    [ ! -e {CLAIMS}/claim ] || read -r at holder <{CLAIMS}/claim || :
    case ${{at:-x}} in
        *[!0-9]* | 0?* | ??????????*) holder= ;;
        *) [ "$at" -le "$now" ] && [ $((now - at)) -lt {CLAIM} ] || holder= ;;
    esac
"""

T = TypeVar("T")
Lost = Callable[[str, float, float], None]  # why there is no connection, since how many seconds, given up after how many


@dataclass(frozen=True, slots=True)
class News:
    """What came on the node: journal entries, none when nothing did for a while; how far the image is that is carried, as dd says it."""

    entries: tuple[Entry, ...]
    ended: bool
    carried: str = ""


class Remote:
    """One run's program on one node. `connect` opens a new connection whenever the last one broke.

    `patience` is for how many seconds a broken connection is tried again; it is 0 until something was begun on the node.
    """

    def __init__(self, node: str, run: str, connect: Callable[[], Host], clock: Clock, lost: Lost = lambda *_: None) -> None:
        self.node = node
        self.run = run
        self.home = f"{ROOT}/{run}"
        self.patience = 0.0
        self._connect = connect
        self._clock = clock
        self._lost = lost
        self._host: Host | None = None

    def close(self) -> None:
        """End the connection, if one is open."""
        if self._host is not None:
            self._host.close()
            self._host = None

    def trying(self, call: Callable[[Host], T]) -> T:
        """What `call` gives, on a new connection where the last one broke; raises NodeUnreachable after `patience`.

        Everything that is called here may be said twice: the first answer may be what was lost.
        """
        begun: float | None = None
        while True:
            try:
                if self._host is None:
                    self._host = self._connect()
                return call(self._host)
            except (HostKeyRefused, NoSudo):
                raise
            except NodeUnreachable as wrong:
                self.close()
                now = self._clock.monotonic()
                if begun is None:  # an old connection may just have ended
                    begun = now
                    continue
                if now - begun >= self.patience:
                    raise
                self._lost(wrong.seen, now - begun, self.patience)
                self._clock.sleep(AGAIN)

    def owner(self) -> str:
        """The run that owns the node now, empty for none. Raises NodeUnreadable as `latest`."""
        return self._run_named(self._word(f"cat {ROOT}/current 2>/dev/null"))

    def latest(self) -> str:
        """The run that owns the node, else the one that last did something on it; empty for none.

        Raises NodeUnreadable for a word that is no name of a run: it becomes a part of paths, here and there.
        """
        newest = f"ls -t {ROOT}/*/journal 2>/dev/null | head -n 1 | sed 's|/journal$||; s|.*/||'"
        return self._run_named(self._word(f"cat {ROOT}/current 2>/dev/null || {newest}"))

    def machine_id(self) -> str:
        """The machine's own ID, empty where it has none (machine-id(5); the second path is that of D-Bus)."""
        return self._word("cat /etc/machine-id 2>/dev/null || cat /var/lib/dbus/machine-id 2>/dev/null")

    def lay(self, program: NodeProgram, plan: bytes, closes: str = "") -> None:
        """Put the program's files and the plan onto the node; a program of the same run that lies there already is left as it is.

        A run that this one `closes` owns the node until this one begins. Raises Refused when another run does.
        """
        owner = self.owner()
        if owner and owner not in (self.run, closes):
            raise Refused(
                node=self.node,
                seen=f"run {owner} owns this node and is not finished",
                expected="a node that no other run works on",
                next=f"docker2cri status {self.node}; then its plan applied to the end, or docker2cri rollback {self.node}",
            )
        new = f"{self.home}.new"
        lines = ["set -e", "umask 077", f"mkdir -p {ROOT}", f"echo {self.run} >{ROOT}/current.new", f"if [ ! -e {self.home}/steps ]; then"]
        lines += [f"rm -rf {new}", f"mkdir {new}"]
        for path, data, mode in (*((file.path, file.data, file.mode) for file in program.files), ("plan.json", plan, "600")):
            place = shlex.quote(f"{new}/{path}")
            encoded = base64.b64encode(data).decode()
            lines.append(f'mkdir -p "$(dirname {place})"; echo {encoded} | base64 -d >{place}; chmod {mode} {place}')
        lines += [f"sync {new}/steps 2>/dev/null || sync", f"rm -rf {self.home}", f"mv {new} {self.home}", "fi"]
        lines.append(f"mv {ROOT}/current.new {ROOT}/current" if not owner or owner == self.run else f"rm {ROOT}/current.new")
        self._checked("\n".join(lines), "laying the node program")

    def push(self, data: bytes, name: str) -> None:
        """Put a large file into the run's folder; one that lies there whole already is left."""
        path = f"{self.home}/{name}"
        known = self._word(f"sha256sum {path} 2>/dev/null").split(" ")[0]
        if known != hashlib.sha256(data).hexdigest():
            self.trying(lambda host: host.put(data, path, 0o600, "root:root"))

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

    def follow(self, verb: str, seen: int) -> Iterator[News]:
        """The journal's entries after number `seen`, as they come, until the verb's unit has ended."""
        while True:
            news = self._news(f"docker2cri-{verb}", seen)
            yield news
            if news.entries:
                seen = news.entries[-1].seq
            elif news.ended:
                return

    def keep(self, name: str, data: bytes) -> None:
        """Keep a file in the run's folder on the node, so that any machine can go on."""
        path = f"{self.home}/{name}"
        encoded = base64.b64encode(data).decode()
        self._checked(f"umask 077; echo {encoded} | base64 -d >{path}.new && mv -f {path}.new {path}", f"keeping {name}")

    def kept(self, name: str) -> bytes | None:
        """A file that was kept, None when there is none."""
        path = f"{self.home}/{name}"
        done = self._ask(f"[ -e {path} ] || exit 9\ncat {path}")
        return done.stdout if done.rc == 0 else None

    def journal(self) -> tuple[Entry, ...]:
        """The whole journal of this run; empty when the program was never laid. Raises NodeUnreadable for one that is none."""
        return self._parsed(self._ask(f"[ ! -e {self.home}/journal ] || cat {self.home}/journal").stdout)

    def verb(self, verb: str, *arguments: str) -> CommandResult:
        """Run a short verb (status, renew, disarm, mark, pause) and wait for it."""
        return self._ask(shlex.join(["sh", f"{self.home}/program.sh", verb, *arguments]))

    def script(self, text: str) -> CommandResult:
        """Run a script of the operator's own, whatever it ends with."""
        return self._ask(text)

    def result(self, verb: str) -> str:
        """How a verb's unit ended, as its exit code and a sentence; what is known when it did not end by itself (a reboot, a kill)."""
        unit = f"docker2cri-{verb}.service"
        if said := self._word(f"cat {self.home}/exit.{verb} 2>/dev/null").partition(" ")[2]:
            return said
        this = f'id=$(systemctl show -p InvocationID {unit} | cut -d= -f2); [ -z "$id" ] ||'
        said = self._word(f'{this} journalctl -q -o cat -n 3 _SYSTEMD_INVOCATION_ID="$id" 2>/dev/null')
        return f"{verb} did not end by itself: {readable(said.encode()) or f'the node was booted, or {unit} was stopped'}"

    def claim(self, me: str, dead: str = "") -> str | None:
        """Take or renew the operator's claim on this node; who holds it instead, or None when it is ours.

        `me` is an Identity. A claim that was not renewed for CLAIM seconds is free, and so is that of `dead`.
        """
        script = f"""
            umask 077; mkdir -p {CLAIMS}
            command -v flock >/dev/null || {{ echo 'the program flock does not exist; install util-linux' >&2; exit 1; }}
            exec 8>>{CLAIMS}/lock
            flock -w 5 8 || {{ echo another operator that takes it just now; exit 0; }}
            {_HOLDER}
            if [ -n "$holder" ] && [ "$holder" != {shlex.quote(me)} ] && [ "$holder" != {shlex.quote(dead)} ]; then
                printf '%s\\n' "$holder"
                exit 0
            fi
            printf '%s %s\\n' "$now" {shlex.quote(me)} >{CLAIMS}/claim
        """
        return self._checked(script, "claiming the node").stdout.decode("utf-8", "replace").strip() or None

    def holder(self) -> str:
        """Who holds the claim now, empty when nobody does."""
        return self._word(f'{_HOLDER}\nprintf %s "$holder"')

    def release(self, me: str) -> None:
        """Give the claim back, if it is ours."""
        self._ask(f'read -r at holder <{CLAIMS}/claim && [ "$holder" = {shlex.quote(me)} ] && rm -f {CLAIMS}/claim')

    def _news(self, unit: str, seen: int) -> News:
        """What is new in the journal, waited for on the node, and whether the unit's process has ended."""
        script = f"""
            n=0
            while [ $n -lt {int(POLL / 0.1)} ]; do
                last=$(tail -n 1 {self.home}/journal 2>/dev/null | cut -d' ' -f1)
                [ "${{last:-0}}" -gt {seen} ] 2>/dev/null && break
                case $(systemctl show -p SubState {unit}.service) in *=dead | *=failed | *=exited) break ;; esac
                n=$((n + 1)); sleep 0.1
            done
            systemctl show -p SubState {unit}.service
            file=$(ls -t {self.home}/images/*[0-9] 2>/dev/null | head -n 1)
            [ -z "$file" ] || tail -c 300 "$file" | tr '\\r' '\\n' | grep bytes | tail -n 1 | tr -d '\\n'
            echo
            [ ! -e {self.home}/journal ] || cat {self.home}/journal
        """
        state, carried, text = self._ask(script).stdout.split(b"\n", 2)
        fresh = tuple(entry for entry in self._parsed(text) if entry.seq > seen)
        ended = state in (b"SubState=dead", b"SubState=failed", b"SubState=exited")
        return News(fresh, ended, readable(carried) if not ended else "")

    def _parsed(self, text: bytes) -> tuple[Entry, ...]:
        try:
            return parse(text.decode("utf-8", "replace"))
        except ValueError as wrong:
            raise NodeUnreadable(
                node=self.node,
                seen=f"{self.home}/journal: {wrong}",
                expected="the journal as the node program wrote it",
                next=f"look on the node: less {self.home}/journal; roll back there: sh {self.home}/restore.sh",
            ) from wrong

    def _checked(self, script: str, what: str) -> CommandResult:
        done = self._ask(script)
        if done.rc != 0:
            said = (done.stderr or done.stdout).decode("utf-8", "replace").strip() or "nothing"
            raise NodeUnreadable(
                node=self.node,
                seen=f"{what} failed with exit code {done.rc}: {said}",
                expected="a node with systemd 219 or later, flock, and space in /var/lib",
                next=f"look on the node: df /var/lib; systemctl --version; then docker2cri status {self.node}",
            )
        return done

    def _run_named(self, word: str) -> str:
        if word and not RUN_NAME.fullmatch(word):
            raise NodeUnreadable(
                node=self.node,
                seen=f"{ROOT}/current names {readable(word.encode())[:200]!r}, which is no run",
                expected="the name of a run, as docker2cri wrote it",
                next=f"look on the node: ls -l {ROOT}; cat {ROOT}/current",
            )
        return word

    def _word(self, script: str) -> str:
        return self._ask(f"{script} || :").stdout.decode("utf-8", "replace").strip()

    def _ask(self, script: str) -> CommandResult:
        return self.trying(lambda host: host.run(script.encode()))
