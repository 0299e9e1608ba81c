"""The stack of a Docker host as text: who talks to whom, and what stands in its place without Docker."""

from __future__ import annotations

from migrate.facts.docker_host import DockerHost
from migrate.facts.runtime_table import CONTAINERD, DOCKER, RUNC
from migrate.formats.listing import few
from migrate.report.model import Layer
from migrate.report.stack_text import column
from migrate.report.style import Style
from migrate.rules.docker_host import uses_api


def docker_stack_text(host: DockerHost, style: Style) -> str:
    """Both columns below each other, from the clients down."""
    runtime = host.default_runtime or RUNC.name
    running = sum(container.state == "running" for container in host.containers)
    containers = Layer(name="containers", link="starts them", note=f"{running} of {len(host.containers)} run")
    clients = Layer(name="docker CLI, Compose, tools", note=_clients(host))
    before = (
        clients,
        Layer(name=DOCKER.programs[0], version=host.version, link=f"Docker API {host.api}, {host.endpoint}", mark="removed"),
        Layer(name=CONTAINERD.name, link="gRPC, namespace moby", note="its own child, or the system's", mark="kept"),
        Layer(name="containerd-shim-runc-v2", link="one for each container"),
        Layer(name=runtime, link="runs the program"),
        containers,
    )
    after = (
        Layer(name="podman CLI, podman compose", mark="new", note="tools that need Docker's API use podman.socket"),
        Layer(name="podman", link="no daemon: each command is a process of its user", mark="new"),
        Layer(name="conmon", link="one for each container", mark="new"),
        Layer(name="crun or runc", link="runs the program"),
        Layer(name="containers", link="starts them", note="started at boot by systemd (Quadlet)"),
    )
    return "\n\n".join((style.paint(host.name, "bold"), f"NOW\n{column(before, style)}", f"WITH PODMAN\n{column(after, style)}")) + "\n"


def _clients(host: DockerHost) -> str:
    inside = [container.name for container in host.containers if uses_api(container)]
    return f"and from inside containers: {few(inside)}" if inside else ""
