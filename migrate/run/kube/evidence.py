"""What a node says of itself for verification: since when its kubelet runs, which containers run and where, what answers on it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec.structs import replace

from migrate.errors import NodeUnreadable
from migrate.facts.redact import mask
from migrate.run.ports import Host
from migrate.run.ssh.text import readable
from migrate.sources import Source
from migrate.sources.table import SOURCES
from migrate.targets import Target
from migrate.targets.table import TARGETS
from migrate.verify.judge import Evidence
from migrate.verify.network import Network, Reach, query, resolved

# How each runtime is asked, by its prefix. Docker is asked only while it runs: a touch of its socket would start it.
_RUNTIMES: dict[str, Source | Target] = {source.prefix: source for source in SOURCES} | {target.prefix: target for target in TARGETS}
# Each by the first program that is there; all at once, for what is dropped and not refused takes its two seconds.
_NETWORK = r"""
tool=none
for one in bash socat nc; do if command -v $one >/dev/null; then tool=$one; break; fi; done
echo "tool $tool"
opens() {
    case $tool in
        bash) timeout 2 bash -c ': <"/dev/tcp/$0/$1"' "$1" "$2" ;;
        socat) timeout 2 socat -u OPEN:/dev/null "TCP:$1:$2" ;;
        nc) timeout 3 nc -z -w 2 "$1" "$2" ;;
        *) return 1 ;;
    esac
}
asks() {
    case $tool in
        bash) timeout 2 bash -c 'exec 3<>"/dev/tcp/$0/53" && printf "$1" >&3 && head -c 14 <&3' "$1" "$2" ;;
        socat) printf "$2" | timeout 2 socat -t 2 - "TCP:$1:53" | head -c 14 ;;
        nc) printf "$2" | timeout 3 nc -w 2 "$1" 53 | head -c 14 ;;
    esac
}
port() { if opens "$1" "$2" >/dev/null 2>&1; then echo "port $1 $2"; fi; }
dns() { said=$(asks "$1" "$2" 2>/dev/null | od -An -v -tx1 | tr -d ' \n'); echo "dns $said"; }
"""
T = TypeVar("T")
_SCRIPT = """
set -eu
shown=$(systemctl show -p ExecMainStartTimestampMonotonic -p NRestarts {unit})
echo "$shown"
printf 'uptime='; cut -d ' ' -f 1 /proc/uptime
printf 'now='; date +%s
case $shown in
    *NRestarts=[1-9]*) {{ journalctl -q -b -n 300 -o cat -u {unit} 2>/dev/null || :; }} | awk '{ended}' | head -c 2000 ;;
