"""The schemas of containerd's files: which release reads which, and the CRI plugin's keys of one in the names of another.

Source: containerd plugins/cri/runtime/plugin.go and plugins/cri/images/plugin.go (migrateConfig) at v2.3.7; version/version.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from migrate.formats import FormatError
from migrate.formats.version import Version

Key = tuple[str, ...]
FORMAT = "containerd config"
CRI_V1, CRI_V2 = "cri", "io.containerd.grpc.v1.cri"
RUNTIME_V3 = "io.containerd.cri.v1.runtime"
IMAGES_V3 = "io.containerd.cri.v1.images"
_OF_IMAGES = frozenset(
    "registry image_decryption max_concurrent_downloads image_pull_progress_timeout image_pull_with_sync_fs stats_collect_period".split()
)
_OF_IMAGES_BELOW = frozenset({"snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers"})  # the table `containerd`


def newest(release: Version) -> int:
    """The newest schema that a release reads."""
    return 4 if release.release >= (2, 3) else 3 if release.major >= 2 else 2


def merges_schemas(release: Version) -> bool:
    """Whether it brings each file to its own schema before it merges them."""
    return release.release >= (2, 3)


def declared(values: Mapping[str, Any]) -> int:
    """The schema that a file says it has; 1 where it says none. Raises FormatError for one that is no number."""
    version = values.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool):
        raise FormatError(FORMAT, f"version = {version!r} is no number")
    return version or 1


def sections(number: int) -> tuple[Key, Key]:
    """Where a schema keeps the CRI plugin's runtime keys and its image keys."""
    if number >= 3:
        return ("plugins", RUNTIME_V3), ("plugins", IMAGES_V3)
    name = CRI_V2 if number == 2 else CRI_V1
    return ("plugins", name), ("plugins", name)


def raised(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a file with the tables of the CRI plugin as version 3 has them."""
    plugins = values.get("plugins")
    old = CRI_V2 if declared(values) == 2 else CRI_V1
    if declared(values) >= 3 or not isinstance(plugins, Mapping) or not isinstance(plugins.get(old), Mapping):
        return dict(values)
    runtime: dict[str, Any] = {}
    images: dict[str, Any] = {}
    for key, value in plugins[old].items():
        if key == "sandbox_image":
            images["pinned_images"] = {"sandbox": value}
        elif key == "containerd" and isinstance(value, Mapping):
            images |= {name: one for name, one in value.items() if name in _OF_IMAGES_BELOW}
            runtime[key] = {name: one for name, one in value.items() if name not in _OF_IMAGES_BELOW}
        elif key == "cni" and isinstance(value, Mapping):
            folder = {"bin_dirs": [value["bin_dir"]]} if value.get("bin_dir") else {}
            runtime[key] = {name: one for name, one in value.items() if name != "bin_dir"} | folder
        else:
            (images if key in _OF_IMAGES else runtime)[key] = value
    others = {name: one for name, one in plugins.items() if name != old}
    made = {name: one for name, one in ((RUNTIME_V3, runtime), (IMAGES_V3, images)) if one}
    return {**values, "plugins": {**others, **made}}


def lowered(key: Key, value: Any, number: int) -> tuple[Key, Any]:
    """A key of version 3 and its value as a file of schema 1 or 2 has them; raises FormatError for one that it has no place for."""
    if key[0] != "plugins" or key[1] not in (RUNTIME_V3, IMAGES_V3):
        return key, value
    rest = key[2:]
    if rest == ("pinned_images", "sandbox"):
        rest = ("sandbox_image",)
    elif rest[-1] == "bin_dirs":
        if len(value) > 1:
            raise FormatError(FORMAT, f"{'.'.join(rest)} = {value!r} has no place in a file of version {number}")
        rest, value = (*rest[:-1], "bin_dir"), value[0]
    elif rest[0] in _OF_IMAGES_BELOW:
        rest = ("containerd", *rest)
    return (*sections(number)[0], *rest), value
