"""D2C404 and D2C327: how pods name their images."""

from __future__ import annotations

from collections.abc import Iterator

from migrate.formats import FormatError, image_ref
from migrate.rules import Severity
from migrate.rules.workload_rule import Sign, WorkloadView, workload_rule


@workload_rule("D2C327", "short-image-name", Severity.INFO, words=("image",), applies=lambda ground: not ground.target.takes_short_names)
def short_image_name(view: WorkloadView) -> Iterator[Sign]:
    """A pod uses an image name without a registry.

    Why: Docker and containerd take docker.io for it. CRI-O uses the registries that registries.conf lists for such names, refuses them when
    it lists none, and from 1.34 on when it lists several. The plan lists docker.io unless the node's own files list others.

    Remedy: Check what the plan writes, or use the full name of the image:

        unqualified-search-registries = ["docker.io"]     # /etc/containers/registries.conf, on every node

    Sources: containers/image docs/containers-registries.conf.5.md; cri-o v1.34.0 crio.conf(5), short_name_mode; cri-o issue 3884.
    """
    for at, container in view.containers:
        if (full := _in_full(container.image)) and not container.image.startswith(("docker.io/", "index.docker.io/")):
            yield Sign(f"container {container.name}: {container.image} stands for {full}", (*at, "image"))


@workload_rule("D2C404", "image-pinned-by-digest", Severity.INFO, words=("sha256:",))
def image_pinned_by_digest(view: WorkloadView) -> Iterator[Sign]:
    """A pod uses a digest for its image.

    Why: a copy from Docker has another manifest digest. The plan pulls the image through the target before the drain, without the pod's
    pull secrets, and ends there if it cannot; on another node the kubelet pulls it when the pod comes. The registry must be reachable.

    Remedy: Nothing with a reachable registry. Where it asks for a login, pull the image into the target's store before:

        crictl --runtime-endpoint ENDPOINT pull IMAGE@sha256:...     # on the node

    Sources: containerd 1.6.20, ctr images import (observed); kubernetes issue 124286.
    """
    for at, container in view.containers:
        if "@sha256:" in container.image and container.image_pull_policy != "Never":
            yield Sign(f"container {container.name}: {container.image}", (*at, "image"))


def _in_full(image: str) -> str:
    """The whole name of an image of Docker Hub; empty for others and for what is no reference."""
    try:
        ref = image_ref.parse(image)
    except FormatError:
        return ""
    return str(ref) if ref.domain == image_ref.DEFAULT_DOMAIN else ""
