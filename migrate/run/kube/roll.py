"""Every workload of a cluster through its API alone, judged page by page: what is held is small whatever the cluster's size."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from posixpath import basename

from migrate.facts.cluster import ClusterFacts, M, Node, Owner, PersistentVolume, without_secrets
from migrate.facts.model import Unreadable
from migrate.facts.owners import Title
from migrate.facts.pod import Pod
from migrate.rules import Rule
from migrate.rules.ground import cluster_ground
from migrate.rules.judge import JudgedWorkload
from migrate.rules.roll import OwnerLink, Roll, rolled_up, thin
from migrate.rules.workload_rule import WorkloadRule
from migrate.run.kube.lists import OWNERS, VOLUMES, WORKERS, Keep, KubeCluster, ListFailed, T
from migrate.run.kube.paths import NODES, PODS
from migrate.run.kube.refused import refusal
from migrate.targets import Target

MANAGED = ("ReplicaSet", "Job")
"""Kinds that others make: who made them must be known before their pods can be told by owner, and there may be many that are idle."""


@dataclass(frozen=True, slots=True)
class Rolled:
    """What was found; `cluster` has the API server's version, thin nodes and the lists that could not be read, and no pods."""

    cluster: ClusterFacts
    workloads: tuple[JudgedWorkload, ...]


def roll(
    cluster: KubeCluster,
    target: Target,
    rules: Iterable[Rule],
    next_kubernetes: tuple[int, int] | None = None,
    kubernetes: tuple[int, int] | None = None,
) -> Rolled:
    """Read and judge; raises ClusterUnreachable when nodes or pods cannot be had."""
    server, taken = cluster.server_version(), int(cluster.clock.now().timestamp())
    lost: list[Unreadable] = []
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="kube-roll") as threads:
        told_nodes = threads.submit(_must, cluster, NODES, Node, thin)
        told_volumes = threads.submit(_may, cluster, VOLUMES, PersistentVolume, _on_nodes)
        nodes, volumes = told_nodes.result(), _had(told_volumes.result(), lost)
        known = ClusterFacts(server=server, taken=taken, nodes=nodes, volumes=volumes)
        ground = cluster_ground((), known, target, next_kubernetes)
        ground = replace(ground, kubernetes=kubernetes or ground.kubernetes)
        rolling = Roll(ground, tuple(rule for rule in rules if isinstance(rule, WorkloadRule)), frozenset(OWNERS))
        told_pods = threads.submit(_must, cluster, PODS, Pod, rolling.pods)
        told = {kind: threads.submit(_links, cluster, rolling, kind, frozenset()) for kind in MANAGED}
        pods, links = told_pods.result(), {kind: _had(future.result(), lost) for kind, future in told.items()}
        above = {link.title: link.above for kind in links.values() for link in kind}
        living = frozenset(above.get(pod.owner) or pod.owner for pod in pods)
        told = {kind: threads.submit(_links, cluster, rolling, kind, living) for kind in OWNERS if kind not in MANAGED}
        links |= {kind: _had(future.result(), lost) for kind, future in told.items()}
    facts = ClusterFacts(server=server, taken=taken, nodes=nodes, unreadable=tuple(lost))
    return Rolled(facts, rolled_up(pods, (link for kind in OWNERS for link in links[kind]), nodes, rolling.clean))


def _must(cluster: KubeCluster, path: str, item: type[M], keep: Keep[M, T]) -> tuple[T, ...]:
    try:
        return cluster.every(path, item, keep)
    except ListFailed as failed:
        raise refusal(cluster.api, "LIST", path, failed.answer) from failed


def _may(cluster: KubeCluster, paths: tuple[str, ...], item: type[M], keep: Keep[M, T]) -> tuple[T, ...] | Unreadable:
    """The list of the first path that is served, or why it cannot be had."""
    for path in paths:
        try:
            return cluster.every(path, item, keep)
        except ListFailed as failed:
            if failed.answer.status == 401:
                raise refusal(cluster.api, "LIST", path, failed.answer) from failed
            if failed.answer.status != 404 or path == paths[-1]:
                return Unreadable(basename(path), failed.answer.message)
    raise AssertionError("no path to ask for")


def _links(cluster: KubeCluster, rolling: Roll, kind: str, living: frozenset[Title]) -> tuple[OwnerLink, ...] | Unreadable:
    return _may(cluster, OWNERS[kind], Owner, lambda page: rolling.owners(kind, page, living))


def _had(found: tuple[T, ...] | Unreadable, lost: list[Unreadable]) -> tuple[T, ...]:
    if isinstance(found, Unreadable):
        lost.append(found)
        return ()
    return found


def _on_nodes(page: tuple[PersistentVolume, ...]) -> tuple[PersistentVolume, ...]:
    return without_secrets(volume for volume in page if volume.spec.host_path or volume.spec.local)
