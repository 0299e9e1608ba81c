"""What `status --watch` tells: a line of text, or of JSON, for each change. `docs/schema/change-v1.json` is the JSON schema of such a line.

Format `docker2cri.change/v1`: fields are only added, never renamed or given another meaning. Fields that are empty are left out.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from migrate.facts.redact import printable
from migrate.facts.resolve import resolve
from migrate.plan.lease import stamp
from migrate.plan.state import NodeState
from migrate.report.plain import message, one_line
from migrate.report.state_json import Rollout
from migrate.report.state_text import rollout_lines

FORMAT: Literal["docker2cri.change/v1"] = "docker2cri.change/v1"


class WatchedChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was seen at a time (RFC 3339): how a node stands, or who runs a rollout; exactly one of both.

    A `rollout` without an operator says that nobody runs one.
    """

    format: Literal["docker2cri.change/v1"]
    at: str
    node: NodeState | None = None
    rollout: Rollout | None = None


def change_json(now: datetime, seen: NodeState | Rollout) -> str:
    """One change as a line of JSON."""
    at = f"{stamp(now)[:19]}Z"
    node, rollout = (seen, None) if isinstance(seen, NodeState) else (None, seen)
    return msgspec.json.encode(WatchedChange(format=FORMAT, at=at, node=node, rollout=rollout)).decode() + "\n"


def change_text(now: datetime, seen: NodeState | Rollout) -> str:
    """One change as lines of text, each with the time of day in UTC."""
    lines = [_node(seen)] if isinstance(seen, NodeState) else (rollout_lines(seen) or "no rollout runs\n").splitlines()
    return "".join(f"{now:%H:%M:%S}Z {line}\n" for line in lines)


def _node(node: NodeState) -> str:
    told = [node.reason.seen.partition("\n")[0]]
    told += [f"{name} {text}" for name, key in (("last", "last"), ("by", "operator")) if (text := node.details.get(key, "-")) != "-"]
    return one_line(printable(f"{node.node} {node.state}: {message('; '.join(told))}"))


resolve(WatchedChange)
