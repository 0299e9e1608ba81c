"""Values of a chart as plain values: its own file, files given beside it, and `key=value` words as helm's `--set` takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yaml.nodes import ScalarNode

from migrate.manifests.nodes import Broken, compose
from migrate.manifests.values import TooMuch, ValueReader, scalar


def values_in(text: str) -> dict[str, Any]:
    """The values of the first document of a text; nothing for what is no mapping, or no YAML."""
    try:
        for node in compose(text):
            found = ValueReader().value(node)
            return found if isinstance(found, dict) else {}
    except (Broken, TooMuch):
        pass
    return {}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Values with others over them, mapping by mapping (helm.sh, Values files)."""
    found = dict(base)
    for key, value in over.items():
        before = found.get(key)
        found[key] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return found


def set_values(words: tuple[str, ...]) -> dict[str, Any]:
    """What `--set` words say, each `a.b=c,d=e`; lists and escapes are left to helm."""
    found: dict[str, Any] = {}
    for pair in (pair for word in words for pair in word.split(",")):
        way, _, text = pair.partition("=")
        value: Any = scalar(ScalarNode("", text))
        for key in reversed(way.split(".")):
            value = {key: value}
        found = merged(found, value)
    return found
