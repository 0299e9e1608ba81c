"""D2C301 to D2C308: pods of this node that lean on Docker."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.cluster import Pod, PodContainer
from migrate.formats import FormatError, image_ref, version
from migrate.rules import NodeView, Seen, Severity, rule
from migrate.rules.pods import by_owner, canonical_path, host_mounts, live, privileged, within

SOCKETS = ("/run/docker.sock", "/run/dockershim.sock", "/run/cri-dockerd.sock", "/run/docker/containerd/containerd.sock", "/run/docker")
SOCKET_PARENTS = frozenset({"/", "/var", "/run"})
DOCKER_PLACES = ("/var/lib/dockershim", "/var/lib/cri-dockerd", "/etc/docker", "/usr/bin/docker", "/root/.docker")
CLIENT_VARIABLES = frozenset({"DOCKER_HOST", "DOCKER_SOCK", "DOCKER_SOCKET"})
NEAR_PRIVILEGED = frozenset({"ALL", "CAP_SYS_ADMIN", "SYS_ADMIN"})
TOOL_IMAGES = re.compile(
    r"(library/docker|(.+/)?(docker-gc|dind|watchtower|ouroboros|portainer(-ce|-ee)?|docker-cleanup|dockerd-exporter))"
)
TOOL_COMMAND = re.compile(
    r"(?<![\w./-])(/usr/(local/)?bin/)?docker\s+(system|image|ps|run|exec|rmi?|pull|build|push|logs|kill|stop|inspect|login)\b"
)
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


@rule("D2C301", "docker-socket-mounted", Severity.BLOCKER, acceptable=True)
def docker_socket_mounted(view: NodeView) -> Iterator[Seen]:
    """A workload on this node reaches Docker's socket.

    Why: nobody answers there once Docker is shelved: builds, agents and CI runners fail. A hostPath without a type even makes an
    empty directory in the socket's place, which later stands in Docker's own way. A mount of /, /var, /run or /var/run reaches the
    socket as well.

    Remedy: Move it to what needs no Docker (builds: BuildKit, Buildah or a kaniko fork; agents: their CRI option), keep it on nodes
    that stay on Docker, or accept that it fails here:

        docker2cri plan --to containerd --accept D2C301="builds moved to BuildKit" NODE

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; moby issue 30348; actions/runner issue 1265.
    """
    sockets = {*SOCKETS, *_own_sockets(view)}
    yield from by_owner(view, ((pod, how) for pod in live(view) for how in _socket_uses(view, pod, sockets)))


@rule("D2C302", "docker-data-mounted", Severity.WARNING)
def docker_data_mounted(view: NodeView) -> Iterator[Seen]:
    """A workload on this node reads Docker's own files.

    Why: below the data root nothing changes any more: a log agent that follows /var/lib/docker/containers falls silent, a metrics
    agent loses its containers. Real log files lie in /var/log/pods then.

    Remedy: Let it mount /var/log (logs) or /run/containerd (metrics), and parse the CRI format:

        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: kubernetes.io, Check whether dockershim removal affects you; grafana/helm-charts issue 936; loki issue 2180.
    """
    yield from by_owner(
        view, ((pod, mount.how) for pod in live(view) for mount in host_mounts(view, pod) if _docker_data(view, mount.path))
    )


@rule("D2C303", "docker-tool-in-pod", Severity.WARNING)
def docker_tool_in_pod(view: NodeView) -> Iterator[Seen]:
    """A pod's image or command is a tool of Docker.

    Why: it expects a Docker daemon. With one of its own in the pod (dind) it goes on working; with the node's it does not.

    Remedy: Find out which daemon it talks to:

        kubectl -n NAMESPACE exec POD -- printenv DOCKER_HOST

    Sources: kubernetes.io, Check whether dockershim removal affects you; docs.gitlab.com, Use Docker to build Docker images.
    """
    sockets = {*SOCKETS, *_own_sockets(view)}
    pods = [pod for pod in live(view) if not any(_socket_uses(view, pod, sockets))]
    yield from by_owner(view, ((pod, what) for pod in pods for one in pod.spec.all_containers for what in _tool_signs(one)))


@rule("D2C304", "privileged-pod", Severity.WARNING)
def privileged_pod(view: NodeView) -> Iterator[Seen]:
    """A privileged container runs on this node.

    Why: it can reach Docker without any mount (through the host's namespaces or devices), and no manifest shows whether it does.

    Remedy: Ask its owner, or look for Docker in what it does; kube-proxy and CNI agents are privileged and harmless:

        kubectl -n NAMESPACE logs POD | grep -i docker

    Sources: kubernetes.io, Pod Security Standards (Baseline, Privileged containers).
    """
    yield from by_owner(
        view, ((pod, f"container {one.name} is privileged") for pod in live(view) for one in pod.spec.all_containers if privileged(one))
    )


@rule("D2C305", "near-privileged-pod", Severity.WARNING)
def near_privileged_pod(view: NodeView) -> Iterator[Seen]:
    """A pod on this node shares the host's PID or IPC namespace, or has SYS_ADMIN.

    Why: it may watch or enter Docker's processes: what finds containers as children of dockerd, or by cgroups named docker-*.scope,
    finds none.

    Remedy: Ask its owner whether it looks for Docker's processes or cgroups (containerd's are named cri-containerd-*.scope).

    Sources: kubernetes.io, Pod Security Standards (Baseline, Host namespaces and Capabilities); moby oci_linux.go; containerd
    getCgroupsPath.
    """
    pods = [pod for pod in live(view) if not any(privileged(one) for one in pod.spec.all_containers)]
    yield from by_owner(view, ((pod, sign) for pod in pods for sign in _near_signs(pod)))


@rule("D2C306", "docker-apparmor-profile", Severity.WARNING)
def docker_apparmor_profile(view: NodeView) -> Iterator[Seen]:
    """A pod names the AppArmor profile `docker-default`.

    Why: dockerd loads that profile at its start. After the first boot without Docker it is not there, and the container is not started.

    Remedy: Name the runtime's default instead, or load a profile of your own on every node:

        container.apparmor.security.beta.kubernetes.io/CONTAINER: runtime/default

    Sources: moby v20.10.24 daemon/apparmor_default.go; containerd container_create_linux.go (cri-containerd.apparmor.d).
    """
    for pod in live(view):
        for key, value in sorted((pod.metadata.annotations or {}).items()):
            if key.startswith(APPARMOR) and value == "localhost/docker-default":
                yield from by_owner(view, [(pod, f"annotation {key}: {value}")])


@rule("D2C307", "runtime-class-set", Severity.WARNING)
def runtime_class_set(view: NodeView) -> Iterator[Seen]:
    """A pod names a RuntimeClass.

    Why: dockershim knows the one handler `docker` only. containerd looks the handler up in its configuration and starts no pod
    whose handler it does not have.

    Remedy: Compare the class's handler with the runtimes in containerd's configuration:

        kubectl get runtimeclass

    Sources: kubernetes.io, Runtime Class; Kubernetes v1.20.2 pkg/kubelet/dockershim/docker_sandbox.go.
    """
    yield from by_owner(
        view, ((pod, f"runtimeClassName {pod.spec.runtime_class_name}") for pod in live(view) if pod.spec.runtime_class_name)
    )


@rule("D2C308", "exec-probe-untimed", Severity.WARNING)
def exec_probe_untimed(view: NodeView) -> Iterator[Seen]:
    """An exec probe with a timeout of a second or less was never held to it.

    Why: dockershim ignored the timeout of exec probes up to 1.19, and later with the gate ExecProbeTimeout off. containerd keeps to
    it: a slow check that always passed now fails and restarts its container.

    Remedy: Time the command and give the probe what it needs:

        kubectl -n NAMESPACE exec POD -- time COMMAND

    Sources: kubernetes issues 94885, 94115; Kubernetes 1.20 release notes, ExecProbeTimeout; containerd/cri issue 971.
    """
    if view.facts.endpoint.kind == "dockershim" and _timeouts_ignored(view):
        yield from by_owner(view, ((pod, what) for pod in live(view) for one in pod.spec.containers for what in _short_probes(one)))


def _own_sockets(view: NodeView) -> set[str]:
    """The source's own endpoint, where it is a path of its own."""
    socket = view.facts.endpoint.socket.removeprefix("unix://")
    return {canonical_path(socket)} if view.on_docker and socket.startswith("/") else set()


