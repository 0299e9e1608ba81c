"""A Docker host that is no node of a cluster: what its daemon says of itself and of what it runs.

The facts come from a `Capture` whose keys are those of the probe where both ask the same (`docker version`, `docker info`,
`docker containers`, `docker images`); migrate/run/docker/read.py fills them through Docker's API. Only fields that rules or reports use are
in it: values of environment variables, of labels and of options of drivers never leave the reader.
"""

from __future__ import annotations

from dataclasses import dataclass

from migrate.facts.values import Unreadable


@dataclass(frozen=True, slots=True)
class ContainerMount:
    """What a container mounts: `kind` is `bind`, `volume` or `tmpfs`, `source` a path of the host or the name of a volume."""

    kind: str
    source: str
    inside: str
    writable: bool = True


@dataclass(frozen=True, slots=True)
class HostContainer:
    """One container. `project` and `service` are Compose's, `swarm_service` is swarm's; `ports` are those published, `ADDRESS:PORT/tcp`.

    `user` is what it is started as, empty for root of the image; `environment` are names; `docker_host` is the value of DOCKER_HOST.
    """

    name: str
    image: str
    state: str
    restart: str = "no"
    privileged: bool = False
    capabilities: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    security: tuple[str, ...] = ()
    mounts: tuple[ContainerMount, ...] = ()
    ports: tuple[str, ...] = ()
    user: str = ""
    runtime: str = ""
    environment: tuple[str, ...] = ()
    docker_host: str = ""
    project: str = ""
    service: str = ""
    project_files: str = ""
    swarm_service: str = ""

    @property
    def no_new_privileges(self) -> bool:
        """Whether its processes can gain no privileges."""
        return any(option.replace("=", ":") in ("no-new-privileges", "no-new-privileges:true") for option in self.security)


@dataclass(frozen=True, slots=True)
class HostVolume:
    """A volume and its driver."""

    name: str
    driver: str


@dataclass(frozen=True, slots=True)
class HostNetwork:
    """A network, its driver and its scope (`local`, `swarm`)."""

    name: str
    driver: str
    scope: str = "local"


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes on the disk, by what takes them, as `docker system df` counts them."""

    images: int
    containers: int
    volumes: int
    build_cache: int


@dataclass(frozen=True, slots=True)
class SocketAccess:
    """Who may use the daemon's socket: its `mode` in octal digits, `owner` as user:group, and the members of the group `docker`.

    `members` is None where the host itself could not be read.
    """

    mode: str = ""
    owner: str = ""
    members: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DockerHost:
    """One daemon. `name` is what the user asked for (a context or an address), `endpoint` where it was reached, `taken` in seconds.

    `tls` is how the endpoint is protected: `verified`, `unverified` (any certificate is accepted), `none` for bare TCP, empty for a
    socket of the host and for SSH. `exposed` are the daemon's own warnings about addresses without TLS or client verification.
    `store` is `containerd` where images lie in containerd's store, else `graph driver`.
    """

    name: str
    endpoint: str
    taken: int
    tls: str
    version: str
    api: str
    least_api: str
    os: str
    kernel: str
    arch: str
    hostname: str
    root: str
    storage: str
    store: str
    cgroup: str
    cgroup_driver: str
    live_restore: bool
    rootless: bool
    userns: bool
    swarm: str
    swarm_manager: bool
    default_runtime: str
    runtimes: tuple[str, ...]
    insecure: tuple[str, ...]
    mirrors: tuple[str, ...]
    plugins: tuple[tuple[str, str], ...]
    security: tuple[str, ...]
    exposed: tuple[str, ...]
    containers: tuple[HostContainer, ...]
    images: int | None
    local_images: tuple[str, ...]
    volumes: tuple[HostVolume, ...]
    networks: tuple[HostNetwork, ...]
    services: tuple[str, ...]
    access: SocketAccess
    sizes: Sizes | None
    unreadable: tuple[Unreadable, ...]
