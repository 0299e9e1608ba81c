"""What the kubelet does to a container while it lives: probes and hooks."""

from __future__ import annotations

from migrate.facts.api import Model


class ExecAction(Model, frozen=True):
    """A command that is run in the container."""

    command: tuple[str, ...] | None = None


class NetAction(Model, frozen=True):
    """An HTTP request or a connection; `host` is empty for the pod itself."""

    host: str = ""


class ContainerProbe(Model, frozen=True):
    """A probe; of its timing only the timeout."""

    exec: ExecAction | None = None
    http_get: NetAction | None = None
    tcp_socket: NetAction | None = None
    timeout_seconds: int = 1


class Handler(Model, frozen=True):
    """A lifecycle hook."""

    exec: ExecAction | None = None
    http_get: NetAction | None = None
    tcp_socket: NetAction | None = None


class Lifecycle(Model, frozen=True):
    """What runs after the start and before the stop of a container."""

    post_start: Handler | None = None
    pre_stop: Handler | None = None
