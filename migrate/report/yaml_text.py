"""Plain values as YAML 1.2 that every reader takes the same way: block style, every text a JSON string (JSON is a part of YAML 1.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any


def yaml_text(value: Any) -> str:
    """The value as one YAML document; keys are plain words."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _entry(f"{key}:", item)
    elif isinstance(value, list | tuple) and value:
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield json.dumps(value, ensure_ascii=False)


def _entry(head: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list | tuple) and value:
        yield head
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{head} {next(_lines(value))}"
