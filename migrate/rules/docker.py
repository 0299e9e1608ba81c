"""D2C110 to D2C116, D2C122, D2C124, D2C125 and D2C150: Docker itself and the containers that the kubelet did not create."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from migrate.facts.model import Container, Unit
from migrate.formats import FormatError, image_ref
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen, Severity, node_rule

NODE_COMPONENTS = frozenset({"etcd", "hyperkube", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet"})
KUBELETS = frozenset({"hyperkube", "kubelet"})  # the node moves while it stands still, and it is no unit there
API_PORTS = (2375, 2376)
SNAP = "snap.docker.dockerd.service"

NEAR_PRIVILEGED = frozenset({"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"})


@node_rule("D2C110", "docker-not-running", Severity.BLOCKER, forbids_install=True)
def docker_not_running(view: NodeView) -> Iterator[Seen]:
    """Docker does not run or does not answer, and the kubelet uses it.

    Why: its containers and images are unknown then, and there is no working state that a rollback could restore. Inspecting a node never
    starts Docker, because that alone may change the node.

    Remedy: Find out why it is down, start it, and inspect the node again:

        systemctl status docker.service     # on the node
        systemctl start docker.service
        docker2cri inspect NODE

    Sources: docs.docker.com, Start the daemon; systemctl(1).
    """
    if not view.on_docker or _snap(view):
        return
    if view.facts.docker is None:
        seen = "systemd has no such unit, and no program dockerd is in the folders of programs"
        yield Seen("docker.service", f"{seen}, but {view.facts.endpoint.evidence}")
    elif view.docker and view.docker.info is None:
        unit = view.facts.unit("docker.service")
        yield Seen(
            "docker.service",
            f"ActiveState {unit.active or 'empty'}; `docker info` failed" if unit else "it is not loaded in systemd",
        )


@node_rule("D2C125", "docker-from-snap", Severity.BLOCKER, forbids_install=True)
def docker_from_snap(view: NodeView) -> Iterator[Seen]:
    """Docker is installed as a snap.

    Why: the snap has a unit, a data root and a daemon.json of its own, and it is updated and restarted by snapd. The migration stops and
    starts docker.service and reads /etc/docker, which the snap has not.

    Remedy: Replace the node, or replace the snap by Docker's package and join the node again, then inspect it:

        snap list docker     # on the node
        docker2cri inspect NODE

    Sources: snapcraft.io, docker; cluster-api issue 1926; kubeadm issue 1979.
    """
    if view.on_docker and (unit := _snap(view)):
        yield Seen(unit.name, f"ActiveState {unit.active}; it is Docker's snap, and systemd has no docker.service")


def _snap(view: NodeView) -> Unit | None:
    """The unit of Docker's snap where that is the Docker of this node."""
    return view.facts.unit(SNAP) if view.facts.docker is None else None


@node_rule("D2C111", "swarm-active", Severity.BLOCKER)
def swarm_active(view: NodeView) -> Iterator[Seen]:
    """Docker Swarm is active on the node.

    Why: its services exist in Docker alone. Stopping Docker takes a member, possibly a manager, out of the swarm.

    Remedy: Move the services of the swarm to other hosts and leave the swarm:

        docker node ls     # on a manager
        docker node update --availability drain NODE
        docker swarm leave     # on this node

    Sources: docs.docker.com, Swarm mode (node states inactive, pending, active, error, locked).
    """
    if not view.target.keeps_source:
        yield from _swarm(view)


@node_rule("D2C112", "node-component-in-docker", Severity.BLOCKER, forbids_install=True)
def node_component_in_docker(view: NodeView) -> Iterator[Seen]:
    """A component of Kubernetes (etcd, the API server, the kubelet ...) runs in Docker outside of the kubelet.

    Why: it stops with Docker, and no kubelet starts it again. Older Kubespray runs etcd like this, RKE1 runs everything like this; a
    cluster lost its etcd this way.

    Remedy: Move it out of Docker first. With Kubespray, set `etcd_deployment_type: host` and run its playbook; with RKE1, build new nodes:

        docker ps --no-trunc --filter name=etcd     # on the node

    Sources: Kubespray v2.14.2 roles/kubespray-defaults; kubespray issue 7420; rancher/rke cluster/plan.go.
    """
    for container in view.docker.standalone if view.docker else ():
        stays = view.target.keeps_source and _component(container) not in KUBELETS
        if _would_run(container) and _component(container) and not stays:
            yield Seen(f"container {container.name}", f"image {container.image}, {_state(container)}, not created by the kubelet")


