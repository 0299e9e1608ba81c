"""YAML and JSON text as node trees with offsets: libyaml's parser, bounded in depth; its pure twin where libyaml is not built in.

Scalars keep their text; `values` says what they mean. The loaders' resolver hooks are called once a node, which is where depth is counted
where it has to be: libyaml's composer recurses in C and would end the process (`[` 200,000 times does).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from operator import is_
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from migrate.formats import FormatError

FORMAT = "YAML"
MAX_DEPTH = 100
_COLUMNS = 32
_FLOWS = MAX_DEPTH - 2 * (_COLUMNS + 2) - 2
_INDICATORS = re.compile(r"[-?:][ \t]+[-?](?=[ \t\n]|\Z)")
_LINE_ENDS = ("\x85", "\u2028", "\u2029")
_OPEN = re.compile("flow|quoted")


class Broken(FormatError):
    """Text that is no YAML or JSON; `offset` is where it stops to be, `begun` where a value begins that does not end as it must."""

    def __init__(self, format: str, message: str, offset: int, begun: int | None = None) -> None:
        super().__init__(format, message)
        self.offset, self.begun = offset, begun


class _Bounded:
    """The hooks of a PyYAML composer: no tag is resolved, and depth is counted."""

    depth = 0

    resolve = staticmethod("".format)  # the empty tag whatever is asked, which says that none was written; a call of C alone

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """A node begins."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Broken(FORMAT, f"is nested deeper than {MAX_DEPTH}", parent.start_mark.index if parent else 0)

    def ascend_resolver(self) -> None:
        """A node ends."""
        self.depth -= 1


if yaml.__with_libyaml__:
    from yaml._yaml import CParser

    class _Loader(_Bounded, CParser):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)

else:  # pragma: no cover
    from yaml.composer import Composer
    from yaml.parser import Parser
    from yaml.reader import Reader
    from yaml.scanner import Scanner

    class _Loader(_Bounded, Reader, Scanner, Parser, Composer):  # type: ignore[no-redef]
        def __init__(self, text: str) -> None:
            Reader.__init__(self, text)
            Scanner.__init__(self)
            Parser.__init__(self)
            Composer.__init__(self)


class _Shallow(_Loader):
    """For text that cannot be deep: its hooks are calls of C alone, which is a tenth of the time."""

    descend_resolver = staticmethod(is_)  # type: ignore[assignment]  # what it gives is not looked at
    ascend_resolver = staticmethod(tuple)  # type: ignore[assignment]


def shallow(text: str) -> bool:
    """Whether a text is nested less than MAX_DEPTH deep, whatever it is; False where that is not known at once.

    Blocks within blocks stand in columns further right, but a sequence may have that of its mapping; where no line begins so far right and
    no two indicators (`- -`) follow each other, they are few. Each flow collection has its bracket. Lines end as YAML 1.1 (5.4) has them.
    """
    far = "\n" + " " * _COLUMNS
    return not (
        "\r" in text
        or far in text
        or text.startswith(far[1:])
        or text.count("[") + text.count("{") > _FLOWS
        or _INDICATORS.search(text)
        or (not text.isascii() and any(end in text for end in _LINE_ENDS))
    )


def compose(text: str) -> Iterator[Node]:
    """The node trees of the documents of a text; raises Broken when the text stops to be YAML, after what stood before."""
    loader = None
    try:
        loader = _Shallow(text) if shallow(text) else _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                yield node
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark or wrong.context_mark
        begun = wrong.context_mark.index if wrong.context_mark and _OPEN.search(str(wrong.context)) else None
        raise Broken(FORMAT, str(wrong.problem or wrong.context), mark.index if mark else 0, begun) from wrong
    except yaml.reader.ReaderError as wrong:
        raise Broken(FORMAT, str(wrong.reason), _offset(text, wrong)) from wrong
    except Broken:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as wrong:
        raise Broken(FORMAT, str(wrong).partition("\n")[0] or type(wrong).__name__, 0) from wrong
    finally:
        if loader is not None:
            loader.dispose()


def _offset(text: str, wrong: yaml.reader.ReaderError) -> int:
    """libyaml counts the bytes before a character that may not stand, the pure reader characters."""
    if not yaml.__with_libyaml__:  # pragma: no cover
        return int(wrong.position)
    return len(text.encode("utf-8", "surrogatepass")[: int(wrong.position)].decode("utf-8", "ignore"))


def get(node: Node | None, *keys: str) -> Node | None:
    """The node that keys lead to through mappings; the last of equal keys counts, then merged ones. None where there is none."""
    for key in keys:
        node = _entry(node, key)[1]
    return node


def text(node: Node | None) -> str:
    """A scalar's text; empty for anything else."""
    return str(node.value) if isinstance(node, ScalarNode) else ""


def items(node: Node | None) -> list[Node]:
    """A sequence's nodes; none for anything else."""
    return list(node.value) if isinstance(node, SequenceNode) else []


def pairs(node: Node | None, seen: tuple[int, ...] = ()) -> dict[str, tuple[Node, Node]]:
    """A mapping's entries by the text of their keys, each with its key's node, merged ones (`<<`) first. Nothing for anything else."""
    if not isinstance(node, MappingNode) or id(node) in seen or len(seen) > 8:
        return {}
    found: dict[str, tuple[Node, Node]] = {}
    own: dict[str, tuple[Node, Node]] = {}
    for key, value in node.value:
        if key.value == "<<" and not key.style:
            for merged in reversed(value.value if isinstance(value, SequenceNode) else [value]):
                found.update(pairs(merged, (*seen, id(node))))
        else:
            own[text(key)] = (key, value)
    return {**found, **own}


def entry(node: Node | None, key: str) -> tuple[Node | None, Node | None]:
    """Key and value of one entry of a mapping, None twice where there is none."""
    return _entry(node, key)


def _entry(node: Node | None, key: str) -> tuple[Node | None, Node | None]:
    if not isinstance(node, MappingNode):
        return None, None
    merges = False
    for name, value in reversed(node.value):
        if name.value == key and isinstance(name, ScalarNode):
            return name, value
        merges = merges or name.value == "<<"
    return pairs(node).get(key, (None, None)) if merges else (None, None)
