"""D2C301 to D2C303 and D2C311: pods that depend on Docker, or bring their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.pod import PodContainer
from migrate.facts.texts import CALL, called
from migrate.facts.workload import Pointer
from migrate.rules import Severity
from migrate.rules.ground import Ground
from migrate.rules.pods import privileged, within
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule

SOCKETS = ("/run/docker.sock", "/run/dockershim.sock", "/run/cri-dockerd.sock", "/run/docker/containerd/containerd.sock", "/run/docker")
SOCKET_PARENTS = frozenset({"/", "/var", "/run"})
DOCKER_PLACES = ("/var/lib/dockershim", "/var/lib/cri-dockerd", "/etc/docker", "/usr/bin/docker", "/root/.docker")
CLIENT_VARIABLES = frozenset({"DOCKER_HOST", "DOCKER_SOCK", "DOCKER_SOCKET", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"})
STORES = ("/var/lib/docker", "/home/rootless/.local/share/docker")
TOOLS = frozenset(
    {
        *("docker-gc", "dind", "watchtower", "ouroboros", "portainer", "portainer-ce", "portainer-ee", "docker-cleanup"),
        *("dockerd-exporter", "docker-socket-proxy", "dozzle", "docker-autoheal", "autoheal", "lazydocker", "nginx-proxy"),
        *("docker-gen", "pumba"),
    }
)
TOOL_NAMES = frozenset({"library/docker", "docker/compose", "docker/docker"})
SOCKET_LINE = re.compile(r"(?:/var)?/run/(?:docker|dockershim|cri-dockerd)\.sock\b|\bDOCKER_(?:HOST|SOCK|SOCKET)\b")
PARENT_LINE = re.compile(r"\bpath[\"']?\s*:\s*[\"']?(?:/var)?/(?:run|var)?/?[\"']?\s*(?:#.*)?$")
DATA_LINE = re.compile(r"/var/lib/docker(?:shim)?(?![\w-])|(?<![\w/])/etc/docker\b")
TOOL_LINE = re.compile(r"\bimage[\"']?\s*:\s*[\"']?\S*(?:\bdind\b|watchtower|portainer|docker-gc)\S*")


@workload_rule(
    "D2C301", "docker-socket-mounted", Severity.BLOCKER, acceptable=True, words=("hostPath", "DOCKER_"), lines=(SOCKET_LINE, PARENT_LINE)
)
def docker_socket_mounted(view: WorkloadView) -> Iterator[Sign]:
    """A workload uses Docker's socket.

    Why: nothing serves it once Docker is stopped: builds, agents and CI runners fail. For a hostPath without a type the kubelet even
    creates an empty directory at the socket's path, which later prevents Docker from starting. A mount of /, /var, /run or /var/run
    includes the socket.

    Remedy: Move it to something that needs no Docker (builds: BuildKit, Buildah or a kaniko fork; agents: their CRI option), keep it on
    nodes that stay on Docker, or accept that it fails on this node:

        docker2cri plan TARGET --accept D2C301="builds moved to BuildKit" NODE --out plan.json

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; moby issue 30348; actions/runner issue 1265.
    """
    yield from _socket_uses(view)


@workload_rule("D2C302", "docker-data-mounted", Severity.WARNING, words=("hostPath",), lines=(DATA_LINE,))
def docker_data_mounted(view: WorkloadView) -> Iterator[Sign]:
    """A workload reads Docker's own files.

    Why: nothing below the data root changes any more: a log agent that follows /var/lib/docker/containers reports nothing, a metrics agent
    finds no containers. Log files are below /var/log/pods.

    Remedy: Mount /var/log for logs or the target's socket for metrics, and parse the CRI format:

        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: kubernetes.io, Check whether dockershim removal affects you; grafana/helm-charts issue 936; loki issue 2180.
    """
    yield from (Sign(mount.how, mount.at) for mount in view.mounts if _docker_data(view.ground, mount.path))


@workload_rule("D2C303", "docker-tool-in-pod", Severity.WARNING, words=("docker", *sorted(TOOLS)), lines=(CALL, TOOL_LINE))
def docker_tool_in_pod(view: WorkloadView) -> Iterator[Sign]:
    """The image or command of a pod is a tool of Docker.

    Why: it needs a Docker daemon, and that of the node is stopped. Commands, arguments, exec probes and hooks are judged, scripts inside of
    the image are not.

    Remedy: Find out which daemon it uses:

        kubectl -n NAMESPACE exec POD -- printenv DOCKER_HOST

    Sources: kubernetes.io, Check whether dockershim removal affects you; docs.gitlab.com, Use Docker to build Docker images.
    """
    if not any(_socket_uses(view)) and not own_daemons(view):
        yield from _tool_signs(view)


@workload_rule("D2C311", "docker-daemon-in-pod", Severity.INFO, words=("docker", "dind"))
def docker_in_docker(view: WorkloadView) -> Iterator[Sign]:
    """A pod runs a Docker daemon of its own.

    Why: it continues to work, because it does not use the node's Docker. It stays privileged (a rootless one is not). It needs a volume at
    /var/lib/docker (overlayfs does not work on overlayfs; containerd creates a volume for the image's VOLUME, CRI-O only a directory). The
    output of its containers goes to log files of that daemon: `kubectl logs` shows the daemon's own output, in CRI format.

    Remedy: Mount an emptyDir at /var/lib/docker, so that it does not depend on the runtime:

        kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.containers[*].volumeMounts}'

    Sources: docs.gitlab.com, Use Docker to build Docker images; containerd v1.6.20 pkg/cri/server/container_create.go (image volumes);
    cri-o crio.conf(5), image_volumes.
    """
    for at, container in own_daemons(view):
        kept = [mount.name for mount in container.volume_mounts or () if mount.mount_path.rstrip("/") in STORES]
        store = f"its store is on volume {kept[0]}" if kept else "its store is on no volume of the pod"
        power = "privileged" if privileged(container) else "not privileged"
        yield Sign(f"container {container.name} runs {container.image}, {power}; {store}", (*at, "image"))


def _socket_uses(view: WorkloadView) -> Iterator[Sign]:
    sockets = {*SOCKETS, *view.ground.sockets} if view.mounts else ()
    for mount in view.mounts:
        itself = any(within(mount.path, socket) for socket in sockets)
        if itself or mount.path in SOCKET_PARENTS or any(within(socket, mount.path) for socket in sockets):
            parent = "" if itself else ", a parent of Docker's socket"
            no_type = "" if mount.typed else "; without a type the kubelet makes a directory there when the socket is gone"
            yield Sign(mount.how + (parent or no_type), mount.at)
    for at, container in view.containers:
        if container.env:
            found = sorted((entry.name, index) for index, entry in enumerate(container.env) if entry.name in CLIENT_VARIABLES)
            if found and not own_daemons(view):
                names = ", ".join(name for name, _ in found)
                yield Sign(f"container {container.name} has {names} in its environment", (*at, "env", found[0][1]))


def of_docker(ground: Ground, path: str) -> bool:
    """Whether a path of the host is Docker's own, a socket or data: what D2C301 and D2C302 speak of."""
    return any(within(path, place) for place in (*SOCKETS, *ground.sockets, *ground.data_roots, *DOCKER_PLACES))


