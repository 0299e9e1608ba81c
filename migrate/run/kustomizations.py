"""The kustomizations below a folder: which are built, and which files are parts that they put into others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrate.manifests.files import KUSTOMIZATIONS
from migrate.manifests.kustomize import Kustomization, kustomization
from migrate.manifests.split import LIMIT
from migrate.run.below import readable
from migrate.run.walk import Met, OpenedFolder


@dataclass(frozen=True, slots=True)
class Kustomizations:
    """`built` are folder and file of each one that makes something by itself, the deepest first; `known` are all, by folder."""

    built: tuple[tuple[str, str], ...]
    known: Mapping[str, Kustomization]
    patches: frozenset[str]

    def is_part(self, path: str) -> bool:
        """Whether a file is a patch, or lies beside a kustomization that does not take it as a resource."""
        folder, name = os.path.split(os.path.normpath(path))
        beside = self.known.get(folder)
        unlisted = beside is not None and name not in {os.path.normpath(one) for one in beside.resources}
        return unlisted or os.path.normpath(path) in self.patches


def kustomizations(walked: Iterable[Met], root: str) -> Kustomizations:
    """Those of what is met below a folder. One that cannot be read names nothing; the walk tells it as a file."""
    known: dict[str, Kustomization] = {}
    built: list[tuple[int, str, str]] = []
    patches: set[str] = set()
    for met in walked:
        if isinstance(met, OpenedFolder) and met.names & KUSTOMIZATIONS:
            file = min(met.names & KUSTOMIZATIONS)
            found = kustomization(readable(os.path.join(met.path, file), root, LIMIT))
            known[os.path.normpath(met.path)] = found
            patches.update(os.path.normpath(os.path.join(met.path, patch)) for patch in found.patches)
            if not found.component:
                built.append((-len(met.at), met.path, file))
    deepest = sorted(built, key=lambda one: one[0])
    return Kustomizations(tuple((path, file) for _, path, file in deepest), known, frozenset(patches))