@node_rule("D2C113", "standalone-container", Severity.BLOCKER, acceptable=True)
def standalone_container(view: NodeView) -> Iterator[Seen]:
    """A container that the kubelet did not create runs in Docker, or has a restart policy.

    Why: it stops with Docker, and nothing starts it again before a rollback.

    Remedy: Find its owner and move it: into a pod, to another host, or to a unit that runs podman or nerdctl. Or accept that it stops:

        docker inspect CONTAINER     # on the node
        docker2cri plan TARGET --accept D2C113="moved to another host" NODE --out plan.json

    Sources: kubespray issue 8693 (build hosts lost their containers); docs.docker.com, Start containers automatically.
    """
    if not view.target.keeps_source:
        yield from _grouped(container for container in _others(view) if _would_run(container))


@node_rule("D2C124", "standalone-container-privileged", Severity.WARNING)
def standalone_container_privileged(view: NodeView) -> Iterator[Seen]:
    """A container that the kubelet did not create is privileged, or has permissions close to that.

    Why: it is root on the node with another root directory, and no admission policy of the cluster has seen it. It needs the same
    permissions wherever it moves: check which of them it uses.

    Remedy: See what it does, and start it elsewhere with the single permissions that it uses (`--device`, `--cap-add`, a read-only mount):

        docker inspect -f '{{.HostConfig.Privileged}} {{.HostConfig.CapAdd}} {{.HostConfig.Binds}}' CONTAINER     # on the node

    Sources: docs.docker.com, docker run (--privileged); kubernetes.io, Pod Security Standards (Baseline).
    """
    for container in _others(view):
        near = sorted({name.removeprefix("CAP_") for name in container.cap_add} & NEAR_PRIVILEGED)
        sockets = [bind for bind in container.binds if bind.partition(":")[0] in ("/var/run/docker.sock", "/run/docker.sock", "/")]
        signs = [*(["--privileged"] if container.privileged else []), *(f"--cap-add {name}" for name in near)]
        signs += [f"--volume {bind}" for bind in sockets]
        if signs:
            evidence = f"image {container.image}, {_state(container)}: {', '.join(signs)}"
            yield Seen(f"container {container.name}", evidence, values=_named(container))


@node_rule("D2C114", "standalone-container-stopped", Severity.INFO)
def standalone_container_stopped(view: NodeView) -> Iterator[Seen]:
    """A container that the kubelet did not create is stopped and has no restart policy.

    Why: it cannot be started while Docker is stopped. It stays on disk, and the data in its layers is lost once Docker's data is deleted.

    Remedy: Copy what is worth keeping, or remove it:

        docker cp CONTAINER:/path /somewhere     # on the node
        docker rm CONTAINER

    Sources: docs.docker.com, docker container cp.
    """
    for container in () if view.target.keeps_source else _others(view):
        if not _would_run(container):
            yield Seen(f"container {container.name}", f"image {container.image}, {_state(container)}", values=_named(container))


@node_rule("D2C115", "live-restore-on", Severity.WARNING)
def live_restore_on(view: NodeView) -> Iterator[Seen]:
    """Docker keeps its containers running when it stops (`live-restore`).

    Why: `systemctl stop docker` alone would leave the old containers with their ports and files beside the new ones. The migration stops
    them by ID first.

    Remedy: Nothing for the migration. To stop Docker by hand, stop the kubelet's containers first:

        docker ps -q --filter label=io.kubernetes.pod.uid | xargs -r docker stop     # on the node, with the kubelet stopped

    Sources: moby v20.10.24 daemon/daemon.go Shutdown; moby issue 40139; rke2 issue 3387.
    """
    if view.docker and view.docker.live_restore and not view.target.keeps_source:
        yield Seen("live-restore", "docker info: LiveRestoreEnabled" if view.docker.info else "daemon.json: live-restore is true")


@node_rule("D2C116", "docker-api-on-tcp", Severity.WARNING)
def docker_api_on_tcp(view: NodeView) -> Iterator[Seen]:
    """Docker's API listens on TCP.

    Why: its remote clients (CI, monitoring, Portainer) fail when Docker is stopped; the target has no such API. Without TLS the port gives
    root to everyone who reaches it.

    Remedy: Find the clients, and move them first:

        ss -tnp '( sport = :2375 or sport = :2376 )'     # on the node

    Sources: docs.docker.com, Protect the Docker daemon socket.
    """
    if not view.target.keeps_source:
        yield from listening(view)


