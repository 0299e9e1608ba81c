"""Markup written so that nothing in it can be mistaken for markup: elements are made here, texts are escaped here."""

from __future__ import annotations

from html import escape

VOID = frozenset(("meta", "input", "br", "hr"))


class Markup(str):
    """Text that is markup already; every other text is escaped when it is put into an element."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | bool | None) -> Markup:
    """One element. Attribute names lose a trailing `_`, and `_` inside becomes `-`; True is a bare attribute, None and False are none."""
    given = "".join(_attribute(key, value) for key, value in attributes.items() if value is not None and value is not False)
    if name in VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(*children)}</{name}>")


def join(*children: str) -> Markup:
    """Children one after the other, texts escaped."""
    return Markup("".join(child if isinstance(child, Markup) else escape(child) for child in children))


def _attribute(key: str, value: str | bool) -> str:
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'