def _docker_data(ground: Ground, path: str) -> bool:
    parent = path not in SOCKET_PARENTS and any(within(root, path) for root in ground.data_roots)
    return parent or any(within(path, place) for place in (*ground.data_roots, *DOCKER_PLACES))


def own_daemons(view: WorkloadView) -> tuple[tuple[Pointer, PodContainer], ...]:
    """The containers that are a Docker daemon inside the pod (docker:dind, or dockerd as command)."""
    return tuple(
        (at, container)
        for at, container, image in view.images
        if (image.last in ("docker", "dind") and "dind" in f"{image.last}:{image.tag}") or _starts_daemon(container)
    )


def _starts_daemon(container: PodContainer) -> bool:
    words = container.command or container.args or ("",)
    return words[0].rpartition("/")[2] in ("dockerd", "dockerd-entrypoint.sh")


def _tool_signs(view: WorkloadView) -> Iterator[Sign]:
    for at, container, image in view.images:
        if image.last in TOOLS or image.path in TOOL_NAMES:
            yield Sign(f"container {container.name} has image {container.image}", (*at, "image"))
    for command in view.commands:
        if "docker" in command.text and (found := CALL.search(command.text)):
            where = "" if command.what in ("command", "args") else f" in its {command.what}"
            yield Sign(f"container {command.container} calls `{called(found)}`{where}", command.at)