def listening(view: NodeView) -> Iterator[Seen]:
    """The TCP ports on which Docker's API listens."""
    for listener in view.facts.listeners:
        if listener.port in API_PORTS and listener.process in ("dockerd", "docker", "systemd", ""):
            tls = ", usually without TLS" if listener.port == API_PORTS[0] else ""
            yield Seen(f"TCP {listener.address}:{listener.port}", f"{listener.process or 'an unknown process'} listens{tls}")


@node_rule("D2C122", "docker-runs-own-containerd", Severity.INFO)
def docker_runs_own_containerd(view: NodeView) -> Iterator[Seen]:
    """dockerd runs a containerd of its own instead of the system's.

    Why: the system's containerd.service is another daemon. On a rollback Docker must find its own again, and a socket that is left at
    /run/containerd/containerd.sock misleads it.

    Remedy: Nothing for the migration, which keeps the two apart. To see both:

        pgrep -a containerd     # on the node

    Sources: moby v20.10.24 cmd/dockerd/daemon_unix.go.
    """
    if view.docker and view.docker.child_containerd:
        yield Seen("dockerd", "its child process containerd uses /run/docker/containerd/containerd.toml")


@node_rule("D2C150", "other-containers-stay", Severity.INFO)
def other_containers_stay(view: NodeView) -> Iterator[Seen]:
    """Containers that the kubelet did not create keep running in Docker (`--keep-docker`).

    Why: the migration neither stops nor restarts them, and Docker's units stay enabled. They are not pods: Kubernetes does not count their
    memory and CPU, and a drain leaves them.

    Remedy: Nothing for the migration. To see that they are the same ones afterwards:

        docker inspect -f '{{.Id}} {{.State.StartedAt}}' CONTAINER     # on the node, before and after

    Sources: docs.docker.com, docker inspect; moby 20.10.24 and containerd 1.6.20 (observed).
    """
    if view.target.keeps_source and view.docker:
        kept = (container for container in view.docker.standalone if _component(container) not in KUBELETS)
        yield from _grouped(sorted((one for one in kept if _would_run(one) and not one.swarm_task), key=lambda one: one.name))
        yield from _swarm(view)


def _swarm(view: NodeView) -> Iterator[Seen]:
    if view.docker and view.docker.swarm not in ("", "inactive"):
        tasks = sorted(container.name for container in view.docker.containers if container.swarm_task)
        yield Seen("Docker Swarm", f"docker info: Swarm {view.docker.swarm}; tasks here: {', '.join(tasks) or 'none'}")


def _grouped(containers: Iterable[Container]) -> Iterator[Seen]:
    """Those of a Compose project together, each other one alone."""
    found: dict[str, list[str]] = {}
    for container in containers:
        subject = f"Compose project {container.compose_project}" if container.compose_project else f"container {container.name}"
        found.setdefault(subject, []).append(f"{container.name}: image {container.image}, {_state(container)}")
    for subject, lines in found.items():
        names = " ".join(shlex.quote(line.partition(": image ")[0]) for line in lines)
        yield Seen(subject, few(sorted(lines), joint="; "), values={"CONTAINER": names})


def _others(view: NodeView) -> tuple[Container, ...]:
    """Standalone containers that no other rule reports, by name."""
    if view.docker is None:
        return ()
    standalone = view.docker.standalone
    found = [container for container in standalone if not container.swarm_task and not (_would_run(container) and _component(container))]
    return tuple(sorted(found, key=lambda container: container.name))


def _named(container: Container) -> dict[str, str]:
    return {"CONTAINER": shlex.quote(container.name)}


def _would_run(container: Container) -> bool:
    return container.running or container.restart not in ("", "no")


def _state(container: Container) -> str:
    return f"{container.state}, restart policy {container.restart or 'no'}"


def _component(container: Container) -> str:
    """Which one it is, by the last part of the image's path, or by the name as RKE1 and Kubespray (`etcd1`) give it; empty for none."""
    try:
        image = image_ref.parse(container.image).path.rpartition("/")[2]
    except FormatError:
        image = ""
    return next((name for name in (image, container.name.rstrip("0123456789")) if name in NODE_COMPONENTS), "")
