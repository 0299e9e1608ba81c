"""The file of the nodes that a run did not bring to the target, as Ansible writes it, and --limit, which reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.cli.terminal import say
from migrate.errors import Blocked, UsageError

if TYPE_CHECKING:
    from migrate.plan.state import NodeState


def keep_retry(plan_file: str, states: Sequence[NodeState]) -> None:
    """Write the nodes that failed or were not begun to PLAN.retry, one a line, and tell what to type. Without any, nothing.

    A node that has blockers is left out: the same plan refuses it again.
    """
    left = [state.node for state in states if state.exit_code not in (0, Blocked.exit_code) or state.state == "skipped"]
    if not left:
        return
    path = Path(plan_file).with_suffix(".retry")
    try:
        path.write_text("".join(f"{name}\n" for name in left), "utf-8")
    except OSError as wrong:
        say(f"{path}: {wrong.strerror}; the nodes that are left: {' '.join(left)}")
        return
    say(f"{path} holds the nodes that are left, for --limit @{path}")


def limited(limit: str | None) -> tuple[str, ...]:
    """The nodes that --limit names: NODE,NODE or @FILE with one a line. Raises UsageError for none, and for a file that cannot be read."""
    if limit is None:
        return ()
    try:
        words = Path(limit[1:]).read_text("utf-8").splitlines() if limit.startswith("@") else limit.split(",")
    except (OSError, UnicodeDecodeError) as wrong:
        raise UsageError(
            seen=f"--limit {limit}: {getattr(wrong, 'strerror', None) or wrong}", expected="a file with a node on each line", next="name it"
        ) from wrong
    if names := tuple(word.strip() for word in words if word.strip()):
        return names
    raise UsageError(seen=f"--limit {limit}: it names no node", expected="NODE,NODE or @FILE with a node on each line", next="name one")
