"""Drop-ins of crio.conf.d: what they are called, and the one that lists the images to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from migrate.facts.model import Crio, NodeFacts
from migrate.formats import FormatError, toml_doc, version
from migrate.formats.nested import at
from migrate.targets import Pinning

OWN = "docker2cri"
RUNTIMES = ("crio", "runtime", "runtimes")
PINNED = ("crio", "image", "pinned_images")


def drop_in(facts: NodeFacts, found: Crio, changes: Mapping[tuple[str, ...], Any], own: str = OWN) -> str:
    """Our drop-in, by a name that sorts after every file that sets one of its keys to something else: files are read by name, the last
    wins (crio.conf.d(5)). Raises FormatError for one that cannot be read.
    """
    folder = found.config_dir.rstrip("/") + "/"
    last = ""
    for path in sorted(facts.files):
        name = path.removeprefix(folder)
        reading = facts.files[path]
        if not path.startswith(folder) or "/" in name or OWN in name or reading.kind != "file":
            continue
        if reading.data is None or reading.truncated:
            raise FormatError("crio.conf", f"{path} cannot be read whole")
        values = toml_doc.load(reading.text)
        if any(_differs(values, key, value) for key, value in changes.items()):
            last = name
    names = (f"99-{own}.conf", f"zz-{own}.conf", f"{last.rpartition('.')[0] or last}zz-{own}.conf")
    return folder + next(name for name in names if name > last)


def _differs(values: Any, key: tuple[str, ...], value: Any) -> bool:
    """Whether a file says something else of a key; a table of one runtime replaces that of the files before whole."""
    for depth, part in enumerate(key):
        if not isinstance(values, Mapping) or part not in values:
            return depth > len(RUNTIMES) and key[: len(RUNTIMES)] == RUNTIMES
        values = values[part]
    return bool(values != value)


def pinning(facts: NodeFacts) -> Pinning | None:
    """By a list in a drop-in of its own, which replaces the lists of files before it (CRI-O pkg/config at v1.28.0, the first with it)."""
    found = facts.crio
    since = version.known(found.version) if found else None
    if found is None or since is None or since.release < (1, 28):
        return None
    listed = at(found.loaded, PINNED)
    own = [str(pattern) for pattern in listed] if isinstance(listed, list) else []
    file = drop_in(facts, found, {PINNED: None}, f"{OWN}-pinned")
    return Pinning(file, tuple(json.dumps(pattern, ensure_ascii=False)[1:-1] for pattern in own))
