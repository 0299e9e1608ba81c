"""Who acts: a process of a machine, told apart from one that had its number before."""

from __future__ import annotations

import os
import socket
from pathlib import Path


class Identity:
    """`HOST PID START` as text; START is the process's start in clock ticks since the machine's boot (proc(5), stat field 22)."""

    @staticmethod
    def mine() -> str:
        """This process."""
        return f"{socket.gethostname()} {os.getpid()} {_start(os.getpid())}"

    @staticmethod
    def dead(who: str) -> bool:
        """Whether that process is known to be gone: it was on this machine, and is not there any more."""
        words = who.split()
        return len(words) == 3 and words[0] == socket.gethostname() and words[1].isdigit() and _start(int(words[1])) != words[2]


def _start(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"
