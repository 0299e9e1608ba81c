"""The command line as a user runs it, on the lab."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.lab.fixtures import Lab


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Tool:
    """docker2cri against one lab; `given` are the options that every call gets."""

    lab: Lab

    def __call__(self, *argv: str, kubeconfig: str | None = None, stdin: str = "", seconds: float = 300) -> Ran:
        """Run it for so long at most, with the lab's kubeconfig, and no configuration of this machine's user."""
        program = Path(sys.executable).parent / "docker2cri"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER2CRI_", "KUBE", "SSH_"))}
        environment |= {"KUBECONFIG": kubeconfig or str(self.lab.kubeconfig)}
        done = subprocess.run(
            [str(program), *argv], input=stdin, capture_output=True, text=True, env=environment, timeout=seconds, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def reach(self) -> tuple[str, ...]:
        """The options that reach the lab's nodes when they come from the cluster."""
        return ("--ssh-config", str(self.lab.ssh_config))


def table(ran: Ran) -> list[list[str]]:
    """The rows of a table of states; two blanks part the columns."""
    return [re.split(r"\s{2,}", line.strip()) for line in ran.out.splitlines() if line.strip()]


def recap(ran: Ran) -> list[str]:
    """The row of the one node in a table of states: node, state, exit code, reason."""
    return table(ran)[-1]
