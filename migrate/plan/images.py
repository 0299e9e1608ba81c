"""Which images go over: what runs on the node now, the pause image, and what the cluster's pods use that nobody can pull again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from migrate.facts.model import Image
from migrate.facts.pod import Pod
from migrate.formats.image_ref import stored_as, without_tag
from migrate.plan.steps import CarriedImage


def carried(
    stored: Iterable[Image], on_node: Iterable[Pod], everywhere: Iterable[Pod], sandboxes: Iterable[str | None], *, digests: bool = False
) -> tuple[CarriedImage, ...]:
    """The images to carry, each once, in the order pause, running, only here. An image without a tag cannot be found by name and stays.

    `docker save` by ID would lose the name. With `digests` the store has them as the registries do: what pods name by digest is carried by
    that name, and that an image has one does not tell that it was pulled.
    """
    wanted: dict[str, CarriedImage] = {}
    for image, reference, why in _wanted(tuple(stored), tuple(on_node), everywhere, sandboxes, digests):
        if reference not in wanted:
            wanted[reference] = CarriedImage(reference=reference, id=image.id, size=image.size, why=why)
    return tuple(wanted.values())


def _wanted(
    stored: tuple[Image, ...], on_node: tuple[Pod, ...], everywhere: Iterable[Pod], sandboxes: Iterable[str | None], digests: bool
) -> Iterator[tuple[Image, str, str]]:
    by_name = {stored_as(tag): (image, tag) for image in stored for tag in image.tags}
    for sandbox in sandboxes:
        if sandbox and (found := by_name.get(stored_as(sandbox))):
            yield (*found, "every pod's sandbox")
    for name in _names(on_node):
        if found := by_name.get(name):
            pulled = "" if found[0].digests else ", and was never pulled: nobody could pull it again"
            yield (*found, f"runs on this node{pulled}")
    if digests:
        by_its_digest = {stored_as(digest): (image, stored_as(digest)) for image in stored for digest in image.digests}
        yield from ((*by_its_digest[name], "a pod uses it by this digest") for name in by_digest(stored, on_node))
    for name in _names(everywhere):
        found = by_name.get(name)
        if found and digests:
            yield (*found, "pods of the cluster use it, and whether a registry has it is not known")
        elif found and not found[0].digests:
            yield (*found, "pods of the cluster use it, and it was never pulled: nobody could pull it again")


def by_digest(stored: Iterable[Image], on_node: Iterable[Pod]) -> tuple[str, ...]:
    """The names with a digest by which pods of the node use images of the source's store, in order, without a tag (as containerd has them).

    The digest is that of the manifest in the registry; a store of layers that were unpacked cannot give it (`docker save` makes another).
    """
    had = {stored_as(digest) for image in stored for digest in image.digests}
    named = {without_tag(name) for name in _names(on_node) if "@" in name}
    return tuple(sorted(named & had))


def _names(pods: Iterable[Pod]) -> list[str]:
    used = {stored_as(container.image) for pod in pods if not pod.finished for container in pod.spec.all_containers}
    return sorted(used)
