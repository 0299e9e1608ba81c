"""Depth is counted wherever it can be large: what is called shallow never is deep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError
from migrate.manifests.nodes import _Loader, compose, shallow

PIECES = ("- ", "-  ", "-\t", "? ", ": ", "a: ", "a:\n", "[", "{", "]", "}", " ", "\n", "\r", "\t", "x", "\x85", "&a ", "!t ", "# c\n")
RUNS = st.lists(st.tuples(st.sampled_from(PIECES), st.integers(1, 120)), max_size=6).map(
    lambda runs: "".join(piece * n for piece, n in runs)
)


def stairs(step: str, width: int) -> str:
    return "".join(f"{' ' * (width * level)}{step}\n" for level in range(120))


DEEP = {
    "flow": "[" * 120 + "]" * 120,
    "flow mappings": "{a: " * 120 + "}" * 120,
    "stairs": stairs("a:", 1),
    "stairs of sequences": "".join(f"{' ' * level}a:\n{' ' * level}-\n" for level in range(60)),
    "compact": "- " * 120 + "x",
    "compact with blanks": "-   " * 120 + "x",
    "compact with tabs": "-\t" * 120 + "x",
    "keys": "? " * 120 + "x",
    "in the first line": " " * 40 + "- " * 120,
    "lines that end in CR": stairs("a:", 1).replace("\n", "\r"),
    "lines that end in NEL": stairs("a:", 1).replace("\n", "\x85"),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_text_is_counted_and_refused(name: str) -> None:
    assert not shallow(DEEP[name])
    with pytest.raises(FormatError):
        list(compose(DEEP[name]))


def test_ordinary_text_is_not_counted() -> None:
    assert shallow("kind: Pod\nspec:\n  containers:\n  - name: a\n    args: [--x, --y]\n    env:\n    - {name: a, value: b}\n")


@given(RUNS)
def test_what_is_called_shallow_is_not_deep(text: str) -> None:
    if not shallow(text):
        return
    loader, said = _Loader(text), ""
    try:
        while loader.check_node():
            loader.get_node()
    except Exception as wrong:  # also what is no YAML
        said = str(wrong)
    finally:
        loader.dispose()
    assert "nested deeper" not in said, text
