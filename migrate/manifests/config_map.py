"""ConfigMaps: their lines that lean on Docker, for the rules about workloads that look at them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from yaml.nodes import Node, ScalarNode

from migrate.facts.pod import PodSpec
from migrate.facts.texts import config_uses
from migrate.facts.values import Place, Pointer, Title
from migrate.facts.workload import Workload
from migrate.manifests.model import Template
from migrate.manifests.nodes import get, pairs
from migrate.manifests.text import Text


def config_map(node: Node, title: Title, source: Text) -> Iterator[Template]:
    """One template for each line, placed there in a block scalar, at its key otherwise."""
    namespace, kind, name = title
    found = Workload(kind, namespace, name, PodSpec(), place=source.place(node.start_mark.index))
    for key, (at, value) in pairs(get(node, "data")).items():
        if isinstance(value, ScalarNode):
            for use in config_uses(namespace, name, {key: value.value}):
                place = _line(value, use.line, source) if value.style == "|" else source.place(at.start_mark.index)
                yield Template(found, partial(_at, place), use)


def _at(place: Place, pointer: Pointer) -> Place:
    return place


def _line(value: ScalarNode, line: int, source: Text) -> Place:
    row = min((source.place(value.start_mark.index).line or 1) - source.first + line, len(source.starts) - 1)
    start = source.starts[row]
    while source.text[start : start + 1] in (" ", "\t"):
        start += 1
    return source.place(start)
