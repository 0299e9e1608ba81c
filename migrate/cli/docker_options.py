"""The options that name Docker hosts, for the commands that look."""

from __future__ import annotations

from dataclasses import dataclass

import click

from migrate.cli.options import group
from migrate.errors import UsageError


@dataclass(frozen=True, slots=True)
class DockerOptions:
    """The Docker hosts that were asked for, and how they are read."""

    names: tuple[str, ...]
    certificates: str | None
    sizes: bool = False


def _docker(docker_names: tuple[str, ...], docker_cert_path: str | None, sizes: bool = False) -> DockerOptions:
    if not docker_names and (docker_cert_path or sizes):
        option = "--docker-cert-path" if docker_cert_path else "--sizes"
        raise UsageError(seen=f"{option} without --docker", expected="a Docker host", next=f"--docker CONTEXT {option}")
    return DockerOptions(docker_names, docker_cert_path, sizes)


_DOCKER = (
    click.option(
        "--docker",
        "docker_names",
        multiple=True,
        metavar="CONTEXT|HOST",
        help="A Docker host instead of nodes: a context of the docker CLI, unix://, tcp:// or ssh://; may be repeated.",
    ),
    click.option(
        "--docker-cert-path", type=click.Path(), metavar="DIR", help="ca.pem, cert.pem and key.pem for tcp:// (default: DOCKER_CERT_PATH)."
    ),
)
docker_options = group("docker", _docker, *_DOCKER)
docker_reading_options = group(
    "docker", _docker, *_DOCKER, click.option("--sizes", is_flag=True, help="With --docker: read sizes too; the daemon walks its disk.")
)
