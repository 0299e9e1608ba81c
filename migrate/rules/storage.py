"""D2C214, D2C401 to D2C403 and D2C405: the pause image, disk space for two image stores, and images that cannot be pulled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from migrate.facts.model import Docker, Filesystem, Image, Kubelet
from migrate.facts.pod import Pod, PodContainer
from migrate.formats import FormatError, quantity
from migrate.formats.image_ref import stored_as, without_tag
from migrate.formats.listing import few
from migrate.rules import NodeView, Seen, Severity, node_rule
from migrate.rules.pods import by_owner, live, owner_name
from migrate.sources.table import origin_of

DEFAULT_EVICTION: Mapping[str, str] = {"nodefs.available": "10%", "imagefs.available": "15%"}
DEFAULT_GC_PERCENT = 85
KUBELET_ROOT = "/var/lib/kubelet"
# skopeo has the image that it copies twice: what Docker saves, and its layers
MEANWHILE = 2


@node_rule("D2C214", "pause-image-absent", Severity.BLOCKER)
def pause_image_absent(view: NodeView) -> Iterator[Seen]:
    """The pause image is neither in Docker's store, from where it would be copied, nor in that of the target.

    Why: every pod starts with it. Where no sandbox runs, a flag of the kubelet or of cri-dockerd names it, and an image of that name need
    not be there; the target would pull it in the middle of the migration, or start no pod at all.

    Remedy: Pull the image that the cluster's other nodes use, and inspect the node again:

        docker pull IMAGE     # on the node
        docker2cri inspect NODE

    Sources: containerd docs/cri/config.md (sandbox_image); crio.conf(5), pause_image; kubernetes issue 81756.
    """
    if not view.on_docker or view.docker is None or view.docker.info is None or view.source_unread:
        return
    image = origin_of(view.facts).sandbox_image
    if image is None:
        yield Seen("pause image", "no sandbox runs, and no flag names its image")
        return
    tagged = {stored_as(tag) for each in view.docker.images for tag in each.tags}
    if stored_as(image) not in tagged | {stored_as(each) for each in view.target.stored(view.facts)}:
        places = f"neither Docker's store nor that of {view.target.title} has it"
        yield Seen(f"pause image {image}", places, values={"IMAGE": image})


@node_rule("D2C401", "disk-too-small", Severity.BLOCKER)
def disk_too_small(view: NodeView) -> Iterator[Seen]:
    """The disk is too small for a second image store beside that of Docker.

    Why: both stores are on the node until Docker's is deleted. Below evictionHard the kubelet evicts pods, above
    imageGCHighThresholdPercent it deletes the images that were copied. skopeo, which copies into CRI-O's store, also keeps one image at a
    time twice in /var/tmp.

    Remedy: Free space, or put the target's store on another disk, then inspect the node again:

        docker system df     # on the node
        docker image prune     # on the node
        docker2cri inspect NODE

    Sources: kubernetes.io, Node-pressure eviction and Garbage collection; containerd content store and snapshotter; kURL's preflight of
    twice the size; skopeo 1.9.3 (observed).
    """
    disk = view.facts.filesystem(view.target.data_root)
    if disk is None or view.docker is None or view.kubelet is None or view.docker.info is None:
        return
    images = _needed(view, view.docker)
    copies, place = view.target.copies, view.target.temporary
    need = copies * sum(image.size for image in images)
    meanwhile = MEANWHILE * max((image.size for image in images), default=0) if place else 0
    room = view.facts.filesystem(place) if place else None
    shared = room is not None and room.device == disk.device
    if room and not shared and room.available < meanwhile:
        evidence = (
            f"{place} is on {room.device} at {room.mount}: {_gib(room.available)} of {_gib(room.size)} free; "
            f"the largest image takes {_gib(meanwhile)} there while it is copied (twice its {_gib(meanwhile // MEANWHILE)})"
        )
        yield Seen(f"filesystem {room.mount}", evidence)
    try:
        reserves = tuple(_reserves(view, view.kubelet, disk))
    except FormatError as wrong:
        yield Seen(f"filesystem {disk.mount}", f"the kubelet's threshold cannot be read, so the space that it needs is unknown: {wrong}")
        return
    reserve = max(reserves, key=lambda reserve: reserve.size, default=Reserve(0, "no threshold"))
    if images and disk.available - need - meanwhile * shared < reserve.size:
        twice = f" (twice their {_gib(need // copies)})" if copies > 1 else ""
        copied = f", the largest {_gib(meanwhile)} more in {place} while it is copied" if shared and meanwhile else ""
        evidence = (
            f"{view.target.data_root} is on {disk.device} at {disk.mount}: {_gib(disk.available)} of {_gib(disk.size)} free; "
            f"{len(images)} images need {_gib(need)}{twice}{copied}, "
            f"and {_gib(reserve.size)} must stay free ({reserve.why})"
        )
        yield Seen(f"filesystem {disk.mount}", evidence)


@node_rule("D2C402", "image-unobtainable", Severity.BLOCKER)
def image_unobtainable(view: NodeView) -> Iterator[Seen]:
    """The image of a pod can be neither copied nor pulled.

    Why: its pull policy forbids a pull, and Docker's store does not have it under that name. The pod would not start on the node.

    Remedy: Push the image to a registry and allow the pull, or use a tag that Docker has:

        docker images --digests     # on the node
        kubectl -n NAMESPACE get pod POD -o jsonpath='{.spec.containers[*].image}'

    Sources: containerd 1.6.20, ctr images import (manifest digests change); kubernetes.io, Images (imagePullPolicy); kubernetes issue
    124286.
    """
    if view.docker is not None and view.docker.info is not None:
        hits = ((pod, _unobtainable(view, view.docker, container)) for pod, container in _containers(view))
        yield from by_owner(view, ((pod, why) for pod, why in hits if why))


@node_rule("D2C403", "image-only-here", Severity.WARNING)
def image_only_here(view: NodeView) -> Iterator[Seen]:
    """The image of a pod was built or loaded on the node and never pulled.

    Why: it is copied on this node. A pod that the drain moves to another node needs it there, and the pull policy Always asks a registry
    that may not have it.

    Remedy: Push it to a registry that all nodes reach:

        docker push IMAGE     # on the node

    Sources: kubernetes.io, Check whether dockershim removal affects you (docker build on a node is invisible to CRI); containerd issue
    4810.
    """
    used: dict[str, dict[str, None]] = {}
    for pod, container in _containers(view):
        image = _local(view.docker, container.image) if view.docker else None
        if image is not None and not image.digests:
            policy = container.image_pull_policy or "by default"
            used.setdefault(container.image, {})[f"{owner_name(view, pod)} (imagePullPolicy {policy})"] = None
    for name, owners in used.items():
        yield Seen(f"image {name}", f"no registry digest in Docker's store; used by {few(owners)}")


@node_rule("D2C405", "disk-shared-with-docker", Severity.WARNING)
def disk_shared_with_docker(view: NodeView) -> Iterator[Seen]:
    """Docker fills a disk, and the kubelet no longer deletes anything of Docker (`--keep-docker`).

    Why: the kubelet's garbage collection deletes images of the target alone. On a disk that both use, what Docker keeps counts for
    imageGCHighThresholdPercent and evictionHard: images of pods are deleted, and pods evicted, for what Docker stores. On a disk of its own
    Docker's images are watched by nobody. The kubelet's stopped containers and its images stay in Docker for a rollback.

    Remedy: Remove what Docker no longer needs by a timer of the node. Once no rollback is wanted, the kubelet's containers too:

        docker system df     # on the node
        docker image prune --all --force --filter until=240h     # images that no container of Docker uses
        docker ps -aq --filter 'name=^/?k8s_' --filter label=io.kubernetes.pod.uid | xargs -r docker rm

    Sources: kubernetes.io, Garbage collection and Node-pressure eviction (imagefs); docs.docker.com, Prune unused Docker objects.
    """
    docker, kubelet = view.docker, view.kubelet
    if not view.target.keeps_source or docker is None or kubelet is None:
        return
    old, new = view.facts.filesystem(docker.data_root), view.facts.filesystem(view.target.data_root)
    if old is None or new is None:
        return
    high = kubelet.setting("image-gc-high-threshold", "imageGCHighThresholdPercent", DEFAULT_GC_PERCENT)
    free = f"{_gib(old.available)} of {_gib(old.size)} free"
    if old.device == new.device:
        given = f"imageGCHighThresholdPercent {high.value}, {high.place or 'default'}"
        yield Seen(f"filesystem {old.mount}", f"{docker.data_root} and {view.target.data_root} are on {old.device}: {free}; {given}")
    else:
        yield Seen(f"filesystem {old.mount}", f"{docker.data_root} is on {old.device}: {free}; the kubelet will watch {new.device} instead")


@dataclass(frozen=True, slots=True)
class Reserve:
    """Bytes that must stay free, and which setting says so."""

    size: int
    why: str


def _needed(view: NodeView, docker: Docker) -> tuple[Image, ...]:
    """The images of this node's pods (the pause image too) that the target does not have yet. Layers shared by two count for both."""
    there = view.target.stored(view.facts)
    running = {container.image_id for container in docker.containers if container.pod}
    wanted = {image.id for _, container in _containers(view) if (image := _local(docker, container.image))}
    return tuple(image for image in docker.images if image.id in running | wanted and not there & {image.id, *map(stored_as, image.tags)})


