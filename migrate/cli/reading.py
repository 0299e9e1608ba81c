"""What the commands that read nodes have in common: reading and judging them, and telling what concerns no single node."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.cli.output import notice
from migrate.cli.terminal import say
from migrate.errors import UsageError, worst
from migrate.limits import DEFAULT, Limits

if TYPE_CHECKING:
    from migrate.cli.options import Judging, ReachOptions
    from migrate.plan.model import Plan
    from migrate.rules.judge import Inspected
    from migrate.run.session import Look, ReadingOptions


def inspected(
    nodes: tuple[str, ...],
    reach: ReachOptions,
    reading: ReadingOptions,
    judging: Judging,
    *,
    redacted: bool = False,
    limits: Limits = DEFAULT,
) -> tuple[Look, tuple[Inspected, ...]]:
    """Read what was asked for and judge it: the look, and every machine with its findings. Raises MigrateError."""
    from migrate.rules.judge import judge
    from migrate.run.session import look

    seen = look(reach.access(), nodes, notice, reading)
    wanted = judging.next_kubernetes
    if wanted is not None:
        _refuse_older(wanted, seen)
    machines = [(machine.host, machine.capture, machine.node, machine.error) for machine in seen.machines]
    found = judge(
        seen.cluster,
        machines,
        judging.target,
        judging.accepted,
        redacted=redacted,
        next_kubernetes=wanted,
        stop_timeout=limits.stop,
    )
    return seen, found


def tell_unread(seen: Look) -> None:
    """Say why machines could not be read."""
    for machine in seen.machines:
        if machine.error:
            say(str(machine.error))


def ended(seen: Look, codes: Iterable[int]) -> int:
    """Say what concerns no single node, and give the exit code of all."""
    found = list(codes)
    if seen.cluster_error is not None:
        say(str(seen.cluster_error))
        found.append(seen.cluster_error.exit_code)
    for message in seen.strangers:
        say(message)
    return worst([*found, *(machine.exit_code for machine in seen.machines)])


def load_plan(path: str) -> Plan:
    """A plan file; raises UsageError for one that cannot be used."""
    from migrate.plan import model

    try:
        return model.load_plan(Path(path).read_text("utf-8"))
    except OSError as wrong:
        raise UsageError(
            seen=f"{path}: {wrong.strerror}", expected="a plan that docker2cri wrote", next="docker2cri plan --out FILE"
        ) from wrong
    except ValueError as wrong:
        raise UsageError(seen=f"{path}: {wrong}", expected="a plan as docker2cri wrote it", next=f"docker2cri plan --out {path}") from wrong


def _refuse_older(wanted: tuple[int, int], seen: Look) -> None:
    """Raise UsageError when a node's kubelet is of a later version already."""
    from migrate.facts.model import Kubelet
    from migrate.formats import FormatError, version

    for machine in seen.machines:
        kubelet = machine.facts.kubelet if machine.facts else None
        try:
            has = version.parse(kubelet.version) if isinstance(kubelet, Kubelet) else None
        except FormatError:
            continue  # a finding of its own
        if has is not None and has.release > wanted:
            asked = f"{wanted[0]}.{wanted[1]}"
            raise UsageError(
                seen=f"--next-kubernetes {asked}: the kubelet of {machine.host} is v{has} already",
                expected=f"1.{has.minor} or later",
                next=f"--next-kubernetes 1.{has.minor + 1}",
            )
