"""Kustomizations: which files they take as patches, and whether they are Components, which are parts of others."""

from __future__ import annotations

from dataclasses import dataclass

from yaml.nodes import Node

from migrate.manifests.nodes import Broken, compose, get, items, text

PATCHES = ("patches", "patchesStrategicMerge", "patchesJson6902")


@dataclass(frozen=True, slots=True)
class Kustomization:
    """What a kustomization names: `patches` and `resources` are paths from its folder; a `component` makes nothing by itself."""

    patches: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    component: bool = False


def kustomization(content: str) -> Kustomization:
    """The kustomization of a file's text; an empty one for what is no YAML."""
    try:
        node = next(compose(content), None)
    except Broken:
        return Kustomization()
    patches = [_path(item) for key in PATCHES for item in items(get(node, key))]
    resources = [text(item) for key in ("resources", "bases", "components") for item in items(get(node, key))]
    return Kustomization(tuple(filter(None, patches)), tuple(filter(None, resources)), text(get(node, "kind")) == "Component")


def _path(patch: Node) -> str:
    """The file of a patch; empty for one that is written in place."""
    named = text(get(patch, "path")) or text(patch)
    return "" if "\n" in named else named