def _reserves(view: NodeView, kubelet: Kubelet, disk: Filesystem) -> Iterator[Reserve]:
    """What the kubelet wants free on this disk; raises FormatError for a threshold that cannot be read.

    With any evictionHard given, the signals that it leaves out have no threshold (kubernetes.io, Node-pressure eviction).
    """
    setting = kubelet.setting("eviction-hard", "evictionHard", DEFAULT_EVICTION)
    given = setting.value
    values = quantity.threshold_map(given) if isinstance(given, str) else given if isinstance(given, Mapping) else {}
    node_disk = view.facts.filesystem(KUBELET_ROOT)
    signals = ["imagefs.available", *(["nodefs.available"] if node_disk == disk else [])]
    for signal in signals:
        if signal in values and (limit := quantity.threshold(signal, str(values[signal]))):
            size = int(limit.amount if limit.amount is not None else disk.size * (limit.percent or 0) / 100)
            yield Reserve(size, f"evictionHard {signal} {values[signal]}, {setting.place or 'default'}")
    high = kubelet.setting("image-gc-high-threshold", "imageGCHighThresholdPercent", DEFAULT_GC_PERCENT)
    try:
        percent = int(high.value)
    except (TypeError, ValueError, OverflowError) as wrong:  # infinity is a number in YAML
        raise FormatError("quantity", f"imageGCHighThresholdPercent {high.value!r} is no number") from wrong
    yield Reserve(disk.size * max(0, 100 - percent) // 100, f"imageGCHighThresholdPercent {percent}, {high.place or 'default'}")


def _containers(view: NodeView) -> Iterator[tuple[Pod, PodContainer]]:
    return ((pod, container) for pod in live(view) for container in pod.spec.all_containers)


def _local(docker: Docker, reference: str) -> Image | None:
    """The image of Docker's store that a pod's reference names, by tag or by digest."""
    wanted = stored_as(reference)
    names = {without_tag(wanted)}
    return next(
        (image for image in docker.images if names & {*map(stored_as, image.tags), *map(stored_as, image.digests)}),
        None,
    )


def _unobtainable(view: NodeView, docker: Docker, container: PodContainer) -> str | None:
    if container.image_pull_policy != "Never" or stored_as(container.image) in view.target.stored(view.facts):
        return None
    if _local(docker, container.image) is None:
        return f"container {container.name}: {container.image} with imagePullPolicy Never is not in Docker's store"
    return None


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
