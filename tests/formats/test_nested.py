"""Values by the keys that lead to them, whatever form the rest has."""

from __future__ import annotations

import pytest

from migrate.formats.nested import at, table, text

VALUES = {"crio": {"root": "/srv", "api": {"listen": "/run/x.sock"}, "list": ["a"], "off": False}}


@pytest.mark.parametrize(
    ("path", "found", "as_table", "as_text"),
    [
        ((), VALUES, VALUES, ""),
        (("crio", "api"), {"listen": "/run/x.sock"}, {"listen": "/run/x.sock"}, ""),
        (("crio", "root"), "/srv", {}, "/srv"),
        (("crio", "root", "deeper"), None, {}, ""),
        (("crio", "list"), ["a"], {}, ""),
        (("crio", "off"), False, {}, ""),
        (("nothing", "here"), None, {}, ""),
    ],
)
def test_what_stands_at_a_path(path: tuple[str, ...], found: object, as_table: object, as_text: str) -> None:
    assert (at(VALUES, path), table(VALUES, *path), text(VALUES, *path)) == (found, as_table, as_text)


@pytest.mark.parametrize("values", [None, "text", 3, ["a"]])
def test_values_that_are_no_table(values: object) -> None:
    assert (at(values, ("a",)), table(values), table(values, "a"), text(values, "a")) == (None, {}, {}, "")
