"""How nodes stand, as it is published: `-o json` of the commands below. `docs/schema/state-v1.json` is its JSON schema.

Format `docker2cri.state/v1`: fields are only added, never renamed or given another meaning; a reader ignores fields that it does not know.
Fields that are empty are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from migrate.facts.resolve import resolve
from migrate.plan.state import NodeState

FORMAT: Literal["docker2cri.state/v1"] = "docker2cri.state/v1"

Command = Literal["apply", "rollback", "status", "verify", "release"]


class NodeStates(msgspec.Struct, frozen=True, kw_only=True):
    """What a command ended with: each node's state, and the exit code of the process."""

    format: Literal["docker2cri.state/v1"]
    command: Command
    exit_code: int
    nodes: tuple[NodeState, ...]


def state_json(command: Command, exit_code: int, nodes: Iterable[NodeState]) -> str:
    """The states as JSON text."""
    made = NodeStates(format=FORMAT, command=command, exit_code=exit_code, nodes=tuple(nodes))
    return msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"


resolve(NodeStates)
