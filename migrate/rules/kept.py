"""D2C151 to D2C153: what Docker and the target share where Docker keeps running (`--keep-docker`)."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.parse.docker import flag
from migrate.formats.listing import plural
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.docker import listening
from migrate.rules.host import calling, connected
from migrate.rules.pods import canonical_path

# where dockerd looks for a containerd that nobody told it of
SYSTEM_S = "/run/containerd/containerd.sock"


@node_rule("D2C151", "containerd-shared-with-docker", Severity.WARNING)
def containerd_shared_with_docker(view: NodeView) -> Iterator[Seen]:
    """Docker, which keeps running, shares a containerd with Kubernetes (`--keep-docker`).

    Why: the plan edits the configuration of that containerd and restarts it, and a rollback does so again. Containers keep running: the
    shim of each is a process of its own, which containerd leaves running, and dockerd connects again; until then `docker run`, `exec` and
    `stop` fail. live-restore changes nothing of this: it decides what a restart of Docker itself does. From then on who restarts, upgrades
    or configures containerd does so for both. Their containers and images are apart, in the namespaces moby and k8s.io.

    Remedy: Nothing for the migration, which waits until Docker answers again, and else rolls the node back. To see both:

        ctr namespaces ls; ctr -n moby tasks ls     # on the node

    Sources: containerd docs/ops.md (KillMode=process), containerd.service; docs.docker.com, Live restore; moby libcontainerd/remote.
    """
    if _shared(view) and view.docker:
        live = "on" if view.docker.live_restore else "off"
        running = sum(container.running for container in view.docker.standalone)
        tied = f"; {', '.join(ties)}, so systemd restarts Docker with it" if (ties := _ties(view)) else ""
        yield Seen(view.target.unit, f"dockerd uses it for {plural(running, 'container')} of its own; live-restore is {live}{tied}")


@node_rule("D2C152", "docker-restarts-with-target", Severity.BLOCKER)
def docker_restarts_with_target(view: NodeView) -> Iterator[Seen]:
    """systemd restarts Docker together with the target, which stops the containers that Docker runs (`--keep-docker`).

    Why: the unit of Docker requires that of the target or is bound to it, the plan restarts the target, and live-restore is off: Docker
    ends its containers when it stops, and starts those with a restart policy again.

    Remedy: Turn live-restore on, which needs no restart, or remove the dependency from Docker's unit; then make the plan again:

        systemctl cat docker.service     # on the node: Requires=, BindsTo=, PartOf=
        systemctl reload docker.service     # on the node, with "live-restore": true in /etc/docker/daemon.json
        docker2cri plan TARGET NODE --out plan.json

    Sources: systemd.unit(5), Requires= and BindsTo=; docker-ce-packaging systemd/docker.service (18.09 and 19.03:
    BindsTo=containerd.service); docs.docker.com, Live restore.
    """
    if view.target.keeps_source and view.docker and not view.docker.live_restore and (ties := _ties(view)):
        running = [container.name for container in view.docker.standalone if container.running]
        if running:
            yield Seen("docker.service", f"{', '.join(ties)}; live-restore is off; {plural(len(running), 'container')} would stop")


@node_rule("D2C153", "docker-user-sees-no-pods", Severity.WARNING)
def docker_user_sees_no_pods(view: NodeView) -> Iterator[Seen]:
    """Something on the host uses Docker, which keeps running without the pods (`--keep-docker`).

    Why: it works as before, and finds no container and no image of Kubernetes: a check that looks for `k8s_` containers finds none, a
    nightly `docker system prune` no longer frees what pods left. Without TLS the API on TCP gives root to everyone who reaches it.

    Remedy: Change what is about pods; what is about other containers stays:

        crictl ps; crictl images; crictl logs CONTAINER     # in place of docker ps, images, logs
        ps -o pid,user,args -p PID; cat /proc/PID/cgroup     # on the node; a line with kubepods belongs to a pod

    Sources: kubernetes.io, Mapping from dockercli to crictl; docs.docker.com, Protect the Docker daemon socket.
    """
    if view.target.keeps_source:
        yield from (*calling(view), *listening(view), *connected(view))


def _shared(view: NodeView) -> bool:
    """Whether dockerd uses the daemon that is the target."""
    docker = view.docker
    if not view.target.keeps_source or docker is None or docker.info is None or docker.child_containerd:
        return False
    return canonical_path(flag(docker.argv, "containerd") or SYSTEM_S) == canonical_path(view.target.socket)


def _ties(view: NodeView) -> tuple[str, ...]:
    """By what systemd restarts Docker when the target restarts."""
    unit = view.facts.unit("docker.service")
    relations = (("Requires", unit.requires), ("BindsTo", unit.binds_to), ("PartOf", unit.part_of)) if unit else ()
    return tuple(f"docker.service has {word}={view.target.unit}" for word, names in relations if view.target.unit in names)