esac
printf '\\ncontainers\\n'
{running}
"""
# The last error (klog: a letter, month and day; cobra: Error:) before systemd says that the main process exited.
_ENDED = """/^[EF][0-9][0-9][0-9][0-9] |^Error:/ { last = $0 } /Main process exited/ { said = last } END { print "ended=" said }"""


def read_evidence(host: Host, prefix: str, unit: str = "kubelet.service", told: str = "") -> Evidence:
    """Ask a node, without changing it; `prefix` is the runtime to be seen (`containerd://`, `docker://`, `cri-o://`), `told` an assignment
    of the shell by which its programs find it where it does not listen as by default.

    The kubelet's start is by the node's own clock, in whole seconds rounded down, as the API's heartbeats are. Raises NodeUnreachable, and
    NodeUnreadable when the node cannot say.
    """
    script = _SCRIPT.format(unit=unit, ended=_ENDED, running=_RUNTIMES[prefix].running)
    result = host.run(f"{_exported(told)}{script}".encode())
    head, found, tail = result.stdout.decode("utf-8", "replace").partition("\ncontainers\n")
    facts = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    try:
        if result.rc or not found:
            raise ValueError(readable(result.stderr) or f"exit code {result.rc}")
        since_boot = int(facts["ExecMainStartTimestampMonotonic"]) / 1e6
        if not since_boot:
            raise ValueError(f"{unit} has not been started since the boot")
        started = int(facts["now"]) - (float(facts["uptime"]) - since_boot)
        restarts = int(facts.get("NRestarts", "0"))  # systemd 235
    except (KeyError, ValueError) as wrong:
        raise NodeUnreadable(
            node=host.name,
            seen=f"it does not say when its kubelet started and what runs: {wrong}",
            expected=f"the start of {unit} and the running containers of {prefix}",
            next=f"on the node: systemctl status {unit}",
        ) from wrong
    ended = mask(readable(facts.get("ended", "").encode(), 300))
    return Evidence(kubelet_started=float(int(started)), running=frozenset(tail.split()), restarts=restarts, ended=ended)


class Trying(Protocol):
    """Calls with a connection, again where one broke; see remote.Remote.trying."""

    def __call__(self, call: Callable[[Host], T]) -> T:
        """What `call` gives."""


class NodeSays(Protocol):
    """What verification asks of a node. Each may raise NodeUnreachable and NodeUnreadable."""

    def evidence(self) -> Evidence:
        """See `read_evidence`."""

    def left(self) -> tuple[str, ...]:
        """See `read_left`; nothing where the source was stopped."""

    def cgroup(self, container: str) -> str:
        """See `read_cgroup`."""

    def network(self, reach: Reach) -> Network:
        """See `read_network`."""


def _exported(told: str) -> str:
    return f"export {told}\n" if told else ""


def read_cgroup(host: Host, prefix: str, container: str, told: str = "") -> str:
    """/proc/PID/cgroup of a running container by its ID (hexadecimal, without prefix); `told` as for `read_evidence`.

    Raises NodeUnreadable when it does not run."""
    wrong = "its ID is none"
    if re.fullmatch("[0-9a-f]{12,64}", container):
        pid = _RUNTIMES[prefix].pid.format(id=container)
        result = host.run(f'{_exported(told)}set -e\npid=$({pid})\n[ "${{pid:-0}}" -gt 0 ]\ncat /proc/"$pid"/cgroup'.encode())
        if result.rc == 0:
            return result.stdout.decode("utf-8", "replace")
        wrong = readable(result.stderr) or "it has no process"
    raise NodeUnreadable(
        node=host.name,
        seen=f"the cgroup of container {container[:12]} cannot be read: {wrong}",
        expected=f"a container that runs in {prefix}",
        next=f"on the node: {_RUNTIMES[prefix].running}",
    )


def read_left(host: Host, source: Source) -> tuple[str, ...]:
    """The names of containers that a kubelet made and that run in a source which keeps running. Raises NodeUnreadable when it does not."""
    result = host.run(f"set -e\n{source.left}".encode())
    if result.rc == 0:
        return tuple(result.stdout.decode("utf-8", "replace").split())
    raise NodeUnreadable(
        node=host.name,
        seen=f"{source.engine} does not say which containers it runs: {readable(result.stderr) or f'exit code {result.rc}'}",
        expected=f"{source.engine} running for its other users, without containers of pods",
        next=f"on the node: systemctl status {' '.join(source.shared_units)}",
    )


def read_network(host: Host, reach: Reach) -> Network:
    """Which host ports of `reach` are open from the node itself, and whether its DNS resolves; over TCP, in at most three seconds."""
    asked = [f"port {shlex.quote(port.address)} {port.port} &" for port in reach.ports]
    if reach.resolver is not None:
        octets = "".join(f"\\{octet:03o}" for octet in query(reach.resolver.name))
        asked.append(f"dns {shlex.quote(reach.resolver.address)} '{octets}' &")
    result = host.run(("\n".join((_NETWORK, *asked, "wait"))).encode())
    lines = [line.split() for line in result.stdout.decode("utf-8", "replace").splitlines()]
    if result.rc or not lines or lines[0][:1] != ["tool"]:
        raise NodeUnreadable(
            node=host.name,
            seen=f"it does not say what answers on it: {readable(result.stderr) or f'exit code {result.rc}'}",
            expected="a POSIX /bin/sh with timeout, head and od",
            next="on the node: command -v timeout head od",
        )
    said = next((line[1] for line in lines if line[0] == "dns" and len(line) == 2), "")
    return Network(
        open=frozenset(port for port in reach.ports if ["port", port.address, str(port.port)] in lines),
        resolves=resolved(bytes.fromhex(said)) if re.fullmatch("([0-9a-f]{2})+", said) else False,
        tool=lines[0] != ["tool", "none"],
    )


class Asked:
    """A node that is asked over a connection which is tried again where it broke; `prefix` is the runtime to be seen, `told` how it is
    found (see `read_evidence`), `kept` the source that keeps running beside it, None for none.
    """

    def __init__(self, trying: Trying, prefix: str, told: str = "", kept: Source | None = None) -> None:
        self._trying, self._prefix, self._told, self._kept = trying, prefix, told, kept

    def evidence(self) -> Evidence:
        """See `read_evidence`."""
        seen = self._trying(lambda host: read_evidence(host, self._prefix, told=self._told))
        return replace(seen, left=self.left())

    def left(self) -> tuple[str, ...]:
        """See `read_left`."""
        kept = self._kept
        return () if kept is None else self._trying(lambda host: read_left(host, kept))

    def cgroup(self, container: str) -> str:
        """See `read_cgroup`."""
        return self._trying(lambda host: read_cgroup(host, self._prefix, container, self._told))

    def network(self, reach: Reach) -> Network:
        """See `read_network`."""
        return self._trying(lambda host: read_network(host, reach))
