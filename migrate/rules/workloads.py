"""D2C301 to D2C308: pods of this node that lean on Docker."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.facts.cluster import PodContainer
from migrate.facts.workload import Pointer
from migrate.formats import FormatError, image_ref
from migrate.rules import Severity
from migrate.rules.ground import Ground
from migrate.rules.pods import privileged, within
from migrate.rules.sight import Sign, WorkloadView, host_mounts, workload_rule

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


@workload_rule("D2C301", "docker-socket-mounted", Severity.BLOCKER, acceptable=True)
def docker_socket_mounted(view: WorkloadView) -> Iterator[Sign]:
    """A workload on this node reaches Docker's socket.

    Why: nobody answers there once Docker is shelved: builds, agents and CI runners fail. A hostPath without a type even makes an
    empty directory in the socket's place, which later stands in Docker's own way. A mount of /, /var, /run or /var/run reaches the
    socket as well.

    Remedy: Move it to what needs no Docker (builds: BuildKit, Buildah or a kaniko fork; agents: their CRI option), keep it on nodes
    that stay on Docker, or accept that it fails here:

        docker2cri plan --to containerd --accept D2C301="builds moved to BuildKit" NODE

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim; moby issue 30348; actions/runner issue 1265.
    """
    yield from _socket_uses(view)


@workload_rule("D2C302", "docker-data-mounted", Severity.WARNING)
def docker_data_mounted(view: WorkloadView) -> Iterator[Sign]:
    """A workload on this node reads Docker's own files.

    Why: below the data root nothing changes any more: a log agent that follows /var/lib/docker/containers falls silent, a metrics
    agent loses its containers. Real log files lie in /var/log/pods then.

    Remedy: Let it mount /var/log (logs) or /run/containerd (metrics), and parse the CRI format:

        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE

    Sources: kubernetes.io, Check whether dockershim removal affects you; grafana/helm-charts issue 936; loki issue 2180.
    """
    yield from (Sign(mount.how, mount.at) for mount in host_mounts(view) if _docker_data(view.ground, mount.path))


@workload_rule("D2C303", "docker-tool-in-pod", Severity.WARNING)
def docker_tool_in_pod(view: WorkloadView) -> Iterator[Sign]:
    """A pod's image or command is a tool of Docker.

    Why: it expects a Docker daemon. With one of its own in the pod (dind) it goes on working; with the node's it does not.

    Remedy: Find out which daemon it talks to:

        kubectl -n NAMESPACE exec POD -- printenv DOCKER_HOST

    Sources: kubernetes.io, Check whether dockershim removal affects you; docs.gitlab.com, Use Docker to build Docker images.
    """
    if not any(_socket_uses(view)):
        yield from (sign for at, one in view.containers for sign in _tool_signs(at, one))


@workload_rule("D2C304", "privileged-pod", Severity.WARNING)
def privileged_pod(view: WorkloadView) -> Iterator[Sign]:
    """A privileged container runs on this node.

    Why: it can reach Docker without any mount (through the host's namespaces or devices), and no manifest shows whether it does.

    Remedy: Ask its owner, or look for Docker in what it does; kube-proxy and CNI agents are privileged and harmless:

        kubectl -n NAMESPACE logs POD | grep -i docker

    Sources: kubernetes.io, Pod Security Standards (Baseline, Privileged containers).
    """
    for at, one in view.containers:
        if privileged(one):
            yield Sign(f"container {one.name} is privileged", (*at, "securityContext", "privileged"))


@workload_rule("D2C305", "near-privileged-pod", Severity.WARNING)
def near_privileged_pod(view: WorkloadView) -> Iterator[Sign]:
    """A pod on this node shares the host's PID or IPC namespace, or has SYS_ADMIN.

    Why: it may watch or enter Docker's processes: what finds containers as children of dockerd, or by cgroups named docker-*.scope,
    finds none.

    Remedy: Ask its owner whether it looks for Docker's processes or cgroups (containerd's are named cri-containerd-*.scope).

    Sources: kubernetes.io, Pod Security Standards (Baseline, Host namespaces and Capabilities); moby oci_linux.go; containerd
    getCgroupsPath.
    """
    if not any(privileged(one) for _, one in view.containers):
        yield from _near_signs(view)


@workload_rule("D2C306", "docker-apparmor-profile", Severity.WARNING)
def docker_apparmor_profile(view: WorkloadView) -> Iterator[Sign]:
    """A pod names the AppArmor profile `docker-default`.

    Why: dockerd loads that profile at its start. After the first boot without Docker it is not there, and the container is not started.

    Remedy: Name the runtime's default instead, or load a profile of your own on every node:

        container.apparmor.security.beta.kubernetes.io/CONTAINER: runtime/default

    Sources: moby v20.10.24 daemon/apparmor_default.go; containerd container_create_linux.go (cri-containerd.apparmor.d).
    """
    for key, value in sorted(view.workload.annotations.items()):
        if key.startswith(APPARMOR) and value == "localhost/docker-default":
            yield Sign(f"annotation {key}: {value}", ("metadata", "annotations", key))


@workload_rule("D2C307", "runtime-class-set", Severity.WARNING)
def runtime_class_set(view: WorkloadView) -> Iterator[Sign]:
    """A pod names a RuntimeClass.

    Why: dockershim knows the one handler `docker` only. containerd looks the handler up in its configuration and starts no pod
    whose handler it does not have.

    Remedy: Compare the class's handler with the runtimes in containerd's configuration:

        kubectl get runtimeclass

    Sources: kubernetes.io, Runtime Class; Kubernetes v1.20.2 pkg/kubelet/dockershim/docker_sandbox.go.
    """
    if name := view.workload.spec.runtime_class_name:
        yield Sign(f"runtimeClassName {name}", ("spec", "runtimeClassName"))


@workload_rule("D2C308", "exec-probe-untimed", Severity.WARNING)
def exec_probe_untimed(view: WorkloadView) -> Iterator[Sign]:
    """An exec probe with a timeout of a second or less was never held to it.

    Why: dockershim ignored the timeout of exec probes up to 1.19, and later with the gate ExecProbeTimeout off. containerd keeps to
    it: a slow check that always passed now fails and restarts its container.

    Remedy: Time the command and give the probe what it needs:

        kubectl -n NAMESPACE exec POD -- time COMMAND

    Sources: kubernetes issues 94885, 94115; Kubernetes 1.20 release notes, ExecProbeTimeout; containerd/cri issue 971.
    """
    if view.ground.probes_untimed:
        yield from (sign for at, one in view.containers for sign in _short_probes(at, one))


def _socket_uses(view: WorkloadView) -> Iterator[Sign]:
    sockets = {*SOCKETS, *view.ground.sockets}
    for mount in host_mounts(view):
        itself = any(within(mount.path, socket) for socket in sockets)
        if itself or mount.path in SOCKET_PARENTS or any(within(socket, mount.path) for socket in sockets):
            parent = "" if itself else ", a parent of Docker's socket"
            no_type = "; without a type the kubelet makes a directory there when the socket is gone" if "(no type)" in mount.how else ""
            yield Sign(mount.how + (parent or no_type), mount.at)
    if not any(_own_daemon(one) for _, one in view.containers):
        for at, one in view.containers:
            found = sorted((entry.name, index) for index, entry in enumerate(one.env or ()) if entry.name in CLIENT_VARIABLES)
            if found:
                names = ", ".join(name for name, _ in found)
                yield Sign(f"container {one.name} has {names} in its environment", (*at, "env", found[0][1]))


def _docker_data(ground: Ground, path: str) -> bool:
    parent = path not in SOCKET_PARENTS and any(within(root, path) for root in ground.data_roots)
    return parent or any(within(path, one) for one in (*ground.data_roots, *DOCKER_PLACES))


def _own_daemon(container: PodContainer) -> bool:
    """Whether it is a Docker daemon inside the pod (docker:dind)."""
    try:
        ref = image_ref.parse(container.image)
    except FormatError:
        return False
    return ref.path.rpartition("/")[2] in ("docker", "dind") and "dind" in f"{ref.path}:{ref.tag or ''}"


def _tool_signs(at: Pointer, container: PodContainer) -> Iterator[Sign]:
    try:
        path = image_ref.parse(container.image).path
    except FormatError:
        path = ""
    if TOOL_IMAGES.fullmatch(path):
        yield Sign(f"container {container.name} has image {container.image}", (*at, "image"))
    if found := TOOL_COMMAND.search(" ".join((*(container.command or ()), *(container.args or ())))):
        where = "command" if TOOL_COMMAND.search(" ".join(container.command or ())) else "args"
        yield Sign(f"container {container.name} calls `{' '.join(found[0].split())}`", (*at, where))


def _near_signs(view: WorkloadView) -> Iterator[Sign]:
    spec = view.workload.spec
    if spec.host_pid:
        yield Sign("hostPID", ("spec", "hostPID"))
    if spec.host_ipc:
        yield Sign("hostIPC", ("spec", "hostIPC"))
    for at, one in view.containers:
        capabilities = one.security_context.capabilities if one.security_context else None
        added = sorted({name.upper() for name in (capabilities.add if capabilities else None) or ()} & NEAR_PRIVILEGED)
        if added:
            yield Sign(f"container {one.name} adds {', '.join(added)}", (*at, "securityContext", "capabilities", "add"))


def _short_probes(at: Pointer, container: PodContainer) -> Iterator[Sign]:
    for kind, probe in (
        ("liveness", container.liveness_probe),
        ("readiness", container.readiness_probe),
        ("startup", container.startup_probe),
    ):
        if probe and probe.exec and probe.timeout_seconds <= 1:
            yield Sign(f"{kind} probe of container {container.name}: exec, timeoutSeconds {probe.timeout_seconds}", (*at, f"{kind}Probe"))
