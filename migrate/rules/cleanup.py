"""D2C901 to D2C906 and D2C912: whether Docker can be removed from a node that has left it, and what of its removal stays."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.remains import Remains
from migrate.facts.remains_probe import UNITS
from migrate.formats.listing import few, plural
from migrate.rules import NodeView, Rule, Seen, Severity
from migrate.rules.cleanup_rule import cleanup_rule
from migrate.rules.host import calling
from migrate.rules.leftovers import (
    data_root_holds_more,
    data_root_not_removable,
    docker_packages_not_removable,
    docker_volume_holds_data,
    firewall_rules_stay,
)
from migrate.targets.table import runtime_title

ENDED = {"rolled-back": "it was rolled back", "needs-attention": "it needs attention", "undo-begin": "its rollback is not finished"}
SOCKETS = frozenset(("/run/docker.sock", "/run/dockershim.sock", "/run/cri-dockerd.sock"))


@cleanup_rule("D2C901", "node-not-on-target", Severity.BLOCKER)
def node_not_on_target(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """The node does not run its pods on the target.

    Why: Docker is removed for good from nodes alone that run without it. Where the kubelet still uses Docker, or nobody knows what it uses,
    its pods would end.

    Remedy: Move the node first, or name the runtime that it runs on:

        docker2cri plan TARGET NODE --out plan.json
        docker2cri inspect NODE

    Sources: kubernetes.io, Changing the Container Runtime on a Node from Docker Engine to containerd.
    """
    if view.facts.endpoint.kind != view.target.runtime:
        yield Seen("kubelet", f"it runs its pods on {runtime_title(view.facts.endpoint.kind)}, not on {view.target.title}")
    elif view.node is None:
        yield Seen("Node", "the cluster does not know it, or was not read")
    elif not view.node.status.node_info.container_runtime_version.startswith(view.target.prefix):
        seen = view.node.status.node_info.container_runtime_version
        yield Seen(f"Node {view.node.name}", f"the API tells {seen}, the node's kubelet is on {view.target.title}")


@cleanup_rule("D2C902", "migration-not-verified", Severity.BLOCKER)
def migration_not_verified(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """The run that moved the node is not finished and verified, or the node needs attention.

    Why: a rollback of that run needs Docker. Its removal is one-way, so the move must be known to be good before it.

    Remedy: Look how the run stands, and finish it or roll it back:

        docker2cri status NODE
        docker2cri verify NODE

    Sources: docker2cri docs/guide.md, How a run ends.
    """
    records = remains.records
    run = records.held or next((one for one in records.runs if one.name == records.stopped_by), None)
    if run is None and records.owner:
        yield Seen(f"run {records.owner}", "it holds the node, and its record does not lie there")
    elif run is not None and not run.cleaned and (run.ended in ENDED or not run.verified):
        yield Seen(f"run {run.name}", ENDED.get(run.ended, "it is not finished and verified"))


@cleanup_rule("D2C903", "migration-not-recorded", Severity.BLOCKER, acceptable=True)
def migration_not_recorded(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """No run of docker2cri that moved this node is recorded on it.

    Why: whether the node and its workloads were verified on the target is not known, and what stopped Docker is not known either.

    Remedy: Look that the node is Ready with its pods on the target, and accept that nothing is recorded:

        kubectl get pods -A -o wide --field-selector spec.nodeName=NODE
        docker2cri cleanup NODE --accept D2C903="moved by hand in May, runs well" --out plan.json

    Sources: docker2cri docs/guide.md, How a run ends.
    """
    if not remains.records.owner and not any(run.verified or run.cleaned for run in remains.records.runs):
        yield Seen("/var/lib/docker2cri", "it has no run that was verified")


@cleanup_rule("D2C904", "docker-still-runs", Severity.BLOCKER)
def docker_still_runs(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Docker or a part of it still runs, or was kept running on purpose.

    Why: its containers would end and its files would be removed under it.

    Remedy: See who uses it; where nobody does, stop it and keep it from starting, then plan again:

        docker ps     # on the node
        systemctl disable --now docker.socket docker.service     # on the node
        docker2cri cleanup NODE --out plan.json

    Sources: moby contrib/init/systemd; docs.docker.com, Configure the daemon with systemd.
    """
    for name in UNITS:
        if (unit := view.facts.unit(name)) and unit.active not in ("inactive", "failed"):
            yield Seen(name, f"it is {unit.active}")
    if remains.processes:
        yield Seen("processes", f"{few(dict.fromkeys(remains.processes))} run")
    if remains.records.kept_by:
        yield Seen(f"run {remains.records.kept_by}", "it left Docker running for its other users (--keep-docker)")
    if remains.namespace and remains.namespace.tasks:
        yield Seen("namespace moby", f"{plural(remains.namespace.tasks, 'container')} of Docker run in {remains.namespace.socket}")
    if remains.attached:
        yield Seen("docker0", f"{few(remains.attached)} attached to it")


@cleanup_rule("D2C905", "standalone-containers-left", Severity.BLOCKER, acceptable=True)
def standalone_containers_left(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Docker has containers on this node that no kubelet made.

    Why: a service or a Compose project may only be stopped. Its containers, and what they wrote, are removed with Docker's data.

    Remedy: Move them elsewhere, or accept that they are lost:

        ls /var/lib/docker/containers     # on the node
        docker2cri cleanup NODE --accept D2C905="the old forwarder, replaced by a DaemonSet" --out plan.json

    Sources: docs.docker.com, Start containers automatically, docker compose down.
    """
    alone = [container.name for container in remains.containers if not container.project]
    projects: dict[str, list[str]] = {}
    for container in remains.containers:
        if container.project:
            projects.setdefault(container.project, []).append(container.name)
    if alone:
        yield Seen("standalone containers", few(alone))
    yield from (Seen(f"Compose project {project}", few(names)) for project, names in projects.items())


@cleanup_rule("D2C906", "docker-still-wanted", Severity.BLOCKER, acceptable=True)
def docker_still_wanted(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Something on the node is made to use Docker.

    Why: a pod that mounts Docker's socket, a script or a timer that calls docker fails now, and would work again if Docker were started.
    Once Docker is removed it fails for good.

    Remedy: Change what uses it, or accept that it fails:

        crictl ps; crictl images     # in place of docker ps, images
        docker2cri cleanup NODE --accept D2C906="the cron job is removed next week" --out plan.json

    Sources: kubernetes.io, Migrating telemetry and security agents from dockershim.
    """
    yield from calling(view)
    for pod, seen in view.pod_views:
        mounted = [mount.how for mount in seen.mounts if mount.path in SOCKETS]
        if mounted and not pod.finished:
            yield Seen(f"pod {pod.key}", mounted[0])


@cleanup_rule("D2C912", "remains-unreadable", Severity.BLOCKER)
def remains_unreadable(view: NodeView, remains: Remains) -> Iterator[Seen]:
    """Something that Docker left could not be read.

    Why: what is not known is not removed, and what it holds may be needed.

    Remedy: Look why, and plan again:

        docker2cri cleanup NODE --debug --out plan.json

    Sources: docker2cri migrate/facts/remains_probe.py.
    """
    yield from (Seen(value.what, value.reason) for value in remains.unreadable)


CLEANUP_RULES: tuple[Rule, ...] = (
    node_not_on_target,
    migration_not_verified,
    migration_not_recorded,
    docker_still_runs,
    standalone_containers_left,
    docker_still_wanted,
    docker_volume_holds_data,
    data_root_not_removable,
    data_root_holds_more,
    docker_packages_not_removable,
    firewall_rules_stay,
    remains_unreadable,
)
