"""Which paths of the host a workload reaches."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from migrate.facts.cluster import ClusterFacts
from migrate.facts.pod_volumes import Volume
from migrate.facts.workload import Pointer, Workload
from migrate.rules.pods import canonical_path


@dataclass(frozen=True, slots=True)
class HostMount:
    """A path of the host that a pod reaches: `path` in canonical form, `how` tells volume, type and container in words.

    `container` is the container's name and `inside` where it finds the path, both empty for a volume that none mounts; `typed` tells that
    a hostPath has a type; `at` leads to the volume's path, or to the claim that names it.
    """

    path: str
    how: str
    at: Pointer
    read_only: bool = False
    container: str = ""
    inside: str = ""
    typed: bool = True


def host_mounts(workload: Workload, cluster: ClusterFacts | None) -> Iterator[HostMount]:
    """Every host path that the pods reach through hostPath volumes and through claims on hostPath or local volumes, by container.

    A volume that no container mounts counts too: the kubelet checks, or makes, its path before the pod starts.
    """
    for index, volume in enumerate(workload.spec.volumes or ()):
        source = _host_source(workload, cluster, volume)
        if source is None:
            continue
        path, what, typed, way = source
        at: Pointer = ("spec", "volumes", index, *way)
        all_mounts = ((container, mount) for _, container in workload.containers for mount in container.volume_mounts or ())
        mounts = [(container, mount) for container, mount in all_mounts if mount.name == volume.name]
        for container, mount in mounts:
            mode = ", read-only" if mount.read_only else ""
            below = canonical_path(posixpath.join(path, mount.sub_path.lstrip("/")))
            how = f"{what} at {mount.mount_path} of container {container.name}{mode}"
            yield HostMount(below, how, at, mount.read_only, container.name, mount.mount_path, typed)
        if not mounts:
            yield HostMount(canonical_path(path), f"{what}, which no container mounts", at, typed=typed)


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
