"""What this Docker did for every container without being asked in its pod, and a CRI runtime does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from migrate.facts import daemon
from migrate.facts.model import Docker


@dataclass(frozen=True, slots=True)
class Habits:
    """Defaults of a Docker daemon that reached pods.

    `init` is a tini before each process, `userns` the remapping of root, `no_new_privileges` its flag on every process,
    `seccomp` the file that stands for RuntimeDefault, `runtime` the default runtime; all false or empty where Docker had its own defaults.
    `apparmor` tells that it confined containers by AppArmor, `scopes` that their cgroups were systemd scopes, both None when unknown.
    """

    init: bool = False
    userns: str = ""
    no_new_privileges: bool = False
    seccomp: str = ""
    runtime: str = ""
    apparmor: bool | None = None
    scopes: bool | None = None


def habits(docker: Docker | None) -> Habits:
    """The habits of one node's Docker; those of an unknown one when it was not read."""
    if docker is None:
        return Habits()
    given = daemon.merged(docker.given)
    runtime = str((docker.info or {}).get("DefaultRuntime") or given.get("default-runtime") or "")
    seccomp = str(given.get("seccomp-profile") or "")
    options = (docker.info or {}).get("SecurityOptions")
    return Habits(
        init=given.get("init") is True,
        userns=str(given.get("userns-remap") or ""),
        no_new_privileges=given.get("no-new-privileges") is True,
        seccomp="" if seccomp in ("builtin", "unconfined") else seccomp,
        runtime="" if runtime in ("runc", "io.containerd.runc.v2") else runtime,
        apparmor=any(str(option).startswith("name=apparmor") for option in options) if isinstance(options, list) else None,
        scopes=docker.cgroup_driver == "systemd" if docker.cgroup_driver else None,
    )


def together(many: Iterable[Habits]) -> Habits:
    """The habits of several nodes as one: what any of them has."""
    found: Mapping[str, list[object]] = {item.name: [] for item in fields(Habits)}
    for habit in many:
        for name, values in found.items():
            values.append(getattr(habit, name))
    return Habits(**{name: _any(values) for name, values in found.items() if values})  # type: ignore[arg-type]


def _any(values: list[object]) -> object:
    """The first that says something, else False where one knows, else what an unknown node has."""
    return next((value for value in values if value), next((value for value in values if value is not None), None))
