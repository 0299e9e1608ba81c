"""A set of changes to nested values, which the editors of TOML and YAML share: set this path, remove that one."""

from collections.abc import Iterable
from copy import deepcopy
from enum import Enum
from typing import Any, Final

from migrate.formats import FormatError

Path = tuple[str, ...]
"""The keys from the top of a document to a value."""


class Removal(Enum):
    """The type of REMOVE, which stands in `changes` for a key that is to go."""

    REMOVE = "remove"


REMOVE: Final = Removal.REMOVE


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal in type as well: True is not 1, and 1 is not 1.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right or (left != left and right != right))


def depth(values: Any) -> int:
    """How deep lists and tables lie in each other; 0 for a plain value."""
    found, level = 0, [values]
    while level := [node for node in level if isinstance(node, dict | list)]:
        found += 1
        level = [inner for node in level for inner in (node.values() if isinstance(node, dict) else node)]
    return found


def holds(values: Any, path: Path, value: Any) -> bool:
    """Whether `values` already has `value` at `path` (for REMOVE: has nothing there)."""
    node = values
    for key in path:
        if not isinstance(node, dict) or key not in node:
            return value is REMOVE
        node = node[key]
    return value is not REMOVE and same(node, value)


def check(format: str, paths: Iterable[Path]) -> None:
    """Raises FormatError for a change without a path, and for two of which one lies inside the other."""
    ordered = sorted(paths)
    for path, following in zip(ordered, [*ordered, ()][1:], strict=True):
        if not path or following[: len(path)] == path:
            raise FormatError(format, f"{'.'.join(path) or 'a change without a path'} cannot be changed together with what is inside it")


def applied(format: str, values: Any, path: Path, value: Any) -> Any:
    """`values` with one change made, tables on the way made where there is nothing. Raises FormatError where something else is."""
    check(format, [path])
    result = {} if values is None else deepcopy(values)
    node = result
    for position, key in enumerate(path):
        if not isinstance(node, dict):
            raise FormatError(format, f"{'.'.join(path)} leads through {'.'.join(path[:position]) or 'the top'}, which holds no keys")
        if position == len(path) - 1:
            break
        if node.get(key) is None:
            node[key] = {}
        node = node[key]
    if value is REMOVE:
        del node[path[-1]]
    else:
        node[path[-1]] = deepcopy(value)
    return result
