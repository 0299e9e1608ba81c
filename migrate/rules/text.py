"""The text of a rule: the parts of its docstring, and the placeholders of its remedy."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from typing import TypedDict

from migrate.targets import Target

DOCSTRING = re.compile(r"(.+?)\n\nWhy: (.+?)\n\nRemedy: (.+?)\n\nSources: (.+)", re.DOTALL)
PLACEHOLDER = re.compile(r"\b[A-Z]{2,}\b")
# Placeholder of a remedy -> what of the target stands in its place.
OF_TARGET: Mapping[str, Callable[[Target], str]] = {
    "TARGET": lambda target: target.asked,
    "UNIT": lambda target: target.unit,
    "ENDPOINT": lambda target: target.endpoint,
    "PACKAGES": lambda target: target.packages,
    "PROGRAM": lambda target: target.program,
    "SOCKET": lambda target: target.socket,
}


class RuleParts(TypedDict):
    """The parts of a rule's docstring."""

    what: str
    why: str
    remedy: str
    sources: str


def rule_text(code: str, docstring: str | None) -> RuleParts:
    """The parts of a docstring: what, `Why:`, `Remedy:` and `Sources:`, in this order, each after a blank line.

    Lines indented by four more are commands and keep their form; all others are joined. Raises ValueError for another form.
    """
    first, _, rest = (docstring or "").strip().partition("\n")
    found = DOCSTRING.fullmatch(f"{first}\n{textwrap.dedent(rest)}")
    if found is None:
        raise ValueError(f"{code}: the docstring lacks what, Why:, Remedy: or Sources:")
    what, why, remedy, sources = (_reflow(part) for part in found.groups())
    return RuleParts(what=what, why=why, remedy=remedy, sources=sources)


def _reflow(text: str) -> str:
    paragraphs = text.strip("\n").split("\n\n")
    return "\n\n".join(paragraph if paragraph.startswith("    ") else " ".join(paragraph.split()) for paragraph in paragraphs)


def filled(remedy: str, values: Mapping[str, str]) -> str:
    """The remedy with these placeholders filled, in one pass: what stands in their place is not looked at again."""
    return PLACEHOLDER.sub(lambda found: values.get(found[0], found[0]), remedy)


def values_of(target: Target) -> dict[str, str]:
    """What fills the placeholders of OF_TARGET."""
    return {name: value(target) for name, value in OF_TARGET.items()}
