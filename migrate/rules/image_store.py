"""D2C215 to D2C217: what becomes of the images that were copied into the target's store."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.facts.model import CONTAINERD_STORE
from migrate.formats import version
from migrate.formats.image_ref import stored_as
from migrate.formats.listing import few, plural
from migrate.formats.version import Version
from migrate.rules import NodeView, Seen, Severity, node_rule

# Of each minor the first patch whose kubelet heeds pins; those before 1.25 never do (kubernetes PR 119986; 1.23.17 deleted a pinned image)
KUBELET_PINS = {(1, 25): 14, (1, 26): 9, (1, 27): 6, (1, 28): 2}


def heeds_pins(kubelet: Version) -> bool:
    """Whether the kubelet's garbage collection leaves images that the runtime calls pinned."""
    return kubelet.release >= (1, 25) and kubelet.patch >= KUBELET_PINS.get(kubelet.release, 0)


@node_rule("D2C215", "images-not-pinned", Severity.WARNING)
def images_not_pinned(view: NodeView) -> Iterator[Seen]:
    """The kubelet may delete images that were never pulled: it or the runtime is too old to keep them.

    Why: on a disk that is fuller than imageGCHighThresholdPercent the kubelet deletes images that no container uses, the oldest first. A
    copied image that no registry has is gone then, and its next pod does not start: that of a CronJob, or one that a drain moved away.

    Remedy: Push these images to a registry, or let the kubelet delete no images until it and the runtime are upgraded:

        imageGCHighThresholdPercent: 100     # in the kubelet's configuration

    Sources: kubernetes.io, Garbage collection of containers and images; kubernetes PR 119986 (1.25.14,
    1.26.9, 1.27.6, 1.28.2); containerd 1.6.22 and 1.7.3 pkg/cri/store/image; cri-o v1.28.0 crio.conf(5), pinned_images.
    """
    found = view.target.installed(view.facts)
    kubelet = version.known(view.kubelet.version) if view.kubelet else None
    if not view.on_docker or view.docker is None or found is None or kubelet is None:
        return
    reasons = []
    if view.target.pinning(view.facts) is None:
        reasons.append(f"{view.target.title} {found} does not tell the kubelet which are pinned ({view.target.pins_since} do)")
    if not heeds_pins(kubelet):
        reasons.append(f"kubelet {kubelet} does not heed it (1.25.14 does)")
    if not reasons:
        return
    pods = (*view.pods, *(view.cluster.pods if view.cluster else ()))
    used = {stored_as(container.image) for pod in pods if not pod.finished for container in pod.spec.all_containers}
    lost = sorted({tag for image in view.docker.images if not image.digests for tag in image.tags if stored_as(tag) in used})
    if not lost:
        return
    count = plural(len(lost), "image")
    yield Seen(f"{count} that {'was' if len(lost) == 1 else 'were'} never pulled", f"{', '.join(reasons)}: {few(lost)}")


@node_rule("D2C216", "docker-images-in-containerd", Severity.INFO)
def docker_images_in_containerd(view: NodeView) -> Iterator[Seen]:
    """Docker keeps its images in containerd: they are copied with the digests of their registries.

    Why: pods that name an image by digest start with the copy, without a pull. Whether an image was ever pulled cannot be told there, so
    all images that pods of the cluster use are copied.

    Remedy: Nothing to do. To look at them:

        docker images --digests     # on the node

    Sources: docs.docker.com, containerd image store; moby 26.1.5 and containerd 1.6.20 (observed).
    """
    if view.on_docker and view.docker is not None and view.docker.keeps_digests and view.target.takes_digests:
        whose = "of its own" if view.docker.child_containerd else "that serves the system"
        yield Seen("Docker's image store", f"driver-type {CONTAINERD_STORE}, in the containerd {whose}")


@node_rule("D2C217", "image-store-not-copied", Severity.BLOCKER)
def image_store_not_copied(view: NodeView) -> Iterator[Seen]:
    """Docker keeps its images in containerd, and they cannot be copied from there into the target's store.

    Why: an image's ID is the digest of its manifest there, and the copy would have another; an archive of an image for several platforms of
    which Docker has one cannot be read.

    Remedy: Move to containerd, or let Docker use its own store again (features.containerd-snapshotter false in daemon.json) and pull or
    load the images once more. Which one it uses:

        docker info | grep driver-type     # on the node

    Sources: docs.docker.com, containerd image store; moby 26.1.5 (observed).
    """
    if view.on_docker and view.docker is not None and view.docker.keeps_digests and not view.target.takes_digests:
        yield Seen("Docker's image store", f"driver-type {CONTAINERD_STORE}")