def _socket_uses(view: NodeView, pod: Pod, sockets: set[str]) -> Iterator[str]:
    for mount in host_mounts(view, pod):
        itself = any(within(mount.path, socket) for socket in sockets)
        if itself or mount.path in SOCKET_PARENTS or any(within(socket, mount.path) for socket in sockets):
            parent = "" if itself else ", a parent of Docker's socket"
            no_type = "; without a type the kubelet makes a directory there when the socket is gone" if "(no type)" in mount.how else ""
            yield mount.how + (parent or no_type)
    if not any(_own_daemon(one) for one in pod.spec.all_containers):
        for one in pod.spec.all_containers:
            names = sorted(entry.name for entry in one.env or () if entry.name in CLIENT_VARIABLES)
            if names:
                yield f"container {one.name} has {', '.join(names)} in its environment"


def _docker_data(view: NodeView, path: str) -> bool:
    roots = {"/var/lib/docker", canonical_path(view.docker.data_root if view.docker else "/var/lib/docker")}
    parent = path not in SOCKET_PARENTS and any(within(root, path) for root in roots)
    return parent or any(within(path, one) for one in (*roots, *DOCKER_PLACES))


def _own_daemon(container: PodContainer) -> bool:
    """Whether it is a Docker daemon inside the pod (docker:dind)."""
    try:
        ref = image_ref.parse(container.image)
    except FormatError:
        return False
    return ref.path.rpartition("/")[2] in ("docker", "dind") and "dind" in f"{ref.path}:{ref.tag or ''}"


