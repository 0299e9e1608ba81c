import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError, words


def texts(found):
    return [w.text for w in found]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/usr/bin/kubelet --a  --b=c", ["/usr/bin/kubelet", "--a", "--b=c"]),
        ("a 'b c' \"d e\"f g''", ["a", "b c", "d ef", "g"]),
        ("''", [""]),
        (r"\x41\101\u00e9\s\t.", ["AAé \t."]),
        (r"\q a\;b \;", [r"\q", r"a\;b", ";"]),
        ("a \\\n  # note\n  b", ["a", "b"]),
        ("a \\\r\n b", ["a", "b"]),
        ("'a\\\nb'", ["a b"]),
        ("%n $A ${A}", ["%n", "$A", "${A}"]),
    ],
)
def test_the_words_of_a_unit_value(value, expected):
    assert texts(words.split(value)) == expected


def test_a_variable_loses_its_backslashes():
    assert texts(words.split_variable(r'a\ b "c\"d" \n')) == ["a b", 'c"d', "n"]


def test_spans_hold_the_raw_word():
    value = "a  'b c' d"
    assert [value[w.start : w.end] for w in words.split(value)] == ["a", "'b c'", "d"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a 'b", "the quote at character 3 is never closed"),
        ("a\\", "ends in a backslash"),
        ("\\xff", r"the escape \\xff is no ASCII character"),
        ("\\uD800", r"the escape \\uD800 is no character"),
    ],
)
def test_what_cannot_be_split(value, message):
    with pytest.raises(FormatError, match=message):
        words.split(value)


def test_a_command_is_taken_apart():
    found = words.command("-+/usr/bin/kubelet --a $B")
    assert (found.program, texts(found.arguments)) == ("/usr/bin/kubelet", ["--a", "$B"])
    assert words.command(":/bin/x $B").program == "/bin/x"
    assert texts(words.command("/bin/x ';' \\;").arguments) == [";", ";"]


@pytest.mark.parametrize("value", ["", "/bin/a ; /bin/b"])
def test_a_command_is_one_command(value):
    with pytest.raises(FormatError):
        words.command(value)


def test_variables_are_expanded():
    env = {"ARGS": "--a 'b c'", "ONE": "x y"}
    found = words.expand(words.split("/k $ARGS ${ONE} --z=${ONE} $NONE ${NONE} $$ARGS a$ONE ${ONE"), env)
    assert found == (
        words.ExpandedWord("/k", None),
        words.ExpandedWord("--a", "ARGS"),
        words.ExpandedWord("b c", "ARGS"),
        words.ExpandedWord("x y", "ONE"),
        words.ExpandedWord("--z=x y", None),
        words.ExpandedWord("", "NONE"),
        words.ExpandedWord("$ARGS", None),
        words.ExpandedWord("a$ONE", None),
        words.ExpandedWord("${ONE", None),
    )


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8), max_size=5))
def test_quoted_words_are_read_back_by_both(given_words):
    line = " ".join(map(words.quote, given_words))
    assert texts(words.split(line)) == given_words
    assert texts(words.split_variable(line)) == given_words


def test_a_control_character_is_not_quoted():
    with pytest.raises(FormatError):
        words.quote("a\nb")


def test_what_no_process_starts_with_is_refused() -> None:
    """A line of 64 KiB and a variable of 64 KiB would become gigabytes."""
    for line, value in (("$A " * 20_000, "b " * 30_000), ("${A} " * 20_000, "b" * 60_000), ("${A}" * 20_000, "b" * 60_000)):
        with pytest.raises(FormatError, match=r"becomes more than 2 MiB with its variables; no process starts with that"):
            words.expand(words.split(f"/bin/x {line}"), {"A": value})
