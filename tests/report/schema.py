"""A JSON schema validator for what msgspec writes; a keyword that it does not know is an error, never ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
NOTES = {"title", "description", "default", "$schema", "$defs", "discriminator"}


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any] | None = None, at: str = "$") -> Iterator[str]:
    """Where the value is not as the schema says."""
    root = root or schema
    for keyword, wanted in schema.items():
        match keyword:
            case "$ref":
                yield from problems(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, at)
            case "type":
                if not isinstance(value, TYPES[wanted]) or (wanted in ("integer", "number") and isinstance(value, bool)):
                    yield f"{at} is no {wanted}: {value!r}"
            case "enum":
                if value not in wanted:
                    yield f"{at} is none of {wanted}: {value!r}"
            case "const":
                if value != wanted:
                    yield f"{at} is not {wanted!r}"
            case "anyOf":
                if all(list(problems(value, shape, root, at)) for shape in wanted):
                    yield f"{at} is none of the alternatives: {value!r}"
            case "properties":
                for name, shape in wanted.items():
                    if isinstance(value, dict) and name in value:
                        yield from problems(value[name], shape, root, f"{at}.{name}")
            case "required":
                yield from (f"{at} has no {name}" for name in wanted if isinstance(value, dict) and name not in value)
            case "additionalProperties":
                known = schema.get("properties", {})
                for name, one in value.items() if isinstance(value, dict) else ():
                    if name not in known and wanted is False:
                        yield f"{at} has {name}, which is not known"
                    elif name not in known:
                        yield from problems(one, wanted, root, f"{at}.{name}")
            case "items":
                for index, shape in enumerate(value if isinstance(value, list) else ()):
                    yield from problems(shape, wanted, root, f"{at}[{index}]")
            case "minimum" | "maximum":
                if isinstance(value, int | float) and (value < wanted if keyword == "minimum" else value > wanted):
                    yield f"{at} is beyond the {keyword} {wanted}: {value!r}"
            case "minLength" | "minItems":
                if isinstance(value, str | list) and len(value) < wanted:
                    yield f"{at} is shorter than {wanted}: {value!r}"
            case "pattern":
                if isinstance(value, str) and not re.search(wanted, value):
                    yield f"{at} is not like {wanted}: {value!r}"
            case _:
                assert keyword in NOTES, f"the validator does not know {keyword}"
