"""Into which of containerd's files a value is written so that it holds, and whether it holds in what they make together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from migrate.facts.containerd_config import CONFIG, home_of, merged
from migrate.facts.model import Containerd, NodeFacts
from migrate.formats import FormatError, toml_doc, version
from migrate.formats.nested import at
from migrate.targets import Edit
from migrate.targets.containerd_schema import (
    CRI_V2,
    FORMAT,
    IMAGES_V3,
    RUNTIME_V3,
    Key,
    declared,
    lowered,
    merges_schemas,
    newest,
    raised,
)

Values = dict[Key, Any]
"""What is set, by its key; REMOVE takes a key away."""
INSTEAD = (
    f"copy it to {CONFIG}, and let containerd.service read that one (systemctl edit containerd.service: an empty ExecStart=, then the "
    f"command with --config {CONFIG}), restart it and plan again"
)


def files_of(facts: NodeFacts, found: Containerd) -> dict[str, Mapping[str, Any]]:
    """The values of the main file and of its imports, in load order, all in the names of version 3 where this release merges files of two
    schemas; raises FormatError for one that cannot be read.
    """
    values: dict[str, Mapping[str, Any]] = {}
    for path in (found.config_path, *found.imports):
        reading = facts.files.get(path)
        if path == found.config_path and (reading is None or reading.kind == "absent"):
            values[path] = {}
        elif reading is None or reading.data is None or reading.truncated:
            raise FormatError(FORMAT, f"{found.config_path} imports {path}, which could not be read whole")
        else:
            values[path] = toml_doc.load(reading.text)
    unread = next((one for one in facts.unreadable if one.what.startswith("imports ")), None)
    if unread:
        raise FormatError(FORMAT, f"{unread.what} could not be read: {unread.reason}")
    mixed = len({declared(one) >= 3 for one in values.values() if one.get("plugins")}) > 1
    if mixed and merges_schemas(version.parse(found.version)):
        return {path: {**raised(one), "version": max(3, declared(one))} for path, one in values.items()}
    return values


def schema(found: Containerd, files: Mapping[str, Mapping[str, Any]]) -> int:
    """The schema to write: that of the files' plugin tables, 2 where they are header-less and have none, the newest that all can read for
    a new file.

    Raises FormatError for a file of a schema that this release does not read (1.6 ignores it silently, later ones refuse it), and for
    tables of two schemas that it does not merge.
    """
    release = version.parse(found.version)
    for values in files.values():
        if declared(values) > newest(release):
            said = f"containerd {found.version} cannot read `version = {declared(values)}`; write it as version {newest(release)}"
            raise FormatError(FORMAT, said)
    if not any(files.values()):
        return 3 if release.major >= 2 else 2
    tables = {path: values for path, values in files.items() if values.get("plugins")}
    if release.major < 2:  # the last header is that of all files
        whole = declared(merged(list(files.values()), deep=False))
        return whole if tables or whole > 1 else 2
    written = {declared(values): path for path, values in tables.items()}
    if len(written) > 1 and not merges_schemas(release):
        said = " and ".join(f"{path} has those of version {number}" for number, path in sorted(written.items()))
        raise FormatError(FORMAT, f"plugin tables of two versions are not merged: {said}; write them in one")
    return min(written, default=max(2, *map(declared, files.values())))


def config_edits(
    facts: NodeFacts, found: Containerd, why: str, *, deep: bool, wanted: Callable[[dict[str, Mapping[str, Any]]], tuple[int, Values]]
) -> tuple[Edit, ...]:
    """The edits after which every wanted value holds; `wanted` gives schema and values for the files. A file is edited only where a value
    would not hold otherwise.
    """
    try:
        files = files_of(facts, found)
        number, values = wanted(files)
        placed = {path: _as_written(facts, path, changes) for path, changes in _placed(files, number, values, deep=deep).items()}
        _prove(facts, found, files, placed, values, deep=deep)
    except FormatError as wrong:
        return (Edit("runtime-config", found.config_path, why, partial(_refuse, wrong), instead=INSTEAD),)
    return tuple(
        Edit("runtime-config", path, why, partial(_set, changes), instead=INSTEAD, values=values) for path, changes in placed.items()
    )


def _placed(files: Mapping[str, Mapping[str, Any]], number: int, values: Values, *, deep: bool) -> dict[str, Values]:
    together = merged(list(files.values()), deep=deep)
    placed: dict[str, Values] = {path: {} for path in files}
    for path, own in files.items():
        if (kept := _enabled(own, number)) is not None:
            placed[path][("disabled_plugins",)] = kept
    for key, value in values.items():
        if at(together, key) != value:
            placed[home_of(key, files, deep=deep)][key] = value
        for path, own in files.items():
            if key[-1] == "bin_dirs" and at(own, _bin_dir(key)):
                placed[path][_bin_dir(key)] = toml_doc.REMOVE
    for path, changes in placed.items():
        # before 2.0 one header is that of all files
        if changes and number >= 2 and declared(files[path] if deep else together) < 2:
            placed[path] = {("version",): number, **changes}
    return {path: changes for path, changes in placed.items() if changes}


def _as_written(facts: NodeFacts, path: str, changes: Values) -> Values:
    """The changes of a file in the names of the schema that it has."""
    number = declared(toml_doc.load(_text(facts, path) or ""))
    below = number < 3 and any(key[:2] in (("plugins", RUNTIME_V3), ("plugins", IMAGES_V3)) for key in changes)
    return dict(lowered(key, value, number) for key, value in changes.items()) if below and ("version",) not in changes else changes


def _text(facts: NodeFacts, path: str) -> str | None:
    reading = facts.files.get(path)
    return reading.text if reading and reading.kind != "absent" else None


def _enabled(values: Mapping[str, Any], number: int) -> list[Any] | None:
    """`disabled_plugins` without CRI, None where that changes nothing; what else stands there is turned into the names that version 2
    demands, or refused.
    """
    disabled = values.get("disabled_plugins")
    if not isinstance(disabled, list):
        return None
    kept = [name for name in disabled if name not in ("cri", CRI_V2, RUNTIME_V3, IMAGES_V3)]
    if number >= 2 and any("." not in str(name) for name in kept):
        raise FormatError(FORMAT, f"disabled_plugins {kept} are short names, which `version = 2` refuses; write the full ones")
    return kept if kept != disabled else None


def _prove(
    facts: NodeFacts, found: Containerd, files: Mapping[str, Mapping[str, Any]], placed: Mapping[str, Values], values: Values, *, deep: bool
) -> None:
    """Raises FormatError where a value does not hold in what the edited files make together."""
    after = dict(files)
    for path, changes in placed.items():
        try:
            text = toml_doc.load(_set(changes, _text(facts, path)))
        except FormatError as wrong:
            raise FormatError(FORMAT, f"{path}: {wrong}") from wrong
        after[path] = raised(text) if declared(text) < declared(files[path]) else text
    together = merged(list(after.values()), deep=deep)
    for key, value in values.items():
        if at(together, key) != value:
            raise FormatError(FORMAT, f"{'.'.join(key)} = {value!r} does not hold in what {', '.join(files)} make together")


def _set(changes: Values, text: str | None) -> str:
    return toml_doc.edit(text or "", changes)


def _refuse(wrong: FormatError, text: str | None) -> str:
    raise wrong


def holds(dump: Mapping[str, Any], key: Key, value: Any) -> bool:
    """Whether a value of the CRI plugin is in what `containerd config dump` prints, whichever schema that is in."""
    return any(_in_force(dump, each) in (value, [value]) for each in (key, *_elsewhere(key)))


def _in_force(dump: Mapping[str, Any], key: Key) -> Any:
    """What counts of a key in a dump: of the two names of the folders of CNI plugins the older one, where it has a value."""
    return (at(dump, _bin_dir(key)) or at(dump, (*key[:-1], "bin_dirs"))) if key[-1] in ("bin_dir", "bin_dirs") else at(dump, key)


def _bin_dir(key: Key) -> Key:
    return (*key[:-1], "bin_dir")


def _elsewhere(key: Key) -> tuple[Key, ...]:
    """Where the dump has a key of an older schema: 1.x dumps version 2, 2.x version 3 or 4."""
    if key[:2] not in (("plugins", "cri"), ("plugins", CRI_V2)):
        return ()
    rest = key[2:]
    if rest == ("sandbox_image",):
        return (("plugins", CRI_V2, *rest), ("plugins", IMAGES_V3, "pinned_images", "sandbox"))
    return tuple(("plugins", plugin, *rest) for plugin in (CRI_V2, RUNTIME_V3, IMAGES_V3))
