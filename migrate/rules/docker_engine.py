"""D2C805, D2C808 to D2C815: what keeps a Docker host on Docker, its support, and what moves where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from migrate.facts.docker_host import DockerHost, HostContainer
from migrate.formats.listing import few
from migrate.rules import Seen, Severity, docker_host
from migrate.rules.docker_host_rule import docker_host_rule

# The only branch that the Moby project maintains; of older ones some distributors keep sources (moby/moby project/BRANCHES-AND-TAGS.md)
MAINTAINED = 29
# The oldest API that the newest clients speak: 1.44 for the docker CLI 29.0 to 29.2, 1.40 from 29.3 (docs.docker.com, Engine 29 notes)
CLIENTS_29_0, CLIENTS_TODAY = (1, 44), (1, 40)


@docker_host_rule("D2C805", "host-in-swarm", Severity.BLOCKER, acceptable=True)
def host_in_swarm(host: DockerHost) -> Iterator[Seen]:
    """The daemon is part of a swarm.

    Why: swarm is a part of dockerd. Its services, secrets, configs and overlay networks exist in no other runtime; Kubernetes and Nomad are
    what replaces them.

    Remedy: Move the services, then let the host leave the swarm:

        docker service ls; docker stack ls; docker swarm leave     # on the host
        docker2cri inspect --docker HOST --accept D2C805="moved to Kubernetes by NAME"

    Sources: docs.docker.com, Swarm mode overview; kompose.io, Conversion matrix.
    """
    if host.swarm not in ("", "inactive"):
        role = "a manager" if host.swarm_manager else "a worker"
        services = f", with {_list(host.services, 'service')}" if host.services else ""
        yield Seen("swarm", f"{host.swarm}; this daemon is {role}{services}")


@docker_host_rule("D2C808", "docker-branch-ended", Severity.WARNING)
def docker_branch_ended(host: DockerHost) -> Iterator[Seen]:
    """The Docker project no longer maintains this branch of Docker Engine.

    Why: it gets no fixes from Docker; a distribution may still add its own to its package.

    Remedy: Ask the distribution whether it maintains its package, or upgrade:

        docker version; apt-cache policy docker.io docker-ce     # on the host

    Sources: moby/moby, project/BRANCHES-AND-TAGS.md; docs.docker.com, Docker Engine release notes.
    """
    major = re.match(r"v?([0-9]{1,4})\.", host.version)
    if major and int(major[1]) < MAINTAINED:
        yield Seen("Docker Engine", f"version {host.version}; branch {MAINTAINED} is maintained")


@docker_host_rule("D2C809", "docker-api-version-refused", Severity.WARNING)
def docker_api_version_refused(host: DockerHost) -> Iterator[Seen]:
    """The daemon and current clients have no API version in common, or clients of before are refused.

    Why: the docker CLI 29.0 to 29.2, and tools built with its library, speak no API below 1.44, later ones none below 1.40. A daemon from
    29 on refuses what is older in turn: CI jobs and dashboards with old clients fail with "client version is too old".

    Remedy: See what speaks to the daemon, and upgrade that first:

        docker version --format '{{.Client.APIVersion}} {{.Server.APIVersion}} {{.Server.MinAPIVersion}}'

    Sources: docs.docker.com, Docker Engine 29 release notes; moby/moby, api/docs/CHANGELOG.md.
    """
    newest, least = _api(host.api), _api(host.least_api)
    if newest and newest < CLIENTS_TODAY:
        yield Seen("Docker API", f"the daemon's newest API is {host.api}; current clients speak 1.40 and later")
    elif newest and newest < CLIENTS_29_0:
        yield Seen("Docker API", f"the daemon's newest API is {host.api}; the docker CLI 29.0 to 29.2 speaks 1.44 and later")
    if least and least > (1, 24):
        yield Seen("Docker API", f"the daemon refuses clients with an API before {host.least_api}")


@docker_host_rule("D2C810", "registry-without-tls", Severity.WARNING)
def registry_without_tls(host: DockerHost) -> Iterator[Seen]:
    """The daemon accepts registries without TLS, or with any certificate.

    Why: whoever is between may replace an image. Other runtimes need the same exception in their own files, or pulls fail.

    Remedy: Give the registry a certificate; else write the exception for the runtime that comes next:

        man containers-registries.conf     # insecure = true, for Podman and Buildah

    Sources: docs.docker.com, Test an insecure registry; containers-registries.conf(5).
    """
    if host.insecure:
        yield Seen("registries", f"insecure: {_list(host.insecure, 'registry', 'registries')}")


@docker_host_rule("D2C811", "docker-plugin-used", Severity.WARNING)
def docker_plugin_used(host: DockerHost) -> Iterator[Seen]:
    """The daemon has plugins for volumes, networks, logs or authorization.

    Why: plugins speak to dockerd alone. What they do (storage of a cluster, rules of who may do what) needs another way.

    Remedy: See what uses them:

        docker plugin ls; docker volume ls; docker network ls     # on the host

    Sources: docs.docker.com, Docker Engine managed plugin system.
    """
    for kind, name in host.plugins:
        used = [volume.name for volume in host.volumes if kind == "volume" and volume.driver == name]
        yield Seen(f"plugin {name}", f"for {kind}{f', used by {_list(used, kind)}' if used else ''}")


@docker_host_rule("D2C812", "compose-project", Severity.INFO)
def compose_project(host: DockerHost) -> Iterator[Seen]:
    """A Compose project runs on the host.

    Why: its file moves as it is to Podman (`podman compose`) or containerd (`nerdctl compose`), save what asks for Docker itself; kompose
    makes manifests of it.

    Remedy: Judge the file, then try it beside Docker:

        docker2cri scan FILE
        podman compose --file FILE up --detach     # on the host

    Sources: podman-compose(1); nerdctl docs/compose.md; kompose.io, User guide.
    """
    projects: dict[str, list[HostContainer]] = {}
    for container in host.containers:
        if container.project:
            projects.setdefault(container.project, []).append(container)
    for project, containers in sorted(projects.items()):
        services = sorted({container.service or container.name for container in containers})
        files = next((container.project_files for container in containers if container.project_files), "")
        yield Seen(f"Compose project {project}", f"{_list(services, 'service')}{f'; {files}' if files else ''}")


@docker_host_rule("D2C813", "container-restarted-by-docker", Severity.INFO)
def container_restarted_by_docker(host: DockerHost) -> Iterator[Seen]:
    """Docker starts containers of no project and no swarm again, after a crash and at boot.

    Why: Podman has no daemon that does it; a unit of systemd does, written as a Quadlet file.

    Remedy: Write a .container file for each, with the same image, ports and volumes:

        man podman-systemd.unit     # /etc/containers/systemd/NAME.container

    Sources: podman-systemd.unit(5); docs.docker.com, Start containers automatically.
    """
    kept = [one.name for one in host.containers if one.restart not in ("", "no") and not one.project and not one.swarm_service]
    if kept:
        yield Seen("restart policies", _list(sorted(kept), "container"))


@docker_host_rule("D2C814", "images-built-here", Severity.INFO)
def images_built_here(host: DockerHost) -> Iterator[Seen]:
    """Images lie in this daemon's store alone: they were built or loaded here and came from no registry.

    Why: they are gone with Docker's data. Builds move to BuildKit or Buildah, which need no Docker daemon.

    Remedy: Push them, or copy them into the other store:

        podman pull docker-daemon:IMAGE     # on the host
        buildctl build --frontend dockerfile.v0 --local context=. --local dockerfile=.

    Sources: containers-transports(5), docker-daemon; github.com/moby/buildkit, README; buildah-build(1).
    """
    if host.local_images:
        yield Seen("images", _list(host.local_images, "image"))


@docker_host_rule("D2C815", "volumes-stay-in-docker", Severity.INFO)
def volumes_stay_in_docker(host: DockerHost) -> Iterator[Seen]:
    """Containers keep data in volumes of Docker.

    Why: the data lies below Docker's data directory and is not seen by another runtime; it must be copied while its containers are stopped.

    Remedy: Copy each volume, its containers stopped:

        podman volume create NAME; tar -C /var/lib/docker/volumes/NAME/_data -cf - . | podman volume import NAME -     # on the host

    Sources: docs.docker.com, Volumes; podman-volume-import(1).
    """
    used = {mount.source: None for container in host.containers for mount in container.mounts if mount.kind == "volume"}
    if used:
        yield Seen("volumes", f"{_list(sorted(used), 'volume')} in use, of {len(host.volumes)}")


def _api(text: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,4})", text)
    return (int(found[1]), int(found[2])) if found else None


def _list(names: Iterable[str], word: str, words: str = "") -> str:
    """`3 services: a, b, c`; a long list names the first and counts the rest."""
    known = list(names)
    return f"{len(known)} {word if len(known) == 1 else words or f'{word}s'}: {few(known)}"


DOCKER_HOST_RULES = (
    docker_host.docker_api_without_tls,
    docker_host.docker_group_is_root,
    docker_host.container_holds_docker_socket,
    docker_host.container_holds_docker_data,
    host_in_swarm,
    docker_host.privileged_container,
    docker_host.container_near_host,
    docker_branch_ended,
    docker_api_version_refused,
    registry_without_tls,
    docker_plugin_used,
    compose_project,
    container_restarted_by_docker,
    images_built_here,
    volumes_stay_in_docker,
)
