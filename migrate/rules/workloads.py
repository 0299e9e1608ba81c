"""D2C301 to D2C303 and D2C311: pods that lean on Docker, or bring their own."""

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
    """A workload reaches Docker's socket.

    Why: nobody answers there once Docker is shelved: builds, agents and CI runners fail. A hostPath without a type even makes an
    empty directory in the socket's place, which later stands in Docker's own way. A mount of /, /var, /run or /var/run reaches the
    socket as well.

    Remedy: Move it to what needs no Docker (builds: BuildKit, Buildah or a kaniko fork; agents: their CRI option), keep it on nodes
    that stay on Docker, or accept that it fails here:

        docker2cri plan --to containerd --accept D2C301="builds moved to BuildKit" NODE

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; moby issue 30348; actions/runner issue 1265.
    """
    yield from _socket_uses(view)


@workload_rule("D2C302", "docker-data-mounted", Severity.WARNING, words=("hostPath",), lines=(DATA_LINE,))
def docker_data_mounted(view: WorkloadView) -> Iterator[Sign]:
    """A workload reads Docker's own files.

    Why: below the data root nothing changes any more: a log agent that follows /var/lib/docker/containers falls silent, a metrics
    agent loses its containers. Real log files lie in /var/log/pods then.

    Remedy: Let it mount /var/log (logs) or /run/containerd (metrics), and parse the CRI format:

        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: kubernetes.io, Check whether dockershim removal affects you; grafana/helm-charts issue 936; loki issue 2180.
    """
    yield from (Sign(mount.how, mount.at) for mount in view.mounts if _docker_data(view.ground, mount.path))


@workload_rule("D2C303", "docker-tool-in-pod", Severity.WARNING, words=("docker", *sorted(TOOLS)), lines=(CALL, TOOL_LINE))
def docker_tool_in_pod(view: WorkloadView) -> Iterator[Sign]:
    """A pod's image or command is a tool of Docker.

    Why: it expects a Docker daemon, and the node's is gone. Commands, arguments, exec probes and hooks are looked at; one that hides
    in a script of the image is not seen.

    Remedy: Find out which daemon it talks to:

        kubectl -n NAMESPACE exec POD -- printenv DOCKER_HOST

    Sources: kubernetes.io, Check whether dockershim removal affects you; docs.gitlab.com, Use Docker to build Docker images.
    """
    if not any(_socket_uses(view)) and not own_daemons(view):
        yield from _tool_signs(view)


@workload_rule("D2C311", "docker-daemon-in-pod", Severity.INFO, words=("docker", "dind"))
def docker_in_docker(view: WorkloadView) -> Iterator[Sign]:
    """A pod runs a Docker daemon of its own.

    Why: it goes on working: it never was the node's Docker. It stays privileged (a rootless one is not), it needs /var/lib/docker on
    a volume (overlayfs does not lie on overlayfs; containerd makes one for the image's VOLUME, CRI-O only a folder), and what its
    containers write goes to the daemon's own log files: `kubectl logs` shows the daemon's, now in CRI format.

    Remedy: Give it an emptyDir at /var/lib/docker, so that it does not depend on the runtime:

        kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.containers[*].volumeMounts}'

    Sources: docs.gitlab.com, Use Docker to build Docker images; containerd v1.6.20 pkg/cri/server/container_create.go (image volumes);
    cri-o crio.conf(5), image_volumes.
    """
    for at, one in own_daemons(view):
        kept = [mount.name for mount in one.volume_mounts or () if mount.mount_path.rstrip("/") in STORES]
        store = f"its store is on volume {kept[0]}" if kept else "its store is on no volume of the pod"
        power = "privileged" if privileged(one) else "not privileged"
        yield Sign(f"container {one.name} runs {one.image}, {power}; {store}", (*at, "image"))


def _socket_uses(view: WorkloadView) -> Iterator[Sign]:
    sockets = {*SOCKETS, *view.ground.sockets} if view.mounts else ()
    for mount in view.mounts:
        itself = any(within(mount.path, socket) for socket in sockets)
        if itself or mount.path in SOCKET_PARENTS or any(within(socket, mount.path) for socket in sockets):
            parent = "" if itself else ", a parent of Docker's socket"
            no_type = "" if mount.typed else "; without a type the kubelet makes a directory there when the socket is gone"
            yield Sign(mount.how + (parent or no_type), mount.at)
    for at, one in view.containers:
        if one.env:
            found = sorted((entry.name, index) for index, entry in enumerate(one.env) if entry.name in CLIENT_VARIABLES)
            if found and not own_daemons(view):
                names = ", ".join(name for name, _ in found)
                yield Sign(f"container {one.name} has {names} in its environment", (*at, "env", found[0][1]))


def of_docker(ground: Ground, path: str) -> bool:
    """Whether a path of the host is Docker's own, a socket or data: what D2C301 and D2C302 speak of."""
    return any(within(path, one) for one in (*SOCKETS, *ground.sockets, *ground.data_roots, *DOCKER_PLACES))


def _docker_data(ground: Ground, path: str) -> bool:
    parent = path not in SOCKET_PARENTS and any(within(root, path) for root in ground.data_roots)
    return parent or any(within(path, one) for one in (*ground.data_roots, *DOCKER_PLACES))


def own_daemons(view: WorkloadView) -> tuple[tuple[Pointer, PodContainer], ...]:
    """The containers that are a Docker daemon inside the pod (docker:dind, or dockerd as command)."""
    return tuple(
        (at, one)
        for at, one, image in view.images
        if (image.last in ("docker", "dind") and "dind" in f"{image.last}:{image.tag}") or _starts_daemon(one)
    )


def _starts_daemon(one: PodContainer) -> bool:
    words = one.command or one.args or ("",)
    return words[0].rpartition("/")[2] in ("dockerd", "dockerd-entrypoint.sh")


def _tool_signs(view: WorkloadView) -> Iterator[Sign]:
    for at, one, image in view.images:
        if image.last in TOOLS or image.path in TOOL_NAMES:
            yield Sign(f"container {one.name} has image {one.image}", (*at, "image"))
    for command in view.commands:
        if "docker" in command.text and (found := CALL.search(command.text)):
            where = "" if command.what in ("command", "args") else f" in its {command.what}"
            yield Sign(f"container {command.container} calls `{called(found)}`{where}", command.at)
