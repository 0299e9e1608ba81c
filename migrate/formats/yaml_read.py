"""YAML: read the way Kubernetes components read it, or not at all.

ruamel.yaml parses; the plain scalars are resolved here, because YAML 1.1, YAML 1.2 and the go-yaml of the kubelet disagree
on some of them (`yes`, `0777`, `1_000`, `1e3`): those are refused with their line instead of guessed. So are duplicate keys.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.scanner import Scanner

from migrate.formats import FormatError

FORMAT = "YAML"
MAX_CHARACTERS = 1024 * 1024
MAX_NODES = 100_000
MAX_DEPTH = 64
SMALL = 16 * 1024  # characters of a text whose trees are remembered
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?\.[0-9]+|[-+]?(?:0|[1-9][0-9]*)\.")
_DISPUTED = re.compile(
    r"(?i:y|yes|n|no|on|off|=|<<|[-+]?\.inf|\.nan)"
    r"|[-+]?(?:(?i:0[xob])[0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9_]+)?|\.[0-9_]+(?:[eE][-+]?[0-9_]+)?)"
)
_TAG = re.compile(r"(?:&\S+\s+)?!")


def load(text: str) -> Any:
    """The value of a text of one document; None where there is none. Raises FormatError with the line."""
    documents = load_all(text)
    if len(documents) > 1:
        raise FormatError(FORMAT, f"holds {len(documents)} documents where one is expected")
    return documents[0] if documents else None


def load_all(text: str) -> tuple[Any, ...]:
    """The values of all documents of a text. Raises FormatError with the line."""
    return tuple(construct(node) for node in compose(text))


def line(text: str, path: Sequence[str | int]) -> int | None:
    """The line, 1-based, on which the key or item at `path` stands in a text of one document; None where it is not. Raises FormatError."""
    documents = compose(text)
    node = documents[0] if len(documents) == 1 else None
    found = None
    for step in path:
        here: Node | None = None
        if isinstance(step, int):
            here = node = node.value[step] if isinstance(node, SequenceNode) and step < len(node.value) else None
        else:
            pairs = node.value if isinstance(node, MappingNode) else ()
            here, node = next((pair for pair in pairs if pair[0].value == step), (None, None))
        if here is None:
            return None
        found = here.start_mark.line + 1
    return found


class _Scanner(Scanner):
    """ruamel's, bounded: for each token it looks at every flow collection that is open."""

    def fetch_flow_collection_start(self, *arguments: Any, **named: Any) -> None:
        """A flow sequence or mapping begins."""
        if self.flow_level >= MAX_DEPTH:
            raise FormatError(FORMAT, f"is nested deeper than {MAX_DEPTH}", self.reader.line + 1)
        super().fetch_flow_collection_start(*arguments, **named)


def compose(text: str) -> tuple[Node, ...]:
    """The node trees of all documents, with their places in the text; they are read only, for the same small text has the same trees."""
    if len(text) > MAX_CHARACTERS:
        raise FormatError(FORMAT, f"holds {len(text)} characters, more than {MAX_CHARACTERS}")
    return _remembered(text) if len(text) <= SMALL else _composed(text)


def _composed(text: str) -> tuple[Node, ...]:
    yaml = YAML(typ="safe", pure=True)
    yaml.Scanner = _Scanner
    yaml.composer.warn_double_anchors = False  # a later anchor of the same name is valid YAML
    try:
        return tuple(node for node in yaml.compose_all(text) if node is not None)
    except FormatError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FormatError(FORMAT, str(error.problem or error.context), mark.line + 1 if mark else None) from error
    except (YAMLError, ValueError) as error:
        raise FormatError(FORMAT, str(error).partition("\n")[0]) from error
    except RecursionError as error:
        raise FormatError(FORMAT, "is nested too deep") from error


# the nodes of a fleet have the same files, and each is read several times: for rules, for the plan, as it is edited and proved
_remembered = lru_cache(maxsize=128)(_composed)


def construct(node: Node) -> Any:
    """Plain values of a node tree. Raises FormatError for duplicate keys, keys that are no text, tags, and too much of anything."""
    return _construct(node, iter(range(MAX_NODES)), 0)


def resolve(plain: str, line: int | None = None) -> Any:
    """The value of a plain scalar. Raises FormatError where YAML dialects read it differently."""
    if plain in _CONSTANTS:
        return _CONSTANTS[plain]
    if _INTEGER.fullmatch(plain):
        return int(plain)
    if _FLOAT.fullmatch(plain):
        return float(plain)
    if _DISPUTED.fullmatch(plain):
        raise FormatError(FORMAT, f"{plain} without quotes is not the same to all YAML readers; quote it, or write it plainly", line)
    return plain


def _construct(node: Node, budget: Iterator[int], depth: int) -> Any:
    line = node.start_mark.line + 1
    if next(budget, None) is None or depth > MAX_DEPTH:
        raise FormatError(FORMAT, f"holds more than {MAX_NODES} values or is nested deeper than {MAX_DEPTH}", line)
    if _TAG.match(node.start_mark.buffer, node.start_mark.pointer):
        raise FormatError(FORMAT, "an explicit tag is not supported", line)
    if isinstance(node, ScalarNode):
        return resolve(str(node.value), line) if node.style is None else str(node.value)
    if isinstance(node, SequenceNode):
        return [_construct(item, budget, depth + 1) for item in node.value]
    if not isinstance(node, MappingNode):
        raise FormatError(FORMAT, "holds something else than mappings, sequences and scalars", line)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = _construct(key_node, budget, depth + 1)
        if not isinstance(key, str):
            raise FormatError(FORMAT, f"the key {key!r} is no text", key_node.start_mark.line + 1)
        if key in found:
            raise FormatError(FORMAT, f"the key {key!r} stands twice in one mapping", key_node.start_mark.line + 1)
        found[key] = _construct(value_node, budget, depth + 1)
    return found
