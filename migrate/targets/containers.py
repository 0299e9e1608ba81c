"""The files of containers/image and containers/storage in /etc/containers, which CRI-O, skopeo and podman read.

Sources: containers-registries.conf(5), containers-storage.conf(5), containers-policy.json(5).
"""

from __future__ import annotations

import json
from collections.abc import Set
from typing import Any

from migrate.facts.model import Docker, NodeFacts
from migrate.formats import FormatError, image_ref, toml_doc
from migrate.targets import Edit
from migrate.targets.registries import HUB, Registry, registries

STORAGE = "/etc/containers/storage.conf"
REGISTRIES = "/etc/containers/registries.conf"
REGISTRIES_DROP_IN = "/etc/containers/registries.conf.d/zz-docker2cri.conf"  # the last wins, and Debian has a shortnames.conf there
POLICY = "/etc/containers/policy.json"
DATA_ROOT = "/var/lib/containers/storage"


def containers_edits(facts: NodeFacts) -> tuple[Edit, ...]:
    """storage.conf, the drop-in of registries.conf and policy.json, those that are wanted; all before the runtime's first start."""
    return (*_storage_edit(facts), *_registry_edits(facts), *_policy_edit(facts))


def _storage_edit(facts: NodeFacts) -> tuple[Edit, ...]:
    """storage.conf where there is none, so that CRI-O and skopeo are sure to mean the same store."""
    if _present(facts, STORAGE):
        return ()
    content = toml_doc.render({"storage": {"driver": "overlay", "graphroot": DATA_ROOT, "runroot": "/run/containers/storage"}})
    return (Edit("storage", STORAGE, "images are copied into the store that CRI-O reads", lambda text: text or content, early=True),)


def _registry_edits(facts: NodeFacts) -> tuple[Edit, ...]:
    """Short names as Docker reads them, and its mirrors and insecure registries; CAs in /etc/docker/certs.d are read by themselves."""
    document: dict[str, Any] = {}
    if not _search(facts):
        document["unqualified-search-registries"] = [HUB]
    known = registries(facts)
    insecure = {registry.name for registry in known if registry.insecure}
    tables = [_table(registry, insecure) for registry in known if registry.mirrors or registry.insecure]
    if tables:
        document["registry"] = tables
    if aliases := _aliases(facts):
        document["aliases"] = aliases
    if not document:
        return ()
    content = toml_doc.render(document)
    why = "an image named without a registry is Docker Hub's, as Docker reads it; its mirrors and insecure registries"

    def rewrite(text: str | None) -> str:
        if text is not None and toml_doc.load(text) != toml_doc.load(content):
            raise FormatError("registries.conf", f"{REGISTRIES_DROP_IN} has other settings; remove it or merge them by hand")
        return content if text is None else text

    return (Edit("registries", REGISTRIES_DROP_IN, why, rewrite, early=True),)


def _search(facts: NodeFacts) -> bool:
    """Whether the node's own files already say where short names are looked for."""
    return any(table.get("unqualified-search-registries") for table in _own_registries(facts))


def _aliases(facts: NodeFacts) -> dict[str, str]:
    """Short names of images in Docker's store that a packaged alias leads elsewhere (`fedora` to registry.fedoraproject.org), led back.

    An alias is followed whatever the short-name mode (containers/image pkg/shortnames).
    """
    docker = facts.docker
    stored = {_name(tag) for image in docker.images for tag in image.tags} if isinstance(docker, Docker) else set()
    given = {str(short): str(leads_to) for table in _own_registries(facts) for short, leads_to in table.get("aliases", {}).items()}
    return {short: _name(short) for short, leads_to in sorted(given.items()) if _name(short) in stored and leads_to != _name(short)}


def _own_registries(facts: NodeFacts) -> list[dict[str, Any]]:
    """registries.conf and its drop-ins, ours not among them, in the order in which later ones win."""
    paths = [path for path in facts.files if path == REGISTRIES or (path.startswith(f"{REGISTRIES}.d/") and path != REGISTRIES_DROP_IN)]
    return [toml_doc.load(facts.files[path].text) for path in sorted(paths) if _present(facts, path)]


def _name(reference: str) -> str:
    """The full name without a tag; a text that is no reference stays as it is."""
    try:
        return image_ref.parse(reference).name
    except FormatError:
        return reference


def _mirror(url: str, insecure: Set[str]) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    known = scheme == "http" or rest.partition("/")[0] in insecure
    return {"location": rest.rstrip("/"), **({"insecure": True} if known else {})}


def _table(registry: Registry, insecure: Set[str]) -> dict[str, Any]:
    """A [[registry]] table; a mirror's own entry says whether its TLS may fail, that of its name elsewhere does not count for it."""
    table: dict[str, Any] = {"prefix": registry.name, "location": registry.name}
    if registry.insecure:
        table["insecure"] = True
    if registry.mirrors:
        table["mirror"] = [_mirror(url, insecure) for url in registry.mirrors]
    return table


def _policy_edit(facts: NodeFacts) -> tuple[Edit, ...]:
    """policy.json where there is none: without it nothing is pulled. It accepts every image, as Docker does."""
    if _present(facts, POLICY):
        return ()
    content = json.dumps({"default": [{"type": "insecureAcceptAnything"}]}, indent=2) + "\n"
    return (
        Edit(
            "policy", POLICY, "without it nothing is pulled; as Docker, it demands no signatures", lambda text: text or content, early=True
        ),
    )


def _present(facts: NodeFacts, path: str) -> bool:
    return path in facts.files and facts.files[path].kind != "absent"
