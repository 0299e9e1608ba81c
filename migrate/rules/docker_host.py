"""D2C801 to D2C804, D2C806, D2C807: who reaches the daemon of a Docker host, and which containers are close to the host."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from migrate.facts.docker_host import ContainerMount, DockerHost, HostContainer
from migrate.facts.docker_names import is_socket
from migrate.facts.env_value import DOCKER_BRIDGE
from migrate.formats.listing import few
from migrate.rules import Seen, Severity
from migrate.rules.docker_host_rule import docker_host_rule
from migrate.rules.pods import canonical_path

SOCKET_FOLDERS = frozenset(("/run", "/var/run"))  # read-only too: a socket there can be connected to
PARENTS = frozenset(("/", "/run", "/var/run", "/etc", "/root", "/var", "/boot", "/proc", "/sys"))
NEAR = frozenset(("ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH", "NET_ADMIN", "BPF"))
NETWORK = "network of the host"  # by itself no way to become root


@docker_host_rule("D2C801", "docker-api-without-tls", Severity.BLOCKER, acceptable=True)
def docker_api_without_tls(host: DockerHost) -> Iterator[Seen]:
    """Docker's API is open on the network without TLS, or to any client.

    Why: whoever reaches the port is root on the host. Its clients also stop working when Docker goes: Podman's service and BuildKit have
    sockets of their own and no such port.

    Remedy: Close the port, and let clients come over SSH:

        docker context create NAME --docker host=ssh://USER@MACHINE
        docker2cri inspect --docker HOST --accept D2C801="the port is closed by the firewall"

    Sources: docs.docker.com, Protect the Docker daemon socket; docs.docker.com, Docker daemon attack surface.
    """
    if host.tls in ("none", "unverified"):
        how = "without TLS" if host.tls == "none" else "with TLS whose certificate was not checked"
        yield Seen("Docker API", f"it was reached at {host.endpoint} {how}")
    for warning in host.exposed:
        yield Seen("Docker API", f"the daemon says: {warning}")


@docker_host_rule("D2C802", "docker-group-is-root", Severity.WARNING)
def docker_group_is_root(host: DockerHost) -> Iterator[Seen]:
    """Users of the host can use Docker's socket, and so are root without a password.

    Why: a container may mount the host's root. No sudo rule, and no log of sudo, sees it. When Docker goes, these users need another way:
    rootless Podman gives each user containers of his own.

    Remedy: See who needs it, and take the others out of the group:

        getent group docker; gpasswd --delete USER docker     # on the host

    Sources: docs.docker.com, Linux post-installation steps; podman(1), Rootless mode.
    """
    if host.rootless:
        return
    if host.access.members:
        yield Seen("group docker", f"members: {', '.join(host.access.members)}")
    if host.access.mode and int(f"0{host.access.mode}"[-1]) & 2:
        yield Seen("Docker socket", f"mode {host.access.mode}: every user of the host may use it")


@docker_host_rule("D2C803", "container-holds-docker-socket", Severity.BLOCKER, acceptable=True)
def container_holds_docker_socket(host: DockerHost) -> Iterator[Seen]:
    """A container uses Docker's API: it mounts the socket, or names one in DOCKER_HOST.

    Why: it is root on the host, and it stops working when Docker goes. Podman's socket speaks the same API for most tools.

    Remedy: Find its replacement first; for a tool that only needs the API, mount the socket of Podman instead:

        systemctl enable --now podman.socket     # on the host; /run/podman/podman.sock
        docker2cri inspect --docker HOST --accept D2C803="replaced by NAME"

    Sources: docs.docker.com, Docker daemon attack surface; podman-system-service(1).
    """
    for container in host.containers:
        if ways := uses_api(container):
            yield Seen(_title(container), _told(container, ways))


@docker_host_rule("D2C804", "container-holds-docker-data", Severity.BLOCKER, acceptable=True)
def container_holds_docker_data(host: DockerHost) -> Iterator[Seen]:
    """A container mounts the directory in which Docker keeps its data.

    Why: logs, volumes and layers lie elsewhere and have other forms in any other runtime; agents that read them there see nothing.

    Remedy: Give the agent the directories or the API of the runtime that comes next:

        podman info --format '{{.Store.GraphRoot}}'     # on the host
        docker2cri inspect --docker HOST --accept D2C804="the agent is replaced"

    Sources: docs.docker.com, Configure logging drivers; containers-storage.conf(5).
    """
    root = host.root or "/var/lib/docker"
    for container in host.containers:
        if ways := [f"mounts {mounted(mount)}" for mount in container.mounts if mount.kind == "bind" and _within(mount.source, root)]:
            yield Seen(_title(container), _told(container, ways))


@docker_host_rule("D2C806", "privileged-container", Severity.WARNING)
def privileged_container(host: DockerHost) -> Iterator[Seen]:
    """A container is privileged.

    Why: it has all capabilities and devices of the host and no seccomp or AppArmor profile: it is root on the host. Podman has the same
    option; run by a user, without root, it gives no more than that user may do.

    Remedy: Give it only what it needs, and see what the program asks for:

        docker inspect --format '{{.HostConfig.CapAdd}} {{.HostConfig.Devices}}' CONTAINER     # on the host

    Sources: docs.docker.com, docker container run --privileged; podman-run(1), --privileged.
    """
    for container in host.containers:
        if container.privileged:
            yield Seen(_title(container), _told(container, ["privileged"]))


@docker_host_rule("D2C807", "container-near-host", Severity.WARNING)
def container_near_host(host: DockerHost) -> Iterator[Seen]:
    """A container is close to the host: namespaces, capabilities, devices, folders, or no security profile.

    Why: through most of these the host can be taken over. The same options exist in Podman and nerdctl, and act the same when run as root.

    Remedy: Ask its owner what it needs of the host, and drop the rest:

        docker inspect CONTAINER     # on the host

    Sources: docs.docker.com, Runtime privilege and Linux capabilities; man 7 capabilities.
    """
    for container in host.containers:
        ways = list(close_to_host(container))
        if not container.privileged and any(way != NETWORK for way in ways):
            yield Seen(_title(container), _told(container, ways))


def _title(container: HostContainer) -> str:
    return f"container {container.name}"


def _told(container: HostContainer, ways: Iterable[str]) -> str:
    """What was seen of a container, and whether it runs."""
    return f"{'; '.join(dict.fromkeys(ways))} (image {container.image}, {container.state})"


def uses_api(container: HostContainer) -> tuple[str, ...]:
    """How a container reaches the daemon's API, in words; empty where it does not."""
    ways = [f"mounts {mounted(mount)}" for mount in container.mounts if _is_socket(mount)]
    if container.docker_host.startswith(("unix://", "npipe://")) or f"//{DOCKER_BRIDGE}:" in container.docker_host:
        ways.append(f"DOCKER_HOST={container.docker_host}")
    return tuple(ways)


