"""D2C301 to D2C303, D2C311 and D2C336: pods that depend on Docker, or bring their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from migrate.facts.docker_names import SOCKET as SOCKET_IN_TEXT
from migrate.facts.docker_names import in_data, is_program, is_socket, may_be_data_root
from migrate.facts.env_value import HOST
from migrate.facts.texts import CALL, called
from migrate.rules import Confidence, Severity
from migrate.rules.ground import Ground
from migrate.rules.mounts import HostMount
from migrate.rules.pods import privileged, within
from migrate.rules.programs import commands
from migrate.rules.settings import docker_host_elsewhere, leads_to_node
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule

SOCKETS = ("/run/docker.sock", "/run/dockershim.sock", "/run/cri-dockerd.sock", "/run/docker/containerd/containerd.sock")
# those that Kubernetes alone uses: nobody serves them after the move, whether Docker runs or not
GONE = ("/run/dockershim.sock", "/run/cri-dockerd.sock")
SOCKET_PARENTS = frozenset({"/", "/var", "/run"})
DOCKER_PLACES = (
    "/run/docker/netns",
    "/run/docker/plugins",
    "/var/lib/dockershim",
    "/var/lib/cri-dockerd",
    "/etc/docker",
    "/usr/bin/docker",
    "/root/.docker",
)
STORES = ("/var/lib/docker", "/home/rootless/.local/share/docker")
TOOLS = frozenset(
    {
        *("docker-gc", "dind", "watchtower", "ouroboros", "portainer", "portainer-ce", "portainer-ee", "docker-cleanup"),
        *("dockerd-exporter", "docker-socket-proxy", "dozzle", "docker-autoheal", "autoheal", "lazydocker", "nginx-proxy"),
        *("docker-gen", "pumba"),
    }
)
TOOL_NAMES = frozenset({"library/docker", "docker/compose", "docker/docker"})
SOCKET_LINE = re.compile(SOCKET_IN_TEXT.pattern + r"|\bDOCKER_(?:HOST|SOCK|SOCKET)\b")
DATA_LINE = re.compile(r"/var/lib/docker(?:shim)?(?![\w-])|(?<![\w/])/etc/docker\b")
TOOL_LINE = re.compile(r"\bimage[\"']?\s*:\s*[\"']?\S{0,300}?(?:\bdind\b|watchtower|portainer|docker-gc)\S{0,300}")


def _keeps(ground: Ground) -> bool:
    return ground.target.keeps_source


@workload_rule("D2C301", "docker-socket-mounted", Severity.BLOCKER, acceptable=True, words=("hostPath", "DOCKER_"), lines=(SOCKET_LINE,))
def docker_socket_mounted(view: WorkloadView) -> Iterator[Sign]:
    """A workload uses Docker's socket.

    Why: nothing serves it once Docker is stopped: builds, agents and CI runners fail. For a hostPath without a type the kubelet even
    creates an empty directory at the socket's path, which later prevents Docker from starting. A mount of /, /var, /run or /var/run
    includes the socket, but many that mount it (node-exporter) never use Docker: this is a warning and does not block the node. With
    `--keep-docker` this is so for sockets of dockershim and cri-dockerd alone, and D2C336 tells the others.

    Remedy: Move it to something that needs no Docker (builds: BuildKit, Buildah or a kaniko fork; agents: their CRI option), keep it on
    nodes that stay on Docker, or accept that it fails on this node:

        docker2cri plan TARGET --accept D2C301="builds moved to BuildKit" NODE --out plan.json

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; moby issue 30348; actions/runner issue 1265.
    """
    if not view.ground.target.keeps_source:
        yield from _socket_uses(view)
        return
    gone = {*GONE, *view.ground.sockets}
    yield from (Sign(mount.how + _no_type(mount), mount.at) for mount in view.mounts if _of_socket(mount, gone))


@workload_rule("D2C302", "docker-data-mounted", Severity.WARNING, words=("hostPath",), lines=(DATA_LINE,))
def docker_data_mounted(view: WorkloadView) -> Iterator[Sign]:
    """A workload reads Docker's own files.

    Why: nothing of pods is below the data root any more: a log agent that follows /var/lib/docker/containers reports nothing of them, a
    metrics agent finds no containers, a docker program that is mounted finds no daemon (with `--keep-docker` one that has no pods). Log
    files are below /var/log/pods.

    Remedy: Mount /var/log for logs or the target's socket for metrics, and parse the CRI format:

        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: kubernetes.io, Check whether dockershim removal affects you; grafana/helm-charts issue 936; loki issue 2180.
    """
    for mount in view.mounts:
        if confidence := _docker_data(view.ground, mount):
            yield Sign(mount.how, mount.at, confidence)


@workload_rule("D2C303", "docker-tool-in-pod", Severity.WARNING, words=("docker", *sorted(TOOLS)), lines=(CALL, TOOL_LINE))
def docker_tool_in_pod(view: WorkloadView) -> Iterator[Sign]:
    """The image or command of a pod is a tool of Docker.

    Why: it needs a Docker daemon, and that of the node is stopped, or has no pods with `--keep-docker`. Commands, arguments, exec probes
    and hooks are judged, scripts inside of the image are not.

    Remedy: Find out which daemon it uses:

        kubectl -n NAMESPACE exec POD -- printenv DOCKER_HOST

    Sources: kubernetes.io, Check whether dockershim removal affects you; docs.gitlab.com, Use Docker to build Docker images.
    """
    if not any(_socket_uses(view)) and not view.own_daemons:
        yield from _tool_signs(view)


@workload_rule("D2C336", "docker-socket-without-pods", Severity.WARNING, words=("hostPath", "DOCKER_"), applies=_keeps)
def docker_socket_without_pods(view: WorkloadView) -> Iterator[Sign]:
    """A workload uses Docker's socket, where Docker keeps running without the pods (`--keep-docker`).

    Why: the socket answers as before, and shows no container and no image of Kubernetes. Log shippers, cAdvisor and other agents report
    nothing of pods, without an error; what deletes containers or images by the socket no longer reaches those of pods; an image that is
    built or loaded through it is in Docker's store alone, and the pods of this node do not find it there.

    Remedy: Point agents to the target's socket or to the kubelet's metrics, and push images that are built to a registry:

        docker push IMAGE
        crictl ps     # on the node: the containers of pods

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; kubernetes.io, Check whether dockershim removal affects
    you.
    """
    gone = {*GONE, *view.ground.sockets}
    told = {mount.at for mount in view.mounts if _of_socket(mount, gone)}
    yield from (sign for sign in _socket_uses(view) if sign.at not in told)


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
    for at, container in view.own_daemons:
        kept = [mount.name for mount in container.volume_mounts or () if mount.mount_path.rstrip("/") in STORES]
        store = f"its store is on volume {kept[0]}" if kept else "its store is on no volume of the pod"
        power = "privileged" if privileged(container) else "not privileged"
        yield Sign(f"container {container.name} runs {container.image}, {power}; {store}", (*at, "image"))


def _socket_uses(view: WorkloadView) -> Iterator[Sign]:
    sockets = {*SOCKETS, *view.ground.sockets} if view.mounts else ()
    for mount in view.mounts:
        itself = any(within(mount.path, socket) for socket in sockets) or _socket_mount(mount)
        if itself or mount.path in SOCKET_PARENTS or any(within(socket, mount.path) for socket in sockets):
            parent = "" if itself else ", a parent of Docker's socket"
            no_type = "" if view.ground.target.keeps_source else _no_type(mount)
            yield Sign(mount.how + (parent or no_type), mount.at, Confidence.SEEN if itself else Confidence.COULD_REACH)
    for at, container in view.containers:
        for index, entry in enumerate(container.env or ()):
            if entry.name != HOST or view.own_daemons:
                continue
            where = (*at, "env", index)
            if not entry.value:
                yield Sign(f"container {container.name} has DOCKER_HOST, whose value is not known", where, Confidence.COULD_REACH)
            elif leads_to_node(view, container, entry.value):
                yield Sign(f"container {container.name} has DOCKER_HOST {entry.value}, which is the node", where)


def _of_socket(mount: HostMount, sockets: Iterable[str]) -> bool:
    """Whether one of these sockets itself is mounted."""
    return any(within(mount.path, socket) for socket in sockets)


def _no_type(mount: HostMount) -> str:
    return "" if mount.typed else "; without a type the kubelet makes a directory there when the socket is gone"


def _socket_mount(mount: HostMount) -> bool:
    """Whether a mount is of a socket of Docker, by its path on the host or, unless that is another runtime's, in a container."""
    other = mount.path.endswith(("/containerd.sock", "/crio.sock"))
    return is_socket(mount.path) or (not other and any(map(is_socket, mount.inside)))