def _tool_signs(container: PodContainer) -> Iterator[str]:
    try:
        path = image_ref.parse(container.image).path
    except FormatError:
        path = ""
    if TOOL_IMAGES.fullmatch(path):
        yield f"container {container.name} has image {container.image}"
    if found := TOOL_COMMAND.search(" ".join((*(container.command or ()), *(container.args or ())))):
        yield f"container {container.name} calls `{' '.join(found[0].split())}`"


def _near_signs(pod: Pod) -> Iterator[str]:
    if pod.spec.host_pid:
        yield "hostPID"
    if pod.spec.host_ipc:
        yield "hostIPC"
    for one in pod.spec.all_containers:
        capabilities = one.security_context.capabilities if one.security_context else None
        added = sorted({name.upper() for name in (capabilities.add if capabilities else None) or ()} & NEAR_PRIVILEGED)
        if added:
            yield f"container {one.name} adds {', '.join(added)}"


def _timeouts_ignored(view: NodeView) -> bool:
    kubelet = view.kubelet
    if kubelet is None:
        return False
    gates = kubelet.setting("feature-gates", "featureGates").value
    off = gates.get("ExecProbeTimeout") is False if isinstance(gates, dict) else "ExecProbeTimeout=false" in str(gates or "")
    try:
        return off or version.parse(kubelet.version).release < (1, 20)
    except FormatError:
        return off


def _short_probes(container: PodContainer) -> Iterator[str]:
    for kind, probe in (
        ("liveness", container.liveness_probe),
        ("readiness", container.readiness_probe),
        ("startup", container.startup_probe),
    ):
        if probe and probe.exec and probe.timeout_seconds <= 1:
            yield f"{kind} probe of container {container.name}: exec, timeoutSeconds {probe.timeout_seconds}"
