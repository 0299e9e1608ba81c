"""Scalars as kubectl reads them, and trees that bite."""

from __future__ import annotations

from typing import Any

import pytest

from migrate.manifests import json_nodes, nodes
from migrate.manifests.values import MAX_VALUES, TooMuch, ValueReader


def value(text: str) -> Any:
    return ValueReader().value(next(nodes.compose(text)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True),
        ("On", True),
        ("off", False),
        ("'yes'", "yes"),
        ("!!str yes", "yes"),
        ("Yess", "Yess"),
        ("0777", 511),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", 3),
        ("089", 89),
        ("1_000", 1000),
        ("-5", -5),
        ("22:22", "22:22"),
        ("2024-05-01", "2024-05-01"),
        ("1.10", 1.1),
        ("1.10.0", "1.10.0"),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-", None),
        ("~", [None]),
        ("+", "+"),
        (".", "."),
        ("_", "_"),
        ("99999999999999999999999", 1e23),
        ("0x" + "f" * 30, 0.0),
    ],
)
def test_scalars(text: str, expected: Any) -> None:
    if text == "-":
        assert value("- null") == [None]
    elif text == "~":
        assert value("[~]") == expected
    else:
        assert value(f"[{text}]") == [expected]


def test_null_values_are_dropped_as_go_drops_them() -> None:
    assert value("{a: null, b: ~, c: , d: 0}") == {"d": 0}


def test_keys_are_texts() -> None:
    assert value("{on: 1, 1: 2, true: 3}") == {"on": 1, "1": 2, "true": 3}


def test_merge_keys_and_their_order() -> None:
    text = "base: &b {a: 1, b: 1}\nmore: &m {b: 2, c: 2}\nx:\n  <<: [*b, *m]\n  c: 3\n"
    assert value(text)["x"] == {"a": 1, "b": 1, "c": 3}


def test_a_key_twice_is_told_and_the_last_counts() -> None:
    reading = ValueReader()
    assert reading.value(next(nodes.compose("a: 1\nb: 2\na: 3\n"))) == {"a": 3, "b": 2}
    assert [(key.value, key.start_mark.index) for key in reading.twice] == [("a", 10)]


def test_a_bomb_of_aliases_is_no_more_than_the_budget() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    with pytest.raises(TooMuch, match=str(MAX_VALUES)):
        value(text)


@pytest.mark.parametrize("text", ["a: &x [*x]", "a: &x {b: *x}", "a: &x {<<: {c: *x}}"])
def test_what_holds_itself_is_too_much(text: str) -> None:
    with pytest.raises(TooMuch, match="or itself"):
        value(text)


@pytest.mark.parametrize(
    ("text", "offset", "said"),
    [
        ("[" * 200_000, 99, "YAML: is nested deeper than 100"),
        ("- " * 200_000, 198, "YAML: is nested deeper than 100"),
        ("{a: " * 100_000, 396, "YAML: is nested deeper than 100"),
        ("a: b: c", 4, "YAML: mapping values are not allowed in this context"),
        ("é: \x07", 3, "YAML: control characters are not allowed"),
        ("a: {b: c", 8, "YAML: did not find expected ',' or '}'"),
        ("*x", 0, "YAML: found undefined alias"),
    ],
)
def test_what_is_no_yaml_is_broken_at_its_place(text: str, offset: int, said: str) -> None:
    with pytest.raises(nodes.Broken) as wrong:
        list(nodes.compose(text))
    assert (wrong.value.offset, str(wrong.value)) == (offset, said)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": "\\ud83d\\ude00", "b": [1, true, null, {}], "c": []}', {"a": "😀", "b": [1, True, None, {}], "c": []}),
        ('\t{\n"' + "k" * 3000 + '": 1}\n', {"k" * 3000: 1}),
        ('"only"', "only"),
    ],
)
def test_json_that_libyaml_refuses(text: str, expected: Any) -> None:
    assert ValueReader().value(json_nodes.compose(text)) == expected


@pytest.mark.parametrize(
    ("text", "offset", "said"),
    [
        ("[" * 200, 100, "JSON: is nested deeper than 100"),
        ('{"a": 1,}', 8, "JSON: a key in double quotes was expected"),
        ('{"a" 1}', 5, "JSON: ':' was expected"),
        ('{"a": 1', 7, "JSON: the text ends early"),
        ('["\\q"]', 1, "JSON: a string with an unknown escape"),
        ("[1] 2", 3, "JSON: something follows the document"),
        ("[x]", 1, "JSON: no JSON value"),
        ("[,]", 1, "JSON: a value was expected, not ','"),
    ],
)
def test_broken_json_has_its_place(text: str, offset: int, said: str) -> None:
    with pytest.raises(nodes.Broken) as wrong:
        json_nodes.compose(text)
    assert (wrong.value.offset, str(wrong.value)) == (offset, said)