def mounted(mount: ContainerMount) -> str:
    """A mount in words: `/srv/data at /data, read-only`."""
    return f"{mount.source} at {mount.inside}{'' if mount.writable else ', read-only'}"


def _is_socket(mount: ContainerMount) -> bool:
    return mount.kind in ("bind", "npipe") and is_socket(canonical_path(mount.source or "/"))


def _within(path: str, folder: str) -> bool:
    path, folder = posixpath.normpath(path or "/"), posixpath.normpath(folder)
    return path == folder or path.startswith(f"{folder}/")


def _opens_host(mount: ContainerMount) -> bool:
    """Whether whoever writes there can become root on the host, or reaches its sockets."""
    path = posixpath.normpath(mount.source or "/")
    return mount.kind == "bind" and (path in SOCKET_FOLDERS or (mount.writable and path in PARENTS))


def close_to_host(container: HostContainer) -> Iterator[str]:
    """What makes a container close to the host, in words, apart from being privileged."""
    if "network" in container.namespaces:
        yield NETWORK
    if names := [name for name in container.namespaces if name != "network"]:
        yield f"{', '.join(names)} of the host"
    if close := [name for name in container.capabilities if name in NEAR]:
        yield f"adds {', '.join(close)}"
    if container.devices:
        yield f"devices {few(container.devices)}"
    if open_folders := [mount for mount in container.mounts if _opens_host(mount)]:
        yield f"mounts {few(mounted(mount) for mount in open_folders)}"
    if off := [option for option in container.security if option.replace("=", ":").endswith(":unconfined")]:
        yield f"security options {', '.join(off)}"
