"""D2C317 and D2C318: what variables, arguments and configuration of pods say of Docker, by their values."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.config_use import ConfigUseKind
from migrate.facts.docker_names import FLAG, SOCKET, is_runtime, is_socket
from migrate.facts.env_value import CLIENT_VARIABLES, DOCKER_BRIDGE, HOST, LOOPBACK
from migrate.facts.pod import PodContainer
from migrate.facts.workload import Pointer
from migrate.rules import Severity
from migrate.rules.config_maps import lines_of
from migrate.rules.pods import canonical_path, within
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule


@workload_rule("D2C317", "docker-host-elsewhere", Severity.INFO, words=("DOCKER_",))
def docker_host_elsewhere(view: WorkloadView) -> Iterator[Sign]:
    """A container is told to use a Docker daemon that is not the node's.

    Why: an address of the pod itself or of a Service does not lead to the node's Docker, so that the migration does not change it. The
    daemon behind it may be one: a proxy of a node's socket fails once that node has moved.

    Remedy: Find out what serves the address:

        kubectl -n NAMESPACE exec POD -- printenv DOCKER_HOST

    Sources: docs.docker.com, Use the Docker command line (DOCKER_HOST); docs.gitlab.com, Use Docker to build Docker images.
    """
    for at, container in view.containers if not view.own_daemons else ():
        named = {entry.name: index for index, entry in enumerate(container.env or ()) if entry.name in CLIENT_VARIABLES}
        if not named:
            continue
        if HOST in named:
            entry = (container.env or ())[named[HOST]]
            if entry.value and not SOCKET.search(entry.value) and not leads_to_node(view, container, entry.value):
                yield Sign(f"container {container.name} has DOCKER_HOST {entry.value}", (*at, "env", named[HOST]))
        elif named and not named.keys() - {"DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"}:
            yield Sign(f"container {container.name} has {', '.join(sorted(named))} in its environment", (*at, "env", min(named.items())[1]))


@workload_rule("D2C318", "docker-set-as-runtime", Severity.WARNING, words=("ocker",))
def docker_set_as_runtime(view: WorkloadView) -> Iterator[Sign]:
    """A setting of a workload names Docker as its container runtime, or a socket of Docker that the pod does not mount.

    Why: the program asks Docker, or expects it, once the node runs another runtime: agents report nothing, executors start nothing. A
    setting in a ConfigMap holds for every pod that reads it.

    Remedy: Set what the program takes for the target (its runtime, its socket, or the detection of both), then restart it:

        kubectl -n NAMESPACE rollout restart WORKLOAD

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; argo-workflows docs, Workflow executors.
    """
    yield from lines_of(view, ConfigUseKind.SETTING)
    if view.own_daemons:
        return
    mounted = any(is_socket(path) for mount in view.mounts for path in (mount.path, *mount.inside))
    for at, container in view.containers:
        # below a mount it is the pod's own, or the host's and D2C301
        inside = ("/",) if mounted else tuple(canonical_path(mount.mount_path) for mount in container.volume_mounts or ())
        for index, entry in enumerate(container.env or ()):
            if entry.value and (is_runtime(entry.value) or _socket(entry.value, inside)):
                yield Sign(f"container {container.name} has {entry.name}={entry.value}", (*at, "env", index))
        for key, words in (("command", container.command), ("args", container.args)):
            yield from _flags(container.name, words or (), (*at, key), inside)


def _flags(container: str, words: tuple[str, ...], at: Pointer, inside: tuple[str, ...]) -> Iterator[Sign]:
    for index, word in enumerate(words):
        if "ocker" not in word:
            continue
        before = FLAG.fullmatch(words[index - 1]) if index else None
        if (flag := FLAG.fullmatch(word)) and flag["value"]:
            yield Sign(f"container {container} is started with {flag[0]}", (*at, index))
        elif before and not before["value"] and is_runtime(word):
            yield Sign(f"container {container} is started with {before[0]} {word}", (*at, index))
        elif "\n" not in word and (socket := _socket(word, inside)):
            yield Sign(f"container {container} is started with {socket}", (*at, index))


def _socket(text: str, inside: tuple[str, ...]) -> str:
    """The socket of Docker that a text names; empty for one below a folder that is mounted."""
    found = SOCKET.search(text)
    return found[0] if found and not any(within(canonical_path(found[0]), folder) for folder in inside) else ""


def leads_to_node(view: WorkloadView, container: PodContainer, value: str) -> bool:
    """Whether an address is of the node itself: its IP of the pod's status, docker0's default one, or loopback in the node's network."""
    host = re.sub(r":\d+\Z", "", value.partition("://")[2])
    if host in LOOPBACK:
        return view.workload.spec.host_network
    if host == DOCKER_BRIDGE:
        return True
    name = host[2:-1] if host.startswith("$(") else ""
    sources = {entry.name: entry.value_from for entry in container.env or ()}
    field = source.field_ref if name and (source := sources.get(name)) else None
    return field is not None and field.field_path == "status.hostIP"
