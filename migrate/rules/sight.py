"""Rules about workloads: one function judges a pod template wherever it was read, on a node, through the API or in a file."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from migrate.facts.cluster import PodContainer, Volume
from migrate.facts.model import Place
from migrate.facts.workload import Pointer, Workload, pod_workload
from migrate.rules import Finding, NodeView, Rule, Seen, Severity, rule
from migrate.rules.ground import Ground, node_ground
from migrate.rules.pods import by_owner, canonical_path, live


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """One workload as rules see it, and the ground it stands on."""

    workload: Workload
    ground: Ground

    @property
    def containers(self) -> Iterator[tuple[Pointer, PodContainer]]:
        """Init, ordinary and ephemeral containers, each with the way to it from the pod template."""
        spec = self.workload.spec
        groups = {"initContainers": spec.init_containers, "containers": spec.containers, "ephemeralContainers": spec.ephemeral_containers}
        return ((("spec", key, index), one) for key, group in groups.items() for index, one in enumerate(group or ()))


@dataclass(frozen=True, slots=True)
class Sign:
    """What a rule saw in a workload, and where: `at` leads there from the pod template (`("spec", "volumes", 0)`)."""

    evidence: str
    at: Pointer = ("spec",)


Sight = Callable[[WorkloadView], Iterable[Sign]]
Locate = Callable[[Pointer], Place]


def workload_rule(code: str, slug: str, severity: Severity, *, acceptable: bool = False) -> Callable[[Sight], Rule]:
    """Make a Rule about workloads; the docstring is as `migrate.rules.rule` wants it. On a node it judges each live pod, told by owner."""

    def made(sight: Sight) -> Rule:
        def see(view: NodeView) -> Iterator[Seen]:
            ground = node_ground(view)
            pods = ((pod, WorkloadView(pod_workload(pod), ground)) for pod in live(view))
            yield from by_owner(view, ((pod, sign.evidence) for pod, one in pods for sign in sight(one)))

        see.__doc__ = sight.__doc__
        return replace(rule(code, slug, severity, acceptable=acceptable)(see), sight=sight)

    return made


def check_workload(view: WorkloadView, rules: Iterable[Rule], locate: Locate | None = None) -> tuple[Finding, ...]:
    """Every finding of every rule about workloads, heaviest first, then by code, place and evidence.

    With `locate` each sign is a finding of its own, with its place in the file; without it the signs of one rule are one finding.
    """
    found = (finding for one in rules if one.sight for finding in _findings(one, tuple(dict.fromkeys(one.sight(view))), view, locate))
    return tuple(sorted(found, key=_order))


def _findings(one: Rule, signs: tuple[Sign, ...], view: WorkloadView, locate: Locate | None) -> Iterator[Finding]:
    if locate:
        yield from (_finding(one, view.workload, sign.evidence, locate(sign.at)) for sign in signs)
    elif signs:
        yield _finding(one, view.workload, "; ".join(dict.fromkeys(sign.evidence for sign in signs)), view.workload.place)


def _finding(one: Rule, workload: Workload, evidence: str, location: Place | None) -> Finding:
    return Finding(one.code, one.slug, one.severity, one.acceptable, "", workload.title, evidence, one.what, one.remedy, location=location)


def _order(finding: Finding) -> tuple[int, str, str, int, int, str]:
    place = finding.location or Place("")
    return finding.severity.rank, finding.code, place.path, place.line or 0, place.column or 0, finding.evidence


@dataclass(frozen=True, slots=True)
class HostMount:
    """A path of the host that a pod reaches: `path` in canonical form, `how` tells volume, type and container in words.

    `read_only` is that of the mount; `at` leads to the volume's path, or to the claim that names it.
    """

    path: str
    how: str
    at: Pointer
    read_only: bool = False


def host_mounts(view: WorkloadView) -> Iterator[HostMount]:
    """Every host path that the pods reach through hostPath volumes and through claims on hostPath or local volumes, by container.

    A volume that no container mounts counts too: the kubelet checks, or makes, its path before the pod starts.
    """
    for index, volume in enumerate(view.workload.spec.volumes or ()):
        source = _host_source(view, volume)
        if source is None:
            continue
        path, what, way = source
        at: Pointer = ("spec", "volumes", index, *way)
        mounts = [(one, mount) for _, one in view.containers for mount in one.volume_mounts or () if mount.name == volume.name]
        for container, mount in mounts:
            mode = ", read-only" if mount.read_only else ""
            below = canonical_path(posixpath.join(path, mount.sub_path.lstrip("/")))
            yield HostMount(below, f"{what} at {mount.mount_path} of container {container.name}{mode}", at, mount.read_only)
        if not mounts:
            yield HostMount(canonical_path(path), f"{what}, which no container mounts", at)


def _host_source(view: WorkloadView, volume: Volume) -> tuple[str, str, Pointer] | None:
    if volume.host_path:
        kind = f"type {volume.host_path.type}" if volume.host_path.type else "no type"
        return volume.host_path.path, f"hostPath {volume.host_path.path} ({kind})", ("hostPath", "path")
    claim, cluster = volume.persistent_volume_claim, view.ground.cluster
    bound = cluster.claimed_volume(view.workload.namespace, claim.claim_name) if cluster and claim else None
    if bound is None:
        return None
    way = ("persistentVolumeClaim", "claimName")
    if bound.spec.host_path:
        path = bound.spec.host_path.path
        return path, f"PersistentVolume {bound.metadata.name}, hostPath {path}", way
    if bound.spec.local:
        path = bound.spec.local.path
        return path, f"PersistentVolume {bound.metadata.name}, local path {path}", way
    return None
