"""Who acts: a process of a machine, told apart from one that had its number before."""

from __future__ import annotations

import os
import socket
from pathlib import Path


class Identity:
    """`HOST PID START SPACE` as text: the process's start in clock ticks since boot (proc(5), stat field 22), and its PID namespace."""

    @staticmethod
    def mine() -> str:
        """This process."""
        return f"{socket.gethostname()} {os.getpid()} {_start(os.getpid())} {_space()}"

    @staticmethod
    def dead(who: str) -> bool:
        """Whether that process is known to be gone: it was on this machine, where we would see it, and is not there any more."""
        words = who.split()
        if len(words) != 4 or (words[0], words[3]) != (socket.gethostname(), _space()) or not words[1].isdigit():
            return False
        return _start(int(words[1])) != words[2]

    @staticmethod
    def words(who: str) -> str:
        """For people: `process 4711 of build-7`."""
        host, _, rest = who.partition(" ")
        pid = rest.split(" ")[0]
        return f"process {pid} of {host}" if pid.isdigit() else who


def _start(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return "gone"
    return "gone" if words[0] == "Z" else words[19]


def _space() -> str:
    return os.readlink("/proc/self/ns/pid").partition("[")[2].rstrip("]") if os.path.exists("/proc/self/ns/pid") else "-"
