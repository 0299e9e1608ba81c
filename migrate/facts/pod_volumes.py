"""Volumes of pods."""

from __future__ import annotations

import msgspec

from migrate.facts.api import Model, NamedReference, Present


class HostPath(Model, frozen=True):
    """A hostPath volume; `type` is empty when none is set, and then a missing path is made a directory."""

    path: str
    type: str = ""


class EmptyDir(Model, frozen=True):
    """An emptyDir volume."""

    medium: str = ""


class Claim(Model, frozen=True):
    """A reference to a PersistentVolumeClaim."""

    claim_name: str


class ProjectedSource(Model, frozen=True):
    """One source of a projected volume."""

    config_map: NamedReference | None = None


class Projected(Model, frozen=True):
    """A volume of several sources."""

    sources: tuple[ProjectedSource, ...] | None = None


class Volume(Model, frozen=True):
    """A volume of a pod. One with no source at all is an emptyDir, as the API server has it."""

    name: str
    host_path: HostPath | None = None
    empty_dir: EmptyDir | None = None
    persistent_volume_claim: Claim | None = None
    config_map: NamedReference | None = None
    projected: Projected | None = None
    nfs: Present | None = None
    iscsi: Present | None = None
    fc: Present | None = None
    rbd: Present | None = None
    cephfs: Present | None = None
    cinder: Present | None = None
    glusterfs: Present | None = None
    flocker: Present | None = None
    quobyte: Present | None = None
    storageos: Present | None = None
    aws_elastic_block_store: Present | None = None
    azure_disk: Present | None = None
    azure_file: Present | None = None
    flex_volume: Present | None = None
    gce_persistent_disk: Present | None = None
    git_repo: Present | None = None
    photon_persistent_disk: Present | None = None
    portworx_volume: Present | None = None
    scale_io: Present | None = msgspec.field(name="scaleIO", default=None)
    vsphere_volume: Present | None = None

    @property
    def refused(self) -> str:
        """The name of a source that no restricted pod may have, empty for the others."""
        return next((name for name, field in _REFUSED_FIELDS if getattr(self, field) is not None), "")


_ALLOWED = ("name", "empty_dir", "persistent_volume_claim", "config_map", "projected")
_REFUSED_FIELDS = tuple(
    (encoded, field)
    for field, encoded in zip(Volume.__struct_fields__, Volume.__struct_encode_fields__, strict=True)
    if field not in _ALLOWED
)
