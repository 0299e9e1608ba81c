from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.formats import FormatError, env_file

KUBEADM = (Path(__file__).parent / "data" / "kubeadm-flags-1.23.17.env").read_text()
NAMES = st.sampled_from(["A", "B", "KUBELET_EXTRA_ARGS", "_x"])
VALUES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
TEXTS = st.lists(
    st.sampled_from(
        [
            "# note\n",
            "; note\r\n",
            "\n",
            "A=1\n",
            'A="x y"\n',
            "B='q' \n",
            "B=a\\\nb\n",
            "KUBELET_EXTRA_ARGS=--v=2 --x\r\n",
            "junk\n",
            "_x=",
            "export A=9\n",
        ]
    ),
    max_size=8,
).map("".join)


def test_what_kubeadm_writes():
    assert (
        env_file.get(KUBEADM, "KUBELET_KUBEADM_ARGS")
        == "--network-plugin=cni --node-labels=lab=clean --pod-infra-container-image=k8s.gcr.io/pause:3.6"
    )
    assert env_file.get(KUBEADM, "KUBELET_EXTRA_ARGS") is None
    assert env_file.set_value(KUBEADM, "KUBELET_KUBEADM_ARGS", '--a="b c"') == 'KUBELET_KUBEADM_ARGS="--a=\\"b c\\""\n'


def test_spans_say_where_an_assignment_stands():
    text = "# c\n  A = 'x y'  \nB=1"
    first, second = env_file.parse(text)
    assert first == env_file.Assignment("A", "x y", 2, 6, 10, 15)
    assert (text[first.start : first.end], text[first.value_start : first.end]) == ("A = 'x y'", "'x y'")
    assert (second.line, text[second.value_start :]) == (3, "1")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=b", "b"),
        ("A=  b c  \n", "b c"),
        ("A=1\nA=2\n", "2"),
        ("A=1 # no comment\n", "1 # no comment"),
        ("A=#x\n", "#x"),
        ('A="b \\"c\\" \\\\ \\$x"\n', 'b "c" \\ $x'),
        ("A='b \\n'\n", "b \\n"),
        ("A=\"b\"'c'd\n", "bcd"),
        ('A=--x="y z"\n', '--x="y z"'),
        ("A=b\\\n  c\n", "b  c"),
        ("A=$HOME `x`\n", "$HOME `x`"),
        ('A="two\nlines"\n', "two\nlines"),
        ("A=\n", ""),
        ("A=1\n#A=2\n ;A=3\n", "1"),
        ("export A=1\n", None),
        ("A\n", None),
    ],
)
def test_the_value_that_a_process_gets(text, value):
    assert env_file.get(text, "A") == value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('B=1\nA="x\n', 2, "the quote opened here is never closed"),
        ("# x\\\nA=1\n", 1, "a comment that ends in a backslash hides the next line before systemd 254; remove it"),
        ('A="\\d"\n', 1, "a backslash before 'd' in double quotes: systemd releases differ; write it twice"),
        ("A=\0", None, "holds a NUL or bytes that are not UTF-8; systemd does not read such a file"),
        ("A=\udc80", None, "holds a NUL or bytes that are not UTF-8; systemd does not read such a file"),
    ],
)
def test_what_cannot_be_read_with_certainty(text, line, message):
    with pytest.raises(FormatError) as caught:
        env_file.parse(text)
    assert (caught.value.format, caught.value.line, caught.value.message) == ("environment file", line, message)


@pytest.mark.parametrize("text", ["# x\\\n# y\nA=1\n", "# x\\\n\nA=1\n", "# x\\\\\nA=1\n", "A=1\n# x\\"])
def test_a_comment_that_hides_nothing_may_end_in_a_backslash(text):
    assert env_file.get(text, "A") == "1"


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("", "v", 'A="v"\n'),
        ("B=1", "v", 'B=1\nA="v"'),
        ("B=1\r\n", "v", 'B=1\r\nA="v"\r\n'),
        ("A=1 \nA=2 \n# end\n", "v w", "A=1 \nA=v w \n# end\n"),
        ("A='1'\r\nB=2", "v w", "A='v w'\r\nB=2"),
        ("A='1'\n", "it's", 'A="it\'s"\n'),
        ('A="1"\n', 'a "b" \\c $d', 'A="a \\"b\\" \\\\c $d"\n'),
        ("A=\n", "'q' x\\y", "A=\\'q' x\\\\y\n"),
        ("A=\n", " lead", 'A=" lead"\n'),
        ("A=x\\\n  y\nB=2\n", "z", "A=z\nB=2\n"),
    ],
)
def test_setting_changes_only_the_value_in_force(text, value, result):
    assert env_file.set_value(text, "A", value) == result


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ('A="--a \\\n--b=1 \\\n--c"\nB=2\n', "--a --c", 'A="--a \\\n--c"\nB=2\n'),
        ('A="--a \\\n--b=1 \\\n--c"\n', "--a --b=1", 'A="--a \\\n--b=1"\n'),
        ('A="--a \\\n--b=1 \\\n--c"\n', "--a --b=2 --c", 'A="--a \\\n--b=2 \\\n--c"\n'),
        ('A="--a \\\n--c"\n', '--a --c --d="x y"', 'A="--a \\\n--c \\\n--d=\\"x y\\""\n'),
        ("A=--a \\\n  --b \\\n  --c\n", "--a   --c --d", "A=--a \\\n  --c \\\n--d\n"),
        ("A='--a\n --b\n --c'\n", "--a\n --c", "A='--a\n --c'\n"),
        ('A="--a "\'--b\'" --c"\n', "--a --c", 'A="--a --c"\n'),
        ('A="--a --b --c"\n', "--a --c --d", 'A="--a --c --d"\n'),
    ],
)
def test_a_value_over_several_lines_keeps_those_that_do_not_change(text, value, result):
    assert env_file.set_value(text, "A", value) == result
    assert env_file.get(result, "A") == value


def test_setting_refuses_what_it_cannot_write():
    with pytest.raises(FormatError, match="control character"):
        env_file.set_value("", "A", "x\ny")
    with pytest.raises(FormatError, match="no variable name"):
        env_file.set_value("", "A B", "x")
    with pytest.raises(FormatError, match="would change another variable"):
        env_file.set_value("B=1\\", "A", "x")


def test_removing_takes_whole_lines():
    assert env_file.remove("# a\nA=1\n A='2\n3'\nB=4\n", "A") == "# a\nB=4\n"
    assert env_file.remove("B=4\r\nA=1", "A") == "B=4\r\n"
    assert env_file.remove("B=4\n", "A") == "B=4\n"


@given(TEXTS, NAMES, VALUES)
def test_set_then_get(text, name, value):
    result = env_file.set_value(text, name, value)
    assert env_file.get(result, name) == value
    assert env_file.set_value(result, name, value) == result
    assert {**env_file.values(text), name: value} == env_file.values(result)


@given(TEXTS, NAMES, VALUES)
def test_lines_of_other_assignments_keep_their_bytes(text, name, value):
    result = env_file.set_value(text, name, value)
    winner = next((a for a in reversed(env_file.parse(text)) if a.name == name), None)
    if winner:
        assert result.startswith(text[: winner.value_start])
        assert result.endswith(text[winner.end :])
    else:
        assert result.startswith(text)


@given(TEXTS, NAMES)
def test_remove_then_get(text, name):
    result = env_file.remove(text, name)
    assert env_file.get(result, name) is None
    assert env_file.remove(result, name) == result
