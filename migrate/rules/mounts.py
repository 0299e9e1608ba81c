"""Which paths of the host a workload reaches."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.cluster import ClusterFacts
from migrate.facts.pod import VolumeMount
from migrate.facts.pod_volumes import Volume
from migrate.facts.workload import Pointer, Workload
from migrate.rules.pods import canonical_path


@dataclass(frozen=True, slots=True)
class HostMount:
    """A path of the host that a pod reaches through one volume: `path` in canonical form, `how` tells volume, type and containers in words.

    `containers` mount it, none for a volume that no container mounts; it is `read_only` where all of them mount it so. `typed` tells that a
    hostPath has a type; `at` leads to the volume's path, or to the claim that names it. `inside` is where containers
    mount it.
    """

    path: str
    how: str
    at: Pointer
    read_only: bool = False
    containers: tuple[str, ...] = ()
    typed: bool = True
    inside: frozenset[str] = frozenset()


def host_mounts(workload: Workload, cluster: ClusterFacts | None) -> Iterator[HostMount]:
    """Every host path that the pods reach through hostPath volumes and through claims on hostPath or local volumes, once a volume and path.

    A volume that no container mounts counts too: the kubelet checks, or makes, its path before the pod starts.
    """
    for index, volume in enumerate(workload.spec.volumes or ()):
        source = _host_source(workload, cluster, volume)
        if source is None:
            continue
        path, what, typed, way = source
        at: Pointer = ("spec", "volumes", index, *way)
        below: dict[str, list[tuple[str, VolumeMount]]] = {}
        for _, container in workload.containers:
            for mount in container.volume_mounts or ():
                if mount.name == volume.name:
                    reached = canonical_path(posixpath.join(path, mount.sub_path.lstrip("/")))
                    below.setdefault(reached, []).append((container.name, mount))
        for reached, mounts in below.items():
            inside = frozenset(canonical_path(mount.mount_path) for _, mount in mounts)
            names = tuple(dict.fromkeys(name for name, _ in mounts))
            yield HostMount(reached, f"{what} at {_told(mounts)}", at, all(mount.read_only for _, mount in mounts), names, typed, inside)
        if not below:
            yield HostMount(canonical_path(path), f"{what}, which no container mounts", at, typed=typed)


def _told(mounts: list[tuple[str, VolumeMount]]) -> str:
    """`/host of containers a and b, read-only`: who mounts it where, containers that mount it alike together."""
    alike: dict[tuple[str, bool], list[str]] = {}
    for name, mount in mounts:
        alike.setdefault((mount.mount_path, bool(mount.read_only)), []).append(name)
    return "; at ".join(f"{path} of {_named(names)}{', read-only' if only else ''}" for (path, only), names in alike.items())


def _named(names: list[str]) -> str:
    if len(names) == 1:
        return f"container {names[0]}"
    return f"containers {', '.join(names[:-1])} and {names[-1]}"


def _host_source(workload: Workload, cluster: ClusterFacts | None, volume: Volume) -> tuple[str, str, bool, Pointer] | None:
    if volume.host_path:
        kind = f"type {volume.host_path.type}" if volume.host_path.type else "no type"
        return volume.host_path.path, f"hostPath {volume.host_path.path} ({kind})", bool(volume.host_path.type), ("hostPath", "path")
    claim = volume.persistent_volume_claim
    bound = cluster.claimed_volume(workload.namespace, claim.claim_name) if cluster and claim else None
    if bound is None:
        return None
    way = ("persistentVolumeClaim", "claimName")
    if bound.spec.host_path:
        path = bound.spec.host_path.path
        return path, f"PersistentVolume {bound.metadata.name}, hostPath {path}", True, way
    if bound.spec.local:
        path = bound.spec.local.path
        return path, f"PersistentVolume {bound.metadata.name}, local path {path}", True, way
    return None
