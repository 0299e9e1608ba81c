import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError, json_doc

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
)


def test_a_docker_configuration():
    text = '{"exec-opts": ["native.cgroupdriver=systemd"], "log-opts": {"max-size": "10m", "max-file": "3"}, "live-restore": true}\n'
    assert json_doc.load(text) == {
        "exec-opts": ["native.cgroupdriver=systemd"],
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "live-restore": True,
    }


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{"a": 1,\n "b": {"x": 1, "x": 1}}', None, "the key 'x' stands twice in one object"),
        ('{"a": 1,\n}', 2, "Expecting property name enclosed in double quotes (column 1)"),
        ("", 1, "Expecting value (column 1)"),
        ("{} x", 1, "Extra data (column 4)"),
        ('{"a": NaN}', None, "NaN is no JSON value"),
        ("\ufeff{}", 1, "Unexpected UTF-8 BOM (decode using utf-8-sig) (column 1)"),
        ('"\\ud800"', None, "holds half a surrogate pair"),
        ("\n" + "[" * 65 + "]" * 65, 2, "is nested deeper than 64"),
        ("[" * 100000, 1, "is nested deeper than 64"),
    ],
)
def test_what_cannot_be_read(text, line, message):
    with pytest.raises(FormatError) as caught:
        json_doc.load(text)
    assert (caught.value.format, caught.value.line, caught.value.message) == ("JSON", line, message)


def test_limits():
    with pytest.raises(FormatError, match="holds 6 characters, more than 5"):
        json_doc.load("[1, 2]", max_characters=5)
    with pytest.raises(FormatError):
        json_doc.load("1" * 5000)
    assert json_doc.load('"' + "[" * 100 + '\\""') == "[" * 100 + '"'


@given(VALUES)
def test_what_json_writes_is_read(value):
    assert json_doc.load(json.dumps(value)) == value
