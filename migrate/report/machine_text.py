"""What machines are, as text: the settings of their Docker with what becomes of each, and the runtimes; told once for nodes alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from migrate.report.causes import plural
from migrate.report.model import DockerSetting, ReportedNode, ReportedRuntime, SettingVerdict
from migrate.report.style import Style

T = TypeVar("T")

ORDER: tuple[SettingVerdict, ...] = ("cannot be carried", "changed", "carried", "not needed")
RUNTIMES = ("RUNTIME", "VERSION", "ROLE", "KUBERNETES", "RUNS")


def machines_text(nodes: Sequence[ReportedNode], style: Style, *, headers: bool = True) -> Iterator[str]:
    """A part for each distinct set of Docker's settings, then for each of runtimes, with the nodes that have it."""
    for settings, hosts in alike(nodes, lambda node: node.settings):
        yield "\n".join([style.paint(f"DOCKER'S SETTINGS on {', '.join(hosts)}", "bold"), *_settings(settings, style)])
    for (inside, runtimes), hosts in alike(nodes, _found):
        title = style.paint(f"RUNTIMES on {', '.join(hosts)}", "bold")
        rows = [(runtime.name, runtime.version or "-", runtime.role, runtime.kubernetes, runs(runtime)) for runtime in runtimes]
        table = [style.table(RUNTIMES, rows, headers=headers)] if rows else []
        yield "\n".join([title, *([style.wrap(f"The machine itself is {inside}.")] if inside else []), *table])


def alike(nodes: Sequence[ReportedNode], value: Callable[[ReportedNode], T | None]) -> list[tuple[T, list[str]]]:
    """The distinct values that are not empty, in the order of the nodes, each with the hosts that have it."""
    found: dict[T, list[str]] = {}
    for node in nodes:
        if shown := value(node):
            found.setdefault(shown, []).append(node.host)
    return list(found.items())


def by_verdict(settings: Sequence[DockerSetting]) -> list[DockerSetting]:
    """What is lost first, what is not needed last."""
    return sorted(settings, key=lambda setting: ORDER.index(setting.verdict))


def runs(runtime: ReportedRuntime) -> str:
    """What a runtime runs now, in words."""
    parts = ["pods"] if runtime.kubernetes in ("directly", "below another") else []
    if runtime.live is None:
        parts.append(f"unknown: {runtime.unread}")
    elif runtime.live:
        more = f" and {runtime.live - len(runtime.own):,} more" if runtime.live > len(runtime.own) else ""
        parts.append(f"of its own: {', '.join(runtime.own)}{more}")
    return "; ".join(parts) or "nothing"


def _found(node: ReportedNode) -> tuple[str, tuple[ReportedRuntime, ...]] | None:
    machine = node.machine
    return (machine.inside, machine.runtimes) if machine and (machine.inside or machine.runtimes) else None


def _settings(settings: Sequence[DockerSetting], style: Style) -> Iterator[str]:
    for verdict, group in groupby(by_verdict(settings), key=lambda setting: setting.verdict):
        members = list(group)
        yield f"  {verdict} ({plural(len(members), 'setting')})"
        for setting in members:
            yield style.wrap(f"{setting.key} = {setting.value} ({setting.place}): {setting.note}", 4, 6)
