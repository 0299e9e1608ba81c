"""How nodes stand, as it is published: `-o json` of the commands below. `docs/schema/state-v1.json` is its JSON schema.

Format `docker2cri.state/v1`: fields are only added, never renamed or given another meaning; a reader ignores fields that it does not know.
Fields that are empty are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec

from migrate.facts.resolve import resolve
from migrate.plan.lease import ClusterLease, Pause, stamp
from migrate.plan.state import NodeState

FORMAT: Literal["docker2cri.state/v1"] = "docker2cri.state/v1"

Command = Literal["apply", "rollback", "status", "verify", "release"]


class Rollout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the cluster's Lease says: who runs a rollout (`operator`, in words), of which run, since when, and until when the Lease counts.

    `live` is False for one that has expired; `paused` says by whom, when and why all operators are held; `unknown` is why the Lease could
    not be read. Times are RFC 3339.
    """

    operator: str = ""
    run: str = ""
    since: str = ""
    until: str = ""
    live: bool = False
    paused: Pause | None = None
    unknown: str = ""

    @staticmethod
    def of(lease: ClusterLease, operator: str, now: datetime) -> Rollout:
        """What a Lease says at a time."""
        if not lease.holder:
            return Rollout(paused=lease.paused)
        times = {"since": lease.since[:19] + "Z", "until": stamp(lease.expires)[:19] + "Z"}
        return Rollout(operator=operator, run=lease.run, **times, live=lease.live(now), paused=lease.paused)


class NodeStates(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a command ended with: each node's state, and the exit code of the process; for `status` also who runs a rollout."""

    format: Literal["docker2cri.state/v1"]
    command: Command
    exit_code: int
    nodes: tuple[NodeState, ...]
    rollout: Rollout | None = None


def state_json(command: Command, exit_code: int, nodes: Iterable[NodeState], rollout: Rollout | None = None) -> str:
    """The states as JSON text."""
    told = None if rollout == Rollout() else rollout
    made = NodeStates(format=FORMAT, command=command, exit_code=exit_code, nodes=tuple(nodes), rollout=told)
    return msgspec.json.format(msgspec.json.encode(made), indent=2).decode() + "\n"


resolve(NodeStates)
