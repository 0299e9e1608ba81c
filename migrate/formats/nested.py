"""Values that were read, by the keys that lead to them; what others wrote need not have the form that is looked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def at(values: object, path: Iterable[str]) -> Any:
    """The value at these keys, None where there is none."""
    found: Any = values
    for key in path:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def table(values: object, *path: str) -> Mapping[str, Any]:
    """The table at these keys (of none: the values themselves), an empty one where there is none."""
    found = at(values, path)
    return found if isinstance(found, Mapping) else {}


def text(values: object, *path: str) -> str:
    """The text at these keys, empty where there is none."""
    found = at(values, path)
    return found if isinstance(found, str) else ""