def of_docker(ground: Ground, path: str) -> bool:
    """Whether a path of the host is Docker's own, a socket or data: what D2C301 and D2C302 speak of."""
    places = (*SOCKETS, *ground.sockets, *ground.data_roots, *DOCKER_PLACES)
    return is_socket(path) or is_program(path) or in_data(path) or any(within(path, place) for place in places)


def _docker_data(ground: Ground, mount: HostMount) -> Confidence | None:
    path = mount.path
    own = any(within(path, place) for place in (*ground.data_roots, *DOCKER_PLACES))
    if own or in_data(path) or any(map(is_program, (path, *mount.inside))):
        return Confidence.SEEN
    parent = path not in SOCKET_PARENTS and any(within(root, path) for root in ground.data_roots)
    return Confidence.COULD_REACH if parent or may_be_data_root(path) else None


def _tool_signs(view: WorkloadView) -> Iterator[Sign]:
    told = {sign.at[:3] for sign in docker_host_elsewhere.look(view)}
    for at, container, image in view.images:
        if image.last in TOOLS or image.path in TOOL_NAMES:
            yield Sign(f"container {container.name} has image {container.image}", (*at, "image"))
    for command in view.commands:
        if "docker" in command.text and command.at[:3] not in told:
            where = "" if command.what in ("command", "args") else f" in its {command.what}"
            calls = (CALL.match(" ".join(words)) for words in commands(command.argv))
            for call in dict.fromkeys(called(found) for found in calls if found):
                yield Sign(f"container {command.container} calls `{call}`{where}", command.at)
