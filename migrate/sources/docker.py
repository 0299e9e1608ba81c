"""What both ways to Docker have in common: its units, containers and images, whatever the kubelet reaches it through."""

from __future__ import annotations

from collections import Counter

from migrate.facts.model import Container, Docker, Image, Kubelet, NodeFacts
from migrate.sources import Labels

PREFIX = "docker://"
# Docker first, for cri-dockerd is started again in this order; an idle one is stopped too, for it would speak to Docker
ITS_OWN, OF_CRI_DOCKERD = ("docker.socket", "docker.service"), ("cri-docker.socket", "cri-docker.service")
UNITS = (*ITS_OWN, *OF_CRI_DOCKERD)
LABELS = Labels("io.kubernetes.pod.uid", "io.kubernetes.docker.type", "container", "podsandbox")
PACKAGES = r"docker(-ce|-ce-cli|-ce-rootless-extras|-engine|\.io)?|moby-(engine|cli|containerd|runc)|cri-dockerd"
BENEATH = frozenset(("containerd", "containerd.io", "moby-containerd"))
ANSWERS = "Docker answers with the cgroup driver that it had"
RUNNING = "if systemctl is-active --quiet docker.service; then docker ps -q --no-trunc; fi"  # a touch of its socket would start it
# By label and by name: an image that was committed of a pod's container hands the labels on to containers that no kubelet made.
LEFT = """
systemctl is-active --quiet docker.service || { echo 'docker.service does not run' >&2; exit 1; }
timeout 60 docker ps --filter 'name=^/?k8s_' --filter label=io.kubernetes.pod.uid --format '{{.Names}}'
"""
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


def keeps_digests(facts: NodeFacts) -> bool:
    """Whether its store is that of a containerd."""
    return docker.keeps_digests if (docker := of(facts)) else False


def standalone(facts: NodeFacts) -> tuple[Container, ...]:
    """Containers that the kubelet did not make."""
    return docker.standalone if (docker := of(facts)) else ()


def configured(facts: NodeFacts) -> tuple[str, ...]:
    """The file that dockerd reads."""
    return ("/etc/docker/daemon.json",) if of(facts) else ()


def sandbox_image(facts: NodeFacts, flag: str | None) -> str | None:
    """The image of the sandboxes that run, which outranks whatever a flag says: of several the flag's, else the most frequent."""
    named = running_sandbox_images(facts)
    return flag if flag in named or not named else named[0]


def running_sandbox_images(facts: NodeFacts) -> tuple[str, ...]:
    """The images of the sandboxes that run, by name, the most frequent first."""
    docker = of(facts)
    names = Counter(container.image for container in docker.containers if container.sandbox and container.running) if docker else Counter()
    return tuple(name for name, _ in names.most_common() if not name.startswith("sha256:"))


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
