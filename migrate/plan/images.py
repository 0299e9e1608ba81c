"""Which images go over: what runs on the node now, the pause image, and what the cluster's pods use that nobody can pull again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.facts.model import Image
from migrate.facts.pod import Pod
from migrate.formats import FormatError, image_ref
from migrate.plan.steps import CarriedImage


def carried(stored: Iterable[Image], on_node: Iterable[Pod], everywhere: Iterable[Pod], sandbox: str | None) -> tuple[CarriedImage, ...]:
    """The images to carry, each once, in the order pause, running, only here. An image without a tag cannot be found by name and stays.

    `docker save` by ID would lose the name, and a reference by digest is pulled again whatever is imported (containerd 1.6).
    """
    wanted: dict[str, CarriedImage] = {}
    for image, reference, why in _wanted(stored, on_node, everywhere, sandbox):
        if reference not in wanted:
            wanted[reference] = CarriedImage(reference=reference, id=image.id, size=image.size, why=why)
    return tuple(wanted.values())


def _wanted(
    stored: Iterable[Image], on_node: Iterable[Pod], everywhere: Iterable[Pod], sandbox: str | None
) -> Iterator[tuple[Image, str, str]]:
    by_name = {canonical(tag): (image, tag) for image in stored for tag in image.tags}
    if sandbox and (found := by_name.get(canonical(sandbox))):
        yield (*found, "every pod's sandbox")
    for name in _names(on_node):
        if found := by_name.get(name):
            pulled = "" if found[0].digests else ", and was never pulled: nobody could pull it again"
            yield (*found, f"runs on this node{pulled}")
    for name in _names(everywhere):
        found = by_name.get(name)
        if found and not found[0].digests:
            yield (*found, "pods of the cluster use it, and it was never pulled: nobody could pull it again")


def _names(pods: Iterable[Pod]) -> list[str]:
    used = {canonical(container.image) for pod in pods if not pod.finished for container in pod.spec.all_containers}
    return sorted(used)


def canonical(reference: str) -> str:
    """The full name with its tag (`docker.io/library/x:latest`); a text that is no reference stays as it is."""
    try:
        return image_ref.canonical(reference)
    except FormatError:
        return reference
