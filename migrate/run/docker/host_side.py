"""What the host itself says beside the API: whether Docker runs, who may use its socket. Nothing here touches the socket.

A socket of systemd wakes Docker when it is touched; a daemon that is stopped on purpose stays stopped.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

LIMIT = 10  # seconds
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
SCRIPT = (
    "PATH=$PATH:/usr/sbin:/sbin; s={socket}; "
    'echo "unit=$(systemctl is-active docker.service 2>/dev/null)"; '
    'echo "listener=$(systemctl is-active docker.socket 2>/dev/null)"; '
    'echo "group=$(getent group docker 2>/dev/null)"; '
    'echo "socket=$(stat -L -c "%a %U:%G" "$s" 2>/dev/null)"'
)


@dataclass(frozen=True, slots=True)
class HostSide:
    """The answers; `asleep` tells that Docker is stopped and that its socket would start it."""

    asleep: bool = False
    group: str | None = None
    socket: str | None = None


def host_side(way: Sequence[str], socket: str) -> HostSide:
    """Ask the host: `way` is the command before the script (empty for this host), `socket` the daemon's path on it.

    A host that does not answer gives no answers: reaching it is judged by the API.
    """
    script = SCRIPT.format(socket=shlex.quote(socket))
    command = [*way, script] if way else ["sh", "-c", script]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return HostSide()
    told = dict(line.split("=", 1) for line in done.stdout[:65536].decode("utf-8", "replace").splitlines() if "=" in line)
    asleep = told.get("unit") in ("inactive", "failed") and told.get("listener") == "active" and os.path.normpath(socket) in SOCKETS
    return HostSide(asleep, told.get("group"), told.get("socket"))
