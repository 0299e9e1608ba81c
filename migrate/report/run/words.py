"""What every format of a run's report says in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from migrate.formats.listing import plural
from migrate.report.run.model import RunNode, RunReport
from migrate.verify.counts import WorkloadCount

LONGEST = 5  # steps of a node that are named
SHOWN = ("prepare", "drain", "switch", "rejoin", "rollback")  # segments that have a column
ORDER = ("preflight", *SHOWN)


def head(report: RunReport) -> str:
    """`run 4f2e... to containerd: 2 migrated, 1 rolled back`."""
    states = ", ".join(f"{count:,} {state}" for state, count in Counter(node.state for node in report.nodes).items())
    target = f" to {report.target}" if report.target else ""
    return f"run {report.run}{target}: {states or 'no node was begun'}"


def times(report: RunReport) -> str:
    """When it began and ended, and what worked on it."""
    commands = ", ".join(f"{count} x {name}" if count > 1 else name for name, count in Counter(_names(report)).items())
    span = f"{report.began} to {report.ended} ({lasted(report.seconds)})"
    return f"{span}; {commands or 'commands are not known'}; plan {report.digest or 'is not on this machine'}"


def _names(report: RunReport) -> Iterator[str]:
    for command in report.commands:
        yield " ".join(word for word in (command.name, command.tool) if word) or "a command"


def lasted(seconds: float) -> str:
    """`41 s`, `3 min 5 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def segments(node: RunNode) -> dict[str, float]:
    """The seconds in each segment, in the order in which a node goes through them."""
    spent = {segment.name: segment.seconds for segment in node.segments}
    return {name: spent[name] for name in (*ORDER, *(spent.keys() - set(ORDER))) if name in spent}


HEADER = ("Node", "State", "Time", *(name.capitalize() for name in SHOWN), "Evicted", "Workloads")


def columns(node: RunNode) -> tuple[str, ...]:
    """What stands below HEADER between a node's state and its workloads: its time, that in each segment shown, the evicted pods."""
    spent = segments(node)
    times = (lasted(spent[name]) if name in spent else "-" for name in SHOWN)
    return (lasted(node.seconds), *times, str(node.evicted))


def longest(node: RunNode) -> list[str]:
    """The steps that took longest, and those that did not end."""
    chosen = sorted(node.steps, key=lambda step: (step.ended, -step.seconds))[:LONGEST]
    return [f"{step.segment}: {step.text}: {lasted(step.seconds)}{'' if step.ended else ', not ended'}" for step in chosen]


def waited(node: RunNode) -> list[str]:
    """What was waited for."""
    found = []
    for wait in node.waits:
        bound = f" of {lasted(wait.bound)}" if wait.bound else ""
        found.append(f"{wait.segment}: {wait.text}: {lasted(wait.seconds)}{bound}")
    return found


def after(count: WorkloadCount) -> str:
    """How many pods were Ready when it was verified."""
    return "not verified" if count.after is None else str(count.after)


def where(count: WorkloadCount) -> str:
    """Whose pods they are."""
    return "on the node" if count.stays else "in the cluster"


def lacks(count: WorkloadCount) -> bool:
    """Whether fewer pods are Ready than before."""
    return count.after is not None and count.after < count.before


def workloads(node: RunNode) -> str:
    """`7 workloads, all as before`."""
    if not node.workloads:
        return "no workloads"
    if node.workloads[0].after is None:
        return f"{plural(len(node.workloads), 'workload')}, not verified"
    fewer = sum(map(lacks, node.workloads))
    said = f"{fewer:,} with fewer pods" if fewer else "all as before"
    return f"{plural(len(node.workloads), 'workload')}, {said}, on {node.runtime}"
