"""The low-level runtimes that an admin gave Docker, without those that come with Docker itself.

Sources: moby daemon/runtime_unix.go at v20.10.24, docker info (Runtimes, DefaultRuntime); docker 1.13.1 of RHEL 7 (docker-runc-current).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrate.facts.model import Docker, NodeFacts
from migrate.targets.proxies import Differing

OWN_NAMES = re.compile(r"runc|docker-runc|io\.containerd\.(runc\.v\d+|runtime\.v1\.linux)")
# runc by its name or in a folder of programs, docker-runc wherever it is, and all below folders that belong to Docker's packages
OWN_PATHS = re.compile(
    r"(/usr/(local/)?s?bin/)?runc|(.*/)?docker-runc[\w.-]*|(/usr/lib(exec)?/docker(-latest)?|(/var/lib/snapd)?/snap/docker)/.+"
)


@dataclass(frozen=True, slots=True)
class DockerRuntimes:
    """What must be there after a move: `own` are the admin's programs by name, `default` one of their names, or None for plain runc.

    `shim` is Docker's default where it is no program but a shim, which no entry can be made for.
    """

    own: Mapping[str, str]
    default: str | None
    shim: str | None


def docker_runtimes(facts: NodeFacts) -> DockerRuntimes:
    """What `docker info` reports, and of what it does not report what Docker is told by file and flags."""
    docker = facts.docker
    settings = facts.daemon_settings
    info = (docker.info or {}) if isinstance(docker, Docker) else {}
    found = {**_paths(settings.get("runtimes")), **_paths(info.get("Runtimes"))}
    own = {name: path for name, path in sorted(found.items()) if not is_dockers(name, path)}
    default = info.get("DefaultRuntime") or settings.get("default-runtime")
    if not isinstance(default, str) or default in own or is_dockers(default, found.get(default, "")):
        return DockerRuntimes(own, default if isinstance(default, str) and default in own else None, None)
    return DockerRuntimes(own, None, default)


def differing_runtimes(facts: NodeFacts) -> Iterator[Differing]:
    """Where the daemon reports another program of a runtime than its file and flags give, or none."""
    docker = facts.docker
    if not isinstance(docker, Docker) or not docker.info or not isinstance(docker.info.get("Runtimes"), Mapping):
        return
    reports = _paths(docker.info["Runtimes"])
    given = docker.told("runtimes")
    for name, path in sorted(_paths(facts.daemon_settings.get("runtimes")).items()):
        if given and reports.get(name) != path:
            yield Differing(f"runtimes {name}", path, given.where, reports.get(name, ""))


def is_dockers(name: str, path: str) -> bool:
    """Whether a runtime of Docker is a part of Docker: plain runc, under whatever name."""
    return bool(OWN_PATHS.fullmatch(path)) if path else bool(OWN_NAMES.fullmatch(name))


def only_dockers(key: str, value: object) -> bool:
    """Whether a value of `runtimes` or `default-runtime` names nothing but parts of Docker."""
    if key == "runtimes":
        paths = _paths(value)
        return isinstance(value, Mapping) and len(paths) == len(value) and all(is_dockers(name, path) for name, path in paths.items())
    return key == "default-runtime" and is_dockers(str(value), "")


def _paths(runtimes: object) -> dict[str, str]:
    if not isinstance(runtimes, Mapping):
        return {}
    return {str(name): str(table["path"]) for name, table in runtimes.items() if isinstance(table, Mapping) and table.get("path")}
