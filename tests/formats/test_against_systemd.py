"""Our readers of systemd's formats against systemd's own, on random texts: the same answer, or a FormatError."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.formats import FormatError, env_file, unit_file, words


def _text(pieces, size):
    return st.lists(st.sampled_from(pieces), max_size=size).map("".join)


def _lines(*kinds):
    return st.lists(st.one_of(*(st.tuples(*kind).map("".join) for kind in kinds)), max_size=6).map("".join)


VALUE = _text(["a", "B=", " ", " ", "\t", '"', '"b c"', "'", "'d'", "\\", "\\\\", "\\\n", '\\"', "#", ";", "é", "$", "`", "x y"], 8)
ENV = _lines(
    (
        st.sampled_from(["A=", "B=", "A =", " _x1=", "export A=", "=", "#", " ;", "A", ""]),
        VALUE,
        st.sampled_from(["\n", "\n", "\n", "\r\n", ""]),
    ),
)
WORDS = st.lists(
    st.sampled_from(
        ["a", "--b=c", " ", " ", "\t", '"', "'", "\\", "\\n", "\\x41", "\\101", "\\s", "\\q", "\\;", ";", "$A", "${A}", "$$", "é", "%n"]
    ),
    max_size=16,
).map("".join)
EXPANDED = st.lists(
    st.lists(st.sampled_from(["a", "$", "$A", "${A}", "${B", "}", "$$", "{", "$Z", "${Z}"]), min_size=1, max_size=5).map("".join),
    max_size=5,
)
UNIT_VALUE = _text(["a", " b", "=", " ", "\\\n", "\\\n", "\\\n# c\n", "\\\r\n", "\\\n  ; d\n", "\\\\", "[x]", '"', "#"], 6)
UNIT = _lines(
    (st.sampled_from(["[Unit]", "[Service]", "", "# c", " ; d", "# e\\"]), st.sampled_from(["\n", "\n", "\r\n"])),
    (st.sampled_from(["A=", "After =", " A= ", "a b="]), UNIT_VALUE, st.sampled_from(["\n", "\n", "\r\n", ""])),
).map("[Unit]\n{}".format)


def _or_refused(reader, *args):
    try:
        return reader(*args)
    except FormatError:
        return None


@settings(max_examples=400, deadline=None)
@given(text=ENV)
def test_an_environment_file_is_read_as_systemd_reads_it(systemd, text):
    ours = _or_refused(env_file.values, text)
    if ours is not None:
        assert dict(ours) == systemd.env_file(text)


@settings(max_examples=400, deadline=None)
@given(text=WORDS)
def test_a_unit_value_is_split_as_systemd_splits_it(systemd, text):
    ours = _or_refused(words.split, text)
    if ours is not None:
        # `\;` alone is resolved by config_parse_exec before it splits words.
        assert [w.text.replace("\\;", ";") for w in ours] == [w.replace("\\;", ";") for w in systemd.words(text)]


@settings(max_examples=300, deadline=None)
@given(text=WORDS)
def test_a_variable_is_split_as_systemd_splits_it(systemd, text):
    ours = _or_refused(words.split_variable, text)
    if ours is not None:
        assert [w.text for w in ours] == systemd.variable_words(text)


@settings(max_examples=300, deadline=None)
@given(arguments=EXPANDED)
def test_variables_are_substituted_as_systemd_does(systemd, arguments):
    env = {"A": "one 'two  three'\tfour", "B": "five"}
    given_words = tuple(words.Word(a, 0, len(a)) for a in arguments)
    assert [w.text for w in words.expand(given_words, env)] == systemd.expand(arguments, env)


@settings(max_examples=400, deadline=None)
@given(text=UNIT)
def test_a_unit_file_is_read_as_systemd_reads_it(systemd, text):
    ours = _or_refused(unit_file.parse, text)
    if ours is not None:
        assert [(e.section, e.key, e.value) for e in ours] == systemd.unit(text)
        for entry in ours:
            raw, joined = _or_refused(words.split, text[entry.value_start : entry.value_end]), _or_refused(words.split, entry.value)
            assert (raw and [w.text for w in raw]) == (joined and [w.text for w in joined])


@pytest.mark.parametrize("text", ['A="x" y \n', "A=1\\\n2\n", 'A="b\\"c"\n', "A='x'\\''y'\n", "A= b \\\n c \n", "A=\n", "A"])
def test_texts_that_must_not_be_refused(systemd, text):
    assert dict(env_file.values(text)) == systemd.env_file(text)
