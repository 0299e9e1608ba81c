"""YAML in a scalar of YAML: values of a chart as one text (Argo CD, the Helm controller of K3s), patches in a kustomization."""

from __future__ import annotations

from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.manifests.nodes import Broken, compose, items
from migrate.manifests.text import Text


def embedded(node: Node, source: Text) -> Node | None:
    """A mapping, or the tree that a block scalar holds, its places those of the file; None for other text and for what is no YAML.

    The lines of a literal block are parsed as they stand, and the offsets of their nodes moved to where the block begins.
    """
    if isinstance(node, MappingNode):
        return node
    if not isinstance(node, ScalarNode) or node.style != "|":
        return None
    start = source.text.find("\n", node.start_mark.index) + 1
    if not start:
        return None
    try:
        found = next(compose(source.text[start : node.end_mark.index]), None)
    except Broken:
        return None
    return _moved(found, start) if isinstance(found, (MappingNode, SequenceNode)) else None


def _moved(root: Node, start: int) -> Node:
    waiting: list[Node] = [root]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        node.start_mark, node.end_mark = _mark(node.start_mark, start), _mark(node.end_mark, start)
        waiting += [one for pair in node.value for one in pair] if isinstance(node, MappingNode) else items(node)
    return root


def _mark(mark: Mark, start: int) -> Mark:
    return Mark("", mark.index + start, mark.line, mark.column, None, 0)
