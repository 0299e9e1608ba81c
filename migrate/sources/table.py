"""Every source that a node can be moved from."""

from __future__ import annotations

from migrate.facts.model import Kubelet, NodeFacts
from migrate.facts.origin import Origin
from migrate.sources import Source
from migrate.sources.cri_dockerd import CRI_DOCKERD
from migrate.sources.dockershim import DOCKERSHIM

SOURCES: tuple[Source, ...] = (DOCKERSHIM, CRI_DOCKERD)


def source_named(name: str) -> Source | None:
    """The source of this name, or None."""
    return next((source for source in SOURCES if source.name == name), None)


def source_of(facts: NodeFacts) -> Source | None:
    """The source that runs the node's pods; None where they run on something else, or nobody knows on what."""
    return source_named(facts.endpoint.kind)


def origin_of(facts: NodeFacts) -> Origin:
    """What a target is told of the node's source; of a node on something else what its kubelet says by itself."""
    source = source_of(facts)
    if source is not None:
        return source.origin(facts)
    driver = facts.kubelet.setting("cgroup-driver", "cgroupDriver", "cgroupfs").value if isinstance(facts.kubelet, Kubelet) else None
    return Origin(sandbox_image=None, cgroup_driver=driver, cni_config_dir=facts.cni.config_dir, cni_bin_dirs=facts.cni.bin_dirs)
