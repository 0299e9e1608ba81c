"""What both ways to Docker have in common: its units, containers and images, whatever the kubelet reaches it through."""

from __future__ import annotations

from migrate.facts.model import Container, Docker, Image, Kubelet, NodeFacts
from migrate.sources import Labels

PREFIX = "docker://"
# Docker first, for cri-dockerd is started again in this order; an idle one is stopped too, for it would speak to Docker
UNITS = ("docker.socket", "docker.service", "cri-docker.socket", "cri-docker.service")
LABELS = Labels("io.kubernetes.pod.uid", "io.kubernetes.docker.type", "container", "podsandbox")
PACKAGES = r"docker(-ce|-ce-cli|-ce-rootless-extras|-engine|\.io)?|moby-(engine|cli|containerd|runc)|cri-dockerd"
BENEATH = frozenset(("containerd", "containerd.io", "moby-containerd"))
ANSWERS = "Docker answers with the cgroup driver that it had"
RUNNING = "if systemctl is-active --quiet docker.service; then docker ps -q --no-trunc; fi"  # a touch of its socket would start it
PID = "docker inspect -f '{{{{.State.Pid}}}}' {id}"


def of(facts: NodeFacts) -> Docker | None:
    """Docker, None where it is not there or not read."""
    return facts.docker if isinstance(facts.docker, Docker) else None


def version(facts: NodeFacts) -> str | None:
    """The daemon's."""
    return docker.version if (docker := of(facts)) else None


def data_root(facts: NodeFacts) -> str:
    """Where its images and containers lie."""
    return docker.data_root if (docker := of(facts)) else "/var/lib/docker"


def images(facts: NodeFacts) -> tuple[Image, ...]:
    """Those of its store."""
    return docker.images if (docker := of(facts)) else ()


def standalone(facts: NodeFacts) -> tuple[Container, ...]:
    """Containers that the kubelet did not make."""
    return docker.standalone if (docker := of(facts)) else ()


def configured(facts: NodeFacts) -> tuple[str, ...]:
    """The file that dockerd reads."""
    return ("/etc/docker/daemon.json",) if of(facts) else ()


def running_sandbox_image(facts: NodeFacts) -> str | None:
    """The image of the sandboxes that run, where all have the same: it outranks whatever flags say. One by ID alone has no name."""
    docker = of(facts)
    names = {container.image for container in docker.containers if container.sandbox and container.running} if docker else set()
    named = {name for name in names if not name.startswith("sha256:")}
    return named.pop() if len(named) == 1 else None


def cgroup_driver(facts: NodeFacts) -> str | None:
    """The driver in force: the kubelet's own setting, else Docker's, else the kubelet's default; None when the kubelet is not known.

    dockershim and cri-dockerd refuse to start on a mismatch, so on a working node both agree (Kubernetes 1.20.2 docker_service.go,
    cri-dockerd core/docker_service.go).
    """
    if not isinstance(facts.kubelet, Kubelet):
        return None
    said = facts.kubelet.setting("cgroup-driver", "cgroupDriver")
    docker = of(facts)
    return str(said.value) if said.place is not None else (docker.cgroup_driver if docker else None) or "cgroupfs"
