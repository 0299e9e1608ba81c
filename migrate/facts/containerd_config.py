"""How containerd makes one configuration of its file and the `imports` of it, by the rules of each version.

Sources: containerd services/server/config/config.go at v1.6.20 and v1.7.23, cmd/containerd/server/config/config.go at v2.0.0 to v2.4.2
(LoadConfig, resolveImports, mergeConfig).
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from fnmatch import fnmatchcase
from typing import Any

CONFIG = "/etc/containerd/config.toml"
MOST = 64  # files; containerd itself knows no bound
APPENDED = ("disabled_plugins", "required_plugins", "imports")  # lists that every file adds to


def load_order(main: str, read: Callable[[str], Mapping[str, Any] | None], known: Iterable[str]) -> tuple[str, ...]:
    """The files in the order in which they are merged, `main` first; an import that does not exist is in it too, for containerd fails
    on it.

    `read` gives a file's values, None for one that has none; a pattern stands for those among the `known` paths that it matches, sorted.
    """
    found: dict[str, None] = {}
    waiting = [main]
    paths = sorted(known)
    while waiting and len(found) < MOST:
        path = waiting.pop(0)
        if path in found:
            continue
        found[path] = None
        for pattern in imports_of(read(path) or {}):
            whole = posixpath.normpath(pattern if pattern.startswith("/") else posixpath.join(posixpath.dirname(path), pattern))
            waiting += [each for each in paths if _matches(each, whole)] if "*" in whole else [whole]
    return tuple(found)


def imports_of(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The patterns of other files that a file names."""
    listed = values.get("imports")
    return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()


def _matches(path: str, pattern: str) -> bool:
    """As filepath.Glob does: no `*` leads over a slash."""
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def merges_deep(version: tuple[int, ...]) -> bool:
    """Whether files are merged key by key; before 2.0 the section of a plugin in a later file replaces that of the files before whole."""
    return version >= (2,)


def merged(files: Sequence[Mapping[str, Any]], *, deep: bool) -> dict[str, Any]:
    """What the files make together, in load order; what is at its default is not in it."""
    result: dict[str, Any] = {}
    for values in files:
        for key, value in values.items():
            before = result.get(key)
            if key in APPENDED and isinstance(before, list) and isinstance(value, list):
                result[key] = [*before, *(each for each in value if each not in before)]
            elif isinstance(before, dict) and isinstance(value, Mapping):
                # the tables below `plugins` are its sections
                result[key] = _over(before, value) if deep or key != "plugins" else before | deepcopy(dict(value))
            elif value not in (0, ""):  # mergo takes an empty value for none
                result[key] = deepcopy(value)
    return result


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        before = result.get(key)
        result[key] = _over(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else deepcopy(value)
    return result


def home_of(key: tuple[str, ...], files: Mapping[str, Mapping[str, Any]], *, deep: bool) -> str:
    """The file (of `files` in load order) in which a value of this key holds: the last that sets it, or that replaces its section."""
    whole = 2 if key[0] == "plugins" and not deep else len(key)
    first, *_ = files
    return next((path for path in reversed(tuple(files)) if _sets(files[path], key[:whole])), first)


def _sets(values: Mapping[str, Any], key: tuple[str, ...]) -> bool:
    """Whether a file sets this key, or something that is no table on the way to it."""
    current: Any = values
    for part in key:
        if not isinstance(current, Mapping):
            return True
        if part not in current:
            return False
        current = current[part]
    return True
