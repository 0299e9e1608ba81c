"""What the operator's machine keeps of a run: its plan, what it told, each node's snapshot from before. The node's own journal rules."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from migrate.errors import UsageError
from migrate.plan.model import Plan, dump_plan, load_plan
from migrate.run.store import file_named, put
from migrate.verify.counts import After, decode_after
from migrate.verify.judge import Before, decode_before


def home() -> Path:
    """Where runs are kept: `$XDG_STATE_HOME/docker2cri/runs`."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    return Path(state) / "docker2cri" / "runs"


def run_of(plan: Plan) -> str:
    """The run's name: the same plan is always the same run, so applying it again continues it."""
    return plan.digest.removeprefix("sha256:")[:12]


def is_run(name: str) -> bool:
    """Whether a word is the name of a run."""
    return re.fullmatch("[0-9a-f]{12}", name) is not None


class RunFolder:
    """One run's folder, 0700; files in it are written whole. Raises UsageError for a run or a node that is no name of a file."""

    def __init__(self, run: str, base: Path | None = None) -> None:
        self.run = run
        self.path = (base or home()) / file_named(run)

    def keep_plan(self, plan: Plan) -> None:
        """Keep the plan that is applied."""
        self._put("plan.json", [dump_plan(plan).encode()])

    def append(self, name: str, data: bytes) -> None:
        """Add to a file of the run, 0600, in one write."""
        with self._told(self.path / name):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(self.path / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0) as file:
                file.write(data)

    def keep_before(self, node: str, before: Before) -> None:
        """Keep what ran on a node before it was emptied."""
        self._put(f"{file_named(node)}.before.json", [msgspec.json.encode(before)])

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

    def keep_after(self, node: str, after: After) -> None:
        """Keep what was verified on a node last."""
        self._put(f"{file_named(node)}.after.json", [msgspec.json.encode(after)])

    def after(self, node: str) -> After | None:
        """What was verified on the node last, None when this machine never did. Raises ValueError for a record that is none."""
        path = self.path / f"{file_named(node)}.after.json"
        return decode_after(path.read_bytes()) if path.exists() else None

    def path_of(self, node: str, name: str) -> Path:
        """Where a file of a node is kept."""
        return self.path / f"{file_named(node)}.{name}"

    def receive(self, node: str, name: str, chunks: Iterable[bytes]) -> Path:
        """Keep a file of a node that comes in parts, 0600; one that does not come whole is not kept. Raises what `chunks` raises too."""
        self._put(self.path_of(node, name).name, chunks)
        return self.path_of(node, name)

    def room(self) -> int:
        """Bytes that are free where the run is kept."""
        with self._told(self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return shutil.disk_usage(self.path).free

    def _put(self, name: str, parts: Iterable[bytes]) -> None:
        with self._told(self.path / name):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            put(self.path / name, parts)

    @staticmethod
    @contextmanager
    def _told(path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as wrong:
            raise UsageError(
                seen=f"{path}: {wrong.strerror}", expected="a folder for the run's record", next="set XDG_STATE_HOME to one"
            ) from wrong
