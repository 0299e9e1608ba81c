"""Docker hosts as the report publishes them."""

from __future__ import annotations

from typing import Literal

import msgspec

HostState = Literal["ready", "needs work", "blocked", "not read"]


class ReportedContainer(msgspec.Struct, frozen=True, kw_only=True):
    """One container of a Docker host. `close` is what makes it close to the host, in words; `project` and `service` are Compose's.

    `user` is what it is started as, empty for the image's; `variables` are names of its environment.
    """

    name: str
    image: str = ""
    state: str = ""
    restart: str = ""
    privileged: bool = False
    no_new_privileges: bool = False
    user: str = ""
    close: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    project: str = ""
    service: str = ""
    swarm_service: str = ""


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on a Docker host's disk, by what takes them."""

    images: int
    containers: int
    volumes: int
    build_cache: int


class ReportedDockerHost(msgspec.Struct, frozen=True, kw_only=True):
    """One Docker host that is no node: `host` is what was asked for, `endpoint` where its daemon was reached.

    `tls` is `verified`, `unverified` or `none` for TCP, empty for a socket and SSH. `error` is the whole message of why it was not read.
    `images` is None where it could not be read, `disk` None where sizes were not asked.
    """

    host: str
    state: HostState
    error: str = ""
    blockers: int = 0
    warnings: int = 0
    infos: int = 0
    endpoint: str = ""
    tls: str = ""
    version: str = ""
    api: str = ""
    least_api: str = ""
    os: str = ""
    kernel: str = ""
    arch: str = ""
    root: str = ""
    storage: str = ""
    store: str = ""
    cgroup: str = ""
    cgroup_driver: str = ""
    live_restore: bool = False
    rootless: bool = False
    userns: bool = False
    swarm: str = ""
    default_runtime: str = ""
    runtimes: tuple[str, ...] = ()
    security: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    insecure_registries: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    containers: tuple[ReportedContainer, ...] = ()
    images: int | None = None
    volumes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    disk: DiskUse | None = None

    @property
    def running(self) -> int:
        """How many of its containers run."""
        return sum(container.state == "running" for container in self.containers)
