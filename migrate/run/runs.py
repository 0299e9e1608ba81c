"""What the operator's machine keeps of a run: its plan, each node's snapshot from before, every event. The node's own journal rules."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from migrate.errors import UsageError
from migrate.plan.model import Plan, dump_plan, load_plan
from migrate.run.store import file_named, put
from migrate.verify.judge import Before, decode_before


def home() -> Path:
    """Where runs are kept: `$XDG_STATE_HOME/docker2cri/runs`."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(state) / "docker2cri" / "runs"


def run_of(plan: Plan) -> str:
    """The run's name: the same plan is always the same run, so applying it again continues it."""
    return plan.digest.removeprefix("sha256:")[:12]


class RunFolder:
    """One run's folder, 0700; files in it are written whole. Raises UsageError for a run or a node that is no name of a file."""

    def __init__(self, run: str, base: Path | None = None) -> None:
        self.run = run
        self.path = (base or home()) / file_named(run)

    def keep_plan(self, plan: Plan) -> None:
        """Keep the plan that is applied."""
        self._put("plan.json", dump_plan(plan).encode())

    def keep_before(self, node: str, before: Before) -> None:
        """Keep what ran on a node before it was emptied."""
        self._put(f"{file_named(node)}.before.json", msgspec.json.encode(before))

    def plan(self) -> Plan | None:
        """The plan of the run, None when this machine never applied it. Raises ValueError for a file that is none."""
        path = self.path / "plan.json"
        return load_plan(path.read_text("utf-8")) if path.exists() else None

    def drained(self, node: str) -> bool:
        """Whether this machine began to empty the node in this run: what ran there is recorded before."""
        return (self.path / f"{file_named(node)}.before.json").exists()

    def before(self, node: str) -> Before | None:
        """What ran on the node before, None when this machine never saw it."""
        path = self.path / f"{file_named(node)}.before.json"
        return decode_before(path.read_bytes()) if path.exists() else None

    def _put(self, name: str, data: bytes) -> None:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            put(self.path / name, data)
        except OSError as wrong:
            raise UsageError(
                seen=f"{self.path / name}: {wrong.strerror}", expected="a folder for the run's record", next="set XDG_STATE_HOME to one"
            ) from wrong
