"""What is known of where a workload runs: one node, a whole cluster, or nothing (a document in a file)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from migrate.facts.cluster import ClusterFacts
from migrate.facts.config_use import ConfigUse
from migrate.formats import version
from migrate.rules import NodeView
from migrate.rules.habits import Habits, habits, together
from migrate.rules.pods import canonical_path
from migrate.targets import Stay, Target

DOCKER_ROOT = "/var/lib/docker"

Minor = tuple[int, int]
TIMED: Minor = (1, 20)  # dockershim holds exec probes to their timeout from here on


@dataclass(frozen=True, slots=True)
class Ground:
    """Where a workload runs. Versions are (major, minor), None when unknown.

    `sockets` are the source's own, `data_roots` Docker's, both canonical paths besides the usual ones. `probes_untimed` tells that exec
    probes run without their timeout now, None when unknown. `habits` is what Docker did for every container, `config_uses` what is known
    of ConfigMaps by namespace and name. `stays` is what the target has of its own on one node, and keeps.
    """

    target: Target
    kubernetes: Minor | None = None
    next_kubernetes: Minor | None = None
    docker: Minor | None = None
    runtime: Minor | None = None
    cluster: ClusterFacts | None = None
    sockets: frozenset[str] = frozenset()
    data_roots: frozenset[str] = frozenset({DOCKER_ROOT})
    probes_untimed: bool | None = None
    habits: Habits = field(default_factory=Habits)
    config_uses: Mapping[tuple[str, str], tuple[ConfigUse, ...]] = field(default_factory=dict)
    stays: tuple[Stay, ...] = ()


def node_ground(view: NodeView) -> Ground:
    """The ground of the pods of one node."""
    socket = view.facts.endpoint.socket.removeprefix("unix://")
    return Ground(
        target=view.target,
        kubernetes=_minor(view.kubelet.version) if view.kubelet else None,
        next_kubernetes=view.next_kubernetes,
        docker=_minor(view.docker.version) if view.docker else None,
        runtime=_minor(view.target.installed(view.facts) or ""),
        cluster=view.cluster,
        sockets=frozenset({canonical_path(socket)} if view.on_docker and socket.startswith("/") else ()),
        data_roots=frozenset({DOCKER_ROOT, canonical_path(view.docker.data_root if view.docker else DOCKER_ROOT)}),
        probes_untimed=view.facts.endpoint.kind == "dockershim" and _timeouts_ignored(view),
        habits=habits(view.docker),
        config_uses=view.cluster.uses_by_config_map if view.cluster else {},
        stays=view.target.stays(view.facts),
    )


def cluster_ground(views: Iterable[NodeView], cluster: ClusterFacts | None, target: Target, next_kubernetes: Minor | None = None) -> Ground:
    """The ground of a cluster's workloads: what holds on any of its read nodes."""
    grounds = [node_ground(view) for view in views]
    known = [ground.docker for ground in grounds if ground.docker]
    infos = [node.status.node_info for node in cluster.nodes] if cluster else []
    told = [(docker, _minor(info.kubelet_version)) for info in infos if (docker := _docker(info.container_runtime_version))]
    return Ground(
        target=target,
        kubernetes=_minor(cluster.server) if cluster else None,
        next_kubernetes=next_kubernetes,
        docker=max((*known, *(docker for docker, _ in told)), default=None),
        runtime=min((ground.runtime for ground in grounds if ground.runtime), default=None),
        cluster=cluster,
        sockets=frozenset().union(*(ground.sockets for ground in grounds)),
        data_roots=frozenset({DOCKER_ROOT}).union(*(ground.data_roots for ground in grounds)),
        probes_untimed=any(ground.probes_untimed for ground in grounds) or any(kubelet and kubelet < TIMED for _, kubelet in told),
        habits=together(ground.habits for ground in grounds),
        config_uses=cluster.uses_by_config_map if cluster else {},
    )


def _docker(runtime: str) -> Minor | None:
    name, _, number = runtime.partition("://")
    return _minor(number) if name == "docker" else None


def _minor(text: str) -> Minor | None:
    found = version.known(text)
    return found.release if found else None


def _timeouts_ignored(view: NodeView) -> bool:
    if view.kubelet is None:
        return False
    gates = view.kubelet.setting("feature-gates", "featureGates").value
    off = gates.get("ExecProbeTimeout") is False if isinstance(gates, dict) else "ExecProbeTimeout=false" in str(gates or "")
    minor = _minor(view.kubelet.version)
    return off or (minor is not None and minor < TIMED)
